/** The frame settings that all operators between samples and frames share. */
#ifndef APF_OPS_STFT_CHECK_H
#define APF_OPS_STFT_CHECK_H

#include "ops/check.h"

enum { APF_MAX_FFT = 1 << 24 };

static inline apf_status apf_check_n_fft(apf_context *ctx, const char *function, int64_t n_fft)
{
  APF_CHECK_RANGE(ctx, n_fft, 2, APF_MAX_FFT);
  if (n_fft % 2 != 0)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "n_fft is %" PRId64 ", expected an even number", n_fft);
  return APF_OK;
}

/** Even n_fft, window inside it, hop >= 1; a signal long enough for its reflection. */
static inline apf_status apf_check_frames(apf_context *ctx, const char *function, int64_t B,
                                          int64_t T, int64_t n_fft, int64_t window, int64_t hop,
                                          int reflect)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_TRY(apf_check_n_fft(ctx, function, n_fft));
  APF_CHECK_RANGE(ctx, window, 1, n_fft);
  APF_CHECK_RANGE(ctx, hop, 1, APF_MAX_FFT);
  APF_CHECK_RANGE(ctx, reflect, 0, 1);
  if (reflect && T <= n_fft / 2)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "T is %" PRId64 ", expected more than n_fft / 2 = %" PRId64
                    " samples to reflect",
                    T, n_fft / 2);
  APF_CHECK_SIZE(ctx, "x", B, T);
  /* Frames that overlap are added up in memory of B x (T + a few windows). */
  APF_CHECK_SIZE(ctx, "frames", 4, B, T / hop + 2, n_fft + 2);
  return APF_OK;
}

/** `least` to n_fft mel bands; a sample rate where there are any. */
static inline apf_status apf_check_bands(apf_context *ctx, const char *function, int64_t n_mels,
                                         int64_t least, int64_t n_fft, double sample_rate)
{
  APF_CHECK_RANGE(ctx, n_mels, least, n_fft);
  if (n_mels > 0 && !(sample_rate > 0 && sample_rate <= 1e9))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "sample_rate is %g Hz, expected 0 to 1e9 Hz",
                    sample_rate);
  return APF_OK;
}

/** Whether windows overlap enough for the inverse to divide by their sum everywhere. */
static inline apf_status apf_check_inverse(apf_context *ctx, const char *function, int64_t window,
                                           int64_t hop)
{
  if (2 * hop > window)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "hop is %" PRId64 ", expected at most window / 2 = %" PRId64, hop, window / 2);
  return APF_OK;
}

#endif
