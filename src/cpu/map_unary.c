/**
 * y = f(x) element by element; the functions are in core/maps.h.
 *
 * Blocks of a fixed size are spread over the threads, so that an element's result does not depend
 * on their number. exp, log, tanh, sigmoid, softplus, sin and cos are cpu/vmath.h's and run on
 * whole vectors.
 */
#include "core/maps.h"
#include "cpu/cpu.h"
#include "cpu/vmath.h"

#include <stdbool.h>

enum { BLOCK = 4096, PARALLEL_FROM = 1 << 14 };

#if APF_REAL_IS_FLOAT
#define TRIG_LIMIT VM_TRIG_LIMIT_F32
#else
#define TRIG_LIMIT VM_TRIG_LIMIT_F64
#endif

/** Runs `expression` over v = in[i] into out[i], in vectors. */
#define EACH(in, out, expression)                       \
  do {                                                  \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) \
    {                                                   \
      const real v = (in)[i];                           \
      (out)[i] = (expression);                          \
    }                                                   \
  } while (0)

/** Whether vmath.h's sine and cosine are good for every element. */
static bool trig_is_fast(int64_t n, const real *x)
{
  int outside = 0;
  for (int64_t i = 0; i < n; i++) outside |= !(APF_MATH(fabs)(x[i]) <= TRIG_LIMIT);
  return !outside;
}

/** ln(1 + e^x) = max(x, 0) + ln(1 + e), e = e^-|x|; ln(1 + e) with the rounding of 1 + e undone. */
static inline real softplus(real x)
{
  const real e = APF_FN(vm_exp)(-APF_MATH(fabs)(x)), u = 1 + e, difference = u - 1;
  const real safe = difference > 0 ? difference : 1;
  const real tail = difference > 0 ? APF_FN(vm_log)(u) * (e / safe) : e;
  return (x > 0 ? x : 0) + tail;
}

/** x^p; small whole exponents by multiplication. */
static void pow_block(int64_t n, real p, const real *x, real *y)
{
  if (p == 2) {
    EACH(x, y, v * v);
  } else if (p == 3) {
    EACH(x, y, v * v * v);
  } else if (p == 4) {
    EACH(x, y, (v * v) * (v * v));
  } else {
    for (int64_t i = 0; i < n; i++) y[i] = APF_MATH(pow)(x[i], p);
  }
}

static void forward_block(apf_unary_map map, int64_t n, real p, real q, const real *x, real *y)
{
  switch (map) {
    case APF_MAP_AFFINE: EACH(x, y, p * v + q); break;
    case APF_MAP_EXP: EACH(x, y, APF_FN(vm_exp)(p * v)); break;
    case APF_MAP_LOG: EACH(x, y, p * APF_FN(vm_log)(v)); break;
    case APF_MAP_TANH: EACH(x, y, APF_FN(vm_tanh)(v)); break;
    case APF_MAP_SIGMOID: EACH(x, y, APF_FN(vm_sigmoid)(v)); break;
    case APF_MAP_SOFTPLUS: EACH(x, y, softplus(v)); break;
    case APF_MAP_SIN:
      if (trig_is_fast(n, x))
        EACH(x, y, APF_FN(vm_sin)(v));
      else
        for (int64_t i = 0; i < n; i++) y[i] = APF_MATH(sin)(x[i]);
      break;
    case APF_MAP_COS:
      if (trig_is_fast(n, x))
        EACH(x, y, APF_FN(vm_cos)(v));
      else
        for (int64_t i = 0; i < n; i++) y[i] = APF_MATH(cos)(x[i]);
      break;
    case APF_MAP_TAN:
      for (int64_t i = 0; i < n; i++) y[i] = APF_MATH(tan)(x[i]);
      break;
    case APF_MAP_ABS: EACH(x, y, APF_MATH(fabs)(v)); break;
    case APF_MAP_SQUARE: EACH(x, y, v * v); break;
    case APF_MAP_SQRT: EACH(x, y, APF_MATH(sqrt)(v)); break;
    case APF_MAP_RECIPROCAL: EACH(x, y, 1 / v); break;
    case APF_MAP_POW: pow_block(n, p, x, y); break;
    /* Written so that NaN stays NaN. */
    case APF_MAP_CLAMP: EACH(x, y, v < p ? p : v > q ? q : v); break;
    case APF_UNARY_MAPS: break;
  }
}

