/** The synth: each variant is a stage of it. */
#include "golden/graph.h"

extern "C" {
#include "effects/encoder.h"
}

namespace {

/** The encoder, with the temporal output of this name and the globals that the file has. */
void encoder(golden::Case &c, const char *temporal)
{
  const golden::Tolerance outputs = {1e-9, 1e-5}, gradients = {1e-9, 1e-3};
  std::vector<const char *> names;
  for (const char *name :
       {"q_0to1", "osc_shape_0to1", "osc_gain_0to1", "dist_gain_0to1", "learned_alpha_0to1"})
    if (c.has(name)) names.push_back(name);
  apf_encoder_settings settings = {};
  settings.channels = static_cast<int64_t>(c.number("channels"));
  settings.temporal_values = c.size(temporal, 2);
  settings.temporal_sigmoid = c.setting("temporal_activation") == "sigmoid";
  settings.globals = static_cast<int>(names.size());
  std::copy(names.begin(), names.end(), settings.global_names);

  golden::Graph g(c);
  const apf_var spectrogram = g.input("log_spec");
  const apf_encoder_outputs out = apf_encoder(g, &settings, spectrogram, APF_NO_VAR);
  for (int i = 0; i < apf_graph_parameter_count(g); i++) {
    const apf_var v = apf_graph_parameter_at(g, i);
    c.call(apf_graph_set(g, v, c.values(apf_graph_name(g, v)).data()));
  }
  apf_var loss =
      g.against(g.output(out.temporal, temporal), (std::string("grad_") + temporal).c_str());
  for (size_t i = 0; i < names.size(); i++)
    loss = apf_add(
        g, loss,
        g.against(g.output(out.global[i], names[i]), (std::string("grad_") + names[i]).c_str()));
  g.run(loss);

  g.compare(temporal, out.temporal, outputs);
  for (size_t i = 0; i < names.size(); i++) g.compare(names[i], out.global[i], outputs);
  g.compare_gradient("grad_log_spec", spectrogram, gradients);
  for (int i = 0; i < apf_graph_parameter_count(g); i++) {
    const apf_var v = apf_graph_parameter_at(g, i);
    g.compare_gradient((std::string("grad.") + apf_graph_name(g, v)).c_str(), v, gradients);
  }
}

template <class T>
void logmel(golden::Case &c)
{
  const int64_t B = c.size("audio", 0), N = c.size("audio", 2);
  auto audio = c.input<T>("audio"), log_mel = c.array<T>(c.elements("log_mel"));

  c.call(op::log_mel_forward<T>(
      c.ctx(), B, N, static_cast<int64_t>(c.number("n_fft")),
      static_cast<int64_t>(c.number("win_length")), static_cast<int64_t>(c.number("hop_length")),
      static_cast<int64_t>(c.number("n_mels")), c.number("sample_rate"), c.number("f_min"),
      c.number("f_max"), c.number("eps"), 0, audio.data(), log_mel.data()));

  c.compare("log_mel", log_mel, {1e-10, 2e-4});
}

template <class T>
void synth(golden::Case &c)
{
  if (c.variant() == "logmel") return logmel<T>(c);
  if (c.variant() == "cnn_lp") return encoder(c, "w_mod_sig");
  if (c.variant() == "cnn_coeff") return encoder(c, "logits");
  c.skip("not implemented");
}

const golden::Type registered("synth", synth<double>, synth<float>);

}  // namespace
