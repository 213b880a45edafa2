#include "support/phaser.h"

class Phaser : public testing::Test {
 protected:
  void SetUp() override { ctx = make_context({APF_CPU, APF_SIMD_BASE, 1}); }
  void TearDown() override { apf_context_destroy(ctx); }
  double get(const apf_model *model, const char *name)
  {
    double value = NAN;
    APF_EXPECT_OK(apf_model_get(ctx, model, name, &value));
    return value;
  }
  apf_context *ctx = nullptr;
};

TEST_F(Phaser, RateAndPhaseAreInHertzAndCycles)
{
  const auto model = make_phaser(ctx, {3, 0.25});
  const double frames_per_second = 16000.0 / 320;

  EXPECT_NEAR(*apf_model_scalar(model.get(), "lfo.omega"), 2 * M_PI * 3 / frames_per_second, 1e-12);
  EXPECT_NEAR(*apf_model_scalar(model.get(), "lfo.phi"), M_PI / 2, 1e-12);
  EXPECT_NEAR(get(model.get(), "rate"), 3, 1e-12);
  EXPECT_NEAR(get(model.get(), "phase"), 0.25, 1e-12);
}

TEST_F(Phaser, AnOscillatorThatTurnsBackwardsIsTheSameOscillator)
{
  const auto model = make_phaser(ctx, {3, 0.2}), other = make_phaser(ctx, {3, 0.2});
  *apf_model_scalar(other.get(), "lfo.omega") *= -1;
  *apf_model_scalar(other.get(), "lfo.phi") *= -1;
  const auto x = noise(8000);

  EXPECT_NEAR(get(other.get(), "rate"), 3, 1e-12);
  EXPECT_NEAR(get(other.get(), "phase"), 0.2, 1e-12);
  EXPECT_LE(relative_error<float>(render(ctx, other.get(), 1, x), render(ctx, model.get(), 1, x)),
            1e-6);
}

TEST_F(Phaser, TheOscillatorRunsOnFromTheOriginToThePartThatIsRendered)
{
  const auto x = noise(8000); /* 1.3 s are 2.6 cycles */
  const auto want = render(ctx, make_phaser(ctx, {2, 0.7}).get(), 1, x);

  const auto started = render(ctx, make_phaser(ctx, {2, 0.1}).get(), 1, x, 1.3);
  PhaserSettings settings = {2, 0.1};
  settings.origin = "5";
  const auto moved = render(ctx, make_phaser(ctx, settings).get(), 1, x, 6.3);

  EXPECT_LE(relative_error<float>(started, want), 1e-6);
  EXPECT_LE(relative_error<float>(moved, want), 1e-6);
}

TEST_F(Phaser, ChannelsShareOneOscillator)
{
  const auto model = make_phaser(ctx, {});
  const auto left = noise(5000, 1), right = noise(5000, 2);
  std::vector<float> both = left;
  both.insert(both.end(), right.begin(), right.end());

  const auto y = render(ctx, model.get(), 2, both);

  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 5000), render(ctx, model.get(), 1, left));
  EXPECT_EQ(std::vector<float>(y.begin() + 5000, y.end()), render(ctx, model.get(), 1, right));
}

/* Without feedback and biquad the two differ by the ends of frames only. */
TEST_F(Phaser, FrequencySamplingComesNearTheTimeDomain)
{
  PhaserSettings settings = {0.5, 0.1, 0};
  const auto x = noise(16000);
  const auto want = render(ctx, make_phaser(ctx, settings).get(), 1, x);
  settings.variant = "fs";
  const auto y = render(ctx, make_phaser(ctx, settings).get(), 1, x);

  double error = 0, energy = 0;
  for (size_t t = 0; t < x.size(); t++) {
    error += std::pow(double(y[t]) - double(want[t]), 2);
    energy += std::pow(double(want[t]), 2);
  }
  EXPECT_LE(error / energy, 1e-3);
}

TEST_F(Phaser, WindowsThatHoldNoFramesAreRefused)
{
  const auto model = make_phaser(ctx, {});
  for (const char *window : {"0.0001", "0", "-1", "1e9"}) {
    EXPECT_EQ(apf_model_set_text(ctx, model.get(), "window", window), APF_ERR_ARGUMENT) << window;
    EXPECT_NE(std::string(apf_last_error(ctx)).find("window"), std::string::npos);
  }
  EXPECT_EQ(apf_phaser_hop(model.get()), 320) << "as before";
}

TEST_F(Phaser, PublishedParametersBecomeAModel)
{
  PhaserSettings settings;
  settings.sample_rate = 44100;
  settings.window = "0.04";
  const auto model = make_phaser(ctx, settings);

  APF_ASSERT_OK(
      apf_model_import(ctx, model.get(), APF_TEST_DATA "/paper_phaser__ss-a_td.safetensors"));

  EXPECT_NEAR(get(model.get(), "rate"), 2.33005, 1e-5);
  for (const float v : render(ctx, model.get(), 1, noise(4000))) ASSERT_TRUE(std::isfinite(v));
}
