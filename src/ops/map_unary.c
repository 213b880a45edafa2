/** Checks and dispatch of y = f(x), element by element; the functions are in core/maps.h. */
#include "core/maps.h"
#include "ops/check.h"

#include <stdbool.h>

static apf_status check_map(apf_context *ctx, const char *function, int map, int64_t n)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_RANGE(ctx, map, 0, APF_UNARY_MAPS - 1);
  APF_CHECK_AT_LEAST(ctx, n, 0);
  return APF_OK;
}

/** y may equal x. */
apf_status APF_FN(apf_map_unary_forward)(apf_context *ctx, int map, int64_t n, double p, double q,
                                         const real *x, real *y)
{
  const char *function = __func__;
  APF_TRY(check_map(ctx, function, map, n));
  if (n == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->map_unary_forward(ctx, map, n, p, q, x, y);
}

/** dx = dy f'(x); of x and y only what core/maps.h names is needed. dx may equal dy. */
apf_status APF_FN(apf_map_unary_backward)(apf_context *ctx, int map, int64_t n, double p, double q,
                                          const real *dy, const real *x, const real *y, real *dx)
{
  const char *function = __func__;
  APF_TRY(check_map(ctx, function, map, n));
  if (n == 0) return APF_OK;
  const bool needs_y = map == APF_MAP_EXP || map == APF_MAP_TANH || map == APF_MAP_SIGMOID ||
                       map == APF_MAP_TAN || map == APF_MAP_SQRT || map == APF_MAP_RECIPROCAL;
  APF_CHECK_POINTER(ctx, dy);
  if (needs_y)
    APF_CHECK_POINTER(ctx, y);
  else if (map != APF_MAP_AFFINE)
    APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, dx);
  return APF_OPS(ctx)->map_unary_backward(ctx, map, n, p, q, dy, x, y, dx);
}
