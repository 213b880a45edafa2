/** Shapes, checks and dispatch of the short-time Fourier transform; equations in <allpole/ops.h>.
 */
#include "ops/stft_check.h"

apf_status APF_FN(apf_stft_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                    int64_t window, int64_t hop, int reflect, const real *x,
                                    real *X)
{
  const char *function = __func__;
  APF_TRY(apf_check_frames(ctx, function, B, T, n_fft, window, hop, reflect));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, X);
  if (T == 0) return ctx->table->zero(ctx, X, (size_t)(B * (n_fft + 2)) * sizeof(real));
  APF_CHECK_POINTER(ctx, x);
  return APF_OPS(ctx)->stft_forward(ctx, B, T, n_fft, window, hop, reflect, x, X);
}

apf_status APF_FN(apf_stft_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                     int64_t window, int64_t hop, int reflect, const real *dX,
                                     real *dx)
{
  const char *function = __func__;
  APF_TRY(apf_check_frames(ctx, function, B, T, n_fft, window, hop, reflect));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dX);
  APF_CHECK_POINTER(ctx, dx);
  return APF_OPS(ctx)->stft_backward(ctx, B, T, n_fft, window, hop, reflect, dX, dx);
}
