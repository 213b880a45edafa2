/** allpole train: options, a progress display, a clean end on Ctrl-C, and the report. */
#include "cli.h"
#include "progress.h"
#include "report.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char train_help[] =
    "usage: allpole train EFFECT --input DRY --target WET --out RUN [options]\n"
    "       allpole train synth --input NOTES [--notes LIST] --out RUN [options]\n"
    "       allpole train --resume RUN [--steps N]\n"
    "\n"
    "Learns an effect's parameters from two recordings of the same length that start at the same\n"
    "sample: what went in and what came out. WAV, FLAC, AIFF, OGG. EFFECT is compressor,\n"
    "phaser or synth ('allpole info EFFECT' lists its parameters). The synth learns from notes "
    "alone.\n"
    "\n"
    "RUN receives config.json (everything decided), metrics.jsonl (a line a step), "
    "best.safetensors,\n"
    "last.safetensors, valid.wav, result.json and report/index.html to look at.\n"
    "\n"
    "  -i, --input FILE          the dry recording\n"
    "  -t, --target FILE         the wet recording\n"
    "  -o, --out RUN             folder to create\n"
    "  -n, --notes LIST          synth: CSV of the notes in a recording, or in a folder\n"
    "      --skip-bad            leave out notes that are broken or out of range\n"
    "      --epochs N            go through the notes N times\n"
    "      --segment START:END   seconds to train on (the first four fifths)\n"
    "      --valid START:END     seconds to validate on (what follows the segment)\n"
    "      --recipe NAME         default, or paper: the published settings\n"
    "      --optimizer NAME      lm (Levenberg-Marquardt, fits in seconds), sgd, adam, adamw\n"
    "      --gradient NAME       exact, or spsa (simultaneous perturbation)\n"
    "      --variant NAME        td, simple (attack = release), fs (frequency-sampled);\n"
    "                            spsa is td with --gradient spsa\n"
    "      --set NAME=VALUE      an option of the effect or where a parameter starts; repeatable\n"
    "      --truth NAME=VALUE    a setting known to be true, shown beside the learned one; "
    "repeatable\n"
    "      --restarts K          train K starts side by side and keep the best (phaser: 8)\n"
    "      --steps N             at most so many steps\n"
    "  -l, --lr L                learning rate\n"
    "      --excerpt S           train on random excerpts of S seconds ...\n"
    "      --batch N             ... so many at a time\n"
    "      --valid-every N       steps (synth: epochs) between validations\n"
    "      --save-every N        steps (synth: epochs) between checkpoints\n"
    "      --dtype f32|f64       precision of training\n"
    "      --config FILE         JSON with any of these settings, such as a run's config.json\n"
    "      --resume RUN          go on with a run, bit for bit as if it had not been stopped\n";

static const char train_example[] =
    "\n"
    "example: allpole train compressor -i dry.wav -t wet.wav -o run --segment 0:10 --valid 10:20\n"
    "Ctrl-C ends a run with its checkpoints written; a second one ends it at once.\n";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
  interrupted = 1;
  signal(number, SIG_DFL);
}

typedef struct arguments {
  apf_context_options context;
  apf_train_options train;
  const char *resume;
  const char **set, **truth;
  char variant[64];
} arguments;

enum {
  OWN_SEGMENT = OPTION_FIRST_OWN,
  OWN_VALID,
  OWN_RECIPE,
  OWN_OPTIMIZER,
  OWN_GRADIENT,
  OWN_VARIANT,
  OWN_SET,
  OWN_TRUTH,
  OWN_RESTARTS,
  OWN_STEPS,
  OWN_EXCERPT,
  OWN_BATCH,
  OWN_VALID_EVERY,
  OWN_SAVE_EVERY,
  OWN_DTYPE,
  OWN_CONFIG,
  OWN_RESUME,
  OWN_SKIP_BAD,
  OWN_EPOCHS
};

static const struct option train_options[] = {
    {"input", required_argument, NULL, 'i'},
    {"target", required_argument, NULL, 't'},
    {"out", required_argument, NULL, 'o'},
    {"lr", required_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"segment", required_argument, NULL, OWN_SEGMENT},
    {"valid", required_argument, NULL, OWN_VALID},
    {"recipe", required_argument, NULL, OWN_RECIPE},
    {"optimizer", required_argument, NULL, OWN_OPTIMIZER},
    {"gradient", required_argument, NULL, OWN_GRADIENT},
    {"variant", required_argument, NULL, OWN_VARIANT},
    {"set", required_argument, NULL, OWN_SET},
    {"truth", required_argument, NULL, OWN_TRUTH},
    {"restarts", required_argument, NULL, OWN_RESTARTS},
    {"steps", required_argument, NULL, OWN_STEPS},
    {"excerpt", required_argument, NULL, OWN_EXCERPT},
    {"batch", required_argument, NULL, OWN_BATCH},
    {"valid-every", required_argument, NULL, OWN_VALID_EVERY},
    {"save-every", required_argument, NULL, OWN_SAVE_EVERY},
    {"dtype", required_argument, NULL, OWN_DTYPE},
    {"config", required_argument, NULL, OWN_CONFIG},
    {"resume", required_argument, NULL, OWN_RESUME},
    {"notes", required_argument, NULL, 'n'},
    {"skip-bad", no_argument, NULL, OWN_SKIP_BAD},
    {"epochs", required_argument, NULL, OWN_EPOCHS},
    CONTEXT_OPTIONS,
    {0}};

