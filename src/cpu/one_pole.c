/**
 * One-pole average with a constant coefficient per row, and its adjoint.
 *
 *   y[t] = d y[t-1] + c x[t],   d = 1 - c,  y[-1] = zi
 *   u[t] = dy[t] + d u[t+1],    u[T-1] = dy[T-1] + dzf
 *   dx = c u,  dc = sum_t u[t] (x[t] - y[t-1]),  dzi = d u[0]
 *   y'[t] = d y'[t-1] + c x'[t] + c' (x[t] - y[t-1])
 *
 * All are sums that decay by a constant factor, whose lanes run along time (decay.h), so a single
 * row fills the vector registers. d is taken in double: 1 - c in float would change a slow
 * average's time constant. Threads share out the rows, or time where rows are few and long
 * (scan.h).
 */
#include "cpu/cpu.h"
#include "cpu/decay.h"
#include "cpu/prefetch.h"
#include "cpu/scan.h"

enum { BLOCK = 64 }; /* vectors whose sums run in `real` */

static double factor_of(const real *c, int64_t b)
{
  return 1 - (double)c[b];
}

/** What a span of n samples makes of the state before it. */
static scalar_affine span_map(double d, int64_t n, double from_rest)
{
  return (scalar_affine){(real)decay_power(d, n), (real)from_rest};
}

/* --- forward and forward mode ----------------------------------------------------------------- */

/** out[t] = d out[t-1] + drive[t]; out[-1] = start. Arrays are (B, T), the others (B). */
typedef struct forward_arrays {
  int64_t T;
  const real *c, *start;
  const real *input;              /* drive = c input; NULL: zero */
  const real *c_dot, *x, *y, *zi; /* forward mode, if c_dot is wanted: + c_dot (x[t] - y[t-1]) */
  real *out, *end;
} forward_arrays;

/** One of the rows. */
typedef struct forward_row {
  real c, c_dot, zi;
  const real *input, *x, *y; /* x NULL: without c_dot */
  real *out;
} forward_row;

static forward_row forward_row_of(const forward_arrays *p, int64_t b)
{
  return (forward_row){
      .c = p->c[b],
      .c_dot = p->c_dot ? p->c_dot[b] : 0,
      .zi = p->zi ? p->zi[b] : 0,
      .input = p->input ? p->input + b * p->T : NULL,
      .x = p->c_dot ? p->x + b * p->T : NULL,
      .y = p->c_dot ? p->y + b * p->T : NULL,
      .out = p->out + b * p->T,
  };
}

static inline vec drives_at(const forward_row *r, int64_t t)
{
  vec drive = vec_of(0);
  if (r->input) drive = vec_of(r->c) * vec_load(r->input + t);
  if (r->x) drive += vec_of(r->c_dot) * (vec_load(r->x + t) - vec_load(r->y + t - 1));
  return drive;
}

static inline real drive_at(const forward_row *r, int64_t t)
{
  real drive = r->input ? r->c * r->input[t] : 0;
  if (r->x) drive += r->c_dot * (r->x[t] - (t > 0 ? r->y[t - 1] : r->zi));
  return drive;
}

static real run_forward(const void *arrays, int64_t b, int64_t from, int64_t to, real state,
                        double *sums)
{
  const forward_row r = forward_row_of(arrays, b);
  const decay d = decay_of(factor_of(((const forward_arrays *)arrays)->c, b));
  double f = (double)state;
  int64_t t = from;
  (void)sums;
  if (t == 0 && t < to) { /* by itself: in forward mode the vectors read y[t-1] */
    f = d.d * f + (double)drive_at(&r, t);
    r.out[t++] = (real)f;
  }
  for (; t + LANES <= to; f = decay_flush(f))
    for (int i = 0; i < BLOCK && t + LANES <= to; i++, t += LANES) {
      if (r.input) prefetch_ahead(r.input + t, LANES);
      prefetch_ahead(r.out + t, LANES);
      vec_store(r.out + t, decay_up(&d, drives_at(&r, t), &f));
    }
  for (; t < to; t++) {
    f = d.d * f + (double)drive_at(&r, t);
    r.out[t] = (real)f;
  }
  return (real)f;
}

static scalar_affine map_forward(const void *arrays, int64_t b, int64_t from, int64_t to)
{
  const forward_row r = forward_row_of(arrays, b);
  const decay d = decay_of(factor_of(((const forward_arrays *)arrays)->c, b));
  double f = 0;
  int64_t t = from;
  for (; t + LANES <= to; t += LANES) decay_up(&d, drives_at(&r, t), &f);
  for (; t < to; t++) f = d.d * f + (double)drive_at(&r, t);
  return span_map(d.d, to - from, f);
}

static real start_forward(const void *arrays, int64_t b)
{
  const forward_arrays *p = arrays;
  return p->start ? p->start[b] : 0;
}

static void finish_forward(const void *arrays, int64_t b, real state, const double *sums)
{
  const forward_arrays *p = arrays;
  (void)sums;
  if (p->end) p->end[b] = state;
}

static apf_status forward(apf_context *ctx, int64_t B, const forward_arrays *arrays)
{
  const scan_operator op = {.arrays = arrays,
                            .B = B,
                            .T = arrays->T,
                            .start = start_forward,
                            .map = map_forward,
                            .run = run_forward,
                            .finish = finish_forward};
  return APF_CPU(scan_sequences)(ctx, &op);
}

