/**
 * Mean absolute difference after pre-emphasis, and its gradient.
 *
 *   v[t] = e[t] - e[t-1] + d v[t-1],   e = pred - target,  d = 0.995,   loss = mean |v|
 *   u[t] = s[t] + d u[t+1],  dpred[t] = u[t] - u[t+1],   s[t] = dloss sign(v[t]) / T,  dtarget =
 * -dpred
 *
 * With f[t] = e[t] + d f[t-1], v[t] = e[t] - (1-d) f[t-1], and dpred[t] = s[t] - (1-d) u[t+1]: both
 * directions are one decaying sum, without cancellation. A constant d makes the sum one of shifted
 * copies (s_2k[t] = s_k[t] + d^k s_k[t-k]), so a single row fills the vector registers.
 *
 * Long rows are cut into chunks, each of which starts RUN_IN samples early from rest: d^RUN_IN is
 * below rounding. Chunks depend on T alone, so the result does not depend on the number of threads.
 */
#include "cpu/cpu.h"

#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum {
  W = 16,
  BLOCK = 256,
  RUN_IN = APF_REAL_IS_FLOAT ? 4096 : 8192, /* 0.995^RUN_IN = 1e-9, 1e-18; whole blocks */
  CHUNK = 65536,
  PARALLEL_FROM = 8192
};

static const double decay = 0.995;

typedef struct powers {
  real shift[4], across; /* d, d^2, d^4, d^8; d^W */
  real state[BLOCK];     /* d^(i+1) */
} powers;

static powers new_powers(void)
{
  powers p;
  double power = 1;
  for (int i = 0; i < BLOCK; i++) p.state[i] = (real)(power *= decay);
  for (int k = 0; k < 4; k++) p.shift[k] = p.state[(1 << k) - 1];
  p.across = p.state[W - 1];
  return p;
}

static inline void add_shifted(real power, int shift, const real *v, real *out)
{
  for (int t = W; t < W + BLOCK; t++) out[t] = v[t] + power * v[t - shift];
}

/** f[t] = e[t] + d f[t-1] over a block, f[-1] = state. e stands behind W zeros in `a`. */
static inline void decaying_sum(const powers *p, real *a, real state, real *f)
{
  real b[W + BLOCK] = {0};
  add_shifted(p->shift[0], 1, a, b);
  add_shifted(p->shift[1], 2, b, a);
  add_shifted(p->shift[2], 4, a, b);
  add_shifted(p->shift[3], 8, b, a);
  for (int group = 1; group < BLOCK / W; group++) {
    real *at = a + W + group * W;
    for (int i = 0; i < W; i++) at[i] += p->across * at[i - W];
  }
  for (int t = 0; t < BLOCK; t++) f[t] = a[W + t] + p->state[t] * state;
}

typedef struct span {
  int64_t start, end;
} span;

/** The samples that a chunk covers, widened on both sides as far as the row goes. */
static span chunk_of(int64_t chunk, int64_t T, int64_t before, int64_t after)
{
  const int64_t start = chunk * CHUNK - before, end = (chunk + 1) * CHUNK + after;
  return (span){start < 0 ? 0 : start, end > T ? T : end};
}

/** v of samples start..start+n-1 (n <= BLOCK) into `v`; *f is the sum before, then after them. */
static inline void residual_block(const powers *p, const real *pred, const real *target, int n,
                                  real *f, real *v)
{
  real a[W + BLOCK] = {0}, e[BLOCK] = {0}, sum[BLOCK];
  for (int i = 0; i < n; i++) e[i] = a[W + i] = pred[i] - target[i];
  decaying_sum(p, a, *f, sum);
  const real lost = (real)(1 - decay);
  v[0] = e[0] - lost * *f;
  for (int i = 1; i < BLOCK; i++) v[i] = e[i] - lost * sum[i - 1];
  *f = sum[n - 1];
}

static int block_length(int64_t left)
{
  return left < BLOCK ? (int)left : BLOCK;
}

/** Sum of |v| over a chunk. */
static double chunk_sum(const powers *p, int64_t chunk, int64_t T, const real *pred,
                        const real *target)
{
  const span s = chunk_of(chunk, T, RUN_IN, 0);
  real f = 0, v[BLOCK];
  double sum = 0;
  for (int64_t t = s.start; t < s.end; t += BLOCK) {
    const int n = block_length(s.end - t);
    residual_block(p, pred + t, target + t, n, &f, v);
    if (t < chunk * CHUNK) continue;
    real part = 0;
#pragma omp simd reduction(+ : part)
    for (int i = 0; i < n; i++) part += APF_MATH(fabs)(v[i]);
    sum += (double)part;
  }
  return sum;
}