static bool parse_segment(const char *option, const char *value, double part[2])
{
  if (apf_audio_parse_segment(NULL, value, &part[0], &part[1]) == APF_OK) return true;
  usage_error("train", "--%s is \"%s\", expected START:END in seconds, START < END", option, value);
  return false;
}

static bool parse_dtype(const char *value, int *dtype)
{
  if (strcmp(value, "f32") == 0 || strcmp(value, "f64") == 0) {
    *dtype = value[1] == '3' ? APF_F32 : APF_F64;
    return true;
  }
  usage_error("train", "--dtype is \"%s\", expected f32 or f64", value);
  return false;
}

/** The published comparison has four variants; SPSA is one of the gradient, not of the model. */
static void take_variant(const char *value, arguments *a)
{
  if (strcmp(value, "spsa") == 0) {
    a->train.gradient = "spsa";
    if (!a->train.optimizer) a->train.optimizer = "sgd";
    value = "td";
  }
  snprintf(a->variant, sizeof a->variant, "variant=%s", value);
  a->set[a->train.set_count++] = a->variant;
}

/** One option. @return false after a message. */
static bool take_option(int option, const char *value, arguments *a)
{
  apf_train_options *t = &a->train;
  const int64_t most = INT64_C(1) << 40;
  switch (option) {
    case 'i': t->input = value; return true;
    case 't': t->target = value; return true;
    case 'o': t->out = value; return true;
    case 'n': t->notes = value; return true;
    case OWN_SKIP_BAD: t->skip_bad = 1; return true;
    case OWN_EPOCHS: return parse_count("train", "epochs", value, 1, most, &t->epochs);
    case 'l': return parse_number("train", "lr", value, 0, 1e9, &t->learning_rate);
    case OWN_SEGMENT: return parse_segment("segment", value, t->segment);
    case OWN_VALID: return parse_segment("valid", value, t->valid);
    case OWN_RECIPE: t->recipe = value; return true;
    case OWN_OPTIMIZER: t->optimizer = value; return true;
    case OWN_GRADIENT: t->gradient = value; return true;
    case OWN_VARIANT: take_variant(value, a); return true;
    case OWN_SET: a->set[t->set_count++] = value; return true;
    case OWN_TRUTH: a->truth[t->truth_count++] = value; return true;
    case OWN_RESTARTS: return parse_count("train", "restarts", value, 1, 1024, &t->restarts);
    case OWN_STEPS: return parse_count("train", "steps", value, 1, most, &t->steps);
    case OWN_EXCERPT: return parse_number("train", "excerpt", value, 1e-3, 1e6, &t->excerpt);
    case OWN_BATCH: return parse_count("train", "batch", value, 1, 1 << 20, &t->batch);
    case OWN_VALID_EVERY:
      return parse_count("train", "valid-every", value, 1, most, &t->valid_every);
    case OWN_SAVE_EVERY: return parse_count("train", "save-every", value, 1, most, &t->save_every);
    case OWN_DTYPE: return parse_dtype(value, &t->dtype);
    case OWN_CONFIG: t->config = value; return true;
    case OWN_RESUME: a->resume = value; return true;
    case '?': return false; /* getopt has said what is wrong */
    default: return parse_context_option("train", option, value, &a->context);
  }
}

static bool check_arguments(const arguments *a)
{
  if (a->resume) {
    if (!a->train.input && !a->train.target && !a->train.out && !a->train.effect) return true;
    usage_error("train", "--resume takes everything but --steps from the run's own config.json");
    return false;
  }
  const char *missing = NULL;
  if (!a->train.out) missing = "--out";
  if (!a->train.config) {
    const bool notes = a->train.effect && strcmp(a->train.effect, "synth") == 0;
    if (!a->train.target && !notes) missing = "--target";
    if (!a->train.input) missing = "--input";
    if (!a->train.effect) missing = "the effect's name";
  }
  if (!missing) return true;
  usage_error("train", "%s is missing", missing);
  return false;
}

