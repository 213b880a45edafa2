/**
 * Shapes, checks and dispatch of the triangle parametrisation of stable all-pole filters of
 * order 2.
 *
 *   a1 = 2 scale tanh l0,   a2 = ((2 - |a1|) scale tanh l1 + |a1|) / 2
 *
 * logits (N, 2), a (N, 2).
 */
#include "ops/check.h"

static apf_status check(apf_context *ctx, const char *function, int64_t N, double scale)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_SIZE(ctx, "a", N, 2);
  if (!(scale > 0 && scale <= 1))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "scale is %g, expected 0 < scale <= 1", scale);
  return APF_OK;
}

apf_status APF_FN(apf_triangle_coefficients_forward)(apf_context *ctx, int64_t N, double scale,
                                                     const real *logits, real *a)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, N, scale));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, logits);
  APF_CHECK_POINTER(ctx, a);
  return APF_OPS(ctx)->triangle_coefficients_forward(ctx, N, scale, logits, a);
}

apf_status APF_FN(apf_triangle_coefficients_backward)(apf_context *ctx, int64_t N, double scale,
                                                      const real *da, const real *logits,
                                                      real *dlogits)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, N, scale));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, da);
  APF_CHECK_POINTER(ctx, logits);
  APF_CHECK_POINTER(ctx, dlogits);
  return APF_OPS(ctx)->triangle_coefficients_backward(ctx, N, scale, da, logits, dlogits);
}
