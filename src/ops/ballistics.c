/** Shapes, checks and dispatch of the attack and release smoothing; equations in <allpole/ops.h>.
 */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t T)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "x", B, T);
  return APF_OK;
}

apf_status APF_FN(apf_ballistics_forward)(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                          const real *zi, const real *at, const real *rt, real *y,
                                          real *zf)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T));
  if (B == 0) return APF_OK;
  if (T > 0) {
    APF_CHECK_POINTER(ctx, x);
    APF_CHECK_POINTER(ctx, y);
  }
  APF_CHECK_POINTER(ctx, at);
  APF_CHECK_POINTER(ctx, rt);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, zf);
  return APF_OPS(ctx)->ballistics_forward(ctx, B, T, x, zi, at, rt, y, zf);
}

apf_status APF_FN(apf_ballistics_backward)(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                           const real *dzf, const real *x, const real *zi,
                                           const real *at, const real *rt, const real *y, real *dx,
                                           real *dzi, real *dat, real *drt)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T));
  if (B == 0) return APF_OK;
  if (T > 0) {
    APF_CHECK_POINTER(ctx, dy);
    APF_CHECK_POINTER(ctx, x);
    APF_CHECK_POINTER(ctx, y);
  }
  APF_CHECK_POINTER(ctx, at);
  APF_CHECK_POINTER(ctx, rt);
  APF_CHECK_OPTIONAL(ctx, dzf);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, dx);
  APF_CHECK_OPTIONAL(ctx, dzi);
  APF_CHECK_OPTIONAL(ctx, dat);
  APF_CHECK_OPTIONAL(ctx, drt);
  return APF_OPS(ctx)->ballistics_backward(ctx, B, T, dy, dzf, x, zi, at, rt, y, dx, dzi, dat, drt);
}
