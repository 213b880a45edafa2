/** The synth of effects/synth.c as a whole: controls, sound, gradients and training steps. */
#include "golden/graph.h"

#include <cmath>
#include <cstring>
#include <memory>

extern "C" {
#include "effects/synth.h"
#include "graph/optimizer.h"
}

namespace {

using Model = std::unique_ptr<apf_model, void (*)(apf_model *)>;

Model model_of(golden::Case &c)
{
  apf_model *raw = nullptr;
  c.call(apf_model_create(c.ctx(), "synth", static_cast<int>(c.number("sample_rate")), &raw));
  Model model(raw, apf_model_destroy);
  for (const auto &[name, value] :
       {std::pair("filter", c.variant_begins_with("lp") ? std::string("lp") : "coeff"),
        std::pair("channels", c.setting("channels")), std::pair("dropout", c.setting("dropout"))})
    c.call(apf_model_set_text(c.ctx(), raw, name, value.c_str()));
  for (int i = 0; i < raw->tensor_count; i++) {
    const std::vector<double> values = c.values(raw->tensors[i].name);
    std::copy(values.begin(), values.end(), raw->tensors[i].values);
  }
  return model;
}

double norm(const std::vector<double> &values)
{
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

/** The norm of a parameter or of its gradient. */
double norm(golden::Case &c, apf_graph *g, const char *name, bool gradient)
{
  const apf_var v = apf_graph_find(g, name);
  std::vector<double> values(static_cast<size_t>(apf_shape_count(apf_graph_shape(g, v))));
  c.call(gradient ? apf_graph_get_gradient(g, v, values.data())
                  : apf_graph_get(g, v, values.data()));
  return norm(values);
}

/** "[0.1, 2e-3]" in the member `key` of a JSON map. */
std::vector<double> numbers(const std::string &json, const char *key)
{
  std::vector<double> out;
  const char *at = std::strchr(std::strstr(json.c_str(), key), '[');
  for (char *end; *at == '[' || *at == ','; at = end) out.push_back(std::strtod(at + 1, &end));
  return out;
}

/** Steps amplify rounding: each may be off by what the file says of a nudge of the input, or in
 *  float of some times what the published code is off in float up to that step. */
void compare_steps(golden::Case &c, const char *name, const std::vector<double> &got)
{
  const std::vector<double> want = c.values(name);
  const std::vector<double> moves = numbers(c.setting("rel_change_if_audio_moves_by_1e_14"), name);
  const std::vector<double> floats = numbers(c.setting("float32_rel_err_per_step"), name);
  double worst64 = 0, worst32 = 0, so_far = 1e-4;
  for (size_t k = 0; k < got.size(); k++) {
    const double error = std::abs(got[k] / want[k] - 1);
    worst64 = std::max(worst64, error / std::max(1e-8, 1e5 * moves[k]));
    so_far = std::max(so_far, floats[k]);
    const bool first_loss = k == 0 && std::strcmp(name, "losses") == 0;
    worst32 = std::max(worst32, error / (first_loss ? 1e-5 : 30 * so_far));
  }
  const double worst = c.dtype() == APF_F64 ? worst64 : worst32;
  if (!(worst <= 1))
    throw golden::Failure(std::string(name) + " is off by " + std::to_string(worst) +
                          " times what is allowed" + (c.dtype() == APF_F64 ? "" : " in float"));
}

template <class T>
void synth_train(golden::Case &c)
{
  const golden::Tolerance first = {1e-8, 5e-3};
  const bool lp = c.variant_begins_with("lp");
  const Model model = model_of(c);
  golden::Graph g(c);
  const int64_t B = c.size("audio", 0);
  const apf_shape shape = APF_SHAPE(1, B, 1, c.size("audio", 1));
  const apf_var x = apf_reshape(g, g.data("audio"), shape);
  apf_signal signal = {};
  signal.x = x;
  signal.sets = 1;
  signal.notes = {g.data("f0_hz"), g.data("note_on_duration"),
                  apf_reshape(g, g.data("phase_hat"), APF_SHAPE(B))};
  const apf_var y = g.output(model->effect->describe(g, model.get(), signal), "y");
  const apf_var loss = model->effect->loss(g, y, x);
  c.call(apf_graph_build(g, loss));
  const apf_model *set = model.get();
  c.call(apf_models_to_graph(g, &set, 1));
  apf_optimizer_options options = apf_optimizer_defaults(APF_ADAMW, c.number("lr"));
  options.weight_decay = c.number("weight_decay");
  options.clip_norm = c.number("clip_grad_norm");
  apf_optimizer *raw = nullptr;
  c.call(apf_optimizer_create(g, &options, &raw));
  const std::unique_ptr<apf_optimizer, void (*)(apf_optimizer *)> optimizer(raw,
                                                                            apf_optimizer_destroy);

  std::vector<double> losses(static_cast<size_t>(c.size("losses", 0))), norms;
  for (double &value : losses) {
    c.call(apf_graph_forward(g));
    c.call(apf_graph_get(g, loss, &value));
    if (&value == &losses.back()) break;
    if (norms.empty()) {
      for (const auto &[name, output] : {std::pair("control_osc_shape", APF_SYNTH_OSC_SHAPE),
                                         std::pair("control_osc_gain", APF_SYNTH_OSC_GAIN),
                                         std::pair("control_dist_gain", APF_SYNTH_DIST_GAIN),
                                         std::pair("control_learned_alpha", APF_SYNTH_ALPHA)})
        g.compare(name, apf_graph_find(g, output), first);
      if (lp) g.compare("control_w_mod_sig", apf_graph_find(g, APF_SYNTH_CUTOFF), first);
      if (lp) g.compare("control_q_mod_sig", apf_graph_find(g, APF_SYNTH_RESONANCE), first);
      if (!lp) g.compare("control_logits", apf_graph_find(g, APF_SYNTH_LOGITS), first);
      g.compare("wet_hat", y, first);
    }
    c.call(apf_graph_backward(g));
    if (norms.empty())
      for (int i = 0; i < model->tensor_count; i++) {
        const char *name = model->tensors[i].name;
        c.compare((std::string("grad_norm.") + name).c_str(), {norm(c, g, name, true)}, first);
      }
    c.call(apf_optimizer_step(raw));
    norms.push_back(apf_optimizer_norms(raw)[0]);
  }
  compare_steps(c, "losses", losses);
  compare_steps(c, "grad_norms", norms);
  for (int i = 0; i < model->tensor_count; i++) {
    const char *name = model->tensors[i].name;
    c.compare((std::string("final_norm.") + name).c_str(), {norm(c, g, name, false)}, {1e-5, 5e-2});
  }
}

const golden::Type registered("synth_train", synth_train<double>, synth_train<float>);

}  // namespace
