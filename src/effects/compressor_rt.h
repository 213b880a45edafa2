/**
 * The compressor in real time: the equations of compressor.h a sample at a time, in double, so the
 * output does not depend on how the signal is cut into blocks. The fs variant runs as simple: a
 * recursion has no whole signal to transform.
 */
#ifndef APF_EFFECTS_COMPRESSOR_RT_H
#define APF_EFFECTS_COMPRESSOR_RT_H

#include "effects/effect.h"

/* What apf_effect asks for. */
size_t apf_compressor_rt_bytes(const apf_model *model, int sample_rate, int channels);
void apf_compressor_rt_start(void *state, const apf_model *model, int sample_rate, int channels);
void apf_compressor_rt_reset(void *state);
int apf_compressor_rt_latency(const void *state);
void apf_compressor_rt_set(void *state, int parameter, double value);
void apf_compressor_rt_process(void *state, int64_t frames, const float *const *in,
                               float *const *out);

#endif
