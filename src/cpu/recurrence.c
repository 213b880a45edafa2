/**
 * First-order recurrence, its adjoint and its derivative.
 *
 *   y[t] = a[t] y[t-1] + x[t],   y[-1] = zi
 *   dx[t] = dy[t] + conj(a[t+1]) dx[t+1],   dx[T-1] = dy[T-1] + dzf
 *   da[t] = conj(y[t-1]) dx[t] (summed over t in double for a constant),   dzi = conj(a[0]) dx[0]
 *   y_dot[t] = a[t] y_dot[t-1] + (x_dot[t] + a_dot[t] y[t-1])
 *
 * Lanes run along time (scan.h), so one sequence fills the vector registers and every array is read
 * or written once, in order. Threads share out the sequences, or time where there are fewer
 * sequences than threads. A constant coefficient is the same code: what depends on it alone leaves
 * the loop.
 */
#include "cpu/cpu.h"
#include "cpu/recurrence.h"
#include "cpu/scan.h"

static inline scalar scalar_or_zero(const scalar *array, int64_t i)
{
  return array ? array[i] : scalar_of(0);
}

/** Coefficients of one sequence: an array, or (NULL) one value, times the sign. */
typedef struct coefficients {
  const scalar *each;
  scalar value;
  real sign;
} coefficients;

static coefficients coefficients_of(const scalar *a, int64_t b, int64_t F, real sign)
{
  return F == 1 ? (coefficients){NULL, scalar_scale(a[b], sign), sign}
                : (coefficients){a + b * F, scalar_of(0), sign};
}

static inline scalar coefficient_at(const coefficients *a, int64_t t)
{
  return a->each ? scalar_scale(a->each[t], a->sign) : a->value;
}

/** `constant` repeats, for the compiler, that a->each is NULL. */
static inline svec coefficients_at(const coefficients *a, int64_t t, const int constant)
{
  return constant ? svec_of(a->value) : svec_scale(svec_load(a->each + t), a->sign);
}

/** The recurrence out[t] = a[t] out[t-1] + drive[t], drive = x[t] + a_dot[t] y[t-1]; both
 *  coefficients times the sign. */
typedef struct forward_arrays {
  int64_t T, F;
  real sign;
  const scalar *x, *a;          /* x NULL: zeros, in forward mode only */
  const scalar *a_dot, *y, *zi; /* forward mode: a_dot NULL leaves its term out, y[-1] = zi */
  const scalar *start;          /* out[-1], NULL: zeros */
  scalar *out, *end;
} forward_arrays;

/** One of the sequences. */
typedef struct forward_row {
  coefficients a, a_dot;
  const scalar *x, *y; /* y NULL: without a_dot */
  scalar zi;
  scalar *out;
} forward_row;

static forward_row forward_row_of(const forward_arrays *p, int64_t b)
{
  return (forward_row){
      .a = coefficients_of(p->a, b, p->F, p->sign),
      .a_dot =
          p->a_dot ? coefficients_of(p->a_dot, b, p->F, p->sign) : (coefficients){.each = NULL},
      .x = p->x ? p->x + b * p->T : NULL,
      .y = p->a_dot ? p->y + b * p->T : NULL,
      .zi = scalar_or_zero(p->zi, b),
      .out = p->out + b * p->T,
  };
}

static inline affine forward_maps(const forward_row *r, int64_t t, const int constant)
{
  affine m = {coefficients_at(&r->a, t, constant),
              r->x ? svec_load(r->x + t) : svec_of(scalar_of(0))};
  if (r->y)
    m.offset =
        svec_mul_add(coefficients_at(&r->a_dot, t, constant), svec_load(r->y + t - 1), m.offset);
  return m;
}

static inline scalar_affine forward_map(const forward_row *r, int64_t t)
{
  scalar_affine m = {coefficient_at(&r->a, t), scalar_or_zero(r->x, t)};
  if (r->y)
    m.offset = scalar_mul_add(coefficient_at(&r->a_dot, t), t > 0 ? r->y[t - 1] : r->zi, m.offset);
  return m;
}

static inline scalar run_forward_span(const forward_row *r, int64_t from, int64_t to, scalar state,
                                      const int constant)
{
  int64_t t = from;
  /* The first sample by itself: in forward mode the vectors read y[t-1]. */
  if (t == 0 && t < to) {
    state = scalar_affine_apply(forward_map(r, t), state);
    r->out[t++] = state;
  }
  svec before = svec_of(state);
  for (; t + LANES <= to; t += LANES) {
    const svec y = affine_apply(scan_up(forward_maps(r, t, constant)), before);
    svec_store(r->out + t, y);
    before = svec_last(y);
  }
  state = svec_lane(before, 0);
  for (; t < to; t++) {
    state = scalar_affine_apply(forward_map(r, t), state);
    r->out[t] = state;
  }
  return state;
}