apf_status APF_CPU(preemphasis_l1_forward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                           const real *pred, const real *target, real *loss)
{
  const int64_t chunks = (T + CHUNK - 1) / CHUNK;
  const powers p = new_powers();
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)(B * chunks) * sizeof(double), &workspace));
  double *sums = workspace;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= PARALLEL_FROM)
  for (int64_t i = 0; i < B * chunks; i++) {
    const int64_t b = i / chunks;
    sums[i] = chunk_sum(&p, i % chunks, T, pred + b * T, target + b % R * T);
  }
  for (int64_t b = 0; b < B; b++) {
    double sum = 0;
    for (int64_t i = 0; i < chunks; i++) sum += sums[b * chunks + i];
    loss[b] = (real)(sum / (double)T);
  }
  return APF_OK;
}

/** scale * sign(v) for a chunk and the RUN_IN samples behind it, into `signs`. */
static void chunk_signs(const powers *p, int64_t chunk, int64_t T, const real *pred,
                        const real *target, real scale, real *signs)
{
  const span from = chunk_of(chunk, T, RUN_IN, RUN_IN), wanted = chunk_of(chunk, T, 0, RUN_IN);
  real f = 0, v[BLOCK];
  for (int64_t t = from.start; t < from.end; t += BLOCK) {
    const int n = block_length(from.end - t);
    residual_block(p, pred + t, target + t, n, &f, v);
    real *to = signs + (t - wanted.start);
    for (int i = 0; t >= wanted.start && i < n; i++)
      to[i] = v[i] > 0 ? scale : v[i] < 0 ? -scale : 0;
  }
}

/** Where a chunk's gradient goes: added to what is there, or written. Each may be NULL. */
typedef struct outputs {
  real *dpred, *dtarget;
  int add_to_target;
} outputs;

static void store(const outputs *to, int64_t t, int n, const real *gradient)
{
  for (int i = 0; to->dpred && i < n; i++) to->dpred[t + i] = gradient[i];
  if (!to->dtarget) return;
  real *dtarget = to->dtarget + t;
  for (int i = 0; i < n; i++) dtarget[i] = (to->add_to_target ? dtarget[i] : 0) - gradient[i];
}

/** Runs backward over the chunk's signs, from the run-in behind it to its first sample. */
static void chunk_gradient(const powers *p, int64_t chunk, int64_t T, const real *signs,
                           const outputs *to)
{
  const span s = chunk_of(chunk, T, 0, RUN_IN), own = chunk_of(chunk, T, 0, 0);
  const int64_t blocks = (s.end - s.start + BLOCK - 1) / BLOCK;
  const real lost = (real)(1 - decay);
  real u = 0;
  for (int64_t k = blocks - 1; k >= 0; k--) {
    const int64_t t = s.start + k * BLOCK;
    const int n = block_length(s.end - t);
    const real *at = signs + k * BLOCK;
    real a[W + BLOCK] = {0}, sum[BLOCK], gradient[BLOCK];
    for (int i = 0; i < n; i++) a[W + i] = at[n - 1 - i]; /* time runs backwards */
    decaying_sum(p, a, u, sum);
    for (int i = 0; i < n - 1; i++) gradient[i] = at[i] - lost * sum[n - 2 - i];
    gradient[n - 1] = at[n - 1] - lost * u;
    u = sum[n - 1];
    if (t < own.end) store(to, t, n, gradient);
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
  const powers p = new_powers();
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)ctx->threads * SIGNS * sizeof(real), &workspace));
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= PARALLEL_FROM)
  for (int64_t i = 0; i < groups * chunks; i++) {
    const int64_t group = i / chunks, chunk = i % chunks;
    real *signs = (real *)workspace + (int64_t)thread_number() * SIGNS;
    for (int64_t b = group; b < B; b += groups) {
      const outputs to = {dpred ? dpred + b * T : NULL, dtarget ? dtarget + group * T : NULL,
                          b != group};
      chunk_signs(&p, chunk, T, pred + b * T, target + b % R * T, (real)(dloss[b] / (real)T),
                  signs);
      chunk_gradient(&p, chunk, T, signs, &to);
    }
  }
  return APF_OK;
}
