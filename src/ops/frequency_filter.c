/** Shapes, checks and dispatch of the frame-wise rational filter; equations in <allpole/ops.h>. */
#include "ops/stft_check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t F,
                              int64_t n_fft, int64_t Kb, int64_t Ka)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, F, 0);
  APF_TRY(apf_check_n_fft(ctx, function, n_fft));
  APF_CHECK_RANGE(ctx, Kb, 1, n_fft);
  APF_CHECK_RANGE(ctx, Ka, 1, n_fft);
  APF_CHECK_SIZE(ctx, "X", B, F, n_fft + 2);
  return APF_OK;
}

apf_status APF_FN(apf_frequency_filter_forward)(apf_context *ctx, int64_t B, int64_t F,
                                                int64_t n_fft, int64_t Kb, int64_t Ka,
                                                const real *X, const real *b, const real *a,
                                                real *Y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, F, n_fft, Kb, Ka));
  if (B == 0 || F == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, X);
  APF_CHECK_POINTER(ctx, b);
  APF_CHECK_POINTER(ctx, a);
  APF_CHECK_POINTER(ctx, Y);
  return APF_OPS(ctx)->frequency_filter_forward(ctx, B, F, n_fft, Kb, Ka, X, b, a, Y);
}

apf_status APF_FN(apf_frequency_filter_backward)(apf_context *ctx, int64_t B, int64_t F,
                                                 int64_t n_fft, int64_t Kb, int64_t Ka,
                                                 const real *dY, const real *X, const real *b,
                                                 const real *a, real *dX, real *db, real *da)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, F, n_fft, Kb, Ka));
  if (B == 0 || F == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dY);
  APF_CHECK_POINTER(ctx, X);
  APF_CHECK_POINTER(ctx, b);
  APF_CHECK_POINTER(ctx, a);
  return APF_OPS(ctx)->frequency_filter_backward(ctx, B, F, n_fft, Kb, Ka, dY, X, b, a, dX, db, da);
}
