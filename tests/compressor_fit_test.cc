#include "support/compressor.h"

extern "C" {
#include "train/compressor_fit.h"
}

namespace {

struct DestroyFit {
  void operator()(apf_compressor_fit *fit) const { apf_compressor_fit_destroy(fit); }
};
using Fit = std::unique_ptr<apf_compressor_fit, DestroyFit>;

template <class T>
std::vector<float> narrow(const std::vector<T> &x)
{
  return {x.begin(), x.end()};
}

}  // namespace

class CompressorFit : public OnEveryBackend {
 protected:
  Fit create(const apf_model *model, int64_t channels, const std::vector<float> &x,
             const std::vector<float> &target)
  {
    apf_compressor_fit *fit = nullptr;
    APF_EXPECT_OK(apf_compressor_fit_create(ctx, model, channels,
                                            static_cast<int64_t>(x.size()) / channels, x.data(),
                                            target.data(), &fit));
    return Fit(fit);
  }
  /** Steps to the end; returns the error-to-signal ratio. */
  double run(apf_compressor_fit *fit, apf_model *model)
  {
    apf_lm *lm = apf_compressor_fit_lm(fit);
    for (int step = 0; step < 100 && apf_lm_ended(lm) == APF_LM_RUNNING; step++)
      APF_EXPECT_OK(apf_lm_step(lm));
    EXPECT_NE(apf_lm_ended(lm), APF_LM_RUNNING);
    apf_compressor_fit_write(fit, model);
    double cost;
    apf_lm_best(lm, &cost);
    return apf_compressor_fit_esr(fit, cost);
  }
  double value(const ModelPointer &model, const char *name)
  {
    double v = NAN;
    APF_EXPECT_OK(apf_model_get(ctx, model.get(), name, &v));
    return v;
  }
};
APF_ON_EVERY_BACKEND(CompressorFit);

TEST_P(CompressorFit, RecoversKnownCompressors)
{
  const int64_t frames = is_emulated(ctx) ? 12004 : 66150;
  const auto x = noise_bursts(1, frames);
  std::vector<CompressorSettings> known = {
      {-20, 3, 1, 100, 1.638, 0}, {-20, 5, 30, 30, 1.638, 0}, {-26, 8, 0.1, 200, 1.638, 4}};
  if (is_emulated(ctx)) known.resize(1);
  for (const CompressorSettings &want : known) {
    SCOPED_TRACE(want.ratio);
    const auto model = make_compressor(ctx, {-10, 2, 50, 50, 0.14, 0});

    const double esr =
        run(create(model.get(), 1, x, narrow(compress_by_hand(want, 1, x))).get(), model.get());

    EXPECT_LE(esr, 1e-6);
    EXPECT_NEAR(value(model, "threshold"), want.threshold, 0.3);
    EXPECT_NEAR(value(model, "ratio"), want.ratio, 0.02 * want.ratio);
    EXPECT_NEAR(value(model, "attack"), want.attack, 0.05 * want.attack);
    EXPECT_NEAR(value(model, "release"), want.release, 0.05 * want.release);
    EXPECT_NEAR(value(model, "average"), want.average, 0.05 * want.average);
    EXPECT_NEAR(value(model, "make_up"), want.make_up, 0.1);
  }
}

TEST_P(CompressorFit, RecoversWithLinkedChannelsLookAheadAndOneTime)
{
  const int64_t frames = is_emulated(ctx) ? 9003 : 33075;
  const auto x = noise_bursts(2, frames);
  const CompressorSettings want = {-24, 4, 15, 15, 0.8, 2};
  const auto model = make_compressor(ctx, {-10, 2, 50, 50, 0.14, 0}, "simple", 40);

  const double esr =
      run(create(model.get(), 2, x, narrow(compress_by_hand(want, 2, x, 40))).get(), model.get());

  EXPECT_LE(esr, 1e-6);
  EXPECT_NEAR(value(model, "threshold"), want.threshold, 0.3);
  EXPECT_NEAR(value(model, "attack"), want.attack, 0.05 * want.attack);
  EXPECT_EQ(value(model, "release"), value(model, "attack"));
}

TEST_P(CompressorFit, ErrorIsThatOfTheModelItStartsFrom)
{
  const int64_t frames = 9000;
  const auto x = noise_bursts(2, frames), target = noise_bursts(2, frames, 5);
  const CompressorSettings settings = {-28, 4, 5, 80, 0.9, 3};
  const auto model = make_compressor(ctx, settings, "td", 11);
  const auto y = compress_by_hand(settings, 2, x, 11);
  const auto emphasised = [frames](const auto &signal) {
    std::vector<double> v(signal.size());
    for (size_t i = 0; i < v.size(); i++)
      v[i] = double(signal[i]) - (i % frames ? double(signal[i - 1]) - 0.995 * v[i - 1] : 0.0);
    return v;
  };
  auto r = emphasised(y);
  const auto t = emphasised(target);
  for (size_t i = 0; i < r.size(); i++) r[i] -= t[i];

  const Fit fit = create(model.get(), 2, x, target);
  APF_ASSERT_OK(apf_lm_step(apf_compressor_fit_lm(fit.get())));

  double cost;
  apf_lm_start(apf_compressor_fit_lm(fit.get()), 0, &cost, nullptr);
  const double n = double(r.size());
  EXPECT_NEAR(apf_compressor_fit_esr(fit.get(), cost), dot(r, r) / n / (dot(t, t) / n + 1e-8),
              1e-9);
}

TEST_P(CompressorFit, MakeUpGainStaysWhereItIsNotTrained)
{
  const auto x = noise_bursts(1, is_emulated(ctx) ? 3001 : 9000);
  const auto model = make_compressor(ctx, {});
  APF_ASSERT_OK(apf_model_set_text(ctx, model.get(), "train_make_up", "no"));

  run(create(model.get(), 1, x, narrow(compress_by_hand({-20, 3, 1, 100, 1.638, 6}, 1, x))).get(),
      model.get());

  EXPECT_EQ(value(model, "make_up"), 0);
}

TEST_P(CompressorFit, BadArgumentsAreNamed)
{
  apf_compressor_fit *fit;
  const float x[2] = {0};
  const auto fs = make_compressor(ctx, {}, "fs"), td = make_compressor(ctx, {});

  expect_failure(ctx, apf_compressor_fit_create(ctx, fs.get(), 1, 2, x, x, &fit), APF_ERR_ARGUMENT,
                 {"variant is fs", "td or simple"});
  expect_failure(ctx, apf_compressor_fit_create(ctx, td.get(), 1, 0, x, x, &fit), APF_ERR_ARGUMENT,
                 {"0 frames"});
}
