#include "effects/phaser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "effects/phaser_rt.h"
#include "graph/node.h"

static const double PI = 3.14159265358979323846;
static const double longest_window = 10; /* s */

static const apf_parameter_info parameters[] = {
    [APF_PHASER_RATE] = {"rate", "Hz", "how often the notches go up and down", 0, 50, 1},
    [APF_PHASER_PHASE] = {"phase", "cycles", "where the oscillator is at the origin", -1, 1, 0},
    [APF_PHASER_FEEDBACK] = {"feedback", "", "gain of the feedback around the all-passes", 0, 0.999,
                             0.01},
    [APF_PHASER_THROUGH] = {"through", "", "gain of the dry path", -4, 4, 1},
    [APF_PHASER_DEPTH] = {"depth", "rad", "how far the break frequency moves, as d", -2, 2, 0.25},
    [APF_PHASER_BIAS] = {"bias", "rad", "the lowest break frequency, as d = pi f / sample rate", -1,
                         1, 0.05},
};

static const apf_option_info options[] = {
    {"variant", "td|fs", "td", "td: through the recursion; fs: frequency-sampled frames"},
    {"window", "number", "0.16", "s; the oscillator has a value each quarter of it"},
    {"origin", "number", "0", "s; the oscillator's phase holds at this time of the recording"},
};

/** Layers of the waveshaper: 1 -> 8 -> 8 -> 8 -> 1. */
enum { LAYERS = 4 };
static const int64_t widths[LAYERS + 1] = {1, APF_PHASER_HIDDEN, APF_PHASER_HIDDEN,
                                           APF_PHASER_HIDDEN, 1};

static void layer_name(char *name, size_t size, int layer, const char *what)
{
  snprintf(name, size, "mlp.model.%d.%s", 2 * layer, what);
}

/* --- sizes ------------------------------------------------------------------------------------ */

static double option_number(const apf_model *model, const char *name)
{
  return strtod(apf_model_option_text(model, name), NULL);
}

int64_t apf_phaser_hop(const apf_model *model)
{
  return (int64_t)floor(option_number(model, "window") * model->sample_rate / 4);
}

int64_t apf_phaser_frames(const apf_model *model, int64_t T)
{
  return T / apf_phaser_hop(model) + 1;
}

/* --- tensors and human units ------------------------------------------------------------------ */

static bool add_layer(apf_model *model, apf_random *random, int layer)
{
  char name[32];
  int64_t in = widths[layer], out = widths[layer + 1];
  double bound = 1 / sqrt((double)in); /* torch.nn.Linear's uniform start */
  layer_name(name, sizeof name, layer, "weight");
  double *weight = apf_model_add_tensor(model, name, 2, (const int64_t[]){out, in});
  layer_name(name, sizeof name, layer, "bias");
  double *bias = weight ? apf_model_add_tensor(model, name, 1, &out) : NULL;
  if (!bias) return false;
  for (int64_t i = 0; i < out * in; i++) weight[i] = bound * (2 * apf_random_uniform(random) - 1);
  for (int64_t i = 0; i < out; i++) bias[i] = bound * (2 * apf_random_uniform(random) - 1);
  return true;
}

static apf_status initialise(apf_context *ctx, apf_model *model, uint64_t seed)
{
  const int64_t one = 1, two = 2;
  const double window = option_number(model, "window");
  if (!(window * model->sample_rate >= 4 && window <= longest_window))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_phaser",
                    "window is %g s, expected %g (four samples) to %g s", window,
                    4.0 / model->sample_rate, longest_window);
  apf_random random = apf_random_start(seed, 0);
  const struct {
    const char *name;
    int64_t count;
    double value;
  } scalars[] = {
      {"g1", one, 1},
      {"g2", one, 0.01},
      {"depth", one, 0.5 * apf_random_uniform(&random)},
      {"bias", one, 0.1 * apf_random_uniform(&random)},
      {"lfo.sigma", one, 0.6},
      {"lfo.omega", one, 0.1 * apf_random_normal(&random)},
      {"lfo.phi", one, apf_random_normal(&random)},
      {"lfo.amp", one, 1},
      {"bq.ff_params", two, 0},
      {"bq.fb_params", two, 0},
      {"bq.DC", one, 1},
  };
  bool complete = true;
  for (size_t i = 0; complete && i < sizeof scalars / sizeof scalars[0]; i++) {
    double *values = apf_model_add_tensor(model, scalars[i].name, 1, &scalars[i].count);
    complete = values != NULL;
    for (int64_t k = 0; complete && k < scalars[i].count; k++) values[k] = scalars[i].value;
  }
  for (int layer = 0; complete && layer < LAYERS; layer++)
    complete = add_layer(model, &random, layer);
  if (!complete) return apf_fail(ctx, APF_ERR_MEMORY, "apf_phaser", "no memory for a phaser");
  return APF_OK;
}

