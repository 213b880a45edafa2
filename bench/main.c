/** allpole_bench: times the operators and steps of training. See options.c for its help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "core/context.h"

typedef struct bench_run {
  const bench_options *options;
  bench_results results;
  int failed;
} bench_run;

/** Where a case runs, and how. */
typedef struct bench_place {
  apf_context_options options;
  apf_split split;
} bench_place;

static apf_context *open_context(const bench_place *place, int *failed)
{
  apf_context *ctx = NULL;
  if (apf_context_create(&place->options, &ctx) == APF_OK) {
    ctx->split = place->split;
    return ctx;
  }
  fprintf(stderr, "allpole_bench: %s\n", apf_last_error(NULL));
  ++*failed;
  return NULL;
}

/** An array of `count` elements grows by one; NULL, and all as it was, without memory. */
static void *grow(void *array, int count, size_t size)
{
  return realloc(array, (size_t)(count + 1) * size);
}

/* Every case has a context of its own: scratch memory only grows, and its size is a result. */

static void measure_shape(bench_run *run, bench_shape shape, const bench_place *place)
{
  apf_context *ctx = open_context(place, &run->failed);
  if (!ctx) return;
  bench_results *r = &run->results;
  bench_result *larger = grow(r->operators, r->count, sizeof *larger);
  if (larger) r->operators = larger;
  if (larger && bench_measure(&shape, ctx, run->options->repeats, &larger[r->count]))
    bench_print_result(&larger[r->count++]);
  else
    run->failed++;
  apf_context_destroy(ctx);
}

static void measure_step(bench_run *run, bench_step shape, const bench_place *place)
{
  apf_context *ctx = open_context(place, &run->failed);
  if (!ctx) return;
  bench_results *r = &run->results;
  bench_step_result *larger = grow(r->steps, r->step_count, sizeof *larger);
  if (larger) r->steps = larger;
  if (larger && bench_measure_step(&shape, ctx, run->options->repeats, &larger[r->step_count]))
    bench_print_step(&larger[r->step_count++]);
  else
    run->failed++;
  apf_context_destroy(ctx);
}

#define FOR_EACH(list, i) for (int i = 0; i < (list).count; i++)

/** The list, or one value where it is empty. */
static bench_list list_or(const bench_list *list, int64_t usual)
{
  return list->count > 0 ? *list : (bench_list){1, {usual}};
}

/** The shapes of one operator and type. Of sizes that the operator lacks, one value stands for all.
 */
static void measure_operator(bench_run *run, int op, apf_dtype dtype, const bench_place *place)
{
  static const bench_list one = {1, {1}};
  const bench_options *o = run->options;
  const bench_list B = list_or(&o->B, 32), T = list_or(&o->T, 65536);
  const bench_list F = bench_operator_has_frames(op) ? o->F : one;
  const bench_list M = bench_operator_has_order(op) ? o->M : one;
  FOR_EACH (B, b)
    FOR_EACH (T, t)
      FOR_EACH (F, f)
        FOR_EACH (M, m)
          FOR_EACH (o->pass, pass) {
            const int64_t samples = T.values[t], frames = F.values[f];
            const bench_shape shape = {
                op,      (bench_pass)o->pass.values[pass], dtype,      B.values[b],
                samples, frames ? frames : samples,        M.values[m]};
            measure_shape(run, shape, place);
          }
}

/** The shapes of one step of training. */
static void measure_steps(bench_run *run, int step, const bench_place *place)
{
  static const bench_list none = {1, {0}};
  const bench_options *o = run->options;
  bench_step usual;
  bench_step_usual(step, &usual);
  const bench_list B = list_or(&o->B, usual.B), T = list_or(&o->T, usual.T);
  const bench_list dtype = list_or(&o->dtype, usual.dtype);
  const bench_list window = bench_step_has_window(step) ? o->window : none;
  FOR_EACH (dtype, d)
    FOR_EACH (B, b)
      FOR_EACH (T, t)
        FOR_EACH (window, w)
          measure_step(run,
                       (bench_step){step, (apf_dtype)dtype.values[d], B.values[b], T.values[t],
                                    window.values[w]},
                       place);
}

static void measure_all(bench_run *run, const bench_place *place)
{
  const bench_options *o = run->options;
  const bench_list dtype = list_or(&o->dtype, APF_F32);
  FOR_EACH (o->step, step) measure_steps(run, (int)o->step.values[step], place);
  if (o->step.count > 0) return;
  FOR_EACH (o->op, op)
    FOR_EACH (dtype, d)
      measure_operator(run, (int)o->op.values[op], (apf_dtype)dtype.values[d], place);
}

static bench_place place_of(int64_t backend, int64_t threads, int64_t simd, int64_t split)
{
  bench_place place = {.split = (apf_split)split};
  apf_context_options_init(&place.options);
  place.options.backend = (apf_backend)backend;
  place.options.threads = (int)threads;
  place.options.simd = (apf_simd)simd;
  return place;
}

/** The heading names processor and device before anything is measured. */
static void print_heading(bench_run *run)
{
  const bench_options *o = run->options;
  char where[500] = "";
  FOR_EACH (o->backend, i) {
    const bench_place place =
        place_of(o->backend.values[i], o->threads.values[0], APF_SIMD_AUTO, APF_SPLIT_BY_SIZE);
    apf_context *ctx = open_context(&place, &run->failed);
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

  bench_run run = {.options = &options};
  print_heading(&run);
  FOR_EACH (options.backend, backend)
    FOR_EACH (options.threads, threads)
      FOR_EACH (options.simd, simd)
        FOR_EACH (options.split, split) {
          const bench_place place =
              place_of(options.backend.values[backend], options.threads.values[threads],
                       options.simd.values[simd], options.split.values[split]);
          measure_all(&run, &place);
        }
  if (options.json && !bench_write_json(&options, &run.results)) run.failed++;
  free(run.results.operators);
  free(run.results.steps);
  return run.failed > 0;
}
