/** The command line of allpole_bench. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "core/context.h"

static const char help[] =
    "usage: allpole_bench [OPTION]...\n"
    "\n"
    "Times the recursions of the library. Every case is first compared with a plain loop written "
    "from "
    "the\n"
    "equation; then runs of the operator and of a plain copy that moves as many bytes with as "
    "many\n"
    "threads take turns. The table tells, from medians:\n"
    "  ns/sample  time per element of the output, with half the distance of the quartiles\n"
    "  GB/s       bytes that must move (every array once) per time\n"
    "  of copy    time of a copy divided by that of the run beside it: 100 % is the limit of "
    "memory\n"
    "\n"
    "With --step: steps of training instead, batch in, forward, backward, update, after their "
    "gradient\n"
    "was compared with differences of the loss and their rendering with the renderer's. voice_* is "
    "the\n"
    "synth's signal path without encoder and update. Usual sizes are the published ones.\n"
    "\n"
    "Options take lists (1,2,6); the cases are all combinations.\n"
    "  --op LIST        allpole, recurrence, fir, ballistics, interpolate       [allpole]\n"
    "  --step LIST      compressor, phaser_td, phaser_fs, synth_td, synth_fs, synth_lstm,\n"
    "                   voice_td, voice_fs, voice_lstm; nodes: all operators as nodes of a graph;\n"
    "                   or the name of one (a wrong name lists them)\n"
    "  --pass LIST      forward, backward, both                                 [both]\n"
    "  --dtype LIST     f32, f64                               [f32; of a step as usual]\n"
    "  --B LIST         signals in a batch                     [32; of a step as usual]\n"
    "  --T LIST         samples in a signal                    [65536; of a step as usual]\n"
    "  --F LIST         coefficient frames: 1 constant, T per sample, else interpolated  [T]\n"
    "  --M LIST         order; taps (fir); channels (interpolate)               [2]\n"
    "  --window LIST    samples of a frame: synth_fs, voice_fs, nodes with spectra   [1024]\n"
    "  --threads LIST   0: as many as the process may use                       [0]\n"
    "  --simd LIST      auto, base, avx2, avx512                                [auto]\n"
    "  --split LIST     auto, sequences, time: what allpole and recurrence are divided into\n"
    "                   on the CPU, where both are possible                     [auto]\n"
    "  --backend LIST   cpu, cuda                                               [cpu]\n"
    "  --repeats N      runs that the medians are taken over                    [21]\n"
    "  --json FILE      writes everything that was measured\n"
    "  --commit TEXT    what was measured, for the report\n"
    "\n"
    "examples\n"
    "  allpole_bench --M 1,2,6 --pass forward,backward\n"
    "  allpole_bench --op allpole,recurrence --B 1 --T 262144 --M 1 --threads 1,2\n"
    "  allpole_bench --step phaser_td,phaser_fs --T 44100 --threads 1\n"
    "\n"
    "Exit status: 0 measured, 1 a result was wrong or a call failed, 2 bad usage.\n";

/** Names of the values from `first` on. */
typedef struct names {
  int64_t first;
  const char *names[BENCH_STEPS + 1];
} names;

static const names operator_names = {0,
                                     {"allpole", "recurrence", "fir", "ballistics", "interpolate"}};
static const names pass_names = {BENCH_FORWARD, {"forward", "backward", "both"}};
static const names dtype_names = {APF_F32, {"f32", "f64"}};
static const names simd_names = {APF_SIMD_AUTO, {"auto", "base", "avx2", "avx512"}};
static const names split_names = {APF_SPLIT_BY_SIZE, {"auto", "sequences", "time"}};
static const names backend_names = {APF_CPU, {"cpu", "cuda"}};
static const names frame_names = {0, {"T"}};

/** Those that effect_step.c knows. */
static names step_names(void)
{
  names all = {0};
  for (int i = 0; i < BENCH_STEPS; i++) all.names[i] = bench_step_name(i);
  return all;
}

const char *bench_operator_name(int op)
{
  return operator_names.names[op];
}

bool bench_operator_has_frames(int op)
{
  return strcmp(bench_operator_name(op), "ballistics") != 0;
}

bool bench_operator_has_order(int op)
{
  return bench_operator_has_frames(op) && strcmp(bench_operator_name(op), "recurrence") != 0;
}

const char *bench_split_name(int split)
{
  return split_names.names[split];
}

const char *bench_pass_name(bench_pass pass)
{
  return pass_names.names[pass - BENCH_FORWARD];
}

const char *bench_dtype_name(apf_dtype dtype)
{
  return dtype_names.names[dtype];
}

/** One of the names, or (where low <= high) a whole number in low..high. */
static bool parse_value(const char *text, const names *allowed, int64_t low, int64_t high,
                        int64_t *value)
{
  for (int i = 0; allowed && allowed->names[i]; i++)
    if (strcmp(text, allowed->names[i]) == 0) {
      *value = allowed->first + i;
      return true;
    }
  char *end;
  *value = strtoll(text, &end, 10);
  return end != text && *end == '\0' && low <= *value && *value <= high;
}