/** Oscillator values per second. */
static double frame_rate(const apf_model *model)
{
  return (double)model->sample_rate / (double)apf_phaser_hop(model);
}

/* A negative frequency is the positive one with the phase turned round: Re(e^{i(phi - wt)}). */
static double get(const apf_model *model, int parameter)
{
  double omega = *apf_model_scalar(model, "lfo.omega");
  switch (parameter) {
    case APF_PHASER_RATE: return fabs(omega) * frame_rate(model) / (2 * PI);
    case APF_PHASER_PHASE: {
      double cycles = *apf_model_scalar(model, "lfo.phi") / (2 * PI);
      if (omega < 0) cycles = -cycles;
      return cycles - floor(cycles);
    }
    case APF_PHASER_FEEDBACK: return fabs(*apf_model_scalar(model, "g2"));
    case APF_PHASER_THROUGH: return *apf_model_scalar(model, "g1");
    case APF_PHASER_DEPTH: return *apf_model_scalar(model, "depth");
    case APF_PHASER_BIAS: return *apf_model_scalar(model, "bias");
    default: return NAN;
  }
}

static void set(apf_model *model, int parameter, double value)
{
  double *omega = apf_model_scalar(model, "lfo.omega");
  switch (parameter) {
    case APF_PHASER_RATE:
      *omega = (*omega < 0 ? -1 : 1) * 2 * PI * value / frame_rate(model);
      break;
    case APF_PHASER_PHASE:
      *apf_model_scalar(model, "lfo.phi") = (*omega < 0 ? -1 : 1) * 2 * PI * value;
      break;
    case APF_PHASER_FEEDBACK: *apf_model_scalar(model, "g2") = value; break;
    case APF_PHASER_THROUGH: *apf_model_scalar(model, "g1") = value; break;
    case APF_PHASER_DEPTH: *apf_model_scalar(model, "depth") = value; break;
    case APF_PHASER_BIAS: *apf_model_scalar(model, "bias") = value; break;
    default: break;
  }
}

/* --- equations -------------------------------------------------------------------------------- */

/** A tensor of the model as a graph parameter (sets, shape...). */
static apf_var tensor(apf_graph *g, const apf_model *model, const char *name, int64_t sets)
{
  const apf_raw_tensor *t = apf_model_find_tensor(model, name);
  apf_shape shape = {.dims = t->rank + 1, .size = {sets}};
  for (int i = 0; i < t->rank; i++) shape.size[i + 1] = t->shape[i];
  return apf_graph_parameter(g, name, shape);
}

/** s[n] = Re(amp e^{i phi} (r e^{i omega})^n), r = exp(-sigma^2) in training, else 1.  (sets, F) */
static apf_var oscillator(apf_graph *g, const apf_model *model, apf_signal signal, int64_t F)
{
  int64_t P = signal.sets;
  apf_shape rows = APF_SHAPE(P);
  apf_var sigma = apf_reshape(g, tensor(g, model, "lfo.sigma", P), rows);
  apf_var omega = apf_reshape(g, tensor(g, model, "lfo.omega", P), rows);
  apf_var phi = apf_reshape(g, tensor(g, model, "lfo.phi", P), rows);
  apf_var amp = apf_reshape(g, tensor(g, model, "lfo.amp", P), rows);
  if (signal.mode == APF_MODE_EVALUATE) {
    double frames = (signal.start - option_number(model, "origin")) * frame_rate(model);
    sigma = apf_scale(g, sigma, 0);
    phi = apf_add(g, phi, apf_scale(g, omega, frames));
  }
  apf_var s = apf_damped_oscillator(g, amp, phi, sigma, omega, F);
  return apf_graph_output(g, s, APF_PHASER_LFO_NAME);
}

