/** The learner that takes Levenberg-Marquardt steps: one evaluation of all starts and dampings
 * each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/compressor_fit.h"
#include "train/learner.h"

typedef struct lm_learner {
  apf_learner base;
  apf_compressor_fit *fit;
} lm_learner;

static void note_end(lm_learner *l)
{
  apf_lm_end end = apf_lm_ended(apf_compressor_fit_lm(l->fit));
  l->base.converged = end != APF_LM_RUNNING && end != APF_LM_NOT_FINITE;
  snprintf(l->base.reason, sizeof l->base.reason, "%s", apf_lm_reason(end));
}

/** The loss is the best error-to-signal ratio so far, on the training part. */
static apf_status lm_step(apf_learner *learner, int64_t step, double *loss)
{
  lm_learner *l = (lm_learner *)learner;
  apf_lm *lm = apf_compressor_fit_lm(l->fit);
  double cost;
  (void)step;
  APF_TRY(apf_lm_step(lm));
  apf_lm_best(lm, &cost);
  *loss = apf_compressor_fit_esr(l->fit, cost);
  if (apf_lm_ended(lm) == APF_LM_NOT_FINITE || !isfinite(cost))
    return apf_fail(learner->ctx, APF_ERR_NOT_FINITE, __func__, "%s",
                    apf_lm_reason(APF_LM_NOT_FINITE));
  apf_compressor_fit_write(l->fit, learner->model);
  note_end(l);
  return APF_OK;
}

static apf_status lm_save(const apf_learner *learner, apf_state *state)
{
  const lm_learner *l = (const lm_learner *)learner;
  int64_t count;
  const double *values = apf_lm_state(apf_compressor_fit_lm(l->fit), &count);
  return apf_state_add(learner->ctx, state, "lm", APF_TENSOR_F64, count, values);
}

static apf_status lm_load(apf_learner *learner, const apf_safetensors *file)
{
  lm_learner *l = (lm_learner *)learner;
  apf_lm *lm = apf_compressor_fit_lm(l->fit);
  int64_t count;
  apf_lm_state(lm, &count);
  double *values = malloc((size_t)count * sizeof *values);
  if (!values) return apf_fail(learner->ctx, APF_ERR_MEMORY, __func__, "no memory to resume");
  apf_status status = apf_state_get(learner->ctx, file, "lm", APF_TENSOR_F64, count, values);
  if (status == APF_OK) status = apf_lm_restore(lm, values, count);
  free(values);
  if (status == APF_OK) note_end(l);
  return status;
}

static void lm_destroy(apf_learner *learner)
{
  apf_compressor_fit_destroy(((lm_learner *)learner)->fit);
  free(learner);
}

apf_status apf_lm_learner_create(const apf_learner *start, apf_learner **out)
{
  static const apf_learner_class type = {lm_step, NULL, lm_save, lm_load, lm_destroy};
  *out = NULL;
  if (strcmp(start->model->effect->name, "compressor") != 0)
    return apf_fail(start->ctx, APF_ERR_ARGUMENT, "apf_train",
                    "optimizer is lm, which is made for effects with few parameters; a %s takes "
                    "adam, adamw or sgd",
                    start->model->effect->name);
  if (start->config->excerpt > 0 || start->config->batch > 1)
    return apf_fail(start->ctx, APF_ERR_ARGUMENT, "apf_train",
                    "excerpt is %g s and batch %lld with optimizer lm, which fits the whole part",
                    start->config->excerpt, (long long)start->config->batch);
  lm_learner *l = calloc(1, sizeof *l);
  if (!l) return apf_fail(start->ctx, APF_ERR_MEMORY, __func__, "no memory for a learner");
  l->base = *start;
  l->base.type = &type;
  apf_status status = apf_compressor_fit_create(start->ctx, start->model, start->train->channels,
                                                start->train->frames, start->train->input,
                                                start->train->target, &l->fit);
  if (status != APF_OK) {
    free(l);
    return status;
  }
  *out = &l->base;
  return APF_OK;
}
