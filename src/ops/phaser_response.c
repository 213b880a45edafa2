/** Shapes, checks and dispatch of the phaser's frame-wise response. */
#include "ops/stft_check.h"

static apf_status check_arguments(apf_context *ctx, const char *function, int64_t B, int64_t F,
                                  int64_t n_fft, const real *X, const real *p, const real *g1,
                                  const real *g2, const real *b, const real *a)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, F, 0);
  APF_TRY(apf_check_n_fft(ctx, function, n_fft));
  APF_CHECK_SIZE(ctx, "X", B, F, n_fft + 2);
  APF_CHECK_SIZE(ctx, "the gradients", B, F, 9);
  if (B == 0 || F == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, X);
  APF_CHECK_POINTER(ctx, p);
  APF_CHECK_POINTER(ctx, g1);
  APF_CHECK_POINTER(ctx, g2);
  APF_CHECK_POINTER(ctx, b);
  APF_CHECK_POINTER(ctx, a);
  return APF_OK;
}

apf_status APF_FN(apf_phaser_response_forward)(apf_context *ctx, int64_t B, int64_t F,
                                               int64_t n_fft, const real *X, const real *p,
                                               const real *g1, const real *g2, const real *b,
                                               const real *a, real *Y)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, F, n_fft, X, p, g1, g2, b, a));
  if (B == 0 || F == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, Y);
  return APF_OPS(ctx)->phaser_response_forward(ctx, B, F, n_fft, X, p, g1, g2, b, a, Y);
}

/** The sum over no frames. */
static apf_status zero_rows(apf_context *ctx, int64_t rows, int64_t width, real *d)
{
  return d ? ctx->table->zero(ctx, d, (size_t)(rows * width) * sizeof(real)) : APF_OK;
}

apf_status APF_FN(apf_phaser_response_backward)(apf_context *ctx, int64_t B, int64_t F,
                                                int64_t n_fft, const real *dY, const real *X,
                                                const real *p, const real *g1, const real *g2,
                                                const real *b, const real *a, real *dX, real *dp,
                                                real *dg1, real *dg2, real *db, real *da)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, F, n_fft, X, p, g1, g2, b, a));
  if (B == 0) return APF_OK;
  if (F == 0) {
    APF_TRY(zero_rows(ctx, B, 1, dg1));
    APF_TRY(zero_rows(ctx, B, 1, dg2));
    APF_TRY(zero_rows(ctx, B, 3, db));
    return zero_rows(ctx, B, 3, da);
  }
  APF_CHECK_POINTER(ctx, dY);
  return APF_OPS(ctx)->phaser_response_backward(ctx, B, F, n_fft, dY, X, p, g1, g2, b, a, dX, dp,
                                                dg1, dg2, db, da);
}
