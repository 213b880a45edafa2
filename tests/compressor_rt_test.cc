#include "support/compressor.h"
#include "support/processor.h"

class CompressorRealTime : public testing::Test {
 protected:
  void SetUp() override { ctx = make_context({APF_CPU, APF_SIMD_BASE, 1}); }
  void TearDown() override { apf_context_destroy(ctx); }
  Processor start(const CompressorSettings &settings, int channels, const char *variant = "td",
                  int look_ahead = 0, int rate = 44100)
  {
    apf_processor *p = nullptr;
    const auto model = make_compressor(ctx, settings, variant, look_ahead);
    APF_EXPECT_OK(apf_processor_create(ctx, model.get(), rate, channels, &p));
    return Processor(p);
  }
  apf_context *ctx = nullptr;
};

TEST_F(CompressorRealTime, IsTheWholeFileRendering)
{
  for (const char *variant : {"td", "simple"})
    for (int channels : {1, 2})
      for (int look_ahead : {0, 33}) {
        const int64_t frames = 30000;
        const CompressorSettings settings = {-30, 4, 5, 80, 0.5, 3};
        const auto x = noise_bursts(channels, frames);
        std::vector<float> whole(x.size());
        const auto model = make_compressor(ctx, settings, variant, look_ahead);
        APF_ASSERT_OK(
            apf_model_render(ctx, model.get(), channels, frames, 0, x.data(), whole.data()));

        const Processor p = start(settings, channels, variant, look_ahead);
        const auto y = process(p.get(), channels, x, {64});

        ASSERT_EQ(apf_processor_latency(p.get()), look_ahead);
        for (int c = 0; c < channels; c++) { /* the last samples look beyond the file's end */
          const float *late = y.data() + c * frames, *on_time = whole.data() + c * frames;
          EXPECT_LE(relative_error<float>({late + look_ahead, late + frames},
                                          {on_time, on_time + frames - look_ahead}),
                    2e-6);
          EXPECT_EQ(std::vector<float>(late, late + look_ahead),
                    std::vector<float>(look_ahead, 0.0f));
        }
      }
}

TEST_F(CompressorRealTime, OutputDoesNotDependOnTheBlocks)
{
  const auto x = noise_bursts(2, 10000);
  const auto want = process(start({}, 2, "td", 50).get(), 2, x, {10000});

  EXPECT_EQ(process(start({}, 2, "td", 50).get(), 2, x, {1}), want);
  EXPECT_EQ(process(start({}, 2, "td", 50).get(), 2, x, {64, 1, 0, 333, 7}), want);
  EXPECT_EQ(process(start({}, 2, "td", 50).get(), 2, x, {128}, true), want) << "in place";
}

TEST_F(CompressorRealTime, ResetIsANewStart)
{
  const auto x = noise_bursts(1, 5000);
  const Processor p = start({}, 1, "td", 10);
  const auto first = process(p.get(), 1, x, {100});

  apf_processor_reset(p.get());

  EXPECT_EQ(process(p.get(), 1, x, {100}), first);
}

TEST_F(CompressorRealTime, ANewValueIsReachedWithoutAClick)
{
  const std::vector<float> x(8000, 0.1f); /* -20 dB, below the threshold: gain 1 */
  const Processor p = start({-10, 4, 1, 50, 1, 0}, 1);
  process(p.get(), 1, x, {8000});

  apf_processor_set(p.get(), APF_COMPRESSOR_MAKE_UP, 6);
  const auto y = process(p.get(), 1, x, {64, 7});

  const double goal = 0.1 * std::pow(10, 6.0 / 20);
  EXPECT_NEAR(y.back(), goal, 1e-7);
  EXPECT_NEAR(y[0], 0.1, 1e-3);
  for (size_t i = 1; i < y.size(); i++) EXPECT_LE(std::abs(y[i] - y[i - 1]), (goal - 0.1) / 500);
}

TEST_F(CompressorRealTime, ValuesAreClampedToTheirRange)
{
  const auto x = noise_bursts(1, 4000);
  const Processor beyond = start({}, 1), edge = start({}, 1);

  apf_processor_set(beyond.get(), APF_COMPRESSOR_RATIO, 1e9);
  apf_processor_set(edge.get(), APF_COMPRESSOR_RATIO, 1000);
  apf_processor_set(beyond.get(), 99, 1);

  EXPECT_EQ(process(beyond.get(), 1, x, {64}), process(edge.get(), 1, x, {64}));
}

TEST_F(CompressorRealTime, NonFiniteInputIsSilence)
{
  auto x = noise_bursts(2, 6000);
  auto silent = x;
  const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
  for (int i = 0; i < 3; i++) {
    x[1000 + i] = x[6000 + 2000 + i] = bad[i];
    silent[1000 + i] = silent[6000 + 2000 + i] = 0;
  }

  const auto y = process(start({}, 2, "td", 20).get(), 2, x, {64});

  EXPECT_EQ(y, process(start({}, 2, "td", 20).get(), 2, silent, {64}));
  x[3000] = bad[3]; /* finite, if barely */
  for (float v : process(start({}, 2).get(), 2, x, {64})) ASSERT_TRUE(std::isfinite(v));
}

TEST_F(CompressorRealTime, TimesKeepTheirValueAtAnotherRate)
{
  /* Settling after a step takes as many milliseconds, not as many samples. */
  const auto settled = [&](int rate) {
    std::vector<float> x(rate, 0.9f);
    const auto y = process(start({-20, 4, 20, 100, 1, 0}, 1, "td", 441, rate).get(), 1, x, {64});
    const float halfway = (0.9f + y.back()) / 2;
    const auto at =
        std::find_if(y.begin() + rate / 100 + 1, y.end(), [&](float v) { return v < halfway; });
    return double(at - y.begin()) / rate;
  };

  EXPECT_NEAR(settled(88200), settled(44100), 1e-4);
  EXPECT_EQ(apf_processor_latency(start({}, 1, "td", 441, 88200).get()), 882);
}
