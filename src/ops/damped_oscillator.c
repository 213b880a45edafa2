/**
 * Shapes, checks and dispatch of the damped complex oscillator, real part, one per row.
 *
 *   y[n] = amplitude e^{-sigma^2 n} cos(omega n + phase)
 *
 * All parameters (B), in radians and radians per step; y (B, T). sigma NULL: no damping, dsigma is
 * zero then. Any of damplitude, dphase, dsigma, domega may be NULL.
 */
#include "ops/check.h"

static apf_status check(apf_context *ctx, const char *function, int64_t B, int64_t T,
                        const real *amplitude, const real *phase, const real *omega)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "y", B, T);
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, amplitude);
  APF_CHECK_POINTER(ctx, phase);
  APF_CHECK_POINTER(ctx, omega);
  return APF_OK;
}

apf_status APF_FN(apf_damped_oscillator_forward)(apf_context *ctx, int64_t B, int64_t T,
                                                 const real *amplitude, const real *phase,
                                                 const real *sigma, const real *omega, real *y)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, B, T, amplitude, phase, omega));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->damped_oscillator_forward(ctx, B, T, amplitude, phase, sigma, omega, y);
}

apf_status APF_FN(apf_damped_oscillator_backward)(apf_context *ctx, int64_t B, int64_t T,
                                                  const real *dy, const real *amplitude,
                                                  const real *phase, const real *sigma,
                                                  const real *omega, real *damplitude, real *dphase,
                                                  real *dsigma, real *domega)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, B, T, amplitude, phase, omega));
  if (B == 0) return APF_OK;
  if (T > 0) APF_CHECK_POINTER(ctx, dy);
  return APF_OPS(ctx)->damped_oscillator_backward(ctx, B, T, dy, amplitude, phase, sigma, omega,
                                                  damplitude, dphase, dsigma, domega);
}
