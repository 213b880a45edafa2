/**
 * The synth's baseline without a filter: a recurrent network in its place.
 *
 *   h = LSTM(dry, cutoff, resonance),   filtered = tanh(linear(h) + dry)
 *
 * Raw tensors have the names of the published model (lstm.weight_ih_l0, ..., out_lstm.bias) and, in
 * the graph, a leading axis of one parameter set.
 */
#ifndef APF_EFFECTS_SYNTH_LSTM_H
#define APF_EFFECTS_SYNTH_LSTM_H

#include "graph/graph.h"

enum { APF_SYNTH_LSTM_TENSORS = 6, APF_SYNTH_LSTM_INPUTS = 3 };

typedef struct apf_synth_lstm_tensor {
  const char *name;
  int rank;
  int64_t shape[2];
  double bound; /**< initial values are uniform in -bound..bound */
} apf_synth_lstm_tensor;

/** Raw tensor number `index`, 0 to 5, for a network of `hidden` units (64 in the paper). */
apf_synth_lstm_tensor apf_synth_lstm_tensor_at(int64_t hidden, int index);

/** dry (B, N), cutoff (B, F) in 0..1, resonance (B) in 0..1, to filtered (B, N). `sequence`, if not
 *  NULL, receives what the network reads, (B, N, 3). */
apf_var apf_synth_lstm(apf_graph *g, int64_t hidden, apf_var dry, apf_var cutoff, apf_var resonance,
                       apf_var *sequence);

#endif
