/**
 * The synth: hears a note and plays it again. The encoder reads the log-mel spectrogram of the
 * target and sets the controls of the voice; what is trained is the encoder.
 */
#ifndef APF_EFFECTS_SYNTH_H
#define APF_EFFECTS_SYNTH_H

#include "effects/effect.h"

extern const apf_effect apf_synth;

/** Outputs of the graph, one value a note; or a curve, see synth_voice.h. */
#define APF_SYNTH_OSC_SHAPE "osc_shape"
#define APF_SYNTH_OSC_GAIN  "osc_gain"
#define APF_SYNTH_DIST_GAIN "dist_gain"
#define APF_SYNTH_ALPHA     "alpha"
#define APF_SYNTH_CUTOFF    "cutoff"
#define APF_SYNTH_RESONANCE "resonance"
#define APF_SYNTH_LOGITS    "logits"
#define APF_SYNTH_A         "a"
#define APF_SYNTH_B         "b"

#endif
