/** In the place of audio_test.cc where the build has no libsndfile. */
#include "support/support.h"

TEST(AudioNone, SaysWhatTheBuildLacks)
{
  apf_context *ctx = nullptr;
  ASSERT_EQ(apf_context_create(nullptr, &ctx), APF_OK);
  float sample = 0;
  apf_audio audio = {1, 8000, 1, &sample};

  expect_failure(ctx, apf_audio_write(ctx, "x.wav", APF_AUDIO_PCM16, &audio), APF_ERR_NOT_COMPILED,
                 {"apf_audio_write", "no libsndfile"});
  expect_failure(ctx, apf_audio_read(ctx, "x.wav", 0, -1, &audio), APF_ERR_NOT_COMPILED,
                 {"apf_audio_read", "no libsndfile"});

  EXPECT_EQ(audio.samples, nullptr);
  EXPECT_NE(std::strstr(apf_build_info(), "audio=no"), nullptr);
  apf_context_destroy(ctx);
}
