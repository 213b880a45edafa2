/** In the place of audio_sndfile.c where the build has no libsndfile. */
#include "io/audio.h"

#include "core/context.h"

static apf_status not_compiled(apf_context *ctx, const char *function)
{
  return apf_fail(ctx, APF_ERR_NOT_COMPILED, function,
                  "this build has no libsndfile (APF_AUDIO is OFF), so no audio files");
}

apf_status apf_audio_read(apf_context *ctx, const char *path, double start_s, double end_s,
                          apf_audio *out)
{
  (void)path, (void)start_s, (void)end_s;
  if (out) *out = (apf_audio){0};
  return not_compiled(ctx, __func__);
}

apf_status apf_audio_write(apf_context *ctx, const char *path, apf_audio_format format,
                           const apf_audio *audio)
{
  (void)path, (void)format, (void)audio;
  return not_compiled(ctx, __func__);
}
