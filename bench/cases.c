/**
 * The operators at a given size: how to call them, and the loops that they are checked against,
 * written from the equations and computed in double. Compiled once per type: `real` and `SUFFIX`
 * come from the build.
 */
#include "case.h"

/* --- coefficients that vary in time: F = T per sample, F = 1 constant, else between frames --- */

static void frame_of(const bench_case *c, int64_t t, int64_t *i, double *w)
{
  const int64_t F = c->shape.F, T = c->shape.T;
  *w = 0;
  if (F == 1 || T == 1) {
    *i = 0;
  } else if (F == T) {
    *i = t;
  } else {
    const double u = (double)t * (double)(F - 1) / (double)(T - 1);
    *i = (int64_t)u < F - 2 ? (int64_t)u : F - 2;
    *w = u - (double)*i;
  }
}

static double coefficient(const bench_case *c, int64_t b, int64_t t, int64_t m)
{
  const int64_t F = c->shape.F, M = c->shape.M;
  int64_t i;
  double w;
  frame_of(c, t, &i, &w);
  const real *a = c->host.a + (b * F + i) * M + m;
  return w == 0 ? (double)a[0] : (1 - w) * (double)a[0] + w * (double)a[M];
}

static void add_coefficient_gradient(const bench_case *c, double *da, int64_t b, int64_t t,
                                     int64_t m, double value)
{
  const int64_t F = c->shape.F, M = c->shape.M;
  int64_t i;
  double w;
  frame_of(c, t, &i, &w);
  da += (b * F + i) * M + m;
  da[0] += (1 - w) * value;
  if (w != 0) da[M] += w * value;
}

static void filter_sizes(bench_case *c)
{
  const bench_shape *s = &c->shape;
  c->nx = c->ny = c->kept = s->B * s->T;
  c->na = s->B * s->F * s->M;
}

/* --- all-pole: y[t] = x[t] - sum_i a[t,i] y[t-1-i] --- */

static apf_status allpole_forward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_allpole_forward)(c->ctx, s->B, s->T, s->F, s->M, d->x, d->a, NULL, d->y, NULL);
}

static apf_status allpole_backward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_allpole_backward)(c->ctx, s->B, s->T, s->F, s->M, d->dy, NULL, d->a, NULL, d->y,
                                     d->dx, d->da, NULL);
}

static void allpole_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T, M = c->shape.M;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++) {
      double sum = (double)c->host.x[b * T + t];
      for (int64_t m = 0; m < M && m < t; m++)
        sum -= coefficient(c, b, t, m) * y[b * T + t - 1 - m];
      y[b * T + t] = sum;
    }
}

static void allpole_plain_backward(const bench_case *c, double *dx, double *da)
{
  const int64_t T = c->shape.T, M = c->shape.M;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = T - 1; t >= 0; t--) {
      double sum = (double)c->host.dy[b * T + t];
      for (int64_t m = 0; m < M && t + 1 + m < T; m++)
        sum -= coefficient(c, b, t + 1 + m, m) * dx[b * T + t + 1 + m];
      dx[b * T + t] = sum;
      for (int64_t m = 0; m < M && m < t; m++)
        add_coefficient_gradient(c, da, b, t, m, -sum * (double)c->host.y[b * T + t - 1 - m]);
    }
}

/* --- recurrence: y[t] = a[t] y[t-1] + x[t] --- */

static apf_status recurrence_forward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_recurrence_forward)(c->ctx, s->B, s->T, s->F, d->x, d->a, NULL, d->y, NULL);
}

static apf_status recurrence_backward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_recurrence_backward)(c->ctx, s->B, s->T, s->F, d->dy, NULL, d->a, NULL, d->y,
                                        d->dx, d->da, NULL);
}

static void recurrence_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++)
      y[b * T + t] =
          (double)c->host.x[b * T + t] + (t > 0 ? coefficient(c, b, t, 0) * y[b * T + t - 1] : 0);
}

static void recurrence_plain_backward(const bench_case *c, double *dx, double *da)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = T - 1; t >= 0; t--) {
      dx[b * T + t] = (double)c->host.dy[b * T + t] +
                      (t + 1 < T ? coefficient(c, b, t + 1, 0) * dx[b * T + t + 1] : 0);
      if (t > 0)
        add_coefficient_gradient(c, da, b, t, 0, dx[b * T + t] * (double)c->host.y[b * T + t - 1]);
    }
}

/* --- FIR: y[t] = sum_k b[t,k] x[t-k]; M is the number of taps --- */

static apf_status fir_forward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_fir_forward)(c->ctx, s->B, s->T, s->F, s->M, d->x, d->a, NULL, d->y, NULL);
}

