/**
 * A learner moves a model's parameters, one step at a time. The run around it (run.c) validates,
 * saves, stops and resumes; all that a learner remembers between steps goes into a checkpoint and
 * back.
 */
#ifndef APF_TRAIN_LEARNER_H
#define APF_TRAIN_LEARNER_H

#include <stdio.h>

#include "effects/effect.h"
#include "io/safetensors.h"
#include "train/config.h"
#include "train/data.h"

/** Named arrays with their own memory: a learner's memory on its way into a file. */
typedef struct apf_state {
  int count;
  apf_tensor *tensors;
} apf_state;

/** Copies `count` values under APF_STATE_PREFIX + name. */
apf_status apf_state_add(apf_context *ctx, apf_state *state, const char *name, apf_tensor_type type,
                         int64_t count, const void *values);
void apf_state_clear(apf_state *state);
/** The array of that name with that type and count, else APF_ERR_FORMAT. */
apf_status apf_state_get(apf_context *ctx, const apf_safetensors *file, const char *name,
                         apf_tensor_type type, int64_t count, void *values);

typedef struct apf_learner apf_learner;
typedef struct apf_learner_class {
  /** Step number `step` (from 1) on learner->model. *loss belongs to the parameters before it. A
   *  loss or gradient that is not finite leaves the model as it was: APF_ERR_NOT_FINITE. */
  apf_status (*step)(apf_learner *learner, int64_t step, double *loss);
  /** Appends members to the line of metrics.jsonl, each after ", "; NULL: none. */
  void (*log)(const apf_learner *learner, FILE *file);
  apf_status (*save)(const apf_learner *learner, apf_state *state);
  apf_status (*load)(apf_learner *learner, const apf_safetensors *file);
  void (*destroy)(apf_learner *learner);
} apf_learner_class;

struct apf_learner {
  const apf_learner_class *type;
  apf_context *ctx;
  const apf_train_config *config;
  const apf_pair *train;     /**< empty for effects that take notes */
  const apf_note_set *notes; /**< empty for the others */
  apf_model *model;
  bool converged;         /**< there is nothing left to gain */
  char reason[256];       /**< then: why */
  char not_recorded[256]; /**< why steps are not replayed on a backend that could; "" if they are */
};

/** The learner that the configuration asks for. `data` and `model` must outlive it. */
apf_status apf_learner_create(apf_context *ctx, const apf_train_config *config,
                              const apf_data *data, apf_model *model, apf_learner **out);
void apf_learner_destroy(apf_learner *learner);

/* The kinds; `start` has every member but `type`. */
apf_status apf_gradient_learner_create(const apf_learner *start, apf_learner **out);
apf_status apf_lm_learner_create(const apf_learner *start, apf_learner **out);

#endif
