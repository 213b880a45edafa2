/**
 * Mean absolute difference after pre-emphasis, and its gradient.
 *
 *   v[t] = e[t] - e[t-1] + d v[t-1],   e = pred - target,  d = 0.995,   loss = mean |v|
 *   u[t] = s[t] + d u[t+1],  dpred[t] = u[t] - u[t+1],   s[t] = dloss sign(v[t]) / T,  dtarget =
 * -dpred
 *
 * With f[t] = e[t] + d f[t-1], v[t] = e[t] - (1-d) f[t-1], and dpred[t] = s[t] - (1-d) u[t+1]: both
 * directions are one decaying sum (decay.h), without cancellation.
 *
 * Long rows are cut into chunks, each of which starts RUN_IN samples early from rest: d^RUN_IN is
 * below rounding. Chunks depend on T alone, so the result does not depend on the number of threads.
 */
#include "cpu/cpu.h"
#include "cpu/decay.h"
#include "cpu/prefetch.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum {
  RUN_IN = APF_REAL_IS_FLOAT ? 4096 : 8192, /* 0.995^RUN_IN = 1e-9, 1e-18 */
  CHUNK = 65536,
  BLOCK = 256, /* absolute values are added up in vectors over a block, then in double */
  PARALLEL_FROM = 8192
};

static const double DECAY = 0.995;

/** x[t] - (1-d) f[t-1] with f[t] = x[t] + d f[t-1]; *f is the f before x, then the last of x. */
static inline vec emphasize(const decay *c, vec x, double *f)
{
  const vec before = vec_of((real)*f);
  return x - vec_of((real)(1 - DECAY)) * SVEC_UP(decay_up(c, x, f), before, 1);
}

/** The same backwards in time: *f is the f behind x, then the first of x. */
static inline vec emphasize_reversed(const decay *c, vec x, double *f)
{
  const vec behind = vec_of((real)*f);
  return x - vec_of((real)(1 - DECAY)) * SVEC_DOWN(decay_down(c, x, f), behind, 1);
}

/** n <= LANES elements, then zeros. */
static inline vec load_part(const real *p, int64_t n)
{
  if (n >= LANES) return vec_load(p);
  vec v = vec_of(0);
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}

static inline void store_part(real *p, vec v, int64_t n)
{
  if (n >= LANES)
    vec_store(p, v);
  else
    for (int i = 0; i < n; i++) p[i] = v[i];
}

static inline vec error_at(const real *pred, const real *target, int64_t t, int64_t end)
{
  prefetch_ahead(pred + t, LANES);
  prefetch_ahead(target + t, LANES);
  return load_part(pred + t, end - t) - load_part(target + t, end - t);
}

static inline vec magnitude(vec v)
{
  return vec_select(v < vec_of(0), -v, v);
}

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t chunk_start(int64_t chunk)
{
  return chunk * CHUNK;
}

/** The state before a chunk, found by running in from rest. */
static double run_in(const decay *c, int64_t chunk, const real *pred, const real *target)
{
  const int64_t start = chunk_start(chunk);
  double f = 0;
  for (int64_t t = chunk ? start - RUN_IN : start; t < start; t += LANES)
    emphasize(c, error_at(pred, target, t, start), &f);
  return f;
}

/** Sum of |v| over a chunk. */
static double chunk_sum(const decay *c, int64_t chunk, int64_t T, const real *pred,
                        const real *target)
{
  const int64_t end = least(T, chunk_start(chunk + 1));
  double f = run_in(c, chunk, pred, target);
  double sum = 0;
  for (int64_t block = chunk_start(chunk); block < end; block += BLOCK) {
    vec part = vec_of(0);
    for (int64_t t = block; t < least(end, block + BLOCK); t += LANES) {
      const vec v = emphasize(c, error_at(pred, target, t, end), &f);
      if (end - t >= LANES)
        part += magnitude(v);
      else /* behind the end v goes on decaying */
        for (int i = 0; i < end - t; i++) part[0] += magnitude(v)[i];
    }
    sum += vec_sum(part);
  }
  return sum;
}

