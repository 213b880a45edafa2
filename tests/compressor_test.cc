#include "support/compressor.h"
#include "support/graph.h"

#include <map>
#include <utility>

namespace {

/** y and the gradients of all raw tensors of sum(y w), for several models at once. */
struct Outcome {
  std::vector<double> y;
  std::map<std::string, std::vector<double>> gradients;
};

Outcome run(apf_context *ctx, const std::vector<const apf_model *> &models, int64_t B, int64_t C,
            int64_t T, const std::vector<double> &x, const std::vector<double> &w)
{
  const int64_t sets = static_cast<int64_t>(models.size());
  Graph g(ctx);
  apf_var in = apf_graph_input(g, "x", APF_SHAPE(1, B, C, T));
  apf_var weights = apf_graph_input(g, "w", APF_SHAPE(1, B, C, T));
  apf_var y = apf_graph_output(
      g, models[0]->effect->describe(g, models[0], {in, sets, APF_MODE_TRAIN, 0, {}, {}}), "y");
  g.build(apf_sum(g, apf_mul(g, y, weights), APF_AXES_FROM(1), false));
  g.set(in, x);
  g.set(weights, w);
  EXPECT_EQ(apf_models_to_graph(g, models.data(), sets), APF_OK) << apf_last_error(ctx);
  g.step();
  Outcome out = {g.get(y), {}};
  for (int i = 0; i < models[0]->tensor_count; i++) {
    const apf_var parameter = apf_graph_find(g, models[0]->tensors[i].name);
    if (!apf_graph_is_frozen(g, parameter))
      out.gradients[models[0]->tensors[i].name] = g.gradient(parameter);
  }
  return out;
}

}  // namespace

class Compressor : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(Compressor);

TEST_P(Compressor, FollowsItsEquations)
{
  for (int look_ahead : {0, 7})
    for (int64_t C : {1, 2}) {
      const CompressorSettings settings = {-30, 4, 2, 60, 0.5, 3};
      const int64_t T = 9000;
      const auto x = noise_bursts(C, T);
      const std::vector<double> wide(x.begin(), x.end());

      const Outcome got = run(ctx, {make_compressor(ctx, settings, "td", look_ahead).get()}, 1, C,
                              T, wide, random_values<double>(C * T, 2));

      EXPECT_LE(relative_error(got.y, compress_by_hand(settings, C, x, look_ahead)), 1e-12);
    }
}

TEST_P(Compressor, SimpleIsOneTimeAndFrequencySamplingComesNearIt)
{
  const CompressorSettings settings = {-30, 4, 5, 5, 0.5, 3};
  const int64_t T = 20000;
  auto x = noise_bursts(1, T);
  std::fill(x.end() - 4000, x.end(), 0.0f); /* periodic filters start where the signal ends */
  const std::vector<double> wide(x.begin(), x.end()), w(T, 1.0);

  const Outcome simple =
      run(ctx, {make_compressor(ctx, settings, "simple").get()}, 1, 1, T, wide, w);
  const Outcome fs = run(ctx, {make_compressor(ctx, settings, "fs").get()}, 1, 1, T, wide, w);

  EXPECT_LE(relative_error(simple.y, compress_by_hand(settings, 1, x)), 1e-12);
  EXPECT_LE(relative_error(fs.y, simple.y), 1e-3);
  EXPECT_EQ(simple.gradients.count("rt_logit"), 0u);
}

TEST_P(Compressor, GradientsAreCentralDifferences)
{
  const int64_t B = 2, C = 2, T = 3000;
  const auto x = noise_bursts(B * C, T);
  const std::vector<double> wide(x.begin(), x.end()), w = random_values<double>(B * C * T, 2);
  for (const char *variant : {"td", "simple", "fs"}) {
    SCOPED_TRACE(variant);
    const auto model = make_compressor(ctx, {-30, 4, 2, 60, 0.5, 3}, variant, 5);
    const Outcome got = run(ctx, {model.get()}, B, C, T, wide, w);
    for (int i = 0; i < model->tensor_count; i++) {
      SCOPED_TRACE(model->tensors[i].name);
      double &value = model->tensors[i].values[0];
      expect_gradient(
          [&](const std::vector<double> &v) {
            const double before = std::exchange(value, v[0]);
            const double sum = dot(run(ctx, {model.get()}, B, C, T, wide, w).y, w);
            value = before;
            return sum;
          },
          {value}, got.gradients.at(model->tensors[i].name), 1e-5, 1e-6, 1);
    }
  }
}

