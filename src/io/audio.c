/** What needs no audio library. */
#include "io/audio.h"

#include "core/context.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void apf_audio_free(apf_audio *audio)
{
  if (!audio) return;
  free(audio->samples);
  *audio = (apf_audio){0};
}

/** Index of the first sample that is not finite, or `frames`. */
static int64_t first_not_finite(const float *samples, int64_t frames)
{
  int64_t t = 0;
  while (t < frames && isfinite(samples[t])) t++;
  return t;
}

apf_status apf_audio_check_finite(apf_context *ctx, const char *function, const char *path,
                                  const apf_audio *audio, int64_t offset)
{
  int64_t first = audio->frames;
  int channel = 0;
  for (int c = 0; c < audio->channels; c++) {
    int64_t t = first_not_finite(audio->samples + c * audio->frames, first);
    if (t < first) {
      first = t;
      channel = c;
    }
  }
  if (first == audio->frames) return APF_OK;
  const float value = audio->samples[channel * audio->frames + first];
  return apf_fail(ctx, APF_ERR_NOT_FINITE, function,
                  "%s: channel %d has %s at %.6f s (sample %" PRId64 "), expected finite samples",
                  path, channel + 1, isnan(value) ? "NaN" : "infinity",
                  (double)(first + offset) / audio->sample_rate, first + offset);
}

/** A time that ends where `end` points, or `otherwise` if there is none. */
static bool parse_time(const char *begin, const char *end, double otherwise, double *out)
{
  *out = otherwise;
  if (begin == end) return true;
  if (!strchr("0123456789.", *begin)) return false;
  char *rest = NULL;
  *out = strtod(begin, &rest);
  return rest == end && isfinite(*out);
}

apf_status apf_audio_parse_segment(apf_context *ctx, const char *text, double *start_s,
                                   double *end_s)
{
  if (!text || !start_s || !end_s)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "text, start_s or end_s is NULL");
  const char *colon = strchr(text, ':');
  double start = 0, end = -1;
  if (!colon || !parse_time(text, colon, 0, &start) ||
      !parse_time(colon + 1, text + strlen(text), -1, &end))
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                    "segment '%s', expected START:END in seconds, such as 2.5:10 or 5:", text);
  if (end >= 0 && end <= start)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                    "segment '%s' ends at %g s, expected later than its start, %g s", text, end,
                    start);
  *start_s = start;
  *end_s = end;
  return APF_OK;
}
