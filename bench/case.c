/**
 * A case: its data on the host and in the backend's memory, its runs, and the comparison with the
 * plain loops. Compiled once per type, as cases.c.
 */
#include <math.h>
#include <stdlib.h>

#include "case.h"

/** n values, evenly spread over low..high. */
static real *random_array(int64_t n, uint64_t seed, double low, double high)
{
  real *values = malloc(((size_t)n + 1) * sizeof *values);
  if (!values) return NULL;
  uint64_t state = seed;
  for (int64_t i = 0; i < n; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    values[i] = (real)(low + (high - low) * (double)(state >> 11) / 9007199254740992.0);
  }
  return values;
}

/** An array on both sides. */
typedef struct pair {
  real **host, **there;
  int64_t count;
} pair;

enum { ARRAYS = 6 };

static void list_arrays(bench_case *c, pair pairs[ARRAYS])
{
  pairs[0] = (pair){&c->host.x, &c->there.x, c->nx};
  pairs[1] = (pair){&c->host.a, &c->there.a, c->na};
  pairs[2] = (pair){&c->host.y, &c->there.y, c->ny};
  pairs[3] = (pair){&c->host.dy, &c->there.dy, c->ny};
  pairs[4] = (pair){&c->host.dx, &c->there.dx, c->nx};
  pairs[5] = (pair){&c->host.da, &c->there.da, c->na};
}

void TYPED(bench_case_destroy)(bench_case *c)
{
  if (!c) return;
  pair pairs[ARRAYS];
  list_arrays(c, pairs);
  for (int i = 0; i < ARRAYS; i++) {
    free(*pairs[i].host);
    apf_release(c->ctx, *pairs[i].there);
  }
  free(c);
}

static apf_status place(bench_case *c, const pair *p)
{
  const size_t bytes = (size_t)p->count * sizeof(real);
  void *memory = NULL;
  apf_status status = apf_allocate(c->ctx, bytes, &memory);
  *p->there = memory;
  return status == APF_OK ? apf_upload(c->ctx, memory, *p->host, bytes) : status;
}

bench_case *TYPED(bench_case_create)(const bench_shape *shape, apf_context *ctx)
{
  const operator_entry *op = &TYPED(bench_operators)[shape->op];
  bench_case *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->shape = *shape;
  c->ctx = ctx;
  op->sizes(c);
  /* Coefficients whose magnitudes sum to less than one keep every recursion stable. */
  const double bound = 0.9 / (double)shape->M;
  c->host.x = random_array(c->nx, 1, -1, 1);
  c->host.a = random_array(c->na, 2, op->positive ? 0.001 : -bound, op->positive ? 0.1 : bound);
  c->host.y = random_array(c->ny, 3, 0, 0);
  c->host.dy = random_array(c->ny, 4, -1, 1);
  c->host.dx = random_array(c->nx, 5, 0, 0);
  c->host.da = random_array(c->na, 6, 0, 0);
  pair pairs[ARRAYS];
  list_arrays(c, pairs);
  for (int i = 0; i < ARRAYS; i++)
    if (!*pairs[i].host || place(c, &pairs[i]) != APF_OK) {
      TYPED(bench_case_destroy)(c);
      return NULL;
    }
  return c;
}

apf_status TYPED(bench_case_run)(bench_case *c)
{
  const operator_entry *op = &TYPED(bench_operators)[c->shape.op];
  apf_status status = APF_OK;
  if (c->shape.pass & BENCH_FORWARD) status = op->forward(c);
  if (status == APF_OK && (c->shape.pass & BENCH_BACKWARD)) status = op->backward(c);
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

/** The error of an array that a run wrote; it comes to the host. */
static double error_of(bench_case *c, real *host, const real *there, const double *want, int64_t n)
{
  if (apf_download(c->ctx, host, there, (size_t)n * sizeof(real)) != APF_OK) return INFINITY;
  return relative_error(host, want, n);
}

/** Backward alone needs an output. */
static apf_status give_output(bench_case *c, const double *y)
{
  for (int64_t i = 0; i < c->ny; i++) c->host.y[i] = (real)y[i];
  return apf_upload(c->ctx, c->there.y, c->host.y, (size_t)c->ny * sizeof(real));
}

static double compare(bench_case *c, double *y, double *dx, double *da)
{
  const operator_entry *op = &TYPED(bench_operators)[c->shape.op];
  double error = 0;
  op->plain_forward(c, y);
  if (!(c->shape.pass & BENCH_FORWARD) && give_output(c, y) != APF_OK) return INFINITY;
  if (TYPED(bench_case_run)(c) != APF_OK) return INFINITY;
  if (c->shape.pass & BENCH_FORWARD) error = error_of(c, c->host.y, c->there.y, y, c->ny);
  if (c->shape.pass & BENCH_BACKWARD) {
    op->plain_backward(c, dx, da);
    error = fmax(error, error_of(c, c->host.dx, c->there.dx, dx, c->nx));
    error = fmax(error, error_of(c, c->host.da, c->there.da, da, c->na));
  }
  return error;
}

double TYPED(bench_case_error)(bench_case *c)
{
  double *y = calloc((size_t)c->ny + 1, sizeof *y), *dx = calloc((size_t)c->nx + 1, sizeof *dx),
         *da = calloc((size_t)c->na + 1, sizeof *da);
  const double error = y && dx && da ? compare(c, y, dx, da) : INFINITY;
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
