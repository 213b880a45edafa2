/**
 * The phaser of arXiv 2404.07970, section 4.1: four equal first-order all-pass filters with
 * feedback, moved by a low-frequency oscillator, and a biquad around them. Equations at describe()
 * in phaser.c.
 *
 * Raw tensors have the names and shapes of the published checkpoints.
 */
#ifndef APF_EFFECTS_PHASER_H
#define APF_EFFECTS_PHASER_H

#include "effects/effect.h"

extern const apf_effect apf_phaser;

/** Parameters in human units: their order in apf_phaser.parameters. */
enum {
  APF_PHASER_RATE,     /**< Hz */
  APF_PHASER_PHASE,    /**< cycles, at `origin` */
  APF_PHASER_FEEDBACK, /**< |g2| */
  APF_PHASER_THROUGH,  /**< g1 */
  APF_PHASER_DEPTH,
  APF_PHASER_BIAS,
  APF_PHASER_PARAMETERS
};

enum { APF_PHASER_HIDDEN = 8 };

/** Samples between two values of the oscillator; the published window is four of them. */
int64_t apf_phaser_hop(const apf_model *model);
/** Values of the oscillator for a signal of T samples. */
int64_t apf_phaser_frames(const apf_model *model, int64_t T);

/** The control curves of a graph that describe() made, for those who plot them: (sets, F) each. */
#define APF_PHASER_LFO_NAME      "lfo"
#define APF_PHASER_ALL_PASS_NAME "all_pass"

#endif
