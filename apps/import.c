/** allpole import: published parameters as a model file. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static const char import_help[] =
    "usage: allpole import EFFECT --input FILE.safetensors --out MODEL.safetensors [options]\n"
    "\n"
    "Makes a model file of raw tensors that were stored elsewhere under their published names, "
    "such\n"
    "as the learned phasers and compressors of arXiv 2404.07970.\n"
    "\n"
    "  -i, --input FILE          the tensors\n"
    "  -o, --out FILE            the model to write\n"
    "      --rate HZ             the sample rate they were learned at (44100)\n"
    "      --set NAME=VALUE      an option of the effect, such as window=0.04; repeatable\n"
    "\n"
    "example: allpole import phaser -i ss-a.safetensors -o ss-a_model.safetensors --set "
    "window=0.04\n";

typedef struct arguments {
  const char *effect, *input, *out;
  int64_t rate;
  const char **set;
  int set_count;
} arguments;

static int run(const arguments *a)
{
  apf_context *ctx = NULL;
  apf_model *model = NULL;
  apf_status status = apf_context_create(NULL, &ctx);
  if (status == APF_OK) status = apf_model_create(ctx, a->effect, (int)a->rate, &model);
  for (int i = 0; status == APF_OK && i < a->set_count; i++)
    status = set_from_text(ctx, model, a->set[i]);
  if (status == APF_OK) status = apf_model_import(ctx, model, a->input);
  if (status == APF_OK) status = apf_model_save(ctx, model, a->out);
  int code = status == APF_OK ? EXIT_OK : report_error("import", ctx, status);
  apf_model_destroy(model);
  apf_context_destroy(ctx);
  return code;
}

int command_import(int argc, char **argv)
{
  enum { OWN_RATE = OPTION_FIRST_OWN, OWN_SET };
  static const struct option options[] = {{"input", required_argument, NULL, 'i'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"rate", required_argument, NULL, OWN_RATE},
                                          {"set", required_argument, NULL, OWN_SET},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  arguments a = {.rate = 44100};
  a.set = calloc((size_t)argc + 1, sizeof *a.set);
  if (!a.set) return EXIT_DATA;
  int option, code = EXIT_USAGE;
  while ((option = getopt_long(argc, argv, "i:o:h", options, NULL)) != -1) {
    switch (option) {
      case 'i': a.input = optarg; break;
      case 'o': a.out = optarg; break;
      case OWN_RATE:
        if (!parse_count("import", "rate", optarg, 1, 1 << 30, &a.rate)) goto done;
        break;
      case OWN_SET: a.set[a.set_count++] = optarg; break;
      case 'h':
        fputs(import_help, stdout);
        code = EXIT_OK;
        goto done;
      default: goto done; /* getopt has said what is wrong */
    }
  }
  if (optind < argc) a.effect = argv[optind++];
  if (optind < argc)
    usage_error("import", "\"%s\" is one argument too many", argv[optind]);
  else if (!a.effect || !a.input || !a.out)
    usage_error("import", "%s is missing",
                !a.effect  ? "the effect's name"
                : !a.input ? "--input"
                           : "--out");
  else
    code = run(&a);
done:
  free(a.set);
  return code;
}
