/** How good a model is on the part of the data that it does not learn from. */
#ifndef APF_TRAIN_VALIDATION_H
#define APF_TRAIN_VALIDATION_H

#include "train/data.h"

typedef struct apf_validation apf_validation;

/** For models with the options of `model`. `data` must outlive it. @param part of the notes. */
apf_status apf_validation_create(apf_context *ctx, const apf_train_config *config,
                                 const apf_data *data, apf_part part, const apf_model *model,
                                 apf_validation **out);
void apf_validation_destroy(apf_validation *validation);

/** Renders the part as in use (no damping, no dropout; a note's phase is always the same). */
apf_status apf_validation_run(apf_validation *validation, const apf_model *model, apf_metrics *out);
/** Of effects with two renderings: frequency-sampled, whichever was trained; run() then filters by
 *  recursion. */
apf_status apf_validation_run_other(apf_validation *validation, const apf_model *model,
                                    apf_metrics *out);
/**
 * Writes into `folder` what the last run rendered: valid.wav. Of notes, one after another, also
 * what they should be, valid_target.wav; valid_notes.csv, what the model found out about each; and
 * valid_curves.csv, what it moves over time.
 */
apf_status apf_validation_write(const apf_validation *validation, const char *folder);

/** The error that decides which model is best, and what it is called. */
double apf_deciding_error(const apf_effect *effect, const apf_metrics *metrics);
const char *apf_deciding_error_name(const apf_effect *effect);

#endif
