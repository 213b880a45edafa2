/** Errors between a rendering and its target. One pass in double; loudness by libebur128. */
#include <allpole/train.h>

#ifdef APF_HAVE_EBUR128
#include <ebur128.h>
#endif
#include <math.h>
#include <stdlib.h>

#include "core/context.h"

typedef struct sums {
  double difference, target;                 /* squares */
  double pre_difference, pre_target, pre_l1; /* after pre-emphasis */
} sums;

/** The published pre-emphasis, v[t] = x[t] - x[t-1] + 0.995 v[t-1] (arXiv 2404.07970, section 4.3).
 */
static void add_channel(int64_t frames, const float *y, const float *target, sums *s)
{
  const double pole = 0.995;
  double last_y = 0, last_target = 0, pre_y = 0, pre_target = 0;
  for (int64_t t = 0; t < frames; t++) {
    double difference = (double)y[t] - (double)target[t];
    pre_y = (double)y[t] - last_y + pole * pre_y;
    pre_target = (double)target[t] - last_target + pole * pre_target;
    last_y = (double)y[t];
    last_target = (double)target[t];
    double pre_difference = pre_y - pre_target;
    s->difference += difference * difference;
    s->target += last_target * last_target;
    s->pre_difference += pre_difference * pre_difference;
    s->pre_target += pre_target * pre_target;
    s->pre_l1 += fabs(pre_difference);
  }
}

#ifdef APF_HAVE_EBUR128
/** Integrated loudness in LUFS; -infinity for silence (and for less than 400 ms). */
static apf_status loudness(apf_context *ctx, int sample_rate, int64_t channels, int64_t frames,
                           const float *x, double *out)
{
  enum { BLOCK = 4096 };
  ebur128_state *state =
      ebur128_init((unsigned)channels, (unsigned long)sample_rate, EBUR128_MODE_I);
  float *interleaved = malloc(sizeof *interleaved * (size_t)channels * BLOCK);
  apf_status status = APF_OK;
  if (!state || !interleaved) {
    status = apf_fail(ctx, APF_ERR_MEMORY, "apf_evaluate", "no memory to measure loudness");
    goto done;
  }
  for (int64_t start = 0; start < frames; start += BLOCK) {
    int64_t count = frames - start < BLOCK ? frames - start : BLOCK;
    for (int64_t t = 0; t < count; t++)
      for (int64_t c = 0; c < channels; c++)
        interleaved[t * channels + c] = x[c * frames + start + t];
    if (ebur128_add_frames_float(state, interleaved, (size_t)count) != EBUR128_SUCCESS) {
      status = apf_fail(ctx, APF_ERR_MEMORY, "apf_evaluate", "no memory to measure loudness");
      goto done;
    }
  }
  if (ebur128_loudness_global(state, out) != EBUR128_SUCCESS) *out = -INFINITY;
done:
  free(interleaved);
  if (state) ebur128_destroy(&state);
  return status;
}
#else
static apf_status loudness(apf_context *ctx, int sample_rate, int64_t channels, int64_t frames,
                           const float *x, double *out)
{
  (void)ctx, (void)sample_rate, (void)channels, (void)frames, (void)x;
  *out = NAN;
  return APF_OK;
}
#endif

static apf_status check_finite(apf_context *ctx, const char *what, int64_t channels, int64_t frames,
                               const float *x)
{
  for (int64_t i = 0; i < channels * frames; i++)
    if (!isfinite(x[i]))
      return apf_fail(ctx, APF_ERR_NOT_FINITE, "apf_evaluate",
                      "%s is %g at channel %lld, frame %lld", what, (double)x[i],
                      (long long)(i / frames), (long long)(i % frames));
  return APF_OK;
}

apf_status apf_evaluate(apf_context *ctx, int sample_rate, int64_t channels, int64_t frames,
                        const float *y, const float *target, apf_metrics *out)
{
  if (!y || !target || !out)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "y, target or out is NULL");
  if (sample_rate < 1 || channels < 1 || channels > 64 || frames < 1)
    return apf_fail(
        ctx, APF_ERR_ARGUMENT, __func__,
        "sample_rate is %d, channels %lld, frames %lld; expected at least 1 of each and "
        "at most 64 channels",
        sample_rate, (long long)channels, (long long)frames);
  APF_TRY(check_finite(ctx, "y", channels, frames, y));
  APF_TRY(check_finite(ctx, "target", channels, frames, target));

  sums s = {0};
  for (int64_t c = 0; c < channels; c++)
    add_channel(frames, y + c * frames, target + c * frames, &s);
  double n = (double)(channels * frames), ours, theirs;
  APF_TRY(loudness(ctx, sample_rate, channels, frames, y, &ours));
  APF_TRY(loudness(ctx, sample_rate, channels, frames, target, &theirs));
  *out = (apf_metrics){
      .esr = (s.difference / n) / (s.target / n + 1e-8),
      .esr_preemphasized = (s.pre_difference / n) / (s.pre_target / n + 1e-8),
      .l1_preemphasized = s.pre_l1 / n,
      .loudness_difference = ours == theirs ? 0 : ours - theirs,
      .mss = NAN,
      .mel_stft = NAN,
      .mfcc_l1 = NAN,
  };
  return APF_OK;
}
