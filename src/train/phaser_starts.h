/** Where a phaser's training starts from: the oscillators and gains that a first look proposes. */
#ifndef APF_TRAIN_PHASER_STARTS_H
#define APF_TRAIN_PHASER_STARTS_H

#include "effects/effect.h"
#include "train/recording.h"

/**
 * Gives `count` phasers of the same options values for this recording: first the guesses of
 * phaser_track.h, the most likely first, then rates from slow to fast. Gains and feedback are those
 * of the track; the waveshapers are fitted to it, frame against frame.
 */
APF_MUST_CHECK apf_status apf_phaser_starts(apf_context *ctx, const apf_pair *pair, int count,
                                            apf_model *const *starts);

#endif
