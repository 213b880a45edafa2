/**
 * Shapes, checks and dispatch of the band-limited square and saw oscillator, one note per row.
 *
 *   theta[n] = phase + 2 pi (n + 1) f0 / sample_rate,   K = 12000 / (f0 log10 f0)
 *   y[n] = (1 - shape/2) tanh(pi/2 K sin theta) (1 + shape cos theta)
 *
 * f0 (B) in Hz, above 1; phase (B) in radians, NULL means 0; shape (B), 0 square to 1 saw; y (B,
 * T). Any of df0, dphase, dshape may be NULL.
 */
#include "ops/check.h"

#include <math.h>

static apf_status check(apf_context *ctx, const char *function, int64_t B, int64_t T,
                        double sample_rate)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "y", B, T);
  if (!(sample_rate > 0) || !isfinite(sample_rate))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "sample_rate is %g, expected > 0 Hz",
                    sample_rate);
  return APF_OK;
}

apf_status APF_FN(apf_oscillator_forward)(apf_context *ctx, int64_t B, int64_t T,
                                          double sample_rate, const real *f0, const real *phase,
                                          const real *shape, real *y)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, B, T, sample_rate));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, f0);
  APF_CHECK_POINTER(ctx, shape);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->oscillator_forward(ctx, B, T, sample_rate, f0, phase, shape, y);
}

apf_status APF_FN(apf_oscillator_backward)(apf_context *ctx, int64_t B, int64_t T,
                                           double sample_rate, const real *dy, const real *f0,
                                           const real *phase, const real *shape, real *df0,
                                           real *dphase, real *dshape)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, B, T, sample_rate));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, f0);
  APF_CHECK_POINTER(ctx, shape);
  if (T > 0) APF_CHECK_POINTER(ctx, dy);
  return APF_OPS(ctx)->oscillator_backward(ctx, B, T, sample_rate, dy, f0, phase, shape, df0,
                                           dphase, dshape);
}
