/* The effects and their baselines train on CUDA as they do on the CPU: same losses step by step,
 * same parameters in the end. */
#include "support/support.h"

extern "C" {
#include "effects/effect.h"
#include "graph/training_step.h"
}

#include <memory>

namespace {

struct Recipe {
  const char *name, *effect;
  std::vector<std::pair<const char *, const char *>> options;
  int sample_rate;
  int64_t rows, samples;
  apf_optimizer_kind optimizer;
  double learning_rate, clip_norm;
};
void PrintTo(const Recipe &s, std::ostream *os)
{
  *os << s.name;
}

/* The synths take small plain steps: what Adam makes of gradients that are rounding alone (of
 * biases that layer norms take out again), and larger steps over the kinks of max-pools and
 * log-spectra, amplify the last bit by a factor of ten a step, on one backend as on two. */
const Recipe kRecipes[] = {
    {"compressor_td", "compressor", {{"variant", "td"}}, 44100, 2, 3000, APF_SGD, 20, 0},
    {"compressor_simple", "compressor", {{"variant", "simple"}}, 44100, 1, 3000, APF_ADAM, 0.05, 0},
    {"compressor_fs", "compressor", {{"variant", "fs"}}, 44100, 1, 3000, APF_ADAM, 0.05, 0},
    {"phaser_td",
     "phaser",
     {{"variant", "td"}, {"window", "0.02"}},
     16000,
     1,
     3000,
     APF_ADAM,
     5e-4,
     0.5},
    {"phaser_fs",
     "phaser",
     {{"variant", "fs"}, {"window", "0.02"}},
     16000,
     1,
     3000,
     APF_ADAM,
     5e-4,
     0.5},
    {"synth_lp_td",
     "synth",
     {{"filter", "lp"}, {"variant", "td"}, {"channels", "2"}},
     16000,
     2,
     1600,
     APF_SGD,
     1e-4,
     0.5},
    {"synth_coeff_td",
     "synth",
     {{"filter", "coeff"}, {"variant", "td"}, {"channels", "2"}},
     16000,
     2,
     1600,
     APF_SGD,
     1e-4,
     0.5},
    {"synth_coeff_fs",
     "synth",
     {{"filter", "coeff"}, {"variant", "fs"}, {"window", "256"}, {"channels", "2"}},
     16000,
     2,
     1600,
     APF_SGD,
     1e-4,
     0.5},
    {"synth_lstm",
     "synth",
     {{"filter", "lp"}, {"variant", "lstm"}, {"channels", "2"}},
     6000,
     2,
     600,
     APF_SGD,
     1e-4,
     0.5},
};

struct DestroyModel {
  void operator()(apf_model *model) const { apf_model_destroy(model); }
};
using ModelPointer = std::unique_ptr<apf_model, DestroyModel>;

ModelPointer make_model(apf_context *ctx, const Recipe &recipe)
{
  apf_model *model = nullptr;
  APF_EXPECT_OK(apf_model_create(ctx, recipe.effect, recipe.sample_rate, &model));
  for (const auto &[name, value] : recipe.options)
    APF_EXPECT_OK(apf_model_set_text(ctx, model, name, value));
  APF_EXPECT_OK(apf_model_initialise(ctx, model, 3));
  return ModelPointer(model);
}

/** A decaying mixture of tones with noise: something for every effect to work on. */
std::vector<double> signal_of(const Recipe &recipe)
{
  std::vector<double> x = random_values<double>(recipe.rows * recipe.samples, 5, 0.1);
  for (size_t i = 0; i < x.size(); i++) {
    const double t = static_cast<double>(i % recipe.samples) / recipe.sample_rate;
    x[i] += std::exp(-9 * t) * (0.5 * std::sin(2 * M_PI * 220 * t) + 0.2 * std::sin(9000 * t));
  }
  return x;
}

/** Loss of every step, then all parameters. */
using Trajectory = std::pair<std::vector<double>, std::vector<double>>;

/** Inputs of the graph, by name, in the order in which they are declared. */
using Inputs = std::vector<std::pair<apf_var, std::vector<double>>>;

apf_var input(apf_graph *g, const char *name, apf_shape shape, const std::vector<double> &values,
              Inputs *inputs)
{
  inputs->emplace_back(apf_graph_input(g, name, shape), values);
  return inputs->back().first;
}

/** Wet signal and its loss against what was recorded; `step` is the dropout's. */
apf_var describe(apf_graph *g, const apf_model *model, const Recipe &recipe, Inputs *inputs,
                 apf_var *step)
{
  const apf_effect *effect = model->effect;
  const std::vector<double> x = signal_of(recipe);
  apf_signal signal = {};
  signal.sets = 1;
  signal.mode = APF_MODE_TRAIN;
  signal.x = input(g, "x", APF_SHAPE(1, recipe.rows, 1, recipe.samples), x, inputs);
  if (effect->takes_notes) {
    const apf_shape rows = APF_SHAPE(recipe.rows);
    signal.notes = {input(g, "f0", rows, {110, 220}, inputs),
                    input(g, "duration", rows, {0.06, 0.08}, inputs),
                    input(g, "phase", rows, {0.3, -1}, inputs)};
    signal.step = *step = input(g, "step", APF_SHAPE(1), {1}, inputs);
    return effect->loss(g, effect->describe(g, model, signal), signal.x);
  }
  std::vector<double> target = x; /* a gain and an echo */
  for (size_t i = 0; i < x.size(); i++) target[i] = 0.6 * x[i] - (i < 40 ? 0 : 0.3 * x[i - 40]);
  const apf_var wet = effect->describe(g, model, signal);
  return effect->loss(
      g, wet, input(g, "target", APF_SHAPE(recipe.rows, 1, recipe.samples), target, inputs));
}

Trajectory train(apf_context *ctx, const Recipe &recipe, apf_dtype dtype)
{
  enum { STEPS = 20 };
  const ModelPointer model = make_model(ctx, recipe);
  apf_graph *g = nullptr;
  apf_optimizer *optimizer = nullptr;
  apf_training_step *step = nullptr;
  apf_optimizer_options options = apf_optimizer_defaults(recipe.optimizer, recipe.learning_rate);
  options.clip_norm = recipe.clip_norm;
  options.momentum = 0.9;
  Inputs inputs;
  apf_var counter = APF_NO_VAR;
  Trajectory out;

  APF_EXPECT_OK(apf_graph_create(ctx, dtype, &g));
  const apf_var loss = describe(g, model.get(), recipe, &inputs, &counter);
  APF_EXPECT_OK(apf_graph_build(g, apf_graph_output(g, loss, "loss")));
  const apf_model *set = model.get();
  APF_EXPECT_OK(apf_models_to_graph(g, &set, 1));
  APF_EXPECT_OK(apf_optimizer_create(g, &options, &optimizer));
  APF_EXPECT_OK(apf_training_step_create(g, optimizer, &step));
  for (const auto &[v, values] : inputs) APF_EXPECT_OK(apf_graph_set(g, v, values.data()));
  for (int k = 0; k < STEPS && !testing::Test::HasFailure(); k++) {
    double value = NAN;
    if (counter.id) {
      APF_EXPECT_OK(apf_graph_set_all(g, counter, k + 1));
    }
    APF_EXPECT_OK(apf_training_step_run(step));
    APF_EXPECT_OK(apf_graph_get(g, loss, &value));
    out.first.push_back(value);
  }
  EXPECT_EQ(apf_training_step_is_recorded(step), ctx->table->record_begin != nullptr)
      << apf_training_step_note(step);
  apf_model *trained = model.get();
  APF_EXPECT_OK(apf_models_from_graph(g, &trained, 1));
  for (int i = 0; i < model->tensor_count; i++)
    out.second.insert(out.second.end(), model->tensors[i].values,
                      model->tensors[i].values + model->tensors[i].count);

  apf_training_step_destroy(step);
  apf_optimizer_destroy(optimizer);
  apf_graph_destroy(g);
  return out;
}

double worst_relative(const std::vector<double> &got, const std::vector<double> &want)
{
  EXPECT_EQ(got.size(), want.size());
  double worst = 0;
  for (size_t i = 0; i < std::min(got.size(), want.size()); i++)
    worst = std::max(worst, std::abs(got[i] / want[i] - 1));
  return worst;
}

class CudaTraining : public testing::TestWithParam<std::tuple<Backend, Recipe>> {
 protected:
  void expect_same_trajectory(apf_dtype dtype, double tolerance)
  {
    const Recipe &recipe = std::get<1>(GetParam());
    apf_context *cuda = make_context(std::get<0>(GetParam()));
    apf_context *cpu = make_context({APF_CPU, APF_SIMD_BASE, 1});
    const Trajectory want = train(cpu, recipe, dtype), got = train(cuda, recipe, dtype);

    EXPECT_LT(want.first.back(), want.first.front()) << "the loss should fall";
    EXPECT_LE(worst_relative(got.first, want.first), tolerance);
    EXPECT_LE(relative_error(got.second, want.second), tolerance);
    apf_context_destroy(cuda);
    apf_context_destroy(cpu);
  }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CudaTraining);
INSTANTIATE_TEST_SUITE_P(, CudaTraining,
                         testing::Combine(testing::ValuesIn(cuda_backend()),
                                          testing::ValuesIn(kRecipes)),
                         [](const auto &info) {
                           return std::string("cuda_") + std::get<1>(info.param).name;
                         });

}  // namespace

TEST_P(CudaTraining, DoubleFollowsTheCpu)
{
  expect_same_trajectory(APF_F64, 1e-9);
}

TEST_P(CudaTraining, FloatFollowsTheCpu)
{
  expect_same_trajectory(APF_F32, 1e-4);
}