static bool parse_list(const char *option, char *text, const names *allowed, int64_t low,
                       int64_t high, bench_list *list)
{
  list->count = 0;
  for (char *rest = NULL, *word = strtok_r(text, ",", &rest); word;
       word = strtok_r(NULL, ",", &rest)) {
    if (list->count == BENCH_MAX_VALUES) {
      fprintf(stderr, "allpole_bench: --%s takes at most %d values\n", option, BENCH_MAX_VALUES);
      return false;
    }
    if (!parse_value(word, allowed, low, high, &list->values[list->count++])) {
      fprintf(stderr, "allpole_bench: --%s \"%s\" is not", option, word);
      for (int i = 0; allowed && allowed->names[i]; i++)
        fprintf(stderr, "%s %s", i ? "," : "", allowed->names[i]);
      if (low <= high)
        fprintf(stderr, "%s a whole number from %lld to %lld", allowed ? " or" : "", (long long)low,
                (long long)high);
      fprintf(stderr, "\n");
      return false;
    }
  }
  if (list->count == 0) fprintf(stderr, "allpole_bench: --%s needs a value\n", option);
  return list->count > 0;
}

/** The names of steps; "nodes" for all nodes. */
static bool parse_steps(char *text, bench_list *list)
{
  const names steps = step_names();
  if (strcmp(text, "nodes") != 0) return parse_list("step", text, &steps, 1, 0, list);
  list->count = BENCH_NODES;
  for (int i = 0; i < BENCH_NODES; i++) list->values[i] = BENCH_EFFECTS + i;
  return true;
}

static void set_defaults(bench_options *o)
{
  const bench_list zero = {1, {0}};
  memset(o, 0, sizeof *o);
  o->op = o->F = o->threads = o->backend = o->split = zero;
  o->simd = (bench_list){1, {APF_SIMD_AUTO}};
  o->pass = (bench_list){1, {BENCH_BOTH}};
  o->M = (bench_list){1, {2}};
  o->window = (bench_list){1, {1024}};
  o->repeats = 21;
}

int bench_parse(int argc, char **argv, bench_options *o)
{
  enum {
    OP,
    STEP,
    PASS,
    DTYPE,
    B,
    T,
    F,
    M,
    WINDOW,
    THREADS,
    SIMD,
    BACKEND,
    SPLIT,
    REPEATS,
    JSON,
    COMMIT,
    HELP
  };
  static const struct option known[] = {{"op", 1, NULL, OP},         {"step", 1, NULL, STEP},
                                        {"pass", 1, NULL, PASS},     {"dtype", 1, NULL, DTYPE},
                                        {"B", 1, NULL, B},           {"T", 1, NULL, T},
                                        {"F", 1, NULL, F},           {"M", 1, NULL, M},
                                        {"window", 1, NULL, WINDOW}, {"threads", 1, NULL, THREADS},
                                        {"simd", 1, NULL, SIMD},     {"backend", 1, NULL, BACKEND},
                                        {"split", 1, NULL, SPLIT},   {"repeats", 1, NULL, REPEATS},
                                        {"json", 1, NULL, JSON},     {"commit", 1, NULL, COMMIT},
                                        {"help", 0, NULL, HELP},     {0}};
  const int64_t many = (int64_t)1 << 40;
  set_defaults(o);
  int which;
  while ((which = getopt_long(argc, argv, "h", known, NULL)) != -1) {
    bench_list one = {0};
    bool ok = true;
    switch (which) {
      case OP: ok = parse_list("op", optarg, &operator_names, 1, 0, &o->op); break;
      case STEP: ok = parse_steps(optarg, &o->step); break;
      case PASS: ok = parse_list("pass", optarg, &pass_names, 1, 0, &o->pass); break;
      case DTYPE: ok = parse_list("dtype", optarg, &dtype_names, 1, 0, &o->dtype); break;
      case B: ok = parse_list("B", optarg, NULL, 1, many, &o->B); break;
      case T: ok = parse_list("T", optarg, NULL, 1, many, &o->T); break;
      case F: ok = parse_list("F", optarg, &frame_names, 1, many, &o->F); break;
      case M: ok = parse_list("M", optarg, NULL, 1, APF_MAX_ORDER, &o->M); break;
      case WINDOW: ok = parse_list("window", optarg, NULL, 64, 65536, &o->window); break;
      case THREADS: ok = parse_list("threads", optarg, NULL, 0, 1024, &o->threads); break;
      case SIMD: ok = parse_list("simd", optarg, &simd_names, 1, 0, &o->simd); break;
      case BACKEND: ok = parse_list("backend", optarg, &backend_names, 1, 0, &o->backend); break;
      case SPLIT: ok = parse_list("split", optarg, &split_names, 1, 0, &o->split); break;
      case REPEATS:
        ok = parse_list("repeats", optarg, NULL, 1, 100000, &one);
        o->repeats = (int)one.values[0];
        break;
      case JSON: o->json = optarg; break;
      case COMMIT: o->commit = optarg; break;
      case HELP:
      case 'h': fputs(help, stdout); return 0;
      default: ok = false; /* getopt has complained */
    }
    if (!ok) {
      fprintf(stderr, "allpole_bench --help tells what there is\n");
      return 2;
    }
  }
  if (optind < argc) {
    fprintf(stderr, "allpole_bench: \"%s\" is not an option; see --help\n", argv[optind]);
    return 2;
  }
  return -1;
}
