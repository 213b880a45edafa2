/** Timing: checks a case, then lets it and a plain copy take turns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "core/context.h"

/** The functions of the shape's type. */
typedef struct typed_case {
  bench_case *(*create)(const bench_shape *shape, apf_context *ctx);
  void (*destroy)(bench_case *c);
  apf_status (*run)(bench_case *c);
  double (*error)(bench_case *c);
  void (*size)(const bench_case *c, double *bytes, double *samples);
} typed_case;

#define TYPED_CASE(S)                                                                        \
  {                                                                                          \
    bench_case_create_##S, bench_case_destroy_##S, bench_case_run_##S, bench_case_error_##S, \
        bench_case_size_##S                                                                  \
  }
static const typed_case typed_cases[] = {[APF_F32] = TYPED_CASE(f32), [APF_F64] = TYPED_CASE(f64)};

double bench_now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void bench_sort(double *values, int n)
{
  qsort(values, (size_t)n, sizeof *values, compare_doubles);
}

double bench_quantile(const double *sorted, int n, double p)
{
  const double u = p * (n - 1);
  const int i = (int)u;
  return i + 1 < n ? sorted[i] + (u - i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

/** Two blocks; a copy from one to the other reads and writes as many bytes as the case does. */
typedef struct copy_job {
  apf_context *ctx;
  void *from, *to;
  size_t bytes; /* of one block */
} copy_job;

static void copy_on_cpu(const copy_job *job)
{
  const int threads = apf_context_threads(job->ctx);
  const size_t part = (job->bytes / (size_t)threads + 63) / 64 * 64;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(static, 1)
#endif
  for (int i = 0; i < threads; i++) {
    const size_t begin = part * (size_t)i;
    if (begin < job->bytes)
      memcpy((char *)job->to + begin, (const char *)job->from + begin,
             begin + part < job->bytes ? part : job->bytes - begin);
  }
}

/** Seconds of one run, from `inner` runs in a row. */
static double time_case(const typed_case *typed, bench_case *c, apf_context *ctx, int inner,
                        apf_status *status)
{
  const double start = bench_now();
  for (int i = 0; i < inner && *status == APF_OK; i++) *status = typed->run(c);
  if (*status == APF_OK) *status = apf_synchronize(ctx);
  return (bench_now() - start) / inner;
}

static double time_copy(const copy_job *job, int inner, apf_status *status)
{
  const double start = bench_now();
  for (int i = 0; i < inner && *status == APF_OK; i++) {
    if (apf_context_backend(job->ctx) == APF_CPU)
      copy_on_cpu(job);
    else
      *status = apf_copy(job->ctx, job->to, job->from, job->bytes);
  }
  if (*status == APF_OK) *status = apf_synchronize(job->ctx);
  return (bench_now() - start) / inner;
}

/** So many runs in a row that the clock's resolution does not count. */
static int runs_for(double seconds)
{
  const double wanted = 2e-3;
  return seconds >= wanted ? 1 : (int)(wanted / (seconds + 1e-9)) + 1;
}

/** Sorted times of the runs, of the copies, and what share of a run the copy beside it took. */
typedef struct turns {
  double *runs, *copies, *shares;
} turns;

static apf_status take_turns(const typed_case *typed, bench_case *c, apf_context *ctx,
                             const copy_job *copy, int repeats, const turns *times)
{
  apf_status status = APF_OK;
  double fastest = INFINITY, fastest_copy = INFINITY;
  for (int i = 0; i < 3; i++) { /* warms threads, workspace and pages up */
    fastest = fmin(fastest, time_case(typed, c, ctx, 1, &status));
    fastest_copy = fmin(fastest_copy, time_copy(copy, 1, &status));
  }
  const int inner = runs_for(fastest), copy_inner = runs_for(fastest_copy);
  for (int i = 0; i < repeats; i++) {
    times->runs[i] = time_case(typed, c, ctx, inner, &status);
    times->copies[i] = time_copy(copy, copy_inner, &status);
    times->shares[i] = times->copies[i] / times->runs[i];
  }
  bench_sort(times->runs, repeats);
  bench_sort(times->copies, repeats);
  bench_sort(times->shares, repeats);
  return status;
}

/** Both blocks, with pages that exist. */
static apf_status prepare_copy(copy_job *copy)
{
  apf_status status = apf_allocate(copy->ctx, copy->bytes, &copy->from);
  if (status == APF_OK) status = apf_allocate(copy->ctx, copy->bytes, &copy->to);
  if (status == APF_OK && apf_context_backend(copy->ctx) == APF_CPU)
    memset(copy->from, 1, copy->bytes);
  return status;
}

static const char *measure(const typed_case *typed, bench_case *c, apf_context *ctx, int repeats,
                           bench_result *result)
{
  const double tolerance = result->shape.dtype == APF_F32 ? 1e-4 : 1e-10;
  result->error = typed->error(c);
  if (!(result->error <= tolerance)) return "the result differs from the plain loop's";

  typed->size(c, &result->bytes, &result->samples);
  copy_job copy = {ctx, NULL, NULL, (size_t)(result->bytes / 2) + 1};
  const size_t n = (size_t)repeats;
  double *memory = malloc(3 * n * sizeof *memory);
  apf_status status = memory ? prepare_copy(&copy) : APF_ERR_MEMORY;
  if (status == APF_OK) {
    const turns times = {memory, memory + n, memory + 2 * n};
    status = take_turns(typed, c, ctx, &copy, repeats, &times);
    result->seconds = bench_quantile(times.runs, repeats, 0.5);
    result->quartile[0] = bench_quantile(times.runs, repeats, 0.25);
    result->quartile[1] = bench_quantile(times.runs, repeats, 0.75);
    result->copy = bench_quantile(times.copies, repeats, 0.5);
    result->share = bench_quantile(times.shares, repeats, 0.5);
  }
  free(memory);
  apf_release(ctx, copy.from);
  apf_release(ctx, copy.to);
  return status == APF_OK ? NULL : "a call failed";
}

bool bench_measure(const bench_shape *shape, apf_context *ctx, int repeats, bench_result *result)
{
  const typed_case *typed = &typed_cases[shape->dtype];
  memset(result, 0, sizeof *result);
  result->shape = *shape;
  result->backend = apf_context_backend(ctx);
  result->simd = apf_context_simd(ctx);
  result->split = bench_split_name((int)ctx->split);
  snprintf(result->where, sizeof result->where, "%s", apf_context_description(ctx));
  result->threads = apf_context_threads(ctx);

  bench_case *c = typed->create(shape, ctx);
  const char *complaint = c ? measure(typed, c, ctx, repeats, result) : "not enough memory";
  result->scratch = (double)ctx->workspace_bytes;
  typed->destroy(c);
  if (complaint)
    fprintf(stderr, "allpole_bench: %s %s %s, B=%lld T=%lld F=%lld M=%lld: %s (error %g) %s\n",
            bench_operator_name(shape->op), bench_pass_name(shape->pass),
            bench_dtype_name(shape->dtype), (long long)shape->B, (long long)shape->T,
            (long long)shape->F, (long long)shape->M, complaint, result->error,
            apf_last_error(ctx));
  return !complaint;
}
