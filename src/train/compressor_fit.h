/**
 * A compressor fitted to a recording by Levenberg-Marquardt (lm.h) on the pre-emphasised residual,
 * in double: the model's own values and a spread of averages, times and thresholds as starts, all
 * in one batch. Points are the model's raw tensors.
 */
#ifndef APF_TRAIN_COMPRESSOR_FIT_H
#define APF_TRAIN_COMPRESSOR_FIT_H

#include "effects/effect.h"
#include "train/lm.h"

typedef struct apf_compressor_fit apf_compressor_fit;

/**
 * @param model a compressor of variant td or simple; its values are the first start.
 * @param input, target (channels, frames) host arrays, copied.
 * @return APF_OK; APF_ERR_ARGUMENT (variant fs: it has no recursion to differentiate),
 * APF_ERR_MEMORY.
 */
APF_MUST_CHECK apf_status apf_compressor_fit_create(apf_context *ctx, const apf_model *model,
                                                    int64_t channels, int64_t frames,
                                                    const float *input, const float *target,
                                                    apf_compressor_fit **out);
void apf_compressor_fit_destroy(apf_compressor_fit *fit);

/** What to step, to ask and to store. */
apf_lm *apf_compressor_fit_lm(apf_compressor_fit *fit);
/** The error-to-signal ratio of a cost: of pre-emphasised signals, mean squares, plus 1e-8 below.
 */
double apf_compressor_fit_esr(const apf_compressor_fit *fit, double cost);
/** The best point so far into the model's tensors. */
void apf_compressor_fit_write(const apf_compressor_fit *fit, apf_model *model);

#endif
