/**
 * One-pole average with a constant coefficient per row, and its adjoint.
 *
 *   y[t] = d y[t-1] + c x[t],   d = 1 - c,  y[-1] = zi
 *   u[t] = dy[t] + d u[t+1],    dx = c u,  dc = sum_t u[t] (x[t] - y[t-1]),  dzi = d u[0]
 *   y'[t] = d y'[t-1] + c x'[t] + c' (x[t] - y[t-1])
 *
 * A constant coefficient makes the recursion a sum of shifted copies: with s_1 = x,
 * s_2k[t] = s_k[t] + d^k s_k[t-k], and y[t] = s_W[t] + d^W y[t-W]. On blocks that stay in the first
 * cache each of these is a loop without carried dependence (the last one carries over W samples),
 * so a single row fills the vector registers. Powers of d are taken in double: 1 - c in float would
 * change a slow average's time constant.
 */
#include "cpu/cpu.h"

#include <math.h>

enum { W = 16, BLOCK = 256 };

/** Powers of d that a block needs. Those that would underflow are zero: no denormals. */
typedef struct powers {
  real c, shift[4], across; /* d, d^2, d^4, d^8; d^W */
  real state[BLOCK];        /* d^(i+1) */
} powers;

static void set_powers(powers *p, real c)
{
  const double tiny = APF_REAL_IS_FLOAT ? 1e-30 : 1e-290;
  double d = 1 - (double)c;
  p->c = c;
  double power = 1;
  for (int i = 0; i < BLOCK; i++) {
    power *= d;
    if (fabs(power) < tiny) power = 0;
    p->state[i] = (real)power;
  }
  for (int k = 0; k < 4; k++) p->shift[k] = p->state[(1 << k) - 1];
  p->across = p->state[W - 1];
}

static inline void add_shifted(real power, int shift, const real *restrict v, real *restrict out)
{
  for (int t = 0; t < BLOCK; t++) out[t] = v[t] + power * v[t - shift];
}

/**
 * v[t] <- v[t] + d v[t-direction] over a block, from rest; direction 1 or -1. `v` and `other` have
 * W zeros on either side. The result is in v.
 */
static inline void scan(const powers *p, const int direction, real *v, real *other)
{
  for (int k = 0; k < 4; k += 2) {
    add_shifted(p->shift[k], direction * (1 << k), v, other);
    add_shifted(p->shift[k + 1], direction * (2 << k), other, v);
  }
  for (int group = 1; group < BLOCK / W; group++) {
    real *at = v + (direction > 0 ? group : BLOCK / W - 1 - group) * W;
    for (int i = 0; i < W; i++) at[i] += p->across * at[i - direction * W];
  }
}

typedef struct buffers {
  real a[BLOCK + 2 * W], b[BLOCK + 2 * W];
} buffers;

static void zero_edges(buffers *s)
{
  for (int i = 0; i < W; i++) s->a[i] = s->b[i] = s->a[W + BLOCK + i] = s->b[W + BLOCK + i] = 0;
}

static real forward_row(int64_t T, const powers *p, const real *x, real state, real *y)
{
  buffers s;
  zero_edges(&s);
  real *v = s.a + W;
  for (int64_t start = 0; start < T; start += BLOCK) {
    const int n = T - start < BLOCK ? (int)(T - start) : BLOCK;
    for (int i = 0; i < n; i++) v[i] = p->c * x[start + i];
    for (int i = n; i < BLOCK; i++) v[i] = 0;
    scan(p, 1, v, s.b + W);
    for (int i = 0; i < n; i++) y[start + i] = v[i] + p->state[i] * state;
    state = y[start + n - 1];
  }
  return state;
}

apf_status APF_CPU(one_pole_forward)(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                     const real *c, const real *zi, real *y, real *zf)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    powers p;
    set_powers(&p, c[b]);
    real state = forward_row(T, &p, x + b * T, zi ? zi[b] : 0, y + b * T);
    if (zf) zf[b] = state;
  }
  return APF_OK;
}

/** What the backward pass of one row reads. */
typedef struct upstream {
  const real *dy, *x, *y;
  real zi, dzf;
} upstream;