/** w = MLP(s), tanh between the layers.  (sets, F) */
static apf_var waveshaper(apf_graph *g, const apf_model *model, apf_var s, int64_t sets, int64_t F)
{
  apf_var h = apf_reshape(g, s, APF_SHAPE(sets, F, 1));
  for (int layer = 0; layer < LAYERS; layer++) {
    char name[32];
    layer_name(name, sizeof name, layer, "weight");
    apf_var weight = tensor(g, model, name, sets);
    layer_name(name, sizeof name, layer, "bias");
    h = apf_linear(g, h, weight, tensor(g, model, name, sets));
    if (layer + 1 < LAYERS) h = apf_tanh(g, h);
  }
  return apf_reshape(g, h, APF_SHAPE(sets, F));
}

/** p = tanh((1 - tan d) / (1 + tan d)), d = bias + depth (1 + w) / 2.  (sets, F) */
static apf_var all_pass(apf_graph *g, const apf_model *model, apf_var w, int64_t sets)
{
  apf_var depth = tensor(g, model, "depth", sets), bias = tensor(g, model, "bias", sets);
  apf_var d = apf_add(g, bias, apf_mul(g, depth, apf_affine(g, w, 0.5, 0.5)));
  apf_var tangent = apf_tan(g, d);
  apf_var p = apf_tanh(g, apf_div(g, apf_affine(g, tangent, -1, 1), apf_affine(g, tangent, 1, 1)));
  return apf_graph_output(g, p, APF_PHASER_ALL_PASS_NAME);
}

/** The outer biquad: b = (DC, ff0, ff1), a = (1, a1, a2) inside the triangle of stability.
 *  (sets, 3) each */
static void biquad(apf_graph *g, const apf_model *model, int64_t sets, apf_var *b, apf_var *a)
{
  const apf_var feed_forward[] = {tensor(g, model, "bq.DC", sets),
                                  tensor(g, model, "bq.ff_params", sets)};
  *b = apf_concat(g, feed_forward, 2, -1);
  apf_var logits = apf_tanh(g, tensor(g, model, "bq.fb_params", sets));
  apf_var a1 = apf_scale(g, apf_slice(g, logits, -1, 0, 1), 2);
  apf_var t2 = apf_slice(g, logits, -1, 1, 1);
  apf_var size = apf_abs(g, a1);
  apf_var a2 = apf_scale(g, apf_add(g, apf_mul(g, apf_affine(g, size, -1, 2), t2), size), 0.5);
  const apf_var feed_back[] = {apf_affine(g, a1, 0, 1), a1, a2};
  *a = apf_concat(g, feed_back, 3, -1);
}

/** Product of the polynomials c (sets, 3) and q (sets, F, 5): (sets, F, 7). */
static apf_var polynomial_product(apf_graph *g, apf_var c, apf_var q, int64_t sets, int64_t F)
{
  const apf_var padded[] = {q, apf_expand(g, apf_graph_constant(g, 0), APF_SHAPE(sets, F, 2))};
  apf_var wide = apf_concat(g, padded, 2, -1), sum = APF_NO_VAR;
  for (int k = 0; k < 3; k++) {
    apf_var tap = apf_reshape(g, apf_slice(g, c, -1, k, 1), APF_SHAPE(sets, 1, 1));
    apf_var term = apf_mul(g, tap, apf_shift(g, wide, -1, -k, 0));
    sum = k == 0 ? term : apf_add(g, sum, term);
  }
  return sum;
}

/**
 * Time domain. The four all-passes are A(z) = (1 - p z^-1)^4 under its reversal; with feedback and
 * everything divided by the leading coefficient c0 = 1 - |g2| p^4,
 *   D = (A - |g2| rev A) / c0,   N = rev A / c0,   y = allpole(fir(x; b (g1 D + N)); a D).
 * D and N are interpolated between frames. Products with the constant biquad commute with that, so
 * they are formed per frame and both filters interpolate inside their kernels.
 */