apf_status APF_CPU(one_pole_forward)(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                     const real *c, const real *zi, real *y, real *zf)
{
  const forward_arrays arrays = {.T = T, .c = c, .start = zi, .input = x, .out = y, .end = zf};
  return forward(ctx, B, &arrays);
}

apf_status APF_CPU(one_pole_jvp)(apf_context *ctx, int64_t B, int64_t T, const real *x_dot,
                                 const real *c_dot, const real *zi_dot, const real *x,
                                 const real *c, const real *zi, const real *y, real *y_dot,
                                 real *zf_dot)
{
  const forward_arrays arrays = {.T = T,
                                 .c = c,
                                 .start = zi_dot,
                                 .input = x_dot,
                                 .c_dot = c_dot,
                                 .x = x,
                                 .y = y,
                                 .zi = zi,
                                 .out = y_dot,
                                 .end = zf_dot};
  return forward(ctx, B, &arrays);
}

/* --- backward --------------------------------------------------------------------------------- */

/** The state is u of the sample behind a span; the span that ends at T takes dzf in its place. */
typedef struct backward_arrays {
  int64_t T;
  const real *dy, *dzf, *x, *c, *zi, *y;
  real *dx, *dc, *dzi;
} backward_arrays;

/** One of the rows. */
typedef struct backward_row {
  int64_t T;
  real c, zi;
  const real *dy, *x, *y; /* x NULL: without the coefficient's gradient */
  real *dx;               /* NULL: not wanted */
} backward_row;

static backward_row backward_row_of(const backward_arrays *p, int64_t b)
{
  return (backward_row){
      .T = p->T,
      .c = p->c[b],
      .zi = p->zi ? p->zi[b] : 0,
      .dy = p->dy + b * p->T,
      .x = p->dc ? p->x + b * p->T : NULL,
      .y = p->dc ? p->y + b * p->T : NULL,
      .dx = p->dx ? p->dx + b * p->T : NULL,
  };
}

/** From u[t+1] to u[t]; stores dx[t], adds to the sum. */
static inline double backward_sample(const backward_row *r, double d, int64_t t, double behind,
                                     double *sum)
{
  const double u = (double)r->dy[t] + (t + 1 == r->T ? behind : d * behind);
  if (r->x) *sum += u * (double)(r->x[t] - (t > 0 ? r->y[t - 1] : r->zi));
  if (r->dx) r->dx[t] = (real)((double)r->c * u);
  return u;
}

static inline void prefetch_row(const backward_row *r, int64_t t)
{
  prefetch_behind(r->dy + t, LANES);
  if (r->x) prefetch_behind(r->x + t, LANES);
  if (r->x) prefetch_behind(r->y + t, LANES);
  if (r->dx) prefetch_behind(r->dx + t, LANES);
}

static real run_backward(const void *arrays, int64_t b, int64_t from, int64_t to, real state,
                         double *sums)
{
  const backward_row r = backward_row_of(arrays, b);
  const decay d = decay_of(factor_of(((const backward_arrays *)arrays)->c, b));
  const int64_t low = from > 0 ? from : 1; /* vectors read y[t-1] */
  double u = (double)state;
  int64_t t = to;
  if (t == r.T) u = backward_sample(&r, d.d, --t, u, sums);
  for (; t - LANES >= low; u = decay_flush(u)) {
    vec sum = vec_of(0);
    for (int i = 0; i < BLOCK && t - LANES >= low; i++) {
      t -= LANES;
      prefetch_row(&r, t);
      const vec us = decay_down(&d, vec_load(r.dy + t), &u);
      if (r.x) sum += us * (vec_load(r.x + t) - vec_load(r.y + t - 1));
      if (r.dx) vec_store(r.dx + t, vec_of(r.c) * us);
    }
    sums[0] += (double)vec_sum(sum);
  }
  while (t > from) u = backward_sample(&r, d.d, --t, u, sums);
  return (real)u;
}

static scalar_affine map_backward(const void *arrays, int64_t b, int64_t from, int64_t to)
{
  const backward_arrays *p = arrays;
  const real *dy = p->dy + b * p->T;
  const decay d = decay_of(factor_of(p->c, b));
  double u = 0;
  int64_t t = to;
  while (t - LANES >= from) decay_down(&d, vec_load(dy + (t -= LANES)), &u);
  while (t > from) u = d.d * u + (double)dy[--t];
  return span_map(d.d, to - from, u);
}

static real start_backward(const void *arrays, int64_t b)
{
  const backward_arrays *p = arrays;
  return p->dzf ? p->dzf[b] : 0;
}

static void finish_backward(const void *arrays, int64_t b, real state, const double *sums)
{
  const backward_arrays *p = arrays;
  if (p->dc) p->dc[b] = (real)sums[0];
  if (p->dzi) p->dzi[b] = p->T == 0 ? state : (real)(factor_of(p->c, b) * (double)state);
}

apf_status APF_CPU(one_pole_backward)(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                      const real *dzf, const real *x, const real *c, const real *zi,
                                      const real *y, real *dx, real *dc, real *dzi)
{
  const backward_arrays arrays = {T, dy, dzf, x, c, zi, y, dx, dc, dzi};
  const scan_operator op = {.arrays = &arrays,
                            .B = B,
                            .T = T,
                            .reverse = 1,
                            .start = start_backward,
                            .map = map_backward,
                            .run = run_backward,
                            .finish = finish_backward};
  return APF_CPU(scan_sequences)(ctx, &op);
}

/* --- plainly ---------------------------------------------------------------------------------- */

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
