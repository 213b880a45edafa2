/** Shapes, checks and dispatch of the filter between STFT and inverse; see <allpole/ops.h>. */
#include "ops/stft_check.h"

static apf_status check_arguments(apf_context *ctx, const char *function, int64_t B, int64_t T,
                                  int64_t n_fft, int64_t window, int64_t hop, int64_t Kb,
                                  int64_t Ka, const real *b, const real *a)
{
  APF_TRY(apf_check_frames(ctx, function, B, T, n_fft, window, hop, 0));
  APF_TRY(apf_check_inverse(ctx, function, window, hop));
  APF_CHECK_RANGE(ctx, Kb, 1, n_fft);
  APF_CHECK_RANGE(ctx, Ka, 1, n_fft);
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, b);
  APF_CHECK_POINTER(ctx, a);
  return APF_OK;
}

apf_status APF_FN(apf_stft_filter_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                           int64_t window, int64_t hop, int64_t Kb, int64_t Ka,
                                           const real *x, const real *b, const real *a, real *y)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, T, n_fft, window, hop, Kb, Ka, b, a));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->stft_filter_forward(ctx, B, T, n_fft, window, hop, Kb, Ka, x, b, a, y);
}

apf_status APF_FN(apf_stft_filter_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                            int64_t window, int64_t hop, int64_t Kb, int64_t Ka,
                                            const real *dy, const real *x, const real *b,
                                            const real *a, real *dx, real *db, real *da)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, T, n_fft, window, hop, Kb, Ka, b, a));
  if (B == 0) return APF_OK;
  if (T == 0) { /* one frame of nothing */
    if (db) APF_TRY(ctx->table->zero(ctx, db, (size_t)(B * Kb) * sizeof(real)));
    return da ? ctx->table->zero(ctx, da, (size_t)(B * Ka) * sizeof(real)) : APF_OK;
  }
  APF_CHECK_POINTER(ctx, dy);
  if (db || da) APF_CHECK_POINTER(ctx, x);
  return APF_OPS(ctx)->stft_filter_backward(ctx, B, T, n_fft, window, hop, Kb, Ka, dy, x, b, a, dx,
                                            db, da);
}
