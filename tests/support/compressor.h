/** What the tests of the compressor share: models, and its equations in the plainest form. */
#ifndef APF_TESTS_COMPRESSOR_H
#define APF_TESTS_COMPRESSOR_H

#include "support/support.h"

extern "C" {
#include "effects/compressor.h"
}

#include <algorithm>
#include <memory>

struct DestroyModel {
  void operator()(apf_model *model) const { apf_model_destroy(model); }
};
using ModelPointer = std::unique_ptr<apf_model, DestroyModel>;

/** Human units; threshold dB, times ms, make-up dB. */
struct CompressorSettings {
  double threshold = -20, ratio = 3, attack = 1, release = 100, average = 1.638, make_up = 0;
};

inline ModelPointer make_compressor(apf_context *ctx, const CompressorSettings &settings,
                                    const char *variant = "td", int look_ahead = 0,
                                    int sample_rate = 44100)
{
  apf_model *model = nullptr;
  EXPECT_EQ(apf_model_create(ctx, "compressor", sample_rate, &model), APF_OK)
      << apf_last_error(ctx);
  const std::string ahead = std::to_string(look_ahead);
  EXPECT_EQ(apf_model_set_text(ctx, model, "variant", variant), APF_OK) << apf_last_error(ctx);
  EXPECT_EQ(apf_model_set_text(ctx, model, "look_ahead", ahead.c_str()), APF_OK)
      << apf_last_error(ctx);
  const std::pair<const char *, double> values[] = {
      {"threshold", settings.threshold}, {"ratio", settings.ratio},
      {"release", settings.release},     {"attack", settings.attack},
      {"average", settings.average},     {"make_up", settings.make_up}};
  for (const auto &[name, value] : values)
    EXPECT_EQ(apf_model_set(ctx, model, name, value), APF_OK) << apf_last_error(ctx);
  return ModelPointer(model);
}

/** y from the equations of effects/compressor.h; x planar. */
template <class T>
std::vector<double> compress_by_hand(const CompressorSettings &s, int64_t channels,
                                     const std::vector<T> &x, int look_ahead = 0,
                                     double rate = 44100)
{
  const int64_t n = static_cast<int64_t>(x.size()) / channels;
  const auto coefficient = [rate](double ms) { return -std::expm1(-2200 / (ms * rate)); };
  const double average = coefficient(s.average), attack = coefficient(s.attack),
               release = coefficient(s.release);
  std::vector<double> gain(n), y(x.size());
  double power = 0, state = 1;
  for (int64_t t = 0; t < n; t++) {
    double level = 0;
    for (int64_t c = 0; c < channels; c++)
      level += std::max(double(x[c * n + t]) * double(x[c * n + t]), 1e-8) / double(channels);
    power += average * (level - power);
    const double L = 10 * std::log10(power);
    const double g =
        std::min({0.0, (1 - 1 / s.ratio) * (s.threshold - L), (1 - 1 / 0.9999) * (-120 - L)});
    const double f = std::pow(10, g / 20);
    state += (f < state ? attack : release) * (f - state);
    gain[t] = state;
  }
  for (int64_t i = 0; i < channels * n; i++) {
    const int64_t ahead = i % n + look_ahead;
    y[i] = double(x[i]) * std::pow(10, s.make_up / 20) * (ahead < n ? gain[ahead] : 1);
  }
  return y;
}

/** Noise bursts of changing level: loud, quiet, nearly silent; planar. */
inline std::vector<float> noise_bursts(int64_t channels, int64_t frames, uint64_t seed = 1)
{
  auto x = random_values<float>(channels * frames, seed);
  const float levels[] = {0.9f, 0.05f, 0.4f, 1e-4f, 0.2f};
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < frames; t++) x[c * frames + t] *= levels[(t / 3001 + c) % 5];
  return x;
}

#endif
