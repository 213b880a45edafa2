/** Shapes, checks and dispatch of the phaser between STFT and inverse. */
#include "ops/stft_check.h"

static apf_status check_arguments(apf_context *ctx, const char *function, int64_t B, int64_t T,
                                  int64_t n_fft, int64_t window, int64_t hop, const real *p,
                                  const real *g1, const real *g2, const real *b, const real *a)
{
  APF_TRY(apf_check_frames(ctx, function, B, T, n_fft, window, hop, 0));
  APF_TRY(apf_check_inverse(ctx, function, window, hop));
  APF_CHECK_SIZE(ctx, "the gradients", B, T / hop + 1, 9);
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, p);
  APF_CHECK_POINTER(ctx, g1);
  APF_CHECK_POINTER(ctx, g2);
  APF_CHECK_POINTER(ctx, b);
  APF_CHECK_POINTER(ctx, a);
  return APF_OK;
}

apf_status APF_FN(apf_stft_phaser_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                           int64_t window, int64_t hop, const real *x,
                                           const real *p, const real *g1, const real *g2,
                                           const real *b, const real *a, real *y)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, T, n_fft, window, hop, p, g1, g2, b, a));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->stft_phaser_forward(ctx, B, T, n_fft, window, hop, x, p, g1, g2, b, a, y);
}

/** The gradient of what no sample depends on. */
static apf_status zero(apf_context *ctx, int64_t count, real *d)
{
  return d ? ctx->table->zero(ctx, d, (size_t)count * sizeof(real)) : APF_OK;
}

apf_status APF_FN(apf_stft_phaser_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                            int64_t window, int64_t hop, const real *dy,
                                            const real *x, const real *p, const real *g1,
                                            const real *g2, const real *b, const real *a, real *dx,
                                            real *dp, real *dg1, real *dg2, real *db, real *da)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, T, n_fft, window, hop, p, g1, g2, b, a));
  if (B == 0) return APF_OK;
  if (T == 0) {
    APF_TRY(zero(ctx, B, dp));
    APF_TRY(zero(ctx, B, dg1));
    APF_TRY(zero(ctx, B, dg2));
    APF_TRY(zero(ctx, 3 * B, db));
    return zero(ctx, 3 * B, da);
  }
  APF_CHECK_POINTER(ctx, dy);
  if (dp || dg1 || dg2 || db || da) APF_CHECK_POINTER(ctx, x);
  return APF_OPS(ctx)->stft_phaser_backward(ctx, B, T, n_fft, window, hop, dy, x, p, g1, g2, b, a,
                                            dx, dp, dg1, dg2, db, da);
}