/** Returns d u[0], the initial state's gradient; *dc is the coefficient's where wanted. */
static real backward_row(int64_t T, const powers *p, const upstream *in, real *dx, real *dc)
{
  buffers s;
  zero_edges(&s);
  real *u = s.a + W, state = in->dzf;
  double sum = 0;
  const int64_t blocks = (T + BLOCK - 1) / BLOCK;
  for (int64_t k = blocks - 1; k >= 0; k--) {
    const int64_t start = k * BLOCK;
    const int n = T - start < BLOCK ? (int)(T - start) : BLOCK;
    for (int i = 0; i < n; i++) u[i] = in->dy[start + i];
    for (int i = n; i < BLOCK; i++) u[i] = 0;
    /* The final state's gradient enters like one more dy; later blocks hand over d u[t+1]. */
    u[n - 1] += state;
    scan(p, -1, u, s.b + W);
    state = p->shift[0] * u[0];
    if (dc) {
      const real *x = in->x + start, *y = in->y + start;
      real part = u[0] * (x[0] - (start ? y[-1] : in->zi));
      for (int i = 1; i < n; i++) part += u[i] * (x[i] - y[i - 1]);
      sum += (double)part;
    }
    if (dx)
      for (int i = 0; i < n; i++) dx[start + i] = p->c * u[i];
  }
  if (dc) *dc = (real)sum;
  return state;
}

apf_status APF_CPU(one_pole_backward)(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                      const real *dzf, const real *x, const real *c, const real *zi,
                                      const real *y, real *dx, real *dc, real *dzi)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    powers p;
    set_powers(&p, c[b]);
    const upstream in = {dy + b * T, x ? x + b * T : NULL, y ? y + b * T : NULL, zi ? zi[b] : 0,
                         dzf ? dzf[b] : 0};
    real before = backward_row(T, &p, &in, dx ? dx + b * T : NULL, dc ? dc + b : NULL);
    if (dzi) dzi[b] = before;
  }
  return APF_OK;
}

apf_status APF_CPU(one_pole_jvp)(apf_context *ctx, int64_t B, int64_t T, const real *x_dot,
                                 const real *c_dot, const real *zi_dot, const real *x,
                                 const real *c, const real *zi, const real *y, real *y_dot,
                                 real *zf_dot)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    powers p;
    set_powers(&p, c[b]);
    p.c = 1; /* both terms below already hold their factor */
    real *out = y_dot + b * T;
    for (int64_t t = 0; t < T; t++) {
      const real before = t ? y[b * T + t - 1] : zi ? zi[b] : 0;
      out[t] =
          (x_dot ? c[b] * x_dot[b * T + t] : 0) + (c_dot ? c_dot[b] * (x[b * T + t] - before) : 0);
    }
    real state = forward_row(T, &p, out, zi_dot ? zi_dot[b] : 0, out);
    if (zf_dot) zf_dot[b] = state;
  }
  return APF_OK;
}

apf_status APF_CPU(one_pole_forward_reference)(apf_context *ctx, int64_t B, int64_t T,
                                               const real *x, const real *c, const real *zi,
                                               real *y, real *zf)
{
  (void)ctx;
  for (int64_t b = 0; b < B; b++) {
    real state = zi ? zi[b] : 0;
    for (int64_t t = 0; t < T; t++) {
      state += c[b] * (x[b * T + t] - state);
      y[b * T + t] = state;
    }
    if (zf) zf[b] = state;
  }
  return APF_OK;
}

apf_status APF_CPU(one_pole_backward_reference)(apf_context *ctx, int64_t B, int64_t T,
                                                const real *dy, const real *dzf, const real *x,
                                                const real *c, const real *zi, const real *y,
                                                real *dx, real *dc, real *dzi)
{
  (void)ctx;
  for (int64_t b = 0; b < B; b++) {
    real carried = dzf ? dzf[b] : 0, sum = 0;
    for (int64_t t = T - 1; t >= 0; t--) {
      const real before = t ? y[b * T + t - 1] : zi ? zi[b] : 0;
      const real u = dy[b * T + t] + carried;
      if (dx) dx[b * T + t] = c[b] * u;
      sum += u * (x[b * T + t] - before);
      carried = (1 - c[b]) * u;
    }
    if (dc) dc[b] = sum;
    if (dzi) dzi[b] = carried;
  }
  return APF_OK;
}
