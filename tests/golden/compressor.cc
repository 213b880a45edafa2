/** The feed-forward compressor: outputs, gradients, training trajectories, published parameters. */
#include "golden/golden.h"

extern "C" {
#include "effects/compressor.h"
#include "graph/optimizer.h"
}

#include <cmath>
#include <map>
#include <memory>

namespace {

using Values = std::vector<double>;

const char *const kRaw[] = {"threshold", "ratio_logit",   "at_logit",
                            "rt_logit",  "rms_avg_logit", "make_up_gain"};

struct DestroyModel {
  void operator()(apf_model *model) const { apf_model_destroy(model); }
};
using ModelPointer = std::unique_ptr<apf_model, DestroyModel>;

/** A model with the variant that the file is about: td, or fs, which has no rt_logit. */
ModelPointer make_model(golden::Case &c, int look_ahead)
{
  apf_model *model = nullptr;
  const std::string ahead = std::to_string(look_ahead);
  c.call(
      apf_model_create(c.ctx(), "compressor", static_cast<int>(c.number("sample_rate")), &model));
  ModelPointer owner(model);
  const bool sampled = c.setting("filter") == "frequency sampling";
  c.call(apf_model_set_text(c.ctx(), model, "variant", sampled ? "fs" : "td"));
  c.call(apf_model_set_text(c.ctx(), model, "look_ahead", ahead.c_str()));
  if (c.setting("make_up").rfind("the published", 0) == 0 && c.variant() == "ff_published")
    c.call(apf_model_set_text(c.ctx(), model, "train_make_up", "no"));
  return owner;
}

/** The model as a graph with its training loss. */
class Training {
 public:
  Training(golden::Case &c, const apf_model *model, const Values &x, const Values &target)
      : c_(c), model_(model)
  {
    c.call(apf_graph_create(c.ctx(), c.dtype(), &graph_));
    const apf_shape shape = APF_SHAPE(1, 1, 1, static_cast<int64_t>(x.size()));
    const apf_var in = apf_graph_input(graph_, "x", shape);
    const apf_var wanted = apf_graph_input(graph_, "target", shape);
    y_ = apf_graph_output(
        graph_, model->effect->describe(graph_, model, {in, 1, APF_MODE_TRAIN, 0, {}, {}}), "y");
    const apf_var error = energy(apf_sub(graph_, y_, wanted));
    esr_ = apf_graph_output(graph_, apf_div(graph_, error, energy(wanted)), "esr");
    loss_ = model->effect->loss(graph_, y_, wanted);
    c.call(apf_graph_build(graph_, loss_));
    c.call(apf_graph_set(graph_, in, x.data()));
    c.call(apf_graph_set(graph_, wanted, target.data()));
    c.call(apf_models_to_graph(graph_, &model_, 1));
  }
  Training(const Training &) = delete;
  Training &operator=(const Training &) = delete;
  ~Training() { apf_graph_destroy(graph_); }

  void step()
  {
    c_.call(apf_graph_forward(graph_));
    c_.call(apf_graph_backward(graph_));
  }
  Values y() { return get(y_, apf_shape_count(apf_graph_shape(graph_, y_))); }
  Values esr() { return get(esr_, 1); }
  Values loss() { return get(loss_, 1); }
  apf_var parameter(const char *name) { return apf_graph_find(graph_, name); }
  Values value(const char *name) { return get(parameter(name), 1); }
  Values gradient(const char *name)
  {
    Values out(1);
    c_.call(apf_graph_get_gradient(graph_, parameter(name), out.data()));
    return out;
  }
  apf_graph *graph() { return graph_; }

 private:
  Values get(apf_var v, int64_t count)
  {
    Values out(count);
    c_.call(apf_graph_get(graph_, v, out.data()));
    return out;
  }
  /** Sum of squares after v[t] = x[t] - x[t-1] + 0.995 v[t-1]. */
  apf_var energy(apf_var x)
  {
    const apf_var step = apf_sub(graph_, x, apf_shift(graph_, x, -1, -1, 0));
    const apf_var pole = apf_reshape(graph_, apf_graph_constant(graph_, 0.995), APF_SHAPE(1));
    const apf_var v = apf_recurrence(graph_, step, pole, APF_NO_VAR);
    return apf_sum(graph_, apf_square(graph_, v), APF_ALL_AXES, false);
  }

