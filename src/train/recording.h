/** The recordings of a run: a dry and a wet file that must belong together, and parts of them. */
#ifndef APF_TRAIN_RECORDING_H
#define APF_TRAIN_RECORDING_H

#include "train/config.h"

/** Input and target, planar: (channels, frames) each. */
typedef struct apf_pair {
  int sample_rate;
  int64_t channels, frames;
  double start; /**< s; where in the recording it begins */
  float *input, *target;
} apf_pair;

/** Reads both files of the configuration and cuts out the parts for training and validation.
 * Without parts in the configuration: the first four fifths to train on, the rest to validate on.
 */
apf_status apf_pairs_read(apf_context *ctx, apf_train_config *config, apf_pair *train,
                          apf_pair *valid);
void apf_pair_clear(apf_pair *pair);

#endif
