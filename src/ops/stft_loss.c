/** Shapes, checks and dispatch of the spectral loss; equations in docs/stft_loss.md. */
#include "ops/stft_check.h"

static apf_status check_arguments(apf_context *ctx, const char *function, int64_t P, int64_t B,
                                  int64_t T, int shared_target, int64_t n_fft, int64_t window,
                                  int64_t hop, int64_t n_mels, double sample_rate, const real *pred,
                                  const real *target, const real *parts)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, P, 0);
  APF_CHECK_AT_LEAST(ctx, B, 1);
  APF_CHECK_SIZE(ctx, "pred", P, B);
  APF_TRY(apf_check_frames(ctx, function, P * B, T, n_fft, window, hop, 1));
  APF_CHECK_RANGE(ctx, shared_target, 0, 1);
  APF_TRY(apf_check_bands(ctx, function, n_mels, 0, n_fft, sample_rate));
  if (P == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, pred);
  APF_CHECK_POINTER(ctx, target);
  APF_CHECK_POINTER(ctx, parts);
  return APF_OK;
}

apf_status APF_FN(apf_stft_loss_forward)(apf_context *ctx, int64_t P, int64_t B, int64_t T,
                                         int shared_target, int64_t n_fft, int64_t window,
                                         int64_t hop, int64_t n_mels, double sample_rate,
                                         const real *pred, const real *target, real *loss,
                                         real *parts)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, P, B, T, shared_target, n_fft, window, hop, n_mels,
                          sample_rate, pred, target, parts));
  if (P == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, loss);
  return APF_OPS(ctx)->stft_loss_forward(ctx, P, B, T, shared_target, n_fft, window, hop, n_mels,
                                         sample_rate, pred, target, loss, parts);
}

apf_status APF_FN(apf_stft_loss_backward)(apf_context *ctx, int64_t P, int64_t B, int64_t T,
                                          int shared_target, int64_t n_fft, int64_t window,
                                          int64_t hop, int64_t n_mels, double sample_rate,
                                          const real *dloss, const real *pred, const real *target,
                                          const real *parts, real *dpred)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, P, B, T, shared_target, n_fft, window, hop, n_mels,
                          sample_rate, pred, target, parts));
  if (P == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dloss);
  APF_CHECK_POINTER(ctx, dpred);
  return APF_OPS(ctx)->stft_loss_backward(ctx, P, B, T, shared_target, n_fft, window, hop, n_mels,
                                          sample_rate, dloss, pred, target, parts, dpred);
}
