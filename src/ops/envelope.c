/**
 * Shapes, checks and dispatch of the decay over a note, one note per row.
 *
 *   y[n] = max(0, 1 - (n + epsilon) / (sample_rate duration) - epsilon)^alpha
 *
 * duration (B) in seconds, above 0; alpha (B), at least 0; y (B, T). dduration, dalpha may be NULL.
 */
#include "ops/check.h"

#include <math.h>

static apf_status check(apf_context *ctx, const char *function, int64_t B, int64_t T,
                        double sample_rate, double epsilon)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "y", B, T);
  if (!(sample_rate > 0) || !isfinite(sample_rate))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "sample_rate is %g, expected > 0 Hz",
                    sample_rate);
  if (!(epsilon >= 0 && epsilon < 1))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "epsilon is %g, expected 0 <= epsilon < 1",
                    epsilon);
  return APF_OK;
}

apf_status APF_FN(apf_envelope_forward)(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                                        double epsilon, const real *duration, const real *alpha,
                                        real *y)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, B, T, sample_rate, epsilon));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, duration);
  APF_CHECK_POINTER(ctx, alpha);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->envelope_forward(ctx, B, T, sample_rate, epsilon, duration, alpha, y);
}

apf_status APF_FN(apf_envelope_backward)(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                                         double epsilon, const real *dy, const real *duration,
                                         const real *alpha, real *dduration, real *dalpha)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, B, T, sample_rate, epsilon));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, duration);
  APF_CHECK_POINTER(ctx, alpha);
  if (T > 0) APF_CHECK_POINTER(ctx, dy);
  return APF_OPS(ctx)->envelope_backward(ctx, B, T, sample_rate, epsilon, dy, duration, alpha,
                                         dduration, dalpha);
}
