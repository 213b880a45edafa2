/** Shapes, checks and dispatch of the log-mel spectrogram. */
#include "ops/stft_check.h"

static apf_status check_arguments(apf_context *ctx, const char *function, int64_t B, int64_t T,
                                  int64_t n_fft, int64_t window, int64_t hop, int64_t n_mels,
                                  double sample_rate, double low, double high, double eps,
                                  int offset, const real *x)
{
  APF_TRY(apf_check_frames(ctx, function, B, T, n_fft, window, hop, 1));
  APF_TRY(apf_check_bands(ctx, function, n_mels, 1, n_fft, sample_rate));
  if (!(low >= 0 && low < high && high <= sample_rate / 2))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "the bands lie between %g and %g Hz, expected rising frequencies from 0 to "
                    "sample_rate / 2 = %g Hz",
                    low, high, sample_rate / 2);
  if (!(eps > 0 && eps < 1))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "eps is %g, expected between 0 and 1", eps);
  APF_CHECK_RANGE(ctx, offset, 0, 1);
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  return APF_OK;
}

apf_status APF_FN(apf_log_mel_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                       int64_t window, int64_t hop, int64_t n_mels,
                                       double sample_rate, double low, double high, double eps,
                                       int offset, const real *x, real *y)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, T, n_fft, window, hop, n_mels, sample_rate, low, high,
                          eps, offset, x));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->log_mel_forward(ctx, B, T, n_fft, window, hop, n_mels, sample_rate, low,
                                       high, eps, offset, x, y);
}

apf_status APF_FN(apf_log_mel_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                        int64_t window, int64_t hop, int64_t n_mels,
                                        double sample_rate, double low, double high, double eps,
                                        int offset, const real *dy, const real *x, real *dx)
{
  const char *function = __func__;
  APF_TRY(check_arguments(ctx, function, B, T, n_fft, window, hop, n_mels, sample_rate, low, high,
                          eps, offset, x));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, dx);
  return APF_OPS(ctx)->log_mel_backward(ctx, B, T, n_fft, window, hop, n_mels, sample_rate, low,
                                        high, eps, offset, dy, x, dx);
}