apf_status APF_CPU(preemphasis_l1_forward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                           const real *pred, const real *target, real *loss)
{
  const int64_t chunks = (T + CHUNK - 1) / CHUNK;
  const decay c = decay_of(DECAY);
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)(B * chunks) * sizeof(double), &workspace));
  double *sums = workspace;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= PARALLEL_FROM)
  for (int64_t i = 0; i < B * chunks; i++) {
    const int64_t b = i / chunks;
    sums[i] = chunk_sum(&c, i % chunks, T, pred + b * T, target + b % R * T);
  }
  for (int64_t b = 0; b < B; b++) {
    double sum = 0;
    for (int64_t i = 0; i < chunks; i++) sum += sums[b * chunks + i];
    loss[b] = (real)(sum / (double)T);
  }
  return APF_OK;
}

/** scale * sign(v) for a chunk and the RUN_IN samples behind it, zeros up to a whole vector. */
static void chunk_signs(const decay *c, int64_t chunk, int64_t T, const real *pred,
                        const real *target, real scale, real *signs)
{
  const int64_t start = chunk_start(chunk), end = least(T, chunk_start(chunk + 1) + RUN_IN);
  const vec zero = vec_of(0), plus = vec_of(scale), minus = vec_of(-scale);
  double f = run_in(c, chunk, pred, target);
  for (int64_t t = start; t < end; t += LANES) {
    const vec v = emphasize(c, error_at(pred, target, t, end), &f);
    const vec sign = vec_select(v > zero, plus, vec_select(v < zero, minus, zero));
    vec_store(signs + (t - start), sign);
    for (int64_t i = end - t; i < LANES; i++) signs[t - start + i] = 0;
  }
}

/** Where a row's gradient goes; each may be NULL. */
typedef struct outputs {
  real *dpred, *dtarget;
  int add_to_target; /**< to what is there; otherwise written */
} outputs;

/** Runs backward over a chunk's signs, from the run-in behind it to its first sample. */
static void chunk_gradient(const decay *c, int64_t chunk, int64_t T, const real *signs,
                           const outputs *to)
{
  const int64_t start = chunk_start(chunk), own_end = least(T, chunk_start(chunk + 1));
  const int64_t end = least(T, chunk_start(chunk + 1) + RUN_IN);
  double u = 0;
  for (int64_t t = start + (end - start - 1) / LANES * LANES; t >= start; t -= LANES) {
    const vec gradient = emphasize_reversed(c, vec_load(signs + (t - start)), &u);
    const int64_t n = own_end - t;
    if (n <= 0) continue;
    if (to->dpred) prefetch_behind(to->dpred + t, LANES);
    if (to->dpred) store_part(to->dpred + t, gradient, n);
    if (!to->dtarget) continue;
    const vec before = to->add_to_target ? load_part(to->dtarget + t, n) : vec_of(0);
    store_part(to->dtarget + t, before - gradient, n);
  }
}

static int thread_number(void)
{
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

apf_status APF_CPU(preemphasis_l1_backward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                            const real *dloss, const real *pred, const real *target,
                                            real *dpred, real *dtarget)
{
  enum { SIGNS = CHUNK + RUN_IN };
  const int64_t chunks = (T + CHUNK - 1) / CHUNK;
  const int64_t groups = dtarget ? R : B; /* rows of one target are added up by one thread */
  const decay c = decay_of(DECAY);
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)ctx->threads * SIGNS * sizeof(real), &workspace));
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= PARALLEL_FROM)
  for (int64_t i = 0; i < groups * chunks; i++) {
    const int64_t group = i / chunks, chunk = i % chunks;
    real *signs = (real *)workspace + (int64_t)thread_number() * SIGNS;
    for (int64_t b = group; b < B; b += groups) {
      const outputs to = {dpred ? dpred + b * T : NULL, dtarget ? dtarget + group * T : NULL,
                          b != group};
      chunk_signs(&c, chunk, T, pred + b * T, target + b % R * T, dloss[b] / (real)T, signs);
      chunk_gradient(&c, chunk, T, signs, &to);
    }
  }
  return APF_OK;
}