static inline scalar_affine map_forward_span(const forward_row *r, int64_t from, int64_t to,
                                             const int constant)
{
  affine all = {svec_of(scalar_of(1)), svec_of(scalar_of(0))};
  int64_t t = from;
  for (; t + LANES <= to; t += LANES) {
    const affine m = scan_up(forward_maps(r, t, constant));
    all = affine_then(all, affine_last(m));
  }
  scalar_affine map = {svec_lane(all.gain, 0), svec_lane(all.offset, 0)};
  for (; t < to; t++) map = scalar_affine_then(map, forward_map(r, t));
  return map;
}

static scalar start_forward(const void *arrays, int64_t b)
{
  const forward_arrays *p = arrays;
  return scalar_or_zero(p->start, b);
}

static scalar_affine map_forward(const void *arrays, int64_t b, int64_t from, int64_t to)
{
  const forward_row r = forward_row_of(arrays, b);
  return r.a.each ? map_forward_span(&r, from, to, 0) : map_forward_span(&r, from, to, 1);
}

static scalar run_forward(const void *arrays, int64_t b, int64_t from, int64_t to, scalar state,
                          wide *sums)
{
  (void)sums;
  const forward_row r = forward_row_of(arrays, b);
  return r.a.each ? run_forward_span(&r, from, to, state, 0)
                  : run_forward_span(&r, from, to, state, 1);
}

