/** allpole_bench: times the operators. See options.c for its help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

typedef struct bench_run {
  const bench_options *options;
  bench_result *results;
  int count, failed;
} bench_run;

/** Grows by one result. */
static bench_result *next_result(bench_run *run)
{
  bench_result *more = realloc(run->results, (size_t)(run->count + 1) * sizeof *more);
  if (!more) return NULL;
  run->results = more;
  return &run->results[run->count];
}

static void measure_shape(bench_run *run, bench_shape shape, apf_context *ctx)
{
  bench_result *result = next_result(run);
  if (result && bench_measure(&shape, ctx, run->options->repeats, result)) {
    bench_print_result(result);
    run->count++;
  } else {
    run->failed++;
  }
}

#define FOR_EACH(list, i) for (int i = 0; i < (list).count; i++)

/** The shapes of one operator and type. Of sizes that the operator lacks, one value stands for all.
 */
static void measure_operator(bench_run *run, int op, apf_dtype dtype, apf_context *ctx)
{
  static const bench_list one = {1, {1}};
  const bench_options *o = run->options;
  const bench_list F = bench_operator_has_frames(op) ? o->F : one;
  const bench_list M = bench_operator_has_order(op) ? o->M : one;
  FOR_EACH (o->B, b)
    FOR_EACH (o->T, t)
      FOR_EACH (F, f)
        FOR_EACH (M, m)
          FOR_EACH (o->pass, pass) {
            const int64_t samples = o->T.values[t], frames = F.values[f];
            const bench_shape shape = {
                op,      (bench_pass)o->pass.values[pass], dtype,      o->B.values[b],
                samples, frames ? frames : samples,        M.values[m]};
            measure_shape(run, shape, ctx);
          }
}

static void measure_all(bench_run *run, apf_context *ctx)
{
  const bench_options *o = run->options;
  FOR_EACH (o->op, op)
    FOR_EACH (o->dtype, dtype)
      measure_operator(run, (int)o->op.values[op], (apf_dtype)o->dtype.values[dtype], ctx);
}

static apf_context *open_context(const apf_context_options *wanted, int *failed)
{
  apf_context *ctx = NULL;
  if (apf_context_create(wanted, &ctx) == APF_OK) return ctx;
  fprintf(stderr, "allpole_bench: %s\n", apf_last_error(NULL));
  ++*failed;
  return NULL;
}

static void measure_in_context(bench_run *run, const apf_context_options *wanted)
{
  apf_context *ctx = open_context(wanted, &run->failed);
  if (ctx) measure_all(run, ctx);
  apf_context_destroy(ctx);
}

/** The heading names processor and device before anything is measured. */
static void print_heading(bench_run *run)
{
  const bench_options *o = run->options;
  char where[500] = "";
  FOR_EACH (o->backend, i) {
    apf_context_options wanted;
    apf_context_options_init(&wanted);
    wanted.backend = (apf_backend)o->backend.values[i];
    wanted.threads = (int)o->threads.values[0];
    apf_context *ctx = open_context(&wanted, &run->failed);
    const size_t used = strlen(where);
    if (ctx)
      snprintf(where + used, sizeof where - used, "%s%s", used ? "; " : "",
               apf_context_description(ctx));
    apf_context_destroy(ctx);
  }
  bench_print_heading(o, where);
}

int main(int argc, char **argv)
{
  bench_options options;
  const int exit_status = bench_parse(argc, argv, &options);
  if (exit_status >= 0) return exit_status;

  bench_run run = {&options, NULL, 0, 0};
  print_heading(&run);
  FOR_EACH (options.backend, backend)
    FOR_EACH (options.threads, threads)
      FOR_EACH (options.simd, simd) {
        apf_context_options wanted;
        apf_context_options_init(&wanted);
        wanted.backend = (apf_backend)options.backend.values[backend];
        wanted.threads = (int)options.threads.values[threads];
        wanted.simd = (apf_simd)options.simd.values[simd];
        measure_in_context(&run, &wanted);
      }
  if (options.json && !bench_write_json(&options, run.results, run.count)) run.failed++;
  free(run.results);
  return run.failed > 0;
}
