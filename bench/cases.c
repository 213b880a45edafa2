/**
 * The operators at a given size: their data, how to call them, and the loops that they are checked
 * against, written from the equations and computed in double. Compiled once per type: `real` and
 * `SUFFIX` come from the build.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define PASTE_(a, b) a##_##b
#define PASTE(a, b)  PASTE_(a, b)
#define TYPED(name)  PASTE(name, SUFFIX)

struct bench_case {
  bench_shape shape;
  int64_t nx, na, ny;
  int64_t kept; /* elements of x and y that backward reads again */
  real *x, *a, *y, *dy, *dx, *da;
};

typedef struct operator_entry {
  void (*sizes)(bench_case *c);
  apf_status (*forward)(bench_case *c, apf_context *ctx);
  apf_status (*backward)(bench_case *c, apf_context *ctx);
  void (*plain_forward)(const bench_case *c, double *y);
  void (*plain_backward)(const bench_case *c, double *dx, double *da);
} operator_entry;

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
  const real *a = c->a + (b * F + i) * M + m;
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

static apf_status allpole_forward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_allpole_forward)(ctx, s->B, s->T, s->F, s->M, c->x, c->a, NULL, c->y, NULL);
}

static apf_status allpole_backward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_allpole_backward)(ctx, s->B, s->T, s->F, s->M, c->dy, NULL, c->a, NULL, c->y,
                                     c->dx, c->da, NULL);
}

static void allpole_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T, M = c->shape.M;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++) {
      double sum = (double)c->x[b * T + t];
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
      double sum = (double)c->dy[b * T + t];
      for (int64_t m = 0; m < M && t + 1 + m < T; m++)
        sum -= coefficient(c, b, t + 1 + m, m) * dx[b * T + t + 1 + m];
      dx[b * T + t] = sum;
      for (int64_t m = 0; m < M && m < t; m++)
        add_coefficient_gradient(c, da, b, t, m, -sum * (double)c->y[b * T + t - 1 - m]);
    }
}

/* --- recurrence: y[t] = a[t] y[t-1] + x[t] --- */

static apf_status recurrence_forward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_recurrence_forward)(ctx, s->B, s->T, s->F, c->x, c->a, NULL, c->y, NULL);
}

static apf_status recurrence_backward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_recurrence_backward)(ctx, s->B, s->T, s->F, c->dy, NULL, c->a, NULL, c->y, c->dx,
                                        c->da, NULL);
}

static void recurrence_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++)
      y[b * T + t] =
          (double)c->x[b * T + t] + (t > 0 ? coefficient(c, b, t, 0) * y[b * T + t - 1] : 0);
}

static void recurrence_plain_backward(const bench_case *c, double *dx, double *da)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = T - 1; t >= 0; t--) {
      dx[b * T + t] = (double)c->dy[b * T + t] +
                      (t + 1 < T ? coefficient(c, b, t + 1, 0) * dx[b * T + t + 1] : 0);
      if (t > 0)
        add_coefficient_gradient(c, da, b, t, 0, dx[b * T + t] * (double)c->y[b * T + t - 1]);
    }
}

/* --- FIR: y[t] = sum_k b[t,k] x[t-k]; M is the number of taps --- */

static apf_status fir_forward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_fir_forward)(ctx, s->B, s->T, s->F, s->M, c->x, c->a, NULL, c->y, NULL);
}

static apf_status fir_backward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_fir_backward)(ctx, s->B, s->T, s->F, s->M, c->dy, NULL, c->x, c->a, NULL, c->dx,
                                 c->da, NULL);
}

static void fir_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++) {
      double sum = 0;
      for (int64_t k = 0; k < c->shape.M && k <= t; k++)
        sum += coefficient(c, b, t, k) * (double)c->x[b * T + t - k];
      y[b * T + t] = sum;
    }
}

static void fir_plain_backward(const bench_case *c, double *dx, double *da)
{
  const int64_t T = c->shape.T;
  for (int64_t b = 0; b < c->shape.B; b++)
    for (int64_t t = 0; t < T; t++)
      for (int64_t k = 0; k < c->shape.M && k <= t; k++) {
        const double dy = (double)c->dy[b * T + t];
        dx[b * T + t - k] += coefficient(c, b, t, k) * dy;
        add_coefficient_gradient(c, da, b, t, k, (double)c->x[b * T + t - k] * dy);
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

static apf_status ballistics_forward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_ballistics_forward)(ctx, s->B, s->T, c->x, NULL, c->a, c->a + s->B, c->y, NULL);
}

static apf_status ballistics_backward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_ballistics_backward)(ctx, s->B, s->T, c->dy, NULL, c->x, NULL, c->a, c->a + s->B,
                                        c->y, c->dx, NULL, c->da, c->da + s->B);
}

