/**
 * Shapes, checks and dispatch of the normalisation of R rows of N values, without affine
 * parameters.
 *
 *   y = (x - mean) scale,   scale = 1 / sqrt(variance + epsilon)     variance: of the N values
 *
 * y may equal x. `scale` (R), which backward needs, may be NULL. dx may equal dy.
 */
#include "ops/check.h"

#include <math.h>

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t R, int64_t N)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, R, 0);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_SIZE(ctx, "x", R, N);
  return APF_OK;
}

apf_status APF_FN(apf_layer_norm_forward)(apf_context *ctx, int64_t R, int64_t N, double epsilon,
                                          const real *x, real *y, real *scale)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, R, N));
  if (!(epsilon > 0) || !isfinite(epsilon))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "epsilon is %g, expected > 0", epsilon);
  if (R == 0 || N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  APF_CHECK_OPTIONAL(ctx, scale);
  return APF_OPS(ctx)->layer_norm_forward(ctx, R, N, epsilon, x, y, scale);
}

apf_status APF_FN(apf_layer_norm_backward)(apf_context *ctx, int64_t R, int64_t N, const real *dy,
                                           const real *y, const real *scale, real *dx)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, R, N));
  if (R == 0 || N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, y);
  APF_CHECK_POINTER(ctx, scale);
  APF_CHECK_POINTER(ctx, dx);
  return APF_OPS(ctx)->layer_norm_backward(ctx, R, N, dy, y, scale, dx);
}
