#include "effects/synth_lstm.h"

#include <math.h>

enum { W_IH, W_HH, B_IH, B_HH, OUT_WEIGHT, OUT_BIAS };

apf_synth_lstm_tensor apf_synth_lstm_tensor_at(int64_t hidden, int index)
{
  const apf_synth_lstm_tensor all[APF_SYNTH_LSTM_TENSORS] = {
      [W_IH] = {"lstm.weight_ih_l0", 2, {4 * hidden, APF_SYNTH_LSTM_INPUTS}, 0},
      [W_HH] = {"lstm.weight_hh_l0", 2, {4 * hidden, hidden}, 0},
      [B_IH] = {"lstm.bias_ih_l0", 1, {4 * hidden}, 0},
      [B_HH] = {"lstm.bias_hh_l0", 1, {4 * hidden}, 0},
      [OUT_WEIGHT] = {"out_lstm.weight", 2, {1, hidden}, 0},
      [OUT_BIAS] = {"out_lstm.bias", 1, {1}, 0},
  };
  apf_synth_lstm_tensor t = all[index];
  t.bound = 1 / sqrt((double)hidden);
  return t;
}

/** Declares a tensor as a parameter of one set and returns it without the set's axis. */
static apf_var declare(apf_graph *g, int64_t hidden, int index)
{
  const apf_synth_lstm_tensor t = apf_synth_lstm_tensor_at(hidden, index);
  apf_shape shape = {.dims = t.rank}, with_set = {.dims = t.rank + 1, .size = {1}};
  for (int i = 0; i < t.rank; i++) shape.size[i] = with_set.size[i + 1] = t.shape[i];
  return apf_reshape(g, apf_graph_parameter(g, t.name, with_set), shape);
}

apf_var apf_synth_lstm(apf_graph *g, int64_t hidden, apf_var dry, apf_var cutoff, apf_var resonance,
                       apf_var *sequence)
{
  const apf_shape shape = apf_graph_shape(g, dry);
  const int64_t B = shape.size[0], N = shape.size[1];
  const apf_var read[APF_SYNTH_LSTM_INPUTS] = {
      dry, apf_interpolate(g, cutoff, 1, N),
      apf_expand(g, apf_reshape(g, resonance, APF_SHAPE(B, 1)), shape)};
  apf_var x = apf_stack(g, read, APF_SYNTH_LSTM_INPUTS), none = APF_NO_VAR;
  if (sequence) *sequence = x;
  apf_var w_ih = declare(g, hidden, W_IH), w_hh = declare(g, hidden, W_HH);
  apf_var b_ih = declare(g, hidden, B_IH), b_hh = declare(g, hidden, B_HH);
  apf_var h = apf_lstm(g, x, w_ih, w_hh, b_ih, b_hh, none, none);
  apf_var out = apf_linear(g, h, declare(g, hidden, OUT_WEIGHT), declare(g, hidden, OUT_BIAS));
  return apf_tanh(g, apf_add(g, apf_reshape(g, out, shape), dry));
}
