#include "effects/compressor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "effects/compressor_rt.h"

/* --- names and units -------------------------------------------------------------------------- */

static const apf_parameter_info parameters[] = {
    {"threshold", "dB", "Level above which the gain is reduced.", -80, 20, -10},
    {"ratio", "", "Input decibels above the threshold for one more at the output.", 1.001, 1000, 2},
    {"attack", "ms", "Time in which the gain falls.", 0.005, 5000, 50},
    {"release", "ms", "Time in which the gain recovers.", 0.005, 20000, 50},
    {"average", "ms", "Time over which power is averaged.", 0.005, 5000, 0.13986578581690895},
    {"make_up", "dB", "Gain after compression.", -60, 60, 0},
};

static const apf_option_info options[] = {
    {"variant", "td|simple|fs", "td",
     "td: attack and release; simple: one time for both; fs: simple, trained by frequency "
     "sampling."},
    {"look_ahead", "integer", "0", "Samples by which the gain is ahead of the signal."},
    {"train_make_up", "yes|no", "yes",
     "no: make-up gain keeps its value, as in the published code."},
};

enum { OPTION_COUNT = sizeof options / sizeof options[0], LONGEST_LOOK_AHEAD = 1 << 20 };

apf_compressor_variant apf_compressor_variant_of(const apf_model *model)
{
  const char *text = apf_model_option_text(model, "variant");
  if (strcmp(text, "fs") == 0) return APF_COMPRESSOR_FS;
  return strcmp(text, "simple") == 0 ? APF_COMPRESSOR_SIMPLE : APF_COMPRESSOR_TD;
}

int apf_compressor_look_ahead(const apf_model *model)
{
  return (int)strtod(apf_model_option_text(model, "look_ahead"), NULL);
}

double apf_compressor_coefficient(double ms, double rate)
{
  return -expm1(-2200 / (ms * rate));
}

/* logit(1 - e^-u) = log(e^u - 1), which keeps its digits where the coefficient is tiny. */
double apf_compressor_to_raw(int parameter, double human, double rate)
{
  switch (parameter) {
    case APF_COMPRESSOR_RATIO: return log(human - 1);
    case APF_COMPRESSOR_ATTACK:
    case APF_COMPRESSOR_RELEASE:
    case APF_COMPRESSOR_AVERAGE: return log(expm1(2200 / (human * rate)));
    default: return human;
  }
}

double apf_compressor_to_human(int parameter, double raw, double rate)
{
  switch (parameter) {
    case APF_COMPRESSOR_RATIO: return 1 + exp(raw);
    case APF_COMPRESSOR_ATTACK:
    case APF_COMPRESSOR_RELEASE:
    case APF_COMPRESSOR_AVERAGE: return 2200 / (rate * log1p(exp(raw)));
    default: return raw;
  }
}

const char *apf_compressor_tensor(const apf_model *model, int parameter)
{
  static const char *const names[] = {"threshold", "ratio_logit",   "at_logit",
                                      "rt_logit",  "rms_avg_logit", "make_up_gain"};
  const bool two_times = apf_compressor_variant_of(model) == APF_COMPRESSOR_TD;
  if (parameter == APF_COMPRESSOR_RELEASE && !two_times) parameter = APF_COMPRESSOR_ATTACK;
  return names[parameter];
}

static apf_status initialise(apf_context *ctx, apf_model *model, uint64_t seed)
{
  (void)seed; /* nothing is drawn */
  const int look_ahead = apf_compressor_look_ahead(model);
  if (look_ahead < 0 || look_ahead > LONGEST_LOOK_AHEAD)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "look_ahead is %d samples, expected 0 to %d",
                    look_ahead, LONGEST_LOOK_AHEAD);
  for (int i = 0; i < APF_COMPRESSOR_PARAMETERS; i++) {
    const char *name = apf_compressor_tensor(model, i);
    if (apf_model_find_tensor(model, name)) continue; /* attack and release in one */
    double *value = apf_model_add_tensor(model, name, 0, NULL);
    if (!value) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for %s", name);
    *value = apf_compressor_to_raw(i, parameters[i].initial, model->sample_rate);
  }
  return APF_OK;
}

