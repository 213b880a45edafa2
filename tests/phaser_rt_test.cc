#include "support/phaser.h"
#include "support/processor.h"

class PhaserRealTime : public testing::Test {
 protected:
  void SetUp() override { ctx = make_context({APF_CPU, APF_SIMD_BASE, 1}); }
  void TearDown() override { apf_context_destroy(ctx); }
  Processor start(const PhaserSettings &settings, int channels, int rate = 16000)
  {
    apf_processor *p = nullptr;
    const auto model = make_phaser(ctx, settings);
    APF_EXPECT_OK(apf_processor_create(ctx, model.get(), rate, channels, &p));
    return Processor(p);
  }
  apf_context *ctx = nullptr;
};

/* 320 samples a frame: (T - 1) / (F - 1) is the hop. */
TEST_F(PhaserRealTime, IsTheWholeFileRendering)
{
  for (const char *origin : {"0", "0.7"})
    for (int channels : {1, 2}) {
      PhaserSettings settings;
      settings.origin = origin;
      const auto x = noise(channels * (50 * 320 + 1));
      const auto want = render(ctx, make_phaser(ctx, settings).get(), channels, x);

      const auto y = process(start(settings, channels).get(), channels, x, {64});

      EXPECT_LE(relative_error<float>(y, want), 1e-6) << origin << " " << channels;
    }
}

TEST_F(PhaserRealTime, OutputDoesNotDependOnTheBlocks)
{
  const auto x = noise(2 * 5000);
  const auto want = process(start({}, 2).get(), 2, x, {5000});

  EXPECT_EQ(process(start({}, 2).get(), 2, x, {1}), want);
  EXPECT_EQ(process(start({}, 2).get(), 2, x, {64, 1, 0, 333, 7}), want);
  EXPECT_EQ(process(start({}, 2).get(), 2, x, {128}, true), want) << "in place";
}

TEST_F(PhaserRealTime, ResetIsANewStart)
{
  const auto x = noise(5000);
  const Processor p = start({}, 1);
  const auto first = process(p.get(), 1, x, {100});

  apf_processor_reset(p.get());

  EXPECT_EQ(process(p.get(), 1, x, {100}), first);
  EXPECT_EQ(apf_processor_latency(p.get()), 0);
}

TEST_F(PhaserRealTime, NewValuesAreThoseOfAModelThatHasThem)
{
  PhaserSettings settings = {2, 0.1, 0.3, 1, 0.4, -0.3};
  const auto x = noise(320 * 20 + 1);
  const auto want = process(start(settings, 1).get(), 1, x, {640});
  const PhaserSettings other = {5, 0.4, 0.1, 0.5, 0.2, -0.2};

  const Processor p = start(other, 1);
  const double values[] = {settings.rate,    settings.phase, settings.feedback,
                           settings.through, settings.depth, settings.bias};
  for (int i = 0; i < APF_PHASER_PARAMETERS; i++) apf_processor_set(p.get(), i, values[i]);
  apf_processor_reset(p.get());

  EXPECT_LE(relative_error<float>(process(p.get(), 1, x, {640}), want), 1e-6);
}

/* The same seconds of the same sound: low frequencies come out alike at either rate. */
TEST_F(PhaserRealTime, AnotherRateKeepsTimesAndFrequencies)
{
  const auto tone = [](int rate) {
    std::vector<float> x(static_cast<size_t>(rate));
    for (size_t t = 0; t < x.size(); t++)
      x[t] = static_cast<float>(0.5 * std::sin(2 * M_PI * 700 * double(t) / rate));
    return x;
  };
  const auto slow = process(start({}, 1, 16000).get(), 1, tone(16000), {100});
  const auto fast = process(start({}, 1, 48000).get(), 1, tone(48000), {100});

  std::vector<float> picked(slow.size());
  for (size_t t = 0; t < slow.size(); t++) picked[t] = fast[3 * t];
  EXPECT_LE(
      relative_error<float>({picked.begin() + 500, picked.end()}, {slow.begin() + 500, slow.end()}),
      0.02);
}

TEST_F(PhaserRealTime, BadInputIsSilenceAndDoesNotStay)
{
  auto x = noise(4000), clean = x;
  x[100] = NAN;
  x[200] = INFINITY;
  clean[100] = clean[200] = 0;

  EXPECT_EQ(process(start({}, 1).get(), 1, x, {64}), process(start({}, 1).get(), 1, clean, {64}));
}
