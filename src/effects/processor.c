/** Real time: the effect's own state behind the public functions. See effect.h for what it
 * provides. */
#include "effects/effect.h"

#include <stdlib.h>

struct apf_processor {
  const apf_effect *effect;
  void *state;
};

apf_status apf_processor_create(apf_context *ctx, const apf_model *model, int sample_rate,
                                int channels, apf_processor **out)
{
  if (!model || !out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model or out is NULL");
  *out = NULL;
  if (sample_rate < 8000 || sample_rate > 384000 || channels < 1 || channels > 64)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                    "sample_rate is %d and channels %d, expected 8000 to 384000 Hz and 1 to 64",
                    sample_rate, channels);
  const apf_effect *effect = model->effect;
  if (!effect->processor_bytes)
    return apf_fail(ctx, APF_ERR_NOT_COMPILED, __func__, "the %s has no real-time form",
                    effect->name);
  apf_processor *p = calloc(1, sizeof *p);
  void *state = calloc(1, effect->processor_bytes(model, sample_rate, channels));
  if (!p || !state) {
    free(p);
    free(state);
    return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a processor");
  }
  p->effect = effect;
  p->state = state;
  effect->processor_start(state, model, sample_rate, channels);
  *out = p;
  return APF_OK;
}

void apf_processor_destroy(apf_processor *p)
{
  if (!p) return;
  free(p->state);
  free(p);
}

void apf_processor_reset(apf_processor *p)
{
  p->effect->processor_reset(p->state);
}

int apf_processor_latency(const apf_processor *p)
{
  return p->effect->processor_latency(p->state);
}

void apf_processor_set(apf_processor *p, int parameter_index, double value)
{
  if (parameter_index < 0 || parameter_index >= p->effect->parameter_count) return;
  const apf_parameter_info *info = &p->effect->parameters[parameter_index];
  if (!(value >= info->minimum)) value = info->minimum; /* NaN as well */
  if (value > info->maximum) value = info->maximum;
  p->effect->processor_set(p->state, parameter_index, value);
}

void apf_processor_process(apf_processor *p, int64_t frames, const float *const *in,
                           float *const *out)
{
  if (frames > 0) p->effect->processor_process(p->state, frames, in, out);
}
