/** allpole render: a learned effect on a whole file. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char render_help[] =
    "usage: allpole render --model MODEL --input FILE --out FILE.wav [options]\n"
    "       allpole render --effect EFFECT --set NAME=VALUE ... --input FILE --out FILE.wav\n"
    "       allpole render --model SYNTH --input FILE --notes LIST --out FILE.wav [options]\n"
    "       allpole render --model SYNTH --input FOLDER [--notes LIST] --out FOLDER [options]\n"
    "\n"
    "Applies a model to a recording (WAV, FLAC, AIFF, OGG) and writes a WAV file of the same "
    "length\n"
    "and sample rate. Times and frequencies keep their values in ms and Hz at any sample rate.\n"
    "A synth hears each note and plays it again: those of a recording at their places, silence\n"
    "between; those of a folder as one file each.\n"
    "\n"
    "  -m, --model FILE          a .safetensors model, such as RUN/best.safetensors\n"
    "  -e, --effect EFFECT       instead of a model: the effect with its initial settings\n"
    "  -i, --input FILE          what to process\n"
    "  -o, --out FILE.wav        what to write\n"
    "      --format NAME         float32 (default), pcm16, pcm24\n"
    "      --set NAME=VALUE      another value for a parameter, in its units; repeatable\n"
    "      --eval-td             filter by recursion, whichever way the model was trained\n"
    "  -n, --notes LIST          synth: CSV of the notes in a recording, or in a folder\n"
    "      --excerpt S           synth: seconds of each note that are heard and played (0.125)\n"
    "      --skip-bad            synth: leave out notes that are broken or out of range\n";

typedef struct arguments {
  apf_context_options context;
  const char *model, *effect, *input, *out, *notes;
  double excerpt; /* s; 0: the usual one */
  bool recursion, skip_bad;
  apf_audio_format format;
  const char **set;
  int set_count;
} arguments;

enum { OWN_FORMAT = OPTION_FIRST_OWN, OWN_SET, OWN_EVAL_TD, OWN_EXCERPT, OWN_SKIP_BAD };

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

static apf_status render_recording(apf_context *ctx, const arguments *a, apf_model *model)
{
  apf_audio audio = {0};
  apf_status status = apf_audio_read(ctx, a->input, 0, -1, &audio);
  if (status == APF_OK) status = apf_model_set_sample_rate(ctx, model, audio.sample_rate);
  if (status == APF_OK)
    status =
        apf_model_render(ctx, model, audio.channels, audio.frames, 0, audio.samples, audio.samples);
  if (status == APF_OK) status = apf_audio_write(ctx, a->out, a->format, &audio);
  apf_audio_free(&audio);
  return status;
}

static apf_status render_notes(apf_context *ctx, const arguments *a, const apf_model *model)
{
  int64_t skipped = 0;
  apf_notes_options options;
  apf_notes_options_init(&options);
  options.input = a->input;
  options.notes = a->notes;
  options.out = a->out;
  options.skip_bad = a->skip_bad;
  options.format = a->format;
  if (a->excerpt > 0) options.excerpt = a->excerpt;
  apf_status status = apf_render_notes(ctx, model, &options, &skipped);
  if (status == APF_OK && skipped > 0) printf("bad notes left out: %lld\n", (long long)skipped);
  return status;
}

static apf_status load(apf_context *ctx, const arguments *a, apf_model **model)
{
  const int any_rate = 44100; /* render_recording() takes that of the recording */
  apf_status status = a->model ? apf_model_load(ctx, a->model, model)
                               : apf_model_create(ctx, a->effect, any_rate, model);
  for (int i = 0; status == APF_OK && i < a->set_count; i++)
    status = set_from_text(ctx, *model, a->set[i]);
  if (status == APF_OK && a->recursion) status = apf_model_use_recursion(ctx, *model);
  return status;
}

/** @return false, after a message, if the options are not those of the model's kind. */
static bool fits(const arguments *a, const apf_model *model)
{
  const char *effect = apf_model_effect(model);
  if (!apf_model_takes_notes(model)) {
    if (!a->notes && !a->skip_bad && a->excerpt == 0) return true;
    usage_error("render", "a %s takes no notes: --notes, --excerpt and --skip-bad are the synth's",
                effect);
  } else if (!a->model || a->set_count > 0) {
    usage_error("render", "a %s has learned what it plays: give --model, and no --set", effect);
  } else {
    return true;
  }
  return false;
}

static int run(const arguments *a)
{
  apf_context *ctx = NULL;
  apf_model *model = NULL;
  int code = EXIT_USAGE;
  apf_status status = apf_context_create(&a->context, &ctx);
  if (status == APF_OK) status = load(ctx, a, &model);
  if (status == APF_OK && !fits(a, model)) goto done;
  if (status == APF_OK)
    status = apf_model_takes_notes(model) ? render_notes(ctx, a, model)
                                          : render_recording(ctx, a, model);
  code = status == APF_OK ? EXIT_OK : report_error("render", ctx, status);
done:
  apf_model_destroy(model);
  apf_context_destroy(ctx);
  return code;
}

static const struct option render_options[] = {{"model", required_argument, NULL, 'm'},
                                               {"effect", required_argument, NULL, 'e'},
                                               {"input", required_argument, NULL, 'i'},
                                               {"out", required_argument, NULL, 'o'},
                                               {"notes", required_argument, NULL, 'n'},
                                               {"format", required_argument, NULL, OWN_FORMAT},
                                               {"set", required_argument, NULL, OWN_SET},
                                               {"eval-td", no_argument, NULL, OWN_EVAL_TD},
                                               {"excerpt", required_argument, NULL, OWN_EXCERPT},
                                               {"skip-bad", no_argument, NULL, OWN_SKIP_BAD},
                                               {"help", no_argument, NULL, 'h'},
                                               CONTEXT_OPTIONS,
                                               {0}};

/** One option. @return false after a message. */
static bool take_option(int option, const char *value, arguments *a)
{
  switch (option) {
    case 'm': a->model = value; return true;
    case 'e': a->effect = value; return true;
    case 'i': a->input = value; return true;
    case 'o': a->out = value; return true;
    case 'n': a->notes = value; return true;
    case OWN_FORMAT: return parse_format(value, &a->format);
    case OWN_SET: a->set[a->set_count++] = value; return true;
    case OWN_EVAL_TD: a->recursion = true; return true;
    case OWN_EXCERPT: return parse_number("render", "excerpt", value, 1e-3, 1e6, &a->excerpt);
    case OWN_SKIP_BAD: a->skip_bad = true; return true;
    case '?': return false; /* getopt has said what is wrong */
    default: return parse_context_option("render", option, value, &a->context);
  }
}

int command_render(int argc, char **argv)
{
  arguments a = {0};
  apf_context_options_init(&a.context);
  a.set = calloc((size_t)argc + 1, sizeof *a.set);
  if (!a.set) return EXIT_DATA;
  int option, code = EXIT_USAGE;
  while ((option = getopt_long(argc, argv, "m:e:i:o:n:h", render_options, NULL)) != -1) {
    if (option == 'h') {
      printf("%s%s", render_help, context_help);
      code = EXIT_OK;
      goto done;
    }
    if (!take_option(option, optarg, &a)) goto done;
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
