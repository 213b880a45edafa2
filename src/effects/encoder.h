/**
 * The synth's encoder: from the log-mel spectrogram of a note to its controls.
 *
 *   six blocks: layer norm over (band, frame), convolution of 5 bands x 7 frames with dilation
 *               1, 1, 2, 4, 8, 16 over frames, maximum of pairs of bands, PReLU per channel
 *   latent    = mean over the bands that are left
 *   temporal  = linear(latent), frame by frame; through a sigmoid where `temporal_sigmoid`
 *   global    = sigmoid(linear(PReLU(dropout(linear(mean over frames))))), one number each
 *
 * Raw tensors have the names of the published model (cnn.0.conv.weight, out_temp.bias,
 * out_global.NAME.0.weight, ...) and, in the graph, a leading axis of one parameter set.
 */
#ifndef APF_EFFECTS_ENCODER_H
#define APF_EFFECTS_ENCODER_H

#include "graph/graph.h"

enum { APF_ENCODER_BLOCKS = 6, APF_ENCODER_MAX_GLOBALS = 8, APF_ENCODER_RANK = 4 };

typedef struct apf_encoder_settings {
  int64_t channels;        /**< 64 in the paper; the global heads are half as wide */
  int64_t temporal_values; /**< per frame */
  bool temporal_sigmoid;
  int globals;
  const char *global_names[APF_ENCODER_MAX_GLOBALS];
  double dropout; /**< rate, 0.25 in the paper; 0: none */
} apf_encoder_settings;

typedef struct apf_encoder_outputs {
  apf_var temporal;                        /**< (B, F, temporal_values) */
  apf_var global[APF_ENCODER_MAX_GLOBALS]; /**< (B), in 0..1, in the order of the names */
} apf_encoder_outputs;

/** log_mel (B, 1, bands, F), at least 64 bands. `step`: as in apf_dropout; APF_NO_VAR if there is
 * no dropout, as for a model that renders. */
apf_encoder_outputs apf_encoder(apf_graph *g, const apf_encoder_settings *settings, apf_var log_mel,
                                apf_var step);

typedef struct apf_encoder_tensor {
  char name[64];
  int rank;
  int64_t shape[APF_ENCODER_RANK];
  /** Initial values are uniform in -bound..bound, or all `bound` where `constant` (the slopes). */
  double bound;
  bool constant;
} apf_encoder_tensor;

/** Raw tensor number `index`, in a fixed order; false past the last one. */
bool apf_encoder_tensor_at(const apf_encoder_settings *settings, int index,
                           apf_encoder_tensor *out);

#endif