static double get(const apf_model *model, int parameter)
{
  const double raw = *apf_model_scalar(model, apf_compressor_tensor(model, parameter));
  return apf_compressor_to_human(parameter, raw, model->sample_rate);
}

static void set(apf_model *model, int parameter, double value)
{
  *apf_model_scalar(model, apf_compressor_tensor(model, parameter)) =
      apf_compressor_to_raw(parameter, value, model->sample_rate);
}

/* --- equations -------------------------------------------------------------------------------- */

/** A raw tensor for every parameter set, as [sets,1]: it stays the same over excerpts. */
static apf_var raw(apf_graph *g, const apf_model *model, int parameter, int64_t sets)
{
  apf_var all = apf_graph_parameter(g, apf_compressor_tensor(model, parameter), APF_SHAPE(sets));
  return apf_reshape(g, all, APF_SHAPE(sets, 1));
}

static apf_var describe(apf_graph *g, const apf_model *model, apf_signal signal)
{
  const apf_var x = signal.x;
  const int64_t sets = signal.sets;
  const apf_compressor_variant variant = apf_compressor_variant_of(model);
  const bool sampled = variant == APF_COMPRESSOR_FS;
  apf_var threshold = raw(g, model, APF_COMPRESSOR_THRESHOLD, sets);
  apf_var ratio = apf_offset(g, apf_exp(g, raw(g, model, APF_COMPRESSOR_RATIO, sets)), 1);
  apf_var attack = apf_sigmoid(g, raw(g, model, APF_COMPRESSOR_ATTACK, sets));
  apf_var release = attack;
  if (variant == APF_COMPRESSOR_TD)
    release = apf_sigmoid(g, raw(g, model, APF_COMPRESSOR_RELEASE, sets));
  apf_var average = apf_sigmoid(g, raw(g, model, APF_COMPRESSOR_AVERAGE, sets));
  apf_var make_up = raw(g, model, APF_COMPRESSOR_MAKE_UP, sets);
  if (strcmp(apf_model_option_text(model, "train_make_up"), "no") == 0)
    apf_graph_freeze(g, apf_graph_find(g, "make_up_gain"));
  apf_var one = apf_graph_constant(g, 1), none = APF_NO_VAR;

  apf_var level = apf_compressor_level(g, x);
  apf_var power =
      sampled ? apf_fft_one_pole(g, level, average) : apf_one_pole(g, level, average, none);

  apf_var low = none, low_ratio = none;
  if (!sampled) {
    low = apf_graph_constant(g, APF_COMPRESSOR_EXPANDER_THRESHOLD);
    low_ratio = apf_graph_constant(g, APF_COMPRESSOR_EXPANDER_RATIO);
  }
  apf_var bent = apf_compressor_curve(g, power, threshold, ratio, low, low_ratio);

  apf_var gain;
  if (variant == APF_COMPRESSOR_TD)
    gain = apf_ballistics(g, bent, attack, release, one);
  else if (variant == APF_COMPRESSOR_SIMPLE)
    gain = apf_one_pole(g, bent, attack, one);
  else
    gain = apf_offset(g, apf_fft_one_pole(g, apf_offset(g, bent, -1), attack), 1);

  return apf_compressor_apply(g, x, gain, make_up, apf_compressor_look_ahead(model));
}

/** One loss per parameter set. */
static apf_var loss(apf_graph *g, apf_var y, apf_var target)
{
  return apf_preemphasis_l1(g, y, target, 1);
}

const apf_effect apf_compressor = {
    .name = "compressor",
    .parameters = parameters,
    .parameter_count = APF_COMPRESSOR_PARAMETERS,
    .options = options,
    .option_count = OPTION_COUNT,
    .initialise = initialise,
    .get = get,
    .set = set,
    .describe = describe,
    .preemphasized = true,
    .loss = loss,
    .processor_bytes = apf_compressor_rt_bytes,
    .processor_start = apf_compressor_rt_start,
    .processor_reset = apf_compressor_rt_reset,
    .processor_latency = apf_compressor_rt_latency,
    .processor_set = apf_compressor_rt_set,
    .processor_process = apf_compressor_rt_process,
};
