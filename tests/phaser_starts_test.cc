#include "support/phaser.h"

extern "C" {
#include "train/phaser_starts.h"
#include "train/phaser_track.h"
}

namespace {

/** Seconds of noise and what a phaser makes of it, as a part that starts somewhere. */
struct Recording {
  Recording(apf_context *ctx, const PhaserSettings &settings, double seconds, double start = 0)
      : x(noise(static_cast<int64_t>(seconds * settings.sample_rate), 3)),
        y(render(ctx, make_phaser(ctx, settings).get(), 1, x, start))
  {
    pair.sample_rate = settings.sample_rate;
    pair.channels = 1;
    pair.frames = static_cast<int64_t>(x.size());
    pair.start = start;
    pair.input = x.data();
    pair.target = y.data();
  }
  std::vector<float> x, y;
  apf_pair pair = {};
};

}  // namespace

class PhaserStarts : public testing::Test {
 protected:
  void SetUp() override { ctx = make_context({APF_CPU, APF_SIMD_BASE, 1}); }
  void TearDown() override { apf_context_destroy(ctx); }
  /** Starts of a run on this recording. */
  std::vector<PhaserPointer> starts(const Recording &recording, int count)
  {
    const std::string origin = std::to_string(recording.pair.start);
    PhaserSettings settings;
    settings.origin = origin.c_str();
    settings.sample_rate = recording.pair.sample_rate;
    std::vector<PhaserPointer> models;
    std::vector<apf_model *> raw;
    for (int i = 0; i < count; i++) {
      models.push_back(make_phaser(ctx, settings));
      raw.push_back(models.back().get());
      APF_EXPECT_OK(apf_model_initialise(ctx, raw.back(), static_cast<uint64_t>(i)));
    }
    APF_EXPECT_OK(apf_phaser_starts(ctx, &recording.pair, count, raw.data()));
    return models;
  }
  apf_context *ctx = nullptr;
};

TEST_F(PhaserStarts, TheTrackFollowsTheBreakFrequency)
{
  const PhaserSettings settings = {1, 0, 0.3};
  const Recording recording(ctx, settings, 4);
  apf_phaser_track track;
  APF_ASSERT_OK(apf_phaser_track_find(ctx, &recording.pair, 1, &track));

  EXPECT_NEAR(track.dry, 0.5, 0.02);
  EXPECT_NEAR(track.wet, 0.5, 0.02);
  EXPECT_EQ(track.feedback, 0.3);
  EXPECT_LE(track.error_to_signal, 0.03);
  double worst = 0;
  for (int64_t f = 1; f + 1 < track.frames; f++) {
    const double s = std::cos(2 * M_PI * double(f) * track.hop);
    const double w = 2 * std::tanh(std::tanh(std::tanh(s / 2)));
    const double t = std::tan(-0.3 + 0.4 * (1 + w) / 2), p = std::tanh((1 - t) / (1 + t));
    const double pitch = std::log(std::atan((1 - p) / (1 + p)) * 16000 / M_PI);
    worst = std::max(worst, std::abs(track.pitch[f] - pitch));
  }
  EXPECT_LE(worst, 0.1);
  apf_phaser_track_clear(&track);
}

TEST_F(PhaserStarts, TheFirstGuessIsTheOscillator)
{
  for (const double rate : {0.25, 0.7, 2.0, 5.0}) {
    const Recording recording(ctx, {rate, 0.1}, 5);
    apf_phaser_track track;
    APF_ASSERT_OK(apf_phaser_track_find(ctx, &recording.pair, 0, &track));
    apf_lfo_guess guesses[3];

    ASSERT_GE(apf_lfo_guesses(ctx, &track, 3, guesses), 1);

    EXPECT_NEAR(guesses[0].rate, rate, 0.01 * rate);
    EXPECT_NEAR(std::cos(2 * guesses[0].phase), std::cos(2 * 2 * M_PI * 0.1), 0.1);
    EXPECT_LE(guesses[0].residual, 0.05);
    apf_phaser_track_clear(&track);
  }
}

TEST_F(PhaserStarts, TheFirstStartExplainsTheRecordingAndWhatFollows)
{
  const PhaserSettings settings = {0.4, 0.3};
  const Recording recording(ctx, settings, 5, 2), later(ctx, settings, 4, 7);

  const auto models = starts(recording, 2);
  const auto y = render(ctx, models[0].get(), 1, later.x, 7);

  double error = 0, energy = 0;
  for (size_t t = 0; t < y.size(); t++) {
    error += std::pow(double(y[t]) - double(later.y[t]), 2);
    energy += std::pow(double(later.y[t]), 2);
  }
  EXPECT_LE(error / energy, 0.01);
}

TEST_F(PhaserStarts, RecordingsThatTellNothingGiveFiniteStarts)
{
  Recording silent(ctx, {}, 2), still(ctx, {}, 2), brief(ctx, {}, 0.1);
  std::fill(silent.x.begin(), silent.x.end(), 0.0f);
  std::fill(silent.y.begin(), silent.y.end(), 0.0f);
  still.y = still.x;
  still.pair.target = still.y.data();

  for (const Recording *recording : {&silent, &still, &brief})
    for (const auto &model : starts(*recording, 5))
      for (int i = 0; i < model->tensor_count; i++)
        for (int64_t k = 0; k < model->tensors[i].count; k++)
          ASSERT_TRUE(std::isfinite(model->tensors[i].values[k])) << model->tensors[i].name;
}