static void ballistics_plain_forward(const bench_case *c, double *y)
{
  const int64_t B = c->shape.B, T = c->shape.T;
  for (int64_t b = 0; b < B; b++) {
    double last = 0;
    for (int64_t t = 0; t < T; t++) {
      const double x = (double)c->x[b * T + t];
      last += (double)c->a[x < last ? b : B + b] * (x - last);
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
      const double last = t > 0 ? (double)c->y[b * T + t - 1] : 0, x = (double)c->x[b * T + t];
      const int64_t which = x < last ? b : B + b;
      const double ds = (double)c->dy[b * T + t] + carried, step = (double)c->a[which];
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

static apf_status interpolate_forward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_interpolate_forward)(ctx, s->B, s->F, s->T, s->M, c->x, c->y);
}

static apf_status interpolate_backward(bench_case *c, apf_context *ctx)
{
  const bench_shape *s = &c->shape;
  return TYPED(apf_interpolate_backward)(ctx, s->B, s->F, s->T, s->M, c->dy, c->dx);
}

static void interpolate_plain_forward(const bench_case *c, double *y)
{
  const int64_t T = c->shape.T, M = c->shape.M;
  bench_case frames = *c;
  frames.a = c->x;
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
        add_coefficient_gradient(c, dx, b, t, m, (double)c->dy[(b * T + t) * M + m]);
}

/* The order is that of bench_operator_name(). */
#define ENTRY(name, sizes)                                                              \
  {                                                                                     \
    sizes, name##_forward, name##_backward, name##_plain_forward, name##_plain_backward \
  }
static const operator_entry operators[] = {
    ENTRY(allpole, filter_sizes), ENTRY(recurrence, filter_sizes), ENTRY(fir, filter_sizes),
    ENTRY(ballistics, ballistics_sizes), ENTRY(interpolate, interpolate_sizes)};

/* --- the case --- */

/** n values, evenly spread over low..high; 64-byte aligned. */
static real *random_array(int64_t n, uint64_t seed, double low, double high)
{
  const size_t bytes = ((size_t)n * sizeof(real) + 63) / 64 * 64;
  real *values = aligned_alloc(64, bytes ? bytes : 64);
  if (!values) return NULL;
  uint64_t state = seed;
  for (int64_t i = 0; i < n; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    values[i] = (real)(low + (high - low) * (double)(state >> 11) / 9007199254740992.0);
  }
  return values;
}

void TYPED(bench_case_destroy)(bench_case *c)
{
  if (!c) return;
  real *const arrays[] = {c->x, c->a, c->y, c->dy, c->dx, c->da};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  free(c);
}

bench_case *TYPED(bench_case_create)(const bench_shape *shape)
{
  bench_case *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->shape = *shape;
  operators[shape->op].sizes(c);
  /* Coefficients whose magnitudes sum to less than one keep every recursion stable; those of the
   * ballistics have to be positive. */
  const double bound = 0.9 / (double)shape->M;
  const bool positive = operators[shape->op].sizes == ballistics_sizes;
  c->x = random_array(c->nx, 1, -1, 1);
  c->a = random_array(c->na, 2, positive ? 0.001 : -bound, positive ? 0.1 : bound);
  c->y = random_array(c->ny, 3, 0, 0);
  c->dy = random_array(c->ny, 4, -1, 1);
  c->dx = random_array(c->nx, 5, 0, 0);
  c->da = random_array(c->na, 6, 0, 0);
  if (c->x && c->a && c->y && c->dy && c->dx && c->da) return c;
  TYPED(bench_case_destroy)(c);
  return NULL;
}

apf_status TYPED(bench_case_run)(bench_case *c, apf_context *ctx)
{
  const operator_entry *op = &operators[c->shape.op];
  apf_status status = APF_OK;
  if (c->shape.pass & BENCH_FORWARD) status = op->forward(c, ctx);
  if (status == APF_OK && (c->shape.pass & BENCH_BACKWARD)) status = op->backward(c, ctx);
  return status;
}

/** max |got - want| / max |want|; infinity if got holds anything not finite. */
static double relative_error(const real *got, const double *want, int64_t n)
{
  double difference = 0, peak = 0;
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite((double)got[i])) return INFINITY;
    difference = fmax(difference, fabs((double)got[i] - want[i]));
    peak = fmax(peak, fabs(want[i]));
  }
  return peak > 0 ? difference / peak : difference;
}

double TYPED(bench_case_error)(bench_case *c, apf_context *ctx)
{
  const operator_entry *op = &operators[c->shape.op];
  double *y = calloc((size_t)c->ny + 1, sizeof *y), *dx = calloc((size_t)c->nx + 1, sizeof *dx),
         *da = calloc((size_t)c->na + 1, sizeof *da);
  double error = INFINITY;
  if (y && dx && da) {
    op->plain_forward(c, y);
    if (!(c->shape.pass & BENCH_FORWARD)) /* backward needs an output */
      for (int64_t i = 0; i < c->ny; i++) c->y[i] = (real)y[i];
    error = 0;
    if (TYPED(bench_case_run)(c, ctx) != APF_OK) error = INFINITY;
    if (c->shape.pass & BENCH_FORWARD) error = fmax(error, relative_error(c->y, y, c->ny));
    if (c->shape.pass & BENCH_BACKWARD) {
      op->plain_backward(c, dx, da);
      error = fmax(error, relative_error(c->dx, dx, c->nx));
      error = fmax(error, relative_error(c->da, da, c->na));
    }
  }
  free(y);
  free(dx);
  free(da);
  return error;
}

void TYPED(bench_case_size)(const bench_case *c, double *bytes, double *samples)
{
  const double x = (double)c->nx, a = (double)c->na, y = (double)c->ny;
  double reals = 0;
  if (c->shape.pass & BENCH_FORWARD) reals += x + a + y; /* read x, a; write y */
  if (c->shape.pass & BENCH_BACKWARD) /* read dy, a, what is kept; write dx, da */
    reals += y + a + (double)c->kept + x + a;
  *bytes = reals * (double)sizeof(real);
  *samples = y;
}
