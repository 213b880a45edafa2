/** Shapes, checks and dispatch of the inverse STFT; equations in <allpole/ops.h>. */
#include "ops/stft_check.h"

apf_status APF_FN(apf_istft_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                     int64_t window, int64_t hop, const real *X, real *y)
{
  const char *function = __func__;
  APF_TRY(apf_check_frames(ctx, function, B, T, n_fft, window, hop, 0));
  APF_TRY(apf_check_inverse(ctx, function, window, hop));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, X);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->istft_forward(ctx, B, T, n_fft, window, hop, X, y);
}

apf_status APF_FN(apf_istft_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                      int64_t window, int64_t hop, const real *dy, real *dX)
{
  const char *function = __func__;
  APF_TRY(apf_check_frames(ctx, function, B, T, n_fft, window, hop, 0));
  APF_TRY(apf_check_inverse(ctx, function, window, hop));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dX);
  if (T == 0) return ctx->table->zero(ctx, dX, (size_t)(B * (n_fft + 2)) * sizeof(real));
  APF_CHECK_POINTER(ctx, dy);
  return APF_OPS(ctx)->istft_backward(ctx, B, T, n_fft, window, hop, dy, dX);
}
