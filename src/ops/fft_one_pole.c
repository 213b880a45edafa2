/** Shapes, checks and dispatch of the frequency-sampled one-pole; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t T)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "x", 32, B, T); /* the transform's scratch is a multiple of it */
  return APF_OK;
}

apf_status APF_FN(apf_fft_one_pole_forward)(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                            const real *c, real *y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, c);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->fft_one_pole_forward(ctx, B, T, x, c, y);
}

apf_status APF_FN(apf_fft_one_pole_backward)(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                             const real *x, const real *c, real *dx, real *dc)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T));
  if (B == 0) return APF_OK;
  if (T == 0) return dc ? ctx->table->zero(ctx, dc, (size_t)B * sizeof(real)) : APF_OK;
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, c);
  if (dc) APF_CHECK_POINTER(ctx, x);
  return APF_OPS(ctx)->fft_one_pole_backward(ctx, B, T, dy, x, c, dx, dc);
}
