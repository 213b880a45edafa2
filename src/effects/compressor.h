/**
 * The feed-forward compressor of arXiv 2404.07970: names, units, equations; real-time twin in
 * compressor_rt.h.
 *
 *   power = average(mean over channels of max(x^2, 1e-8))          one-pole, coefficient `average`
 *   g     = min(0, (1 - 1/ratio)(threshold - 10 log10 power), (1 - 1/0.9999)(-120 - 10 log10
 * power)) dB gain  = ballistics(10^(g/20); attack, release), from 1 y[t]  = 10^(make_up/20) x[t]
 * gain[t + look_ahead]
 *
 * Raw tensors, as published: threshold, make_up_gain in dB; ratio = 1 + exp(ratio_logit); at, rt,
 * rms_avg = sigmoid of their logits, coefficients per sample. Times are c = 1 - exp(-2200 / (ms
 * sample_rate)). Variants: td; simple, whose release is its attack (no rt_logit); fs, the same with
 * each one-pole as a product of whole-signal transforms and without the expander.
 */
#ifndef APF_EFFECTS_COMPRESSOR_H
#define APF_EFFECTS_COMPRESSOR_H

#include "effects/effect.h"

extern const apf_effect apf_compressor;

/** Parameters in human units: their order in apf_compressor.parameters. */
enum {
  APF_COMPRESSOR_THRESHOLD, /**< dB */
  APF_COMPRESSOR_RATIO,
  APF_COMPRESSOR_ATTACK,  /**< ms */
  APF_COMPRESSOR_RELEASE, /**< ms */
  APF_COMPRESSOR_AVERAGE, /**< ms */
  APF_COMPRESSOR_MAKE_UP, /**< dB */
  APF_COMPRESSOR_PARAMETERS
};

/** The published expander: it acts below -120 dB, and hardly. */
#define APF_COMPRESSOR_EXPANDER_THRESHOLD (-120.0)
#define APF_COMPRESSOR_EXPANDER_RATIO     0.9999

typedef enum apf_compressor_variant {
  APF_COMPRESSOR_TD,
  APF_COMPRESSOR_SIMPLE,
  APF_COMPRESSOR_FS
} apf_compressor_variant;

apf_compressor_variant apf_compressor_variant_of(const apf_model *model);
/** Samples at the model's rate. */
int apf_compressor_look_ahead(const apf_model *model);

/** The raw value of a human one, and back; `rate` in Hz. */
double apf_compressor_to_raw(int parameter, double human, double rate);
double apf_compressor_to_human(int parameter, double raw, double rate);
/** Name of a parameter's raw tensor; of release in the variants without one it is the attack's. */
const char *apf_compressor_tensor(const apf_model *model, int parameter);
/** Coefficient per sample of a time. */
double apf_compressor_coefficient(double ms, double rate);

#endif