static apf_var time_domain(apf_graph *g, const apf_model *model, apf_signal signal, apf_var p,
                           int64_t F)
{
  int64_t P = signal.sets;
  apf_var g1 = apf_reshape(g, tensor(g, model, "g1", P), APF_SHAPE(P, 1, 1));
  apf_var g2 = apf_abs(g, tensor(g, model, "g2", P));
  apf_var p2 = apf_square(g, p), p3 = apf_mul(g, p2, p), p4 = apf_square(g, p2);
  const apf_var powers[] = {apf_affine(g, p, 0, 1), apf_scale(g, p, -4), apf_scale(g, p2, 6),
                            apf_scale(g, p3, -4), p4};
  apf_var A = apf_stack(g, powers, 5);
  apf_var c0 = apf_affine(g, apf_mul(g, g2, p4), -1, 1);
  apf_var inverse = apf_reshape(g, apf_reciprocal(g, c0), APF_SHAPE(P, F, 1));
  apf_var N = apf_mul(g, apf_flip(g, A, -1), inverse);
  apf_var feedback = apf_mul(g, apf_reshape(g, g2, APF_SHAPE(P, 1, 1)), N);
  apf_var D = apf_sub(g, apf_mul(g, A, inverse), feedback);

  apf_var b, a;
  biquad(g, model, P, &b, &a);
  apf_var numerator = polynomial_product(g, b, apf_add(g, apf_mul(g, g1, D), N), P, F);
  apf_var denominator = polynomial_product(g, a, D, P, F);
  apf_shape rows = APF_SHAPE(P, 1, 1, F, 7);
  numerator = apf_reshape(g, numerator, rows);
  denominator = apf_slice(g, apf_reshape(g, denominator, rows), -1, 1, 6);
  apf_var driven = apf_fir(g, signal.x, numerator, APF_NO_VAR);
  return apf_allpole(g, driven, denominator, APF_NO_VAR);
}

/** Frequency sampling: the response at each frame's p times the frames of the STFT. */
static apf_var frequency_sampled(apf_graph *g, const apf_model *model, apf_signal signal, apf_var p,
                                 int64_t F)
{
  int64_t P = signal.sets, hop = apf_phaser_hop(model), window = 4 * hop, n_fft = 2;
  while (n_fft < 2 * window) n_fft *= 2;
  apf_var g1 = tensor(g, model, "g1", P), g2 = tensor(g, model, "g2", P), b, a;
  biquad(g, model, P, &b, &a);
  return apf_stft_phaser(
      g, signal.x, apf_reshape(g, p, APF_SHAPE(P, 1, 1, F)), apf_reshape(g, g1, APF_SHAPE(P, 1, 1)),
      apf_reshape(g, g2, APF_SHAPE(P, 1, 1)), apf_reshape(g, b, APF_SHAPE(P, 1, 1, 3)),
      apf_reshape(g, a, APF_SHAPE(P, 1, 1, 3)), n_fft, window, hop);
}

static apf_var describe(apf_graph *g, const apf_model *model, apf_signal signal)
{
  apf_shape shape = apf_graph_shape(g, signal.x);
  const int64_t T = shape.size[shape.dims - 1], window = 4 * apf_phaser_hop(model);
  if (signal.mode == APF_MODE_TRAIN && T < window)
    return apf_graph_refuse(g, "apf_phaser", "there are %lld samples, expected a window of %lld",
                            (long long)T, (long long)window);
  int64_t F = apf_phaser_frames(model, T);
  apf_var s = oscillator(g, model, signal, F);
  apf_var w = waveshaper(g, model, s, signal.sets, F);
  apf_var p = all_pass(g, model, w, signal.sets);
  if (strcmp(apf_model_option_text(model, "variant"), "fs") == 0)
    return frequency_sampled(g, model, signal, p, F);
  return time_domain(g, model, signal, p, F);
}

static apf_var loss(apf_graph *g, apf_var y, apf_var target)
{
  return apf_esr(g, y, target, APF_ESR_MEAN, 1);
}

const apf_effect apf_phaser = {
    .name = "phaser",
    .parameters = parameters,
    .parameter_count = APF_PHASER_PARAMETERS,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .initialise = initialise,
    .get = get,
    .set = set,
    .describe = describe,
    .runs_on = true,
    .two_renderings = true,
    .loss = loss,
    .processor_bytes = apf_phaser_rt_bytes,
    .processor_start = apf_phaser_rt_start,
    .processor_reset = apf_phaser_rt_reset,
    .processor_latency = apf_phaser_rt_latency,
    .processor_set = apf_phaser_rt_set,
    .processor_process = apf_phaser_rt_process,
};
