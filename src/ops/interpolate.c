/** Shapes, checks and dispatch of the linear interpolation; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t F,
                              int64_t T, int64_t C)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, F, 1);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_AT_LEAST(ctx, C, 0);
  APF_CHECK_SIZE(ctx, "x", B, F, C);
  APF_CHECK_SIZE(ctx, "y", B, T, C);
  return APF_OK;
}

apf_status APF_FN(apf_interpolate_forward)(apf_context *ctx, int64_t B, int64_t F, int64_t T,
                                           int64_t C, const real *x, real *y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, F, T, C));
  if (B == 0 || T == 0 || C == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->interpolate_forward(ctx, B, F, T, C, x, y);
}

apf_status APF_FN(apf_interpolate_backward)(apf_context *ctx, int64_t B, int64_t F, int64_t T,
                                            int64_t C, const real *dy, real *dx)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, F, T, C));
  if (B == 0 || C == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dx);
  if (T == 0) return ctx->table->zero(ctx, dx, (size_t)(B * F * C) * sizeof(real));
  APF_CHECK_POINTER(ctx, dy);
  return APF_OPS(ctx)->interpolate_backward(ctx, B, F, T, C, dy, dx);
}