TEST_P(Compressor, ABatchOfParameterSetsIsEachAlone)
{
  const int64_t B = 3, C = 1, T = 2000;
  const auto x = noise_bursts(B * C, T);
  const std::vector<double> wide(x.begin(), x.end()), w = random_values<double>(B * C * T, 2);
  const auto a = make_compressor(ctx, {-30, 4, 2, 60, 0.5, 3}),
             b = make_compressor(ctx, {-12, 9, 20, 30, 5, -1});

  const Outcome both = run(ctx, {a.get(), b.get()}, B, C, T, wide, w);
  const Outcome alone[] = {run(ctx, {a.get()}, B, C, T, wide, w),
                           run(ctx, {b.get()}, B, C, T, wide, w)};

  for (int s = 0; s < 2; s++) {
    const auto from = both.y.begin() + s * B * C * T;
    EXPECT_LE(relative_error({from, from + B * C * T}, alone[s].y), 1e-14);
    for (const auto &[name, gradient] : both.gradients)
      EXPECT_NEAR(gradient[s], alone[s].gradients.at(name)[0],
                  1e-11 * std::abs(alone[s].gradients.at(name)[0]))
          << name;
  }
}

TEST_P(Compressor, AsPublishedMakeUpGainHasNoGradient)
{
  const auto model = make_compressor(ctx, {});
  APF_ASSERT_OK(apf_model_set_text(ctx, model.get(), "train_make_up", "no"));
  const auto x = noise_bursts(1, 500);

  const Outcome got =
      run(ctx, {model.get()}, 1, 1, 500, {x.begin(), x.end()}, random_values<double>(500, 2));

  EXPECT_EQ(got.gradients.count("make_up_gain"), 0u);
  EXPECT_EQ(got.gradients.count("threshold"), 1u);
}

TEST_P(Compressor, RawTensorsAreThePublishedOnes)
{
  apf_model *made;
  APF_ASSERT_OK(apf_model_create(ctx, "compressor", 44100, &made));
  const ModelPointer model(made);

  /* Initial values of the published code: average 0.3, -10 dB, 2:1, 50 ms. */
  const std::pair<const char *, double> want[] = {{"threshold", -10},
                                                  {"ratio_logit", 0},
                                                  {"at_logit", -6.909526519825571},
                                                  {"rt_logit", -6.909526519825571},
                                                  {"rms_avg_logit", -0.8472978603872036},
                                                  {"make_up_gain", 0}};
  for (const auto &[name, value] : want)
    EXPECT_NEAR(*apf_model_scalar(made, name), value, 1e-12) << name;
}

TEST_P(Compressor, HumanUnitsComeBackAndKeepTheirValueAtAnotherRate)
{
  const CompressorSettings settings = {-33, 7, 0.02, 4000, 700, 9};
  for (const char *variant : {"td", "simple"}) {
    const auto model = make_compressor(ctx, settings, variant);
    const double release = std::string(variant) == "td" ? 4000 : 0.02;
    const double want[] = {-33, 7, 0.02, release, 700, 9};
    for (int rate : {44100, 96000}) {
      APF_ASSERT_OK(apf_model_set_sample_rate(ctx, model.get(), rate));
      for (int i = 0; i < APF_COMPRESSOR_PARAMETERS; i++)
        EXPECT_NEAR(apf_model_parameter(model.get(), i), want[i], 1e-9 * std::abs(want[i]))
            << apf_model_parameter_info(model.get(), i)->name << " " << rate;
    }
  }
}

TEST_P(Compressor, BadOptionsAreNamed)
{
  const auto model = make_compressor(ctx, {});

  expect_failure(ctx, apf_model_set_text(ctx, model.get(), "variant", "tdd"), APF_ERR_ARGUMENT,
                 {"variant is \"tdd\"", "td|simple|fs"});
  expect_failure(ctx, apf_model_set_text(ctx, model.get(), "look_ahead", "-3"), APF_ERR_ARGUMENT,
                 {"look_ahead is -3"});
  expect_failure(ctx, apf_model_set(ctx, model.get(), "ratio", 0.5), APF_ERR_ARGUMENT,
                 {"ratio is 0.5", "1.001 to 1000"});
  EXPECT_STREQ(apf_model_option_text(model.get(), "variant"), "td");
}
