/**
 * Shapes, checks and dispatch of the two-dimensional convolution.
 *
 *   y[b,o,h,t] = bias[o] + sum_{i,k,j} w[o,i,k,j] x[b,i,h + k - (KH-1)/2, t + D (j - (KW-1)/2)]
 *
 * x (B, I, H, W), w (O, I, KH, KW), bias (O) or NULL, y (B, O, H, W); D is the dilation along the
 * last axis, and x is zero outside its plane. KH and KW are odd, 1 to 15. Any of dx, dw, dbias may
 * be NULL; x is needed for dw, w for dx.
 */
#include "ops/check.h"

enum { LARGEST_KERNEL = 15 };

static apf_status check_kernel(apf_context *ctx, const char *function, const char *name, int64_t K)
{
  if (K < 1 || K > LARGEST_KERNEL || K % 2 == 0)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "%s is %" PRId64 ", expected an odd number from 1 to %d", name, K,
                    LARGEST_KERNEL);
  return APF_OK;
}

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t I,
                              int64_t O, int64_t H, int64_t W, int64_t KH, int64_t KW, int64_t D)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, I, 1);
  APF_CHECK_AT_LEAST(ctx, O, 1);
  APF_CHECK_AT_LEAST(ctx, H, 0);
  APF_CHECK_AT_LEAST(ctx, W, 0);
  APF_TRY(check_kernel(ctx, function, "KH", KH));
  APF_TRY(check_kernel(ctx, function, "KW", KW));
  APF_CHECK_AT_LEAST(ctx, D, 1);
  APF_CHECK_SIZE(ctx, "x", B, I, H, W);
  APF_CHECK_SIZE(ctx, "y", B, O, H, W);
  APF_CHECK_SIZE(ctx, "w", O, I, KH, KW);
  return APF_OK;
}

apf_status APF_FN(apf_conv2d_forward)(apf_context *ctx, int64_t B, int64_t I, int64_t O, int64_t H,
                                      int64_t W, int64_t KH, int64_t KW, int64_t D, const real *x,
                                      const real *w, const real *bias, real *y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, I, O, H, W, KH, KW, D));
  if (B == 0 || H == 0 || W == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, w);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->conv2d_forward(ctx, B, I, O, H, W, KH, KW, D, x, w, bias, y);
}

apf_status APF_FN(apf_conv2d_backward)(apf_context *ctx, int64_t B, int64_t I, int64_t O, int64_t H,
                                       int64_t W, int64_t KH, int64_t KW, int64_t D, const real *dy,
                                       const real *x, const real *w, real *dx, real *dw,
                                       real *dbias)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, I, O, H, W, KH, KW, D));
  if (B == 0 || H == 0 || W == 0) {
    if (dw) APF_TRY(ctx->table->zero(ctx, dw, (size_t)(O * I * KH * KW) * sizeof(real)));
    if (dbias) APF_TRY(ctx->table->zero(ctx, dbias, (size_t)O * sizeof(real)));
    return APF_OK;
  }
  APF_CHECK_POINTER(ctx, dy);
  if (dw) APF_CHECK_POINTER(ctx, x);
  if (dx) APF_CHECK_POINTER(ctx, w);
  return APF_OPS(ctx)->conv2d_backward(ctx, B, I, O, H, W, KH, KW, D, dy, x, w, dx, dw, dbias);
}