static int on_step(const apf_train_progress *progress, void *display)
{
  progress_step(display, progress);
  return interrupted != 0;
}

static void print_errors(const apf_metrics *before, const apf_metrics *after)
{
  if (isfinite(after->mss))
    printf("validation MSS %.5f -> %.5f, mel-STFT %.5f -> %.5f, MFCC-L1 %.5f -> %.5f\n",
           before->mss, after->mss, before->mel_stft, after->mel_stft, before->mfcc_l1,
           after->mfcc_l1);
  else
    printf(
        "validation ESR %.5f -> %.5f (pre-emphasised %.5f -> %.5f), loudness difference %+.2f "
        "LU\n",
        before->esr, after->esr, before->esr_preemphasized, after->esr_preemphasized,
        after->loudness_difference);
}

static void print_result(const char *folder, const apf_train_result *result, const apf_model *best)
{
  printf("%s after %lld steps: %s\n", result->end == APF_TRAIN_STOPPED ? "stopped" : "ended",
         (long long)result->steps, result->reason);
  if (result->skipped > 0) printf("bad notes left out: %lld\n", (long long)result->skipped);
  print_errors(&result->before, &result->after);
  for (int i = 0; i < apf_model_parameter_count(best); i++) {
    const apf_parameter_info *info = apf_model_parameter_info(best, i);
    printf("  %-14s %12.5g %s\n", info->name, apf_model_parameter(best, i), info->unit);
  }
  printf("%s holds the model (best.safetensors), valid.wav and report/index.html\n", folder);
  if (result->end == APF_TRAIN_STOPPED) printf("go on with: allpole train --resume %s\n", folder);
}

/** The report is worth a warning, not the run's exit status. */
static void finish(apf_context *ctx, const char *folder, const apf_train_result *result)
{
  char path[4096];
  apf_model *best = NULL;
  snprintf(path, sizeof path, "%s/best.safetensors", folder);
  if (apf_model_load(ctx, path, &best) != APF_OK) {
    report_error("train", ctx, APF_ERR_FILE);
    return;
  }
  if (!report_write(ctx, folder, best)) fprintf(stderr, "allpole train: no report was written\n");
  print_result(folder, result, best);
  apf_model_destroy(best);
}

static int run(const arguments *a)
{
  apf_context *ctx = NULL;
  apf_train_result result;
  apf_status status = apf_context_create(&a->context, &ctx);
  if (status != APF_OK) return report_error("train", NULL, status);
  struct sigaction action = {.sa_handler = on_interrupt};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);

  progress_display *display = progress_create(stderr);
  const char *folder = a->resume ? a->resume : a->train.out;
  status = a->resume ? apf_resume(ctx, folder, a->train.steps, on_step, display, &result)
                     : apf_train(ctx, &a->train, on_step, display, &result);
  progress_destroy(display);
  int code = status == APF_OK ? EXIT_OK : report_error("train", ctx, status);
  if (status == APF_OK) finish(ctx, folder, &result);
  if (status == APF_OK && result.end == APF_TRAIN_DIVERGED) code = EXIT_DATA;
  apf_context_destroy(ctx);
  return code;
}

int command_train(int argc, char **argv)
{
  arguments a = {0};
  apf_context_options_init(&a.context);
  apf_train_options_init(&a.train);
  a.set = calloc(2 * (size_t)argc + 2, sizeof *a.set); /* as many as there are arguments */
  if (!a.set) return EXIT_DATA;
  a.truth = a.set + argc + 1;
  int code = EXIT_OK, option;
  while ((option = getopt_long(argc, argv, "i:t:o:l:n:h", train_options, NULL)) != -1) {
    if (option == 'h') {
      printf("%s%s%s", train_help, context_help, train_example);
      goto done;
    }
    if (!take_option(option, optarg, &a)) {
      code = EXIT_USAGE;
      goto done;
    }
  }
  if (optind < argc) a.train.effect = argv[optind++];
  /* Its default, lm, differentiates the recursion that this variant does without. */
  const bool sampled = strcmp(a.variant, "variant=fs") == 0 && a.train.effect &&
                       strcmp(a.train.effect, "compressor") == 0;
  if (sampled && !a.train.optimizer && !a.train.recipe) a.train.optimizer = "adam";
  a.train.set = a.set;
  a.train.truth = a.truth;
  a.train.seed = a.context.seed;
  if (optind < argc)
    code = usage_error("train", "\"%s\" is one argument too many", argv[optind]);
  else
    code = check_arguments(&a) ? run(&a) : EXIT_USAGE;
done:
  free(a.set);
  return code;
}
