/**
 * Shapes, checks and dispatch of the compressor's level.
 *   p[b,t] = mean over c of max(x[b,c,t]^2, 1e-8);   x (B, C, T), C >= 1; p (B, T)
 */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t C,
                              int64_t T)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, C, 1);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "x", B, C, T);
  return APF_OK;
}

apf_status APF_FN(apf_compressor_level_forward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                                const real *x, real *p)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, C, T));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, p);
  return APF_OPS(ctx)->compressor_level_forward(ctx, B, C, T, x, p);
}

apf_status APF_FN(apf_compressor_level_backward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                                 const real *dp, const real *x, real *dx)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, C, T));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dp);
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, dx);
  return APF_OPS(ctx)->compressor_level_backward(ctx, B, C, T, dp, x, dx);
}
