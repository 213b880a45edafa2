/** allpole render: a learned effect on a whole file. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char render_help[] =
    "usage: allpole render --model MODEL --input FILE --out FILE.wav [options]\n"
    "       allpole render --effect EFFECT --set NAME=VALUE ... --input FILE --out FILE.wav\n"
    "\n"
    "Applies a model to a recording (WAV, FLAC, AIFF, OGG) and writes a WAV file of the same "
    "length\n"
    "and sample rate. Times and frequencies keep their values in ms and Hz at any sample rate.\n"
    "\n"
    "  -m, --model FILE          a .safetensors model, such as RUN/best.safetensors\n"
    "  -e, --effect EFFECT       instead of a model: the effect with its initial settings\n"
    "  -i, --input FILE          what to process\n"
    "  -o, --out FILE.wav        what to write\n"
    "      --format NAME         float32 (default), pcm16, pcm24\n"
    "      --set NAME=VALUE      another value for a parameter, in its units; repeatable\n";

typedef struct arguments {
  apf_context_options context;
  const char *model, *effect, *input, *out;
  apf_audio_format format;
  const char **set;
  int set_count;
} arguments;

enum { OWN_FORMAT = OPTION_FIRST_OWN, OWN_SET };

static bool parse_format(const char *value, apf_audio_format *format)
{
  static const char *const names[] = {"float32", "pcm16", "pcm24"};
  for (int i = 0; i < 3; i++) {
    if (strcmp(value, names[i]) != 0) continue;
    *format = (apf_audio_format)i;
    return true;
  }
  usage_error("render", "--format is \"%s\", expected float32, pcm16 or pcm24", value);
  return false;
}

static apf_status load(apf_context *ctx, const arguments *a, apf_model **model, apf_audio *audio)
{
  apf_status status = apf_audio_read(ctx, a->input, 0, -1, audio);
  if (status != APF_OK) return status;
  if (a->model)
    status = apf_model_load(ctx, a->model, model);
  else
    status = apf_model_create(ctx, a->effect, audio->sample_rate, model);
  if (status == APF_OK) status = apf_model_set_sample_rate(ctx, *model, audio->sample_rate);
  for (int i = 0; status == APF_OK && i < a->set_count; i++)
    status = set_from_text(ctx, *model, a->set[i]);
  return status;
}

static int run(const arguments *a)
{
  apf_context *ctx = NULL;
  apf_model *model = NULL;
  apf_audio audio = {0};
  apf_status status = apf_context_create(&a->context, &ctx);
  if (status == APF_OK) status = load(ctx, a, &model, &audio);
  if (status == APF_OK) status = apf_model_set_sample_rate(ctx, model, audio.sample_rate);
  if (status == APF_OK)
    status =
        apf_model_render(ctx, model, audio.channels, audio.frames, 0, audio.samples, audio.samples);
  if (status == APF_OK) status = apf_audio_write(ctx, a->out, a->format, &audio);
  int code = status == APF_OK ? EXIT_OK : report_error("render", ctx, status);
  apf_audio_free(&audio);
  apf_model_destroy(model);
  apf_context_destroy(ctx);
  return code;
}

int command_render(int argc, char **argv)
{
  static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                          {"effect", required_argument, NULL, 'e'},
                                          {"input", required_argument, NULL, 'i'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"format", required_argument, NULL, OWN_FORMAT},
                                          {"set", required_argument, NULL, OWN_SET},
                                          {"help", no_argument, NULL, 'h'},
                                          CONTEXT_OPTIONS,
                                          {0}};
  arguments a = {0};
  apf_context_options_init(&a.context);
  a.set = calloc((size_t)argc + 1, sizeof *a.set);
  if (!a.set) return EXIT_DATA;
  int option, code = EXIT_USAGE;
  while ((option = getopt_long(argc, argv, "m:e:i:o:h", options, NULL)) != -1) {
    bool good = true;
    switch (option) {
      case 'm': a.model = optarg; break;
      case 'e': a.effect = optarg; break;
      case 'i': a.input = optarg; break;
      case 'o': a.out = optarg; break;
      case OWN_FORMAT: good = parse_format(optarg, &a.format); break;
      case OWN_SET: a.set[a.set_count++] = optarg; break;
      case 'h':
        printf("%s%s", render_help, context_help);
        code = EXIT_OK;
        goto done;
      default: good = parse_context_option("render", option, optarg, &a.context);
    }
    if (!good) goto done;
  }
  if (optind < argc)
    usage_error("render", "\"%s\" is one argument too many", argv[optind]);
  else if (!a.model == !a.effect)
    usage_error("render", "give either --model or --effect");
  else if (!a.input || !a.out)
    usage_error("render", "%s is missing", !a.input ? "--input" : "--out");
  else
    code = run(&a);
done:
  free(a.set);
  return code;
}
