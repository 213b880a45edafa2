/**
 * The synth's signal path, a differentiable subtractive voice:
 *
 *   dry      = oscillator(f0, phase, shape) osc_gain (1 - ramp)^alpha
 *   filtered = the time-varying filter of dry
 *   wet      = tanh(dist_gain filtered)
 *
 * The filter's coefficients come from a low-pass whose cutoff moves (`lp`) or are themselves moved
 * (`coeff`). They are applied by recursion, all-pole first (`td`), or to the frames of an STFT
 * (`fs`). The baseline `lstm` replaces the filter by a network that reads (dry, cutoff, resonance).
 */
#ifndef APF_EFFECTS_SYNTH_VOICE_H
#define APF_EFFECTS_SYNTH_VOICE_H

#include "effects/effect.h"

typedef enum apf_voice_filter { APF_VOICE_LP, APF_VOICE_COEFF } apf_voice_filter;
typedef enum apf_voice_variant { APF_VOICE_TD, APF_VOICE_FS, APF_VOICE_LSTM } apf_voice_variant;

enum { APF_VOICE_HOP = 32, APF_VOICE_LOGITS = 5 };

typedef struct apf_voice_settings {
  apf_voice_filter filter;
  apf_voice_variant variant;
  double sample_rate;
  int64_t samples;
  int64_t hidden; /**< units of the `lstm`, which reads the controls of `lp` */
  int64_t window; /**< samples, for frequency sampling; every window hops by APF_VOICE_HOP */
} apf_voice_settings;

/** What the encoder finds out. F frames. */
typedef struct apf_voice_controls {
  apf_var osc_shape, osc_gain, dist_gain, alpha; /**< (B) */
  apf_var cutoff;    /**< `lp`: (B, F) in 0..1, from 100 Hz to 8 kHz in octaves */
  apf_var resonance; /**< `lp`: (B) in 0..1, q from .7071 to 8 in octaves */
  apf_var logits;    /**< `coeff`: (B, F, 5), two for the triangle, then b */
} apf_voice_controls;

typedef struct apf_voice {
  apf_var envelope, dry, filtered, wet; /**< (B, samples) */
  apf_var a, b;                         /**< (B, F, 2), (B, F, 3); none of `lstm` */
} apf_voice;

apf_voice apf_synth_voice(apf_graph *g, const apf_voice_settings *settings, apf_notes notes,
                          const apf_voice_controls *controls);

#define APF_VOICE_LOWEST_Q  0.7071
#define APF_VOICE_HIGHEST_Q 8.0

/** Hz of a value of `cutoff`, q of one of `resonance`. */
double apf_voice_cutoff_hz(double cutoff);
double apf_voice_q(double resonance);

#endif
