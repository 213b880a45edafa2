/**
 * Shapes, checks and dispatch of the rectifier with a learned slope per channel.
 *
 *   y = x if x > 0, else a[c] x      x, y (B, C, N), a (C)
 *
 * y may equal x where backward is not needed, dx may equal dy. dx and da may be NULL.
 */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t C,
                              int64_t N)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, C, 0);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_SIZE(ctx, "x", B, C, N);
  return APF_OK;
}

apf_status APF_FN(apf_prelu_forward)(apf_context *ctx, int64_t B, int64_t C, int64_t N,
                                     const real *x, const real *a, real *y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, C, N));
  if (B == 0 || C == 0 || N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, a);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->prelu_forward(ctx, B, C, N, x, a, y);
}

apf_status APF_FN(apf_prelu_backward)(apf_context *ctx, int64_t B, int64_t C, int64_t N,
                                      const real *dy, const real *x, const real *a, real *dx,
                                      real *da)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, C, N));
  if (C == 0) return APF_OK;
  if (B == 0 || N == 0) return da ? ctx->table->zero(ctx, da, (size_t)C * sizeof(real)) : APF_OK;
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, a);
  APF_CHECK_OPTIONAL(ctx, dx);
  APF_CHECK_OPTIONAL(ctx, da);
  return APF_OPS(ctx)->prelu_backward(ctx, B, C, N, dy, x, a, dx, da);
}
