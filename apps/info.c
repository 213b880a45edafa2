/** allpole info: versions, backends, effects with their parameters. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const char info_help[] =
    "usage: allpole info [EFFECT]\n"
    "\n"
    "Prints the version, what was compiled in, and which backends work on this machine.\n"
    "With an effect's name: its parameters and options, as --set takes them.\n";

static void print_backend(const char *name, apf_backend backend)
{
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = backend;
  apf_context *ctx = NULL;
  if (apf_context_create(&options, &ctx) != APF_OK)
    printf("%-10s not available: %s\n", name, apf_last_error(NULL));
  else
    printf("%-10s %s\n", name, apf_context_description(ctx));
  apf_context_destroy(ctx);
}

static int print_effect(const char *name)
{
  apf_context *ctx = NULL;
  apf_model *model = NULL;
  apf_status status = apf_context_create(NULL, &ctx);
  if (status == APF_OK) status = apf_model_create(ctx, name, 44100, &model);
  if (status != APF_OK) {
    int code = report_error("info", ctx, status);
    apf_context_destroy(ctx);
    return code;
  }
  printf("%s\n", name);
  if (apf_model_parameter_count(model) > 0)
    printf("\nparameters (--set name=value sets where training starts)\n");
  for (int i = 0; i < apf_model_parameter_count(model); i++) {
    const apf_parameter_info *p = apf_model_parameter_info(model, i);
    printf("  %-14s %-4s %10g  in %g to %g: %s\n", p->name, p->unit, p->initial, p->minimum,
           p->maximum, p->description);
  }
  if (apf_model_takes_notes(model)) printf("\nfound out about each note\n");
  for (int i = 0; i < apf_model_note_parameter_count(model); i++) {
    const apf_parameter_info *p = apf_model_note_parameter_info(model, i);
    printf("  %-14s %-4s %g to %g: %s\n", p->name, p->unit, p->minimum, p->maximum, p->description);
  }
  printf("\noptions\n");
  for (int i = 0; i < apf_model_option_count(model); i++) {
    const apf_option_info *o = apf_model_option_info(model, i);
    printf("  %-14s %s (%s): %s\n", o->name, o->initial, o->choices, o->description);
  }
  apf_model_destroy(model);
  apf_context_destroy(ctx);
  return EXIT_OK;
}

int command_info(int argc, char **argv)
{
  static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
  int option;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    if (option != 'h') return EXIT_USAGE; /* getopt has said what is wrong */
    fputs(info_help, stdout);
    return EXIT_OK;
  }
  if (argc - optind > 1)
    return usage_error("info", "\"%s\" is one argument too many", argv[optind + 1]);
  if (argc - optind == 1) return print_effect(argv[optind]);

  printf("allpole    %s\nbuild      %s\n", apf_version(), apf_build_info());
  print_backend("cpu", APF_CPU);
  print_backend("cuda", APF_CUDA);
  printf("effects   ");
  for (int i = 0; i < apf_effect_count(); i++) printf(" %s", apf_effect_name(i));
  printf("\n");
  return EXIT_OK;
}
