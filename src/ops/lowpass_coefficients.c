/**
 * Shapes, checks and dispatch of the low-pass coefficients.
 *
 *   p = sin w / (2 q),  a0 = 1 + p
 *   a = (-2 scale cos w, scale (1 - p)) / a0,   b = ((1 - cos w)/2, 1 - cos w, (1 - cos w)/2) / a0
 *
 * w (N) in radians per sample, 0 to pi; q (N) above 0; a (N, 2), b (N, 3). One of da, db may be
 * NULL (zero), and so may dw and dq (not wanted).
 */
#include "ops/check.h"

static apf_status check(apf_context *ctx, const char *function, int64_t N, double scale)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_SIZE(ctx, "b", N, 3);
  if (!(scale > 0 && scale <= 1))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "scale is %g, expected 0 < scale <= 1", scale);
  return APF_OK;
}

apf_status APF_FN(apf_lowpass_coefficients_forward)(apf_context *ctx, int64_t N, double scale,
                                                    const real *w, const real *q, real *a, real *b)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, N, scale));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, w);
  APF_CHECK_POINTER(ctx, q);
  APF_CHECK_POINTER(ctx, a);
  APF_CHECK_POINTER(ctx, b);
  return APF_OPS(ctx)->lowpass_coefficients_forward(ctx, N, scale, w, q, a, b);
}

apf_status APF_FN(apf_lowpass_coefficients_backward)(apf_context *ctx, int64_t N, double scale,
                                                     const real *da, const real *db, const real *w,
                                                     const real *q, real *dw, real *dq)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, N, scale));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, w);
  APF_CHECK_POINTER(ctx, q);
  return APF_OPS(ctx)->lowpass_coefficients_backward(ctx, N, scale, da, db, w, q, dw, dq);
}
