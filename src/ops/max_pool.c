/**
 * Shapes, checks and dispatch of the maximum over groups of P neighbouring rows.
 *
 *   y[b,h,w] = max_p x[b, h P + p, w]      x (B, H, W), y (B, H / P rounded down, W)
 *
 * Of equal values the first gets the gradient. Rows that do not fill a group get zero.
 */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t H,
                              int64_t W, int64_t P)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, H, 0);
  APF_CHECK_AT_LEAST(ctx, W, 0);
  APF_CHECK_AT_LEAST(ctx, P, 1);
  APF_CHECK_SIZE(ctx, "x", B, H, W);
  return APF_OK;
}

apf_status APF_FN(apf_max_pool_forward)(apf_context *ctx, int64_t B, int64_t H, int64_t W,
                                        int64_t P, const real *x, real *y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, H, W, P));
  if (B == 0 || H / P == 0 || W == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->max_pool_forward(ctx, B, H, W, P, x, y);
}

apf_status APF_FN(apf_max_pool_backward)(apf_context *ctx, int64_t B, int64_t H, int64_t W,
                                         int64_t P, const real *dy, const real *x, real *dx)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, H, W, P));
  if (B == 0 || H == 0 || W == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dx);
  if (H / P == 0) return ctx->table->zero(ctx, dx, (size_t)(B * H * W) * sizeof(real));
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, x);
  return APF_OPS(ctx)->max_pool_backward(ctx, B, H, W, P, dy, x, dx);
}