static void pow_backward_block(int64_t n, real p, const real *dy, const real *x, real *dx)
{
  if (p == 2) {
    EACH(x, dx, dy[i] * (2 * v));
  } else if (p == 3) {
    EACH(x, dx, dy[i] * (3 * v * v));
  } else if (p == 4) {
    EACH(x, dx, dy[i] * (4 * v * v * v));
  } else {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * (p * APF_MATH(pow)(x[i], p - 1));
  }
}

static void backward_block(apf_unary_map map, int64_t n, real p, real q, const real *dy,
                           const real *x, const real *y, real *dx)
{
  switch (map) {
    case APF_MAP_AFFINE: EACH(dy, dx, p * v); break;
    case APF_MAP_EXP: EACH(y, dx, dy[i] * (p * v)); break;
    case APF_MAP_LOG: EACH(x, dx, dy[i] * (p / v)); break;
    case APF_MAP_TANH: EACH(y, dx, dy[i] * (1 - v * v)); break;
    case APF_MAP_SIGMOID: EACH(y, dx, dy[i] * (v * (1 - v))); break;
    case APF_MAP_SOFTPLUS: EACH(x, dx, dy[i] * APF_FN(vm_sigmoid)(v)); break;
    case APF_MAP_SIN:
      if (trig_is_fast(n, x))
        EACH(x, dx, dy[i] * APF_FN(vm_cos)(v));
      else
        for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * APF_MATH(cos)(x[i]);
      break;
    case APF_MAP_COS:
      if (trig_is_fast(n, x))
        EACH(x, dx, -dy[i] * APF_FN(vm_sin)(v));
      else
        for (int64_t i = 0; i < n; i++) dx[i] = -dy[i] * APF_MATH(sin)(x[i]);
      break;
    case APF_MAP_TAN: EACH(y, dx, dy[i] * (1 + v * v)); break;
    case APF_MAP_ABS: EACH(x, dx, dy[i] * (real)((v > 0) - (v < 0))); break;
    case APF_MAP_SQUARE: EACH(x, dx, dy[i] * (2 * v)); break;
    case APF_MAP_SQRT: EACH(y, dx, dy[i] / (2 * v)); break;
    case APF_MAP_RECIPROCAL: EACH(y, dx, -dy[i] * (v * v)); break;
    case APF_MAP_POW: pow_backward_block(n, p, dy, x, dx); break;
    case APF_MAP_CLAMP: EACH(x, dx, v >= p && v <= q ? dy[i] : 0); break;
    case APF_UNARY_MAPS: break;
  }
}

static int64_t block_length(int64_t n, int64_t start)
{
  return n - start < BLOCK ? n - start : BLOCK;
}

apf_status APF_CPU(map_unary_forward)(apf_context *ctx, int map, int64_t n, double p, double q,
                                      const real *x, real *y)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n >= PARALLEL_FROM)
  for (int64_t start = 0; start < n; start += BLOCK)
    forward_block((apf_unary_map)map, block_length(n, start), (real)p, (real)q, x + start,
                  y + start);
  return APF_OK;
}

apf_status APF_CPU(map_unary_backward)(apf_context *ctx, int map, int64_t n, double p, double q,
                                       const real *dy, const real *x, const real *y, real *dx)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n >= PARALLEL_FROM)
  for (int64_t start = 0; start < n; start += BLOCK)
    backward_block((apf_unary_map)map, block_length(n, start), (real)p, (real)q, dy + start,
                   x ? x + start : NULL, y ? y + start : NULL, dx + start);
  return APF_OK;
}
