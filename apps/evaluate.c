/** allpole evaluate: how far a rendering, or what a model renders, is from a target recording. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char evaluate_help[] =
    "usage: allpole evaluate --model MODEL --input DRY --target WET [options]\n"
    "       allpole evaluate --rendered FILE --target WET [options]\n"
    "       allpole evaluate --run RUN [--part valid|test] [--eval-td] [--json]\n"
    "\n"
    "Compares the target with what the model makes of the input, or with a file. Prints\n"
    "  ESR                error-to-signal ratio, mean((y-t)^2) / mean(t^2)\n"
    "  ESR pre-emphasised the same after the high-pass (1 - z^-1) / (1 - 0.995 z^-1)\n"
    "  L1 pre-emphasised  mean absolute error after it\n"
    "  loudness           difference in LU, ITU-R BS.1770 integrated\n"
    "and of a synth's run\n"
    "  MSS                multi-resolution STFT loss\n"
    "  mel-STFT           one resolution on 128 mel bands\n"
    "  MFCC-L1            mean absolute difference of 40 cepstral coefficients\n"
    "\n"
    "  -m, --model FILE          a .safetensors model\n"
    "  -i, --input FILE          the dry recording\n"
    "  -r, --rendered FILE       a rendering to compare instead\n"
    "  -t, --target FILE         the wet recording\n"
    "      --segment START:END   seconds to compare (all); the model starts fresh at START\n"
    "      --run RUN             the best model of a run on the run's own material\n"
    "      --part PART           then: valid, or test, which only notes have (valid)\n"
    "      --eval-td             then: filter by recursion, whichever way it was trained\n"
    "      --json                one JSON object instead of a table\n";

typedef struct arguments {
  apf_context_options context;
  const char *model, *input, *rendered, *target;
  double part[2];
  const char *run;
  apf_run_part run_part;
  bool recursion, json;
} arguments;

enum { OWN_SEGMENT = OPTION_FIRST_OWN, OWN_JSON, OWN_RUN, OWN_PART, OWN_EVAL_TD };

static void print_json(const apf_metrics *m)
{
  if (isfinite(m->mss)) {
    printf("{\"mss\": %.9g, \"mel_stft\": %.9g, \"mfcc_l1\": %.9g}\n", m->mss, m->mel_stft,
           m->mfcc_l1);
    return;
  }
  printf(
      "{\"esr\": %.9g, \"esr_preemphasized\": %.9g, \"l1_preemphasized\": %.9g, "
      "\"loudness_difference\": ",
      m->esr, m->esr_preemphasized, m->l1_preemphasized);
  if (isfinite(m->loudness_difference))
    printf("%.9g}\n", m->loudness_difference);
  else
    printf("null}\n");
}

static void print_table(const apf_metrics *m)
{
  if (isfinite(m->mss)) {
    printf("MSS                 %.6f\n", m->mss);
    printf("mel-STFT            %.6f\n", m->mel_stft);
    printf("MFCC-L1             %.6f\n", m->mfcc_l1);
    return;
  }
  printf("ESR                 %.6f\n", m->esr);
  printf("ESR pre-emphasised  %.6f\n", m->esr_preemphasized);
  printf("L1 pre-emphasised   %.6g\n", m->l1_preemphasized);
  printf("loudness            %+.2f LU\n", m->loudness_difference);
}

static apf_status read_both(apf_context *ctx, const arguments *a, apf_audio *ours,
                            apf_audio *target)
{
  apf_status status =
      apf_audio_read(ctx, a->rendered ? a->rendered : a->input, a->part[0], a->part[1], ours);
  if (status == APF_OK) status = apf_audio_read(ctx, a->target, a->part[0], a->part[1], target);
  return status;
}

static bool agree(const arguments *a, const apf_audio *ours, const apf_audio *target)
{
  if (ours->channels == target->channels && ours->frames == target->frames &&
      ours->sample_rate == target->sample_rate)
    return true;
  fprintf(stderr,
          "allpole evaluate: %s has %d channels, %lld samples at %d Hz, but %s has %d, %lld at %d; "
          "they must agree\n",
          a->rendered ? a->rendered : a->input, ours->channels, (long long)ours->frames,
          ours->sample_rate, a->target, target->channels, (long long)target->frames,
          target->sample_rate);
  return false;
}

static int run(const arguments *a)
{
  apf_context *ctx = NULL;
  apf_model *model = NULL;
  apf_audio ours = {0}, target = {0};
  apf_metrics metrics;
  int code = EXIT_DATA;
  apf_status status = apf_context_create(&a->context, &ctx);
  if (status == APF_OK) status = read_both(ctx, a, &ours, &target);
  if (status == APF_OK && !agree(a, &ours, &target)) goto done;
  if (status == APF_OK && a->model) {
    status = apf_model_load(ctx, a->model, &model);
    if (status == APF_OK) status = apf_model_set_sample_rate(ctx, model, ours.sample_rate);
    if (status == APF_OK)
      status = apf_model_render(ctx, model, ours.channels, ours.frames, a->part[0], ours.samples,
                                ours.samples);
  }
  if (status == APF_OK)
    status = apf_evaluate(ctx, ours.sample_rate, ours.channels, ours.frames, ours.samples,
                          target.samples, &metrics);
  code = status == APF_OK ? EXIT_OK : report_error("evaluate", ctx, status);
  if (status == APF_OK) (a->json ? print_json : print_table)(&metrics);
done:
  apf_audio_free(&ours);
  apf_audio_free(&target);
  apf_model_destroy(model);
  apf_context_destroy(ctx);
  return code;
}

static int run_on_run(const arguments *a)
{
  apf_context *ctx = NULL;
  apf_metrics metrics;
  apf_status status = apf_context_create(&a->context, &ctx);
  if (status == APF_OK) status = apf_evaluate_run(ctx, a->run, a->run_part, a->recursion, &metrics);
  int code = status == APF_OK ? EXIT_OK : report_error("evaluate", ctx, status);
  if (status == APF_OK) (a->json ? print_json : print_table)(&metrics);
  apf_context_destroy(ctx);
  return code;
}

static bool parse_part(const char *value, apf_run_part *part)
{
  *part = strcmp(value, "test") == 0 ? APF_RUN_TEST : APF_RUN_VALID;
  if (*part == APF_RUN_TEST || strcmp(value, "valid") == 0) return true;
  usage_error("evaluate", "--part is \"%s\", expected valid or test", value);
  return false;
}

static bool parse_segment(const char *value, double part[2])
{
  if (apf_audio_parse_segment(NULL, value, &part[0], &part[1]) == APF_OK) return true;
  usage_error("evaluate", "--segment is \"%s\", expected START:END in seconds, START < END", value);
  return false;
}

int command_evaluate(int argc, char **argv)
{
  static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                          {"input", required_argument, NULL, 'i'},
                                          {"rendered", required_argument, NULL, 'r'},
                                          {"target", required_argument, NULL, 't'},
                                          {"segment", required_argument, NULL, OWN_SEGMENT},
                                          {"json", no_argument, NULL, OWN_JSON},
                                          {"run", required_argument, NULL, OWN_RUN},
                                          {"part", required_argument, NULL, OWN_PART},
                                          {"eval-td", no_argument, NULL, OWN_EVAL_TD},
                                          {"help", no_argument, NULL, 'h'},
                                          CONTEXT_OPTIONS,
                                          {0}};
  arguments a = {.part = {0, -1}};
  apf_context_options_init(&a.context);
  int option;
  while ((option = getopt_long(argc, argv, "m:i:r:t:h", options, NULL)) != -1) {
    bool good = true;
    switch (option) {
      case 'm': a.model = optarg; break;
      case 'i': a.input = optarg; break;
      case 'r': a.rendered = optarg; break;
      case 't': a.target = optarg; break;
      case OWN_SEGMENT: good = parse_segment(optarg, a.part); break;
      case OWN_JSON: a.json = true; break;
      case OWN_RUN: a.run = optarg; break;
      case OWN_PART: good = parse_part(optarg, &a.run_part); break;
      case OWN_EVAL_TD: a.recursion = true; break;
      case 'h': printf("%s%s", evaluate_help, context_help); return EXIT_OK;
      default: good = parse_context_option("evaluate", option, optarg, &a.context);
    }
    if (!good) return EXIT_USAGE;
  }
  if (optind < argc)
    return usage_error("evaluate", "\"%s\" is one argument too many", argv[optind]);
  if (a.run) return run_on_run(&a);
  if (!a.target) return usage_error("evaluate", "--target is missing");
  if (!!a.rendered == !!a.model)
    return usage_error("evaluate", "give either --model with --input, or --rendered");
  if (a.model && !a.input) return usage_error("evaluate", "--input is missing");
  return run(&a);
}