static apf_status fir_backward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_fir_backward)(c->ctx, s->B, s->T, s->F, s->M, d->dy, NULL, d->x, d->a, NULL,
                                 d->dx, d->da, NULL);
}

static void fir_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++) {
      double sum = 0;
      for (int64_t k = 0; k < c->shape.M && k <= t; k++)
        sum += coefficient(c, b, t, k) * (double)c->host.x[b * T + t - k];
      y[b * T + t] = sum;
    }
}

static void fir_plain_backward(const bench_case *c, double *dx, double *da)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++)
      for (int64_t k = 0; k < c->shape.M && k <= t; k++) {
        const double dy = (double)c->host.dy[b * T + t];
        dx[b * T + t - k] += coefficient(c, b, t, k) * dy;
        add_coefficient_gradient(c, da, b, t, k, (double)c->host.x[b * T + t - k] * dy);
      }
}

/* --- ballistics: y[t] = y[t-1] + c (x[t] - y[t-1]), c = attack if x[t] < y[t-1] else release;
 * `a` holds B attacks, then B releases --- */

static void ballistics_sizes(bench_case *c)
{
  c->nx = c->ny = c->shape.B * c->shape.T;
  c->na = 2 * c->shape.B;
  c->kept = c->nx + c->ny;
}

static apf_status ballistics_forward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_ballistics_forward)(c->ctx, s->B, s->T, d->x, NULL, d->a, d->a + s->B, d->y,
                                       NULL);
}

static apf_status ballistics_backward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_ballistics_backward)(c->ctx, s->B, s->T, d->dy, NULL, d->x, NULL, d->a,
                                        d->a + s->B, d->y, d->dx, NULL, d->da, d->da + s->B);
}

static void ballistics_plain_forward(const bench_case *c, double *y)
{
  const int64_t B = c->shape.B, T = c->shape.T;
  for (int64_t b = 0; b < B; b++) {
    double last = 0;
    for (int64_t t = 0; t < T; t++) {
      const double x = (double)c->host.x[b * T + t];
      last += (double)c->host.a[x < last ? b : B + b] * (x - last);
      y[b * T + t] = last;
    }
  }
}

static void ballistics_plain_backward(const bench_case *c, double *dx, double *da)
{
  const int64_t B = c->shape.B, T = c->shape.T;
  for (int64_t b = 0; b < B; b++) {
    double carried = 0;
    for (int64_t t = T - 1; t >= 0; t--) {
      const double last = t > 0 ? (double)c->host.y[b * T + t - 1] : 0,
                   x = (double)c->host.x[b * T + t];
      const int64_t which = x < last ? b : B + b;
      const double ds = (double)c->host.dy[b * T + t] + carried, step = (double)c->host.a[which];
      dx[b * T + t] = step * ds;
      da[which] += ds * (x - last);
      carried = (1 - step) * ds;
    }
  }
}

/* --- interpolation: frames x (B, F, M) to y (B, T, M). `a` stays empty, so the frames take its
 * place in the helpers above --- */

static void interpolate_sizes(bench_case *c)
{
  const bench_shape *s = &c->shape;
  c->nx = s->B * s->F * s->M;
  c->na = 0;
  c->ny = s->B * s->T * s->M;
}

static apf_status interpolate_forward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_interpolate_forward)(c->ctx, s->B, s->F, s->T, s->M, d->x, d->y);
}

static apf_status interpolate_backward(const bench_case *c)
{
  const bench_shape *s = &c->shape;
  const arrays *d = &c->there;
  return TYPED(apf_interpolate_backward)(c->ctx, s->B, s->F, s->T, s->M, d->dy, d->dx);
}

static void interpolate_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T, M = c->shape.M;
  bench_case frames = *c;
  frames.host.a = c->host.x;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++)
      for (int64_t m = 0; m < M; m++) y[(b * T + t) * M + m] = coefficient(&frames, b, t, m);
}

static void interpolate_plain_backward(const bench_case *c, double *dx, double *da)
{
  (void)da;
  const int64_t T = c->shape.T, M = c->shape.M;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++)
      for (int64_t m = 0; m < M; m++)
        add_coefficient_gradient(c, dx, b, t, m, (double)c->host.dy[(b * T + t) * M + m]);
}

#define ENTRY(name, sizes, positive)                                                              \
  {                                                                                               \
    sizes, positive, name##_forward, name##_backward, name##_plain_forward, name##_plain_backward \
  }
const operator_entry TYPED(bench_operators)[] = {
    ENTRY(allpole, filter_sizes, false), ENTRY(recurrence, filter_sizes, false),
    ENTRY(fir, filter_sizes, false), ENTRY(ballistics, ballistics_sizes, true),
    ENTRY(interpolate, interpolate_sizes, false)};
