/** What the tests of the phaser share: models whose oscillator is heard, and noise. */
#ifndef APF_TESTS_PHASER_H
#define APF_TESTS_PHASER_H

#include "support/support.h"

extern "C" {
#include "effects/effect.h"
#include "effects/phaser.h"
}

#include <memory>
#include <random>
#include <string>

struct DestroyPhaser {
  void operator()(apf_model *model) const { apf_model_destroy(model); }
};
using PhaserPointer = std::unique_ptr<apf_model, DestroyPhaser>;

struct PhaserSettings {
  double rate = 2, phase = 0.1, feedback = 0.3, through = 1, depth = 0.4, bias = -0.3;
  const char *window = "0.08", *origin = "0", *variant = "td";
  int sample_rate = 16000;
};

/** A phaser with these settings whose waveshaper is 2 tanh(tanh(tanh(s / 2))). */
inline PhaserPointer make_phaser(apf_context *ctx, const PhaserSettings &s)
{
  apf_model *model = nullptr;
  EXPECT_EQ(apf_model_create(ctx, "phaser", s.sample_rate, &model), APF_OK) << apf_last_error(ctx);
  const std::pair<const char *, const char *> options[] = {
      {"window", s.window}, {"origin", s.origin}, {"variant", s.variant}};
  for (const auto &[name, value] : options)
    EXPECT_EQ(apf_model_set_text(ctx, model, name, value), APF_OK) << apf_last_error(ctx);
  for (int i = 0; i < model->tensor_count; i++) {
    const apf_raw_tensor &tensor = model->tensors[i];
    const std::string name = tensor.name;
    if (name.rfind("mlp.", 0) != 0) continue;
    std::fill_n(tensor.values, tensor.count, 0.0);
    if (name.find("weight") == std::string::npos) continue;
    tensor.values[0] = name == "mlp.model.0.weight" ? 0.5 : name == "mlp.model.6.weight" ? 2 : 1;
  }
  *apf_model_scalar(model, "lfo.omega") = 1; /* turns forwards */
  const std::pair<const char *, double> values[] = {
      {"rate", s.rate},       {"phase", s.phase}, {"feedback", s.feedback},
      {"through", s.through}, {"depth", s.depth}, {"bias", s.bias}};
  for (const auto &[name, value] : values)
    EXPECT_EQ(apf_model_set(ctx, model, name, value), APF_OK) << apf_last_error(ctx);
  *apf_model_scalar(model, "lfo.sigma") = 0;
  *apf_model_scalar(model, "bq.DC") = 0.5;
  return PhaserPointer(model);
}

inline std::vector<float> noise(int64_t count, unsigned seed = 1)
{
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, 0.2f);
  std::vector<float> x(static_cast<size_t>(count));
  for (float &v : x) v = normal(generator);
  return x;
}

inline std::vector<float> render(apf_context *ctx, const apf_model *model, int64_t channels,
                                 const std::vector<float> &x, double start = 0)
{
  std::vector<float> y(x.size());
  const int64_t frames = static_cast<int64_t>(x.size()) / channels;
  EXPECT_EQ(apf_model_render(ctx, model, channels, frames, start, x.data(), y.data()), APF_OK)
      << apf_last_error(ctx);
  return y;
}

#endif