static void finish_forward(const void *arrays, int64_t b, scalar state, const wide *sums)
{
  (void)sums;
  const forward_arrays *p = arrays;
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

apf_status APF_CPU(first_order_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                        real sign, const scalar *x, const scalar *a,
                                        const scalar *zi, scalar *y, scalar *zf)
{
  const forward_arrays arrays = {
      .T = T, .F = F, .sign = sign, .x = x, .a = a, .start = zi, .out = y, .end = zf};
  return forward(ctx, B, &arrays);
}

apf_status APF_CPU(first_order_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, real sign,
                                    const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,
                                    const scalar *a, const scalar *zi, const scalar *y,
                                    scalar *y_dot, scalar *zf_dot)
{
  const forward_arrays arrays = {T, F, sign, x_dot, a, a_dot, y, zi, zi_dot, y_dot, zf_dot};
  return forward(ctx, B, &arrays);
}

typedef struct backward_arrays {
  int64_t T, F;
  real sign;
  const scalar *dy, *dzf, *a, *zi, *y;
  scalar *dx, *da, *dzi;
} backward_arrays;

/** One of the sequences. The state before a span [from, to) is dx[to]; the span that ends at T
 *  takes dzf in its place, as if a[T] were 1. */
typedef struct backward_row {
  int64_t T;
  coefficients a;
  const scalar *dy, *y;
  scalar zi;
  scalar *dx, *da; /* NULL: not wanted */
} backward_row;

static backward_row backward_row_of(const backward_arrays *p, int64_t b)
{
  return (backward_row){
      .T = p->T,
      .a = coefficients_of(p->a, b, p->F, p->sign),
      .dy = p->dy + b * p->T,
      .y = p->da ? p->y + b * p->T : NULL,
      .zi = scalar_or_zero(p->zi, b),
      .dx = p->dx ? p->dx + b * p->T : NULL,
      .da = p->da ? p->da + b * p->F : NULL,
  };
}

static inline affine backward_maps(const backward_row *r, int64_t t, const int constant)
{
  return (affine){svec_conj(coefficients_at(&r->a, t + 1, constant)), svec_load(r->dy + t)};
}

static inline scalar_affine backward_map(const backward_row *r, int64_t t)
{
  const scalar gain = t + 1 < r->T ? scalar_conj(coefficient_at(&r->a, t + 1)) : scalar_of(1);
  return (scalar_affine){gain, r->dy[t]};
}

/** From dx[t+1] to dx[t]; stores it and da[t], or adds the latter to the sum. */
static inline scalar backward_sample(const backward_row *r, int64_t t, scalar later, wide *sum)
{
  const scalar dx = scalar_affine_apply(backward_map(r, t), later);
  if (r->dx) r->dx[t] = dx;
  if (r->da) {
    const scalar before = scalar_scale(t > 0 ? r->y[t - 1] : r->zi, r->a.sign);
    const scalar da = scalar_mul(scalar_conj(before), dx);
    if (r->a.each)
      r->da[t] = da;
    else
      *sum = wide_add(*sum, da);
  }
  return dx;
}

static inline scalar run_backward_span(const backward_row *r, int64_t from, int64_t to,
                                       scalar state, wide *sum, const int constant)
{
  enum { BLOCK = 64 }; /* vectors whose sum runs in `real` */
  int64_t t = to;
  if (t == r->T && t > from) state = backward_sample(r, --t, state, sum);
  const int64_t low = from > 0 ? from : 1; /* vectors read y[t-1] */
  svec later = svec_of(state);
  while (t - LANES >= low) {
    svec part = svec_of(scalar_of(0));
    for (int i = 0; i < BLOCK && t - LANES >= low; i++) {
      t -= LANES;
      const svec dx = affine_apply(scan_down(backward_maps(r, t, constant)), later);
      later = svec_first(dx);
      if (r->dx) svec_store(r->dx + t, dx);
      if (!r->da) continue;
      const svec before = svec_scale(svec_conj(svec_load(r->y + t - 1)), r->a.sign);
      if (constant)
        part = svec_mul_add(before, dx, part);
      else
        svec_store(r->da + t, svec_mul(before, dx));
    }
    if (constant && r->da) *sum = wide_join(*sum, svec_sum(part));
  }
  state = svec_lane(later, 0);
  while (t > from) state = backward_sample(r, --t, state, sum);
  return state;
}

static inline scalar_affine map_backward_span(const backward_row *r, int64_t from, int64_t to,
                                              const int constant)
{
  affine all = {svec_of(scalar_of(1)), svec_of(scalar_of(0))};
  int64_t t = to;
  while (t - LANES >= from) {
    t -= LANES;
    const affine m = scan_down(backward_maps(r, t, constant));
    all = affine_then(all, affine_first(m));
  }
  scalar_affine map = {svec_lane(all.gain, 0), svec_lane(all.offset, 0)};
  while (t > from) map = scalar_affine_then(map, backward_map(r, --t));
  return map;
}

static scalar start_backward(const void *arrays, int64_t b)
{
  const backward_arrays *p = arrays;
  return scalar_or_zero(p->dzf, b);
}

static scalar_affine map_backward(const void *arrays, int64_t b, int64_t from, int64_t to)
{
  const backward_row r = backward_row_of(arrays, b);
  return r.a.each ? map_backward_span(&r, from, to, 0) : map_backward_span(&r, from, to, 1);
}

static scalar run_backward(const void *arrays, int64_t b, int64_t from, int64_t to, scalar state,
                           wide *sums)
{
  const backward_row r = backward_row_of(arrays, b);
  return r.a.each ? run_backward_span(&r, from, to, state, sums, 0)
                  : run_backward_span(&r, from, to, state, sums, 1);
}

static void finish_backward(const void *arrays, int64_t b, scalar state, const wide *sums)
{
  const backward_arrays *p = arrays;
  if (p->da && p->F == 1) p->da[b] = wide_round(sums[0]);
  if (!p->dzi) return;
  if (p->T > 0) {
    const coefficients a = coefficients_of(p->a, b, p->F, p->sign);
    state = scalar_mul(scalar_conj(coefficient_at(&a, 0)), state);
  }
  p->dzi[b] = state;
}

apf_status APF_CPU(first_order_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                         real sign, const scalar *dy, const scalar *dzf,
                                         const scalar *a, const scalar *zi, const scalar *y,
                                         scalar *dx, scalar *da, scalar *dzi)
{
  const backward_arrays arrays = {T, F, sign, dy, dzf, a, zi, y, dx, da, dzi};
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

apf_status APF_CPU(recurrence_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                       const scalar *x, const scalar *a, const scalar *zi,
                                       scalar *y, scalar *zf)
{
  return APF_CPU(first_order_forward)(ctx, B, T, F, 1, x, a, zi, y, zf);
}

apf_status APF_CPU(recurrence_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                   const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,
                                   const scalar *a, const scalar *zi, const scalar *y,
                                   scalar *y_dot, scalar *zf_dot)
{
  return APF_CPU(first_order_jvp)(ctx, B, T, F, 1, x_dot, a_dot, zi_dot, a, zi, y, y_dot, zf_dot);
}

apf_status APF_CPU(recurrence_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                        const scalar *dy, const scalar *dzf, const scalar *a,
                                        const scalar *zi, const scalar *y, scalar *dx, scalar *da,
                                        scalar *dzi)
{
  return APF_CPU(first_order_backward)(ctx, B, T, F, 1, dy, dzf, a, zi, y, dx, da, dzi);
}
