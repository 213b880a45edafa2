/** The synth: each variant is a stage of it. */
#include "golden/graph.h"

extern "C" {
#include "effects/encoder.h"
#include "effects/synth_lstm.h"
#include "effects/synth_voice.h"
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

/** [B, 1] or [B, F, 1] without the last axis. */
apf_var squeezed(apf_graph *g, apf_var v)
{
  apf_shape shape = apf_graph_shape(g, v);
  shape.dims--;
  return apf_reshape(g, v, shape);
}

/** The file's (a1, a2) come with the leading one. */
void compare_monic(golden::Case &c, golden::Graph &g, apf_var a, golden::Tolerance tolerance)
{
  std::vector<double> rows(static_cast<size_t>(apf_shape_count(apf_graph_shape(g, a)))), monic;
  c.call(apf_graph_get(g, a, rows.data()));
  for (size_t i = 0; i < rows.size(); i += 2) monic.insert(monic.end(), {1, rows[i], rows[i + 1]});
  c.compare("a_coeff", monic, tolerance);
}

/** Notes and controls of a case, the latter as inputs with gradients to compare. */
struct Voice {
  apf_notes notes = {};
  apf_voice_controls controls = {};
  std::vector<std::pair<const char *, apf_var>> tracked;

  explicit Voice(golden::Graph &g)
  {
    notes.f0 = g.data("f0_hz");
    notes.duration = g.data("note_on_duration");
    notes.phase = squeezed(g, g.data("phase"));
    controls.osc_shape = control(g, "osc_shape");
    controls.osc_gain = control(g, "osc_gain");
    controls.dist_gain = control(g, "dist_gain");
    controls.alpha = control(g, "learned_alpha");
  }
  void filter_by_cutoff(golden::Graph &g)
  {
    controls.cutoff = squeezed(g, control(g, "w_mod_sig"));
    controls.resonance = squeezed(g, control(g, "q_mod_sig"));
  }
  apf_var control(golden::Graph &g, const char *name)
  {
    tracked.emplace_back(name, g.input(name));
    return tracked.back().second;
  }
  void compare_gradients(golden::Graph &g, golden::Tolerance tolerance) const
  {
    for (const auto &[name, var] : tracked)
      g.compare_gradient((std::string("grad_") + name).c_str(), var, tolerance);
  }
};

/** The signal path, from controls to sound. */
void voice(golden::Case &c)
{
  const golden::Tolerance outputs = {1e-9, 1e-3}, gradients = {1e-9, 5e-3};
  const bool coeff = c.variant_begins_with("coeff"), fs = c.has("a_coeff");
  apf_voice_settings settings = {};
  settings.filter = coeff ? APF_VOICE_COEFF : APF_VOICE_LP;
  settings.variant = fs ? APF_VOICE_FS : APF_VOICE_TD;
  settings.sample_rate = c.number("sample_rate");
  settings.samples = c.size("wet", 1);
  settings.window = fs ? static_cast<int64_t>(c.number("win_len")) : 0;

  golden::Graph g(c);
  Voice of(g);
  if (coeff)
    of.controls.logits = of.control(g, "logits");
  else
    of.filter_by_cutoff(g);
  const apf_voice v = apf_synth_voice(g, &settings, of.notes, &of.controls);
  for (const auto &[name, var] : {std::pair("envelope", v.envelope), std::pair("dry", v.dry),
                                  std::pair("filtered_audio", v.filtered), std::pair("wet", v.wet),
                                  std::pair("a_coeff", v.a), std::pair("b_coeff", v.b)})
    g.output(var, name);
  g.run(g.against(v.wet, "grad_wet"));

  if (c.has("envelope")) g.compare("envelope", v.envelope, outputs);
  g.compare("dry", v.dry, outputs);
  g.compare("filtered_audio", v.filtered, outputs);
  g.compare("wet", v.wet, outputs);
  if (fs) {
    compare_monic(c, g, v.a, outputs);
    g.compare("b_coeff", v.b, outputs);
  }
  of.compare_gradients(g, gradients);
}

/** The last cells, which the graph's node does not give, from the operator. */
template <class T>
void compare_last_cells(golden::Case &c, const std::vector<double> &sequence)
{
  const int64_t B = c.size("wet", 0), N = c.size("wet", 1), H = c.size("c_n", 2);
  golden::Buffer<T> x(c.ctx(), B * N * APF_SYNTH_LSTM_INPUTS);
  x.set(sequence);
  auto w_ih = c.input<T>("lstm.weight_ih_l0"), w_hh = c.input<T>("lstm.weight_hh_l0"),
       b_ih = c.input<T>("lstm.bias_ih_l0"), b_hh = c.input<T>("lstm.bias_hh_l0"),
       y = c.array<T>(B * N * H), cn = c.array<T>(B * H);
  c.call(op::lstm_forward<T>(c.ctx(), B, N, APF_SYNTH_LSTM_INPUTS, H, x.data(), w_ih.data(),
                             w_hh.data(), b_ih.data(), b_hh.data(), nullptr, nullptr, y.data(),
                             cn.data(), nullptr, nullptr));
  c.compare("c_n", cn, {1e-9, 1e-3});
  std::vector<double> last;
  const std::vector<double> all = y.values();
  for (int64_t b = 0; b < B; b++)
    last.insert(last.end(), all.begin() + ((b + 1) * N - 1) * H, all.begin() + (b + 1) * N * H);
  c.compare("h_n", last, {1e-9, 1e-3});
}

/** The baseline with a network in place of the filter. */
template <class T>
void lstm(golden::Case &c)
{
  const golden::Tolerance outputs = {1e-9, 1e-3}, gradients = {1e-9, 1e-3};
  apf_voice_settings settings = {};
  settings.sample_rate = c.number("sample_rate");
  settings.samples = c.size("wet", 1);
  golden::Graph g(c);
  Voice of(g);
  of.filter_by_cutoff(g);

  const apf_var dry = g.output(apf_synth_voice(g, &settings, of.notes, &of.controls).dry, "dry");
  apf_var sequence;
  const apf_var filtered =
      g.output(apf_synth_lstm(g, static_cast<int64_t>(c.number("n_hidden")), dry,
                              of.controls.cutoff, of.controls.resonance, &sequence),
               "filtered_audio");
  g.output(sequence, "sequence");
  const apf_var gain = apf_reshape(g, of.controls.dist_gain, APF_SHAPE(c.size("wet", 0), 1));
  const apf_var wet = g.output(apf_tanh(g, apf_mul(g, filtered, gain)), "wet");
  const apf_var loss = g.against(wet, "grad_wet");
  for (int i = 0; i < apf_graph_parameter_count(g); i++) {
    const apf_var v = apf_graph_parameter_at(g, i);
    c.call(apf_graph_set(g, v, c.values(apf_graph_name(g, v)).data()));
  }
  g.run(loss);

  g.compare("dry", dry, outputs);
  g.compare("filtered_audio", filtered, outputs);
  g.compare("wet", wet, outputs);
  of.compare_gradients(g, gradients);
  for (int i = 0; i < apf_graph_parameter_count(g); i++) {
    const apf_var v = apf_graph_parameter_at(g, i);
    g.compare_gradient((std::string("grad.") + apf_graph_name(g, v)).c_str(), v, gradients);
  }
  std::vector<double> read(static_cast<size_t>(apf_shape_count(apf_graph_shape(g, sequence))));
  c.call(apf_graph_get(g, sequence, read.data()));
  compare_last_cells<T>(c, read);
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
  if (c.variant() == "lstm") return lstm<T>(c);
  voice(c);
}

const golden::Type registered("synth", synth<double>, synth<float>);

}  // namespace