  golden::Case &c_;
  const apf_model *model_;
  apf_graph *graph_ = nullptr;
  apf_var y_, esr_, loss_;
};

double sigmoid(double logit)
{
  return 1 / (1 + std::exp(-logit));
}

template <class T>
void compressor(golden::Case &c)
{
  const golden::Tolerance exact = {1e-14, 1e-14}, values = {1e-9, 5e-6}, gradients = {1e-9, 1e-3};
  const ModelPointer model = make_model(c, static_cast<int>(c.number("delay")));
  for (const char *name : kRaw)
    if (c.has(name)) *apf_model_scalar(model.get(), name) = c.values(name)[0];

  Training training(c, model.get(), c.values("x"), c.values("target"));
  training.step();

  c.compare("y", training.y(), values);
  c.compare("loss", training.loss(), values);
  c.compare("esr", training.esr(), {1e-9, 1e-4});
  for (const char *name : kRaw)
    if (c.has(name))
      c.compare((std::string("grad_") + name).c_str(), training.gradient(name), gradients);

  const double rate = apf_model_sample_rate(model.get());
  const auto coefficient = [&](int parameter) {
    return Values{apf_compressor_coefficient(apf_model_parameter(model.get(), parameter), rate)};
  };
  c.compare("ratio", {apf_model_parameter(model.get(), APF_COMPRESSOR_RATIO)}, exact);
  c.compare("at", coefficient(APF_COMPRESSOR_ATTACK), {1e-12, 1e-12});
  c.compare("rms_avg", coefficient(APF_COMPRESSOR_AVERAGE), {1e-12, 1e-12});
  if (c.has("rt")) c.compare("rt", coefficient(APF_COMPRESSOR_RELEASE), {1e-12, 1e-12});
}

/** Steps of SGD, each loss and every parameter after each. */
template <class T>
void compressor_train(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-8, 5e-3};
  const ModelPointer model = make_model(c, 0);
  std::map<std::string, Values> trajectories;
  for (const char *name : kRaw)
    if (c.has((std::string("initial_") + name).c_str())) {
      *apf_model_scalar(model.get(), name) = c.values((std::string("initial_") + name).c_str())[0];
      trajectories[name];
    }
  Training training(c, model.get(), c.values("x"), c.values("target"));
  apf_optimizer_options options = apf_optimizer_defaults(APF_SGD, c.number("lr"));
  options.momentum = c.number("momentum");
  apf_optimizer *made = nullptr;
  c.call(apf_optimizer_create(training.graph(), &options, &made));
  const std::unique_ptr<apf_optimizer, decltype(&apf_optimizer_destroy)> optimizer(
      made, apf_optimizer_destroy);

  Values losses;
  for (int k = 0; k <= static_cast<int>(c.number("steps")); k++) {
    if (k > 0) c.call(apf_optimizer_step(made));
    for (auto &[name, values] : trajectories) values.push_back(training.value(name.c_str())[0]);
    training.step();
    losses.push_back(training.loss()[0]);
  }

  c.compare("losses", losses, tolerance);
  for (const auto &[name, values] : trajectories)
    c.compare(("trajectory_" + name).c_str(), values, tolerance);
}

/** Parameters, learned by others: they give the same settings in human units. */
template <class T>
void paper_compressor(golden::Case &c)
{
  const golden::Tolerance stored = {1e-4, 1e-4}; /* rounded to float32, times of 1 - coefficient */
  const ModelPointer model = make_model(c, 0);
  for (const char *name : kRaw)
    if (c.has(name)) *apf_model_scalar(model.get(), name) = c.values(name)[0];
  const auto human = [&](int parameter) {
    return Values{apf_model_parameter(model.get(), parameter)};
  };

  c.compare("formatted_ratio", human(APF_COMPRESSOR_RATIO), stored);
  c.compare("formatted_attack_ms", human(APF_COMPRESSOR_ATTACK), stored);
  if (c.has("formatted_release_ms"))
    c.compare("formatted_release_ms", human(APF_COMPRESSOR_RELEASE), stored);
  c.compare("formatted_rms_avg_ms", human(APF_COMPRESSOR_AVERAGE), stored);
  c.compare("formatted_rms_avg", {sigmoid(c.values("rms_avg_logit")[0])}, stored);
  c.ignore("published_loss"); /* on a recording that is not here */
  c.ignore("published_esr");
}

const golden::Type compressors("compressor", compressor<double>, compressor<float>);
const golden::Type trainings("compressor_train", compressor_train<double>, compressor_train<float>);
const golden::Type papers("paper_compressor", paper_compressor<double>, paper_compressor<float>);

}  // namespace
