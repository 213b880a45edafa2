/**
 * Several starts trained side by side as one batch of parameter sets, of which the hopeless are
 * dropped early: after 16, 48, 112, ... steps (each round twice as long as the one before) the
 * better half goes on, until one is left.
 *
 * The starts of a phaser come from a first look at the recording (phaser_starts.h), the most likely
 * first; those of other effects are drawn with the seeds that follow the run's own. The last is the
 * model as it was given. To be kept, a start must have a loss lower by a tenth for each place
 * that it stands behind another in this order: a slower oscillator than the true one may explain
 * the training part as well, and not what follows.
 */
#ifndef APF_TRAIN_STARTS_H
#define APF_TRAIN_STARTS_H

#include "train/learner.h"

typedef struct apf_starts {
  apf_context *ctx;
  int count;          /**< at the beginning */
  int left;           /**< now */
  int64_t since;      /**< steps taken when the present round began */
  int *place;         /**< (left): the start's place in the order, from 0 */
  double *loss;       /**< (left): at the last step */
  apf_model **models; /**< (left) */
} apf_starts;

/** config->restarts starts; one is the model itself. */
APF_MUST_CHECK apf_status apf_starts_create(apf_context *ctx, const apf_train_config *config,
                                            const apf_pair *pair, const apf_model *model,
                                            apf_starts **out);
void apf_starts_destroy(apf_starts *starts);

/** The one to keep if only one can be; -1 where no loss is finite. */
int apf_starts_best(const apf_starts *starts);
/** Drops the worse half where `step` ends a round; true if it did: everything with an axis of sets
 *  has to be made anew. */
bool apf_starts_drop(apf_starts *starts, int64_t step);

apf_status apf_starts_save(const apf_starts *starts, apf_state *state);
apf_status apf_starts_load(apf_starts *starts, const apf_safetensors *file);

#endif
