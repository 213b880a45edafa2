/**
 * The phaser in real time: the equations of phaser.c frame by frame and sample by sample, in
 * double, so the output does not depend on how the signal is cut into blocks. The fs variant runs
 * as td. Equal to rendering from second 0 where a frame is exactly a hop: (frames - 1) a multiple
 * of the hop; else rendering stretches frames to end with the signal.
 *
 * At another rate than the model's, frames keep their length and break frequencies stay where they
 * are in Hz; the outer biquad keeps its coefficients.
 */
#ifndef APF_EFFECTS_PHASER_RT_H
#define APF_EFFECTS_PHASER_RT_H

#include "effects/effect.h"

/* What apf_effect asks for. Parameters that are set take effect within a frame. */
size_t apf_phaser_rt_bytes(const apf_model *model, int sample_rate, int channels);
void apf_phaser_rt_start(void *state, const apf_model *model, int sample_rate, int channels);
void apf_phaser_rt_reset(void *state);
int apf_phaser_rt_latency(const void *state);
void apf_phaser_rt_set(void *state, int parameter, double value);
void apf_phaser_rt_process(void *state, int64_t frames, const float *const *in, float *const *out);

#endif
