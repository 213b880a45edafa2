/** What the subcommands share: options common to several, error reporting, exit codes. */
#ifndef ALLPOLE_CLI_H
#define ALLPOLE_CLI_H

#include <allpole/allpole.h>

#include <getopt.h>
#include <stdbool.h>

enum { EXIT_OK = 0, EXIT_DATA = 1, EXIT_USAGE = 2 };

int command_train(int argc, char **argv);
int command_render(int argc, char **argv);
int command_evaluate(int argc, char **argv);
int command_import(int argc, char **argv);
int command_info(int argc, char **argv);

/** Prints "allpole COMMAND: text" to stderr. @return EXIT_USAGE, with a hint at --help. */
int usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Prints the context's message. @return EXIT_USAGE for bad arguments, EXIT_DATA for the rest. */
int report_error(const char *command, const apf_context *ctx, apf_status status);

/** --backend, --threads and --seed, understood by every subcommand that computes. */
enum { OPTION_BACKEND = 1000, OPTION_THREADS, OPTION_SEED, OPTION_FIRST_OWN };
#define CONTEXT_OPTIONS                                     \
  {"backend", required_argument, NULL, OPTION_BACKEND},     \
      {"threads", required_argument, NULL, OPTION_THREADS}, \
  {                                                         \
    "seed", required_argument, NULL, OPTION_SEED            \
  }
extern const char context_help[];
/** Takes one of CONTEXT_OPTIONS. @return false, after a message, if the value is wrong. */
bool parse_context_option(const char *command, int option, const char *value,
                          apf_context_options *options);

/** Whole texts only; the range is inclusive. @return false, after a message, if they do not fit. */
bool parse_number(const char *command, const char *option, const char *value, double minimum,
                  double maximum, double *out);
bool parse_count(const char *command, const char *option, const char *value, int64_t minimum,
                 int64_t maximum, int64_t *out);
/** "NAME=VALUE" into apf_model_set_text. */
apf_status set_from_text(apf_context *ctx, apf_model *model, const char *entry);

#endif
