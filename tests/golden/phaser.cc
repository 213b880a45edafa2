/** The phaser of effects/phaser.c: values and gradients, training steps, published parameters. */
#include "golden/graph.h"

#include <memory>

extern "C" {
#include "effects/effect.h"
#include "effects/phaser.h"
#include "graph/optimizer.h"
}

namespace {

using Model = std::unique_ptr<apf_model, void (*)(apf_model *)>;

/** A phaser with the file's settings and tensors. */
Model model_of(golden::Case &c, const char *variant)
{
  apf_model *raw = nullptr;
  c.call(apf_model_create(c.ctx(), "phaser", static_cast<int>(c.number("sample_rate")), &raw));
  Model model(raw, apf_model_destroy);
  c.call(apf_model_set_text(c.ctx(), raw, "window", c.setting("window_length").c_str()));
  c.call(apf_model_set_text(c.ctx(), raw, "variant", variant));
  for (int i = 0; i < raw->tensor_count; i++) {
    const std::vector<double> values = c.values(raw->tensors[i].name);
    std::copy(values.begin(), values.end(), raw->tensors[i].values);
  }
  return model;
}

/** The phaser's graph for the file's x, with loss if the file has a target. */
struct Phaser {
  Phaser(golden::Case &c, const char *variant, apf_mode mode) : g(c), model(model_of(c, variant))
  {
    x = g.input("x");
    const apf_shape rows = APF_SHAPE(1, 1, 1, c.size("x", 0));
    y = model->effect->describe(g, model.get(), {apf_reshape(g, x, rows), 1, mode, 0, {}, {}});
    g.output(y, "y");
    if (c.has("target")) loss = model->effect->loss(g, y, apf_reshape(g, g.data("target"), rows));
  }
  golden::Graph g;
  Model model;
  apf_var x, y, loss = APF_NO_VAR;
};

template <class T>
void phaser(golden::Case &c)
{
  const bool fs = c.variant_begins_with("fs"), damped = c.setting("damped") == "true";
  const golden::Tolerance outputs = {1e-9, fs ? 1e-5 : 1e-4}, gradients = {1e-9, fs ? 1e-4 : 5e-3};
  Phaser p(c, fs ? "fs" : "td", damped ? APF_MODE_TRAIN : APF_MODE_EVALUATE);
  const apf_model *model = p.model.get();
  c.call(apf_graph_build(p.g, p.loss));
  c.call(apf_models_to_graph(p.g, &model, 1));
  c.call(apf_graph_forward(p.g));
  c.call(apf_graph_backward(p.g));

  p.g.compare("lfo", apf_graph_find(p.g, APF_PHASER_LFO_NAME), outputs);
  p.g.compare("p", apf_graph_find(p.g, APF_PHASER_ALL_PASS_NAME), outputs);
  p.g.compare("y", p.y, outputs);
  p.g.compare("loss", p.loss, outputs);
  p.g.compare_gradient("grad_x", p.x, gradients);
  for (int i = 0; i < model->tensor_count; i++) {
    const std::string name = std::string("grad.") + model->tensors[i].name;
    if (!damped && name == "grad.lfo.sigma") { /* the file's is rounding: sigma has no influence */
      c.ignore(name.c_str());
      continue;
    }
    p.g.compare_gradient(name.c_str(), apf_graph_find(p.g, model->tensors[i].name), gradients);
  }
}

template <class T>
void phaser_train(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-8, 1e-4};
  Phaser p(c, c.variant().c_str(), APF_MODE_TRAIN);
  const apf_model *model = p.model.get();
  c.call(apf_graph_build(p.g, p.loss));
  c.call(apf_models_to_graph(p.g, &model, 1));
  apf_optimizer_options options = apf_optimizer_defaults(APF_ADAM, c.number("lr"));
  if (c.variant() == "td") options.clip_norm = c.number("clip_grad_norm");
  apf_optimizer *raw = nullptr;
  c.call(apf_optimizer_create(p.g, &options, &raw));
  const std::unique_ptr<apf_optimizer, void (*)(apf_optimizer *)> optimizer(raw,
                                                                            apf_optimizer_destroy);
  std::vector<double> losses(static_cast<size_t>(c.size("losses", 0))), norms;
  for (double &loss : losses) {
    c.call(apf_graph_forward(p.g));
    c.call(apf_graph_get(p.g, p.loss, &loss));
    if (&loss == &losses.back()) break;
    c.call(apf_graph_backward(p.g));
    c.call(apf_optimizer_step(raw));
    norms.push_back(apf_optimizer_norms(raw)[0]);
  }

  c.compare("losses", losses, tolerance);
  c.compare("grad_norms", norms, tolerance);
  for (int i = 0; i < model->tensor_count; i++)
    p.g.compare((std::string("final.") + model->tensors[i].name).c_str(),
                apf_graph_find(p.g, model->tensors[i].name), tolerance);
}

template <class T>
void paper_phaser(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-8, 5e-2};
  if (!c.has("y")) {
    const Model model = model_of(c, "td");
    const double rate = std::abs(c.number("learned_lfo_hz"));
    c.call(std::abs(model->effect->get(model.get(), APF_PHASER_RATE) / rate - 1) < 1e-6
               ? APF_OK
               : apf_fail(c.ctx(), APF_ERR_MISMATCH, "paper_phaser", "rate is not %g Hz", rate));
    c.compare("lfo.omega", {*apf_model_scalar(model.get(), "lfo.omega")}, tolerance);
    return;
  }
  Phaser p(c, "td", APF_MODE_EVALUATE);
  const apf_model *model = p.model.get();
  c.call(apf_graph_build(p.g, APF_NO_VAR));
  c.call(apf_models_to_graph(p.g, &model, 1));
  c.call(apf_graph_forward(p.g));

  p.g.compare("lfo", apf_graph_find(p.g, APF_PHASER_LFO_NAME), tolerance);
  p.g.compare("p", apf_graph_find(p.g, APF_PHASER_ALL_PASS_NAME), tolerance);
  p.g.compare("y", p.y, tolerance);
}

const golden::Type phasers("phaser", phaser<double>, phaser<float>);
const golden::Type trained("phaser_train", phaser_train<double>, phaser_train<float>);
const golden::Type published("paper_phaser", paper_phaser<double>, paper_phaser<float>);

}  // namespace
