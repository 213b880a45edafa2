#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char context_help[] =
    "      --backend cpu|cuda    where to compute (cpu)\n"
    "      --threads N           CPU threads (as many as the process may use)\n"
    "      --seed S              of everything that is drawn at random (0)\n";

int usage_error(const char *command, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "allpole %s: ", command);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\nTry 'allpole %s --help'.\n", command);
  va_end(arguments);
  return EXIT_USAGE;
}

int report_error(const char *command, const apf_context *ctx, apf_status status)
{
  const char *message = apf_last_error(ctx);
  fprintf(stderr, "allpole %s: %s\n", command, message[0] ? message : apf_status_string(status));
  return status == APF_ERR_ARGUMENT ? EXIT_USAGE : EXIT_DATA;
}

bool parse_number(const char *command, const char *option, const char *value, double minimum,
                  double maximum, double *out)
{
  char *end;
  *out = strtod(value, &end);
  if (end != value && *end == '\0' && *out >= minimum && *out <= maximum) return true;
  usage_error(command, "--%s is \"%s\", expected a number from %g to %g", option, value, minimum,
              maximum);
  return false;
}

bool parse_count(const char *command, const char *option, const char *value, int64_t minimum,
                 int64_t maximum, int64_t *out)
{
  char *end;
  errno = 0;
  long long number = strtoll(value, &end, 10);
  *out = number;
  if (end != value && *end == '\0' && errno == 0 && number >= minimum && number <= maximum)
    return true;
  usage_error(command, "--%s is \"%s\", expected a whole number from %lld to %lld", option, value,
              (long long)minimum, (long long)maximum);
  return false;
}

bool parse_context_option(const char *command, int option, const char *value,
                          apf_context_options *options)
{
  int64_t number;
  switch (option) {
    case OPTION_BACKEND:
      if (strcmp(value, "cpu") == 0)
        options->backend = APF_CPU;
      else if (strcmp(value, "cuda") == 0)
        options->backend = APF_CUDA;
      else {
        usage_error(command, "--backend is \"%s\", expected cpu or cuda", value);
        return false;
      }
      return true;
    case OPTION_THREADS:
      if (!parse_count(command, "threads", value, 1, 4096, &number)) return false;
      options->threads = (int)number;
      return true;
    case OPTION_SEED:
      if (!parse_count(command, "seed", value, 0, INT64_MAX, &number)) return false;
      options->seed = (uint64_t)number;
      return true;
    default: return false;
  }
}

apf_status set_from_text(apf_context *ctx, apf_model *model, const char *entry)
{
  char name[64];
  const char *equals = strchr(entry, '=');
  size_t length = equals ? (size_t)(equals - entry) : strlen(entry);
  if (length >= sizeof name) length = sizeof name - 1;
  memcpy(name, entry, length);
  name[length] = '\0';
  return apf_model_set_text(ctx, model, name, equals ? equals + 1 : "");
}
