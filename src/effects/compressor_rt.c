#include "effects/compressor_rt.h"

#include <math.h>
#include <string.h>

#include "effects/compressor.h"

enum { RAMP_MS = 20 };

static const double neper_per_db = 0.11512925464970228420;

/* What a sample is computed with: threshold in nepers, 1 - 1/ratio, coefficients, linear make-up.
 */
typedef struct settings {
  double value[APF_COMPRESSOR_PARAMETERS];
} settings;

typedef struct compressor_rt {
  int rate, channels, latency;
  bool one_time;         /* the release is the attack */
  double expander_slope; /* 0: there is none */
  settings now, goal, step;
  int ramp; /* samples until `goal` */

  double power, gain;
  int64_t write; /* frame of the ring that comes next */
  float ring[];  /* (latency, channels) input that waits for its gain */
} compressor_rt;

static int latency_at(const apf_model *model, int rate)
{
  return (int)lrint((double)apf_compressor_look_ahead(model) * rate / model->sample_rate);
}

size_t apf_compressor_rt_bytes(const apf_model *model, int sample_rate, int channels)
{
  const size_t waiting = (size_t)latency_at(model, sample_rate) * (size_t)channels;
  return sizeof(compressor_rt) + waiting * sizeof(float);
}

static double setting_of(const compressor_rt *c, int parameter, double human)
{
  switch (parameter) {
    case APF_COMPRESSOR_THRESHOLD: return neper_per_db * human;
    case APF_COMPRESSOR_RATIO: return 1 - 1 / human;
    case APF_COMPRESSOR_ATTACK:
    case APF_COMPRESSOR_RELEASE:
    case APF_COMPRESSOR_AVERAGE: return apf_compressor_coefficient(human, c->rate);
    case APF_COMPRESSOR_MAKE_UP: return exp(neper_per_db * human);
    default: return human;
  }
}

void apf_compressor_rt_start(void *state, const apf_model *model, int sample_rate, int channels)
{
  compressor_rt *c = state;
  const apf_compressor_variant variant = apf_compressor_variant_of(model);
  c->rate = sample_rate;
  c->channels = channels;
  c->latency = latency_at(model, sample_rate);
  c->one_time = variant != APF_COMPRESSOR_TD;
  c->expander_slope = variant == APF_COMPRESSOR_FS ? 0 : 1 - 1 / APF_COMPRESSOR_EXPANDER_RATIO;
  for (int i = 0; i < APF_COMPRESSOR_PARAMETERS; i++) {
    c->now.value[i] = setting_of(c, i, model->effect->get(model, i));
  }
  c->goal = c->now;
  apf_compressor_rt_reset(state);
}

void apf_compressor_rt_reset(void *state)
{
  compressor_rt *c = state;
  c->now = c->goal;
  c->ramp = 0;
  c->power = 0;
  c->gain = 1;
  c->write = 0;
  memset(c->ring, 0, (size_t)c->latency * (size_t)c->channels * sizeof *c->ring);
}

int apf_compressor_rt_latency(const void *state)
{
  return ((const compressor_rt *)state)->latency;
}

void apf_compressor_rt_set(void *state, int parameter, double value)
{
  compressor_rt *c = state;
  if (parameter < 0 || parameter >= APF_COMPRESSOR_PARAMETERS) return;
  c->goal.value[parameter] = setting_of(c, parameter, value);
  if (c->one_time && parameter == APF_COMPRESSOR_RELEASE)
    c->goal.value[APF_COMPRESSOR_ATTACK] = c->goal.value[APF_COMPRESSOR_RELEASE];
  if (c->one_time && parameter == APF_COMPRESSOR_ATTACK)
    c->goal.value[APF_COMPRESSOR_RELEASE] = c->goal.value[APF_COMPRESSOR_ATTACK];
  c->ramp = c->rate * RAMP_MS / 1000;
  for (int i = 0; i < APF_COMPRESSOR_PARAMETERS; i++)
    c->step.value[i] = (c->goal.value[i] - c->now.value[i]) / c->ramp;
}

static void ramp(compressor_rt *c)
{
  if (--c->ramp == 0) {
    c->now = c->goal;
    return;
  }
  for (int i = 0; i < APF_COMPRESSOR_PARAMETERS; i++) c->now.value[i] += c->step.value[i];
}

/** The gain after one more frame of this level. */
static double follow(compressor_rt *c, double level)
{
  const double *v = c->now.value;
  c->power += v[APF_COMPRESSOR_AVERAGE] * (level - c->power);
  const double l = 0.5 * log(c->power);
  const double down = v[APF_COMPRESSOR_RATIO] * (v[APF_COMPRESSOR_THRESHOLD] - l);
  const double low = c->expander_slope * (neper_per_db * APF_COMPRESSOR_EXPANDER_THRESHOLD - l);
  const double bent = exp(fmin(0, fmin(down, low)));
  const double rate = v[bent < c->gain ? APF_COMPRESSOR_ATTACK : APF_COMPRESSOR_RELEASE];
  c->gain += rate * (bent - c->gain);
  if (!isfinite(c->power) || !isfinite(c->gain)) { /* a state that could not recover by itself */
    c->power = 0;
    c->gain = 1;
  }
  return c->gain * v[APF_COMPRESSOR_MAKE_UP];
}

static float finite_or_silence(float x)
{
  return isfinite(x) ? x : 0;
}

void apf_compressor_rt_process(void *state, int64_t frames, const float *const *in,
                               float *const *out)
{
  compressor_rt *c = state;
  for (int64_t t = 0; t < frames; t++) {
    double level = 0;
    for (int k = 0; k < c->channels; k++) {
      const double x = (double)finite_or_silence(in[k][t]);
      level += fmax(x * x, 1e-8);
    }
    if (c->ramp > 0) ramp(c);
    const double gain = follow(c, level / c->channels);
    float *waiting = c->ring + c->write * c->channels;
    for (int k = 0; k < c->channels; k++) {
      float x = finite_or_silence(in[k][t]);
      if (c->latency) {
        const float now = waiting[k];
        waiting[k] = x;
        x = now;
      }
      out[k][t] = (float)(gain * (double)x);
    }
    if (c->latency && ++c->write == c->latency) c->write = 0;
  }
}
