/**
 * Single nodes of the graph, for the operators that the effects and their training consist of
 * beside the recursions. Such a step is the node forward, its error-to-signal ratio against random
 * data as the loss (two more passes over the output; a node that is a loss stands alone), and the
 * node backward to all its arguments. They are checked as the other steps are, see effect_check.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "effect_step.h"

/** A node while it is described: its graph, its sizes, how many arguments it has so far. */
typedef struct node {
  apf_graph *g;
  int64_t B, T, window, hop, F; /* F frames, one each `hop` samples */
  int leaves;
  apf_status status;
} node;

/* --- arguments -------------------------------------------------------------------------------- */

/** Fills the leaf with values evenly spread over low..high. */
static apf_var draw(node *n, apf_var leaf, double low, double high)
{
  const int64_t count = apf_shape_count(apf_graph_shape(n->g, leaf));
  double *values = malloc((size_t)count * sizeof *values);
  uint64_t state = (uint64_t)++n->leaves;
  for (int64_t i = 0; values && i < count; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    values[i] = low + (high - low) * (double)(state >> 11) / 9007199254740992.0;
  }
  if (n->status == APF_OK) n->status = values ? apf_graph_set(n->g, leaf, values) : APF_ERR_MEMORY;
  free(values);
  return leaf;
}

/** An argument that has a gradient. */
static apf_var argument(node *n, apf_shape shape, double low, double high)
{
  char name[16];
  snprintf(name, sizeof name, "argument%d", n->leaves);
  return draw(n, apf_graph_parameter(n->g, name, shape), low, high);
}

static apf_var data(node *n, apf_shape shape, double low, double high)
{
  char name[16];
  snprintf(name, sizeof name, "data%d", n->leaves);
  return draw(n, apf_graph_input(n->g, name, shape), low, high);
}

static apf_var signals(node *n)
{
  return argument(n, APF_SHAPE(n->B, n->T), -1, 1);
}

/** One value for each signal. */
static apf_var each(node *n, double low, double high)
{
  return argument(n, APF_SHAPE(n->B), low, high);
}

static apf_var spectra(node *n)
{
  return argument(n, APF_SHAPE(n->B, n->F, n->window / 2 + 1, 2), -1, 1);
}

/** Denominators [...,3] that begin with 1, of stable filters. */
static apf_var denominators(node *n, apf_shape tails)
{
  const apf_var a = argument(n, tails, -0.4, 0.4);
  const apf_var parts[] = {apf_affine(n->g, apf_slice(n->g, a, -1, 0, 1), 0, 1), a};
  return apf_concat(n->g, parts, 2, -1);
}

static apf_var frame_numerators(node *n)
{
  return argument(n, APF_SHAPE(n->B, n->F, 3), -1, 1);
}

static apf_var frame_denominators(node *n)
{
  return denominators(n, APF_SHAPE(n->B, n->F, 2));
}

/* --- the compressor --------------------------------------------------------------------------- */

static apf_var one_pole(node *n)
{
  return apf_one_pole(n->g, signals(n), each(n, 0.01, 0.5), APF_NO_VAR);
}

static apf_var fft_one_pole(node *n)
{
  return apf_fft_one_pole(n->g, signals(n), each(n, 0.01, 0.5));
}

static apf_var compressor_level(node *n)
{
  return apf_compressor_level(n->g, argument(n, APF_SHAPE(n->B, 1, n->T), -1, 1));
}

static apf_var compressor_curve(node *n)
{
  const apf_var power = argument(n, APF_SHAPE(n->B, n->T), 1e-4, 0.1);
  return apf_compressor_curve(n->g, power, each(n, -30, -20), each(n, 2, 8), each(n, -34, -31),
                              each(n, 0.3, 0.9));
}

static apf_var compressor_apply(node *n)
{
  const apf_var gain = argument(n, APF_SHAPE(n->B, n->T), 0.1, 1);
  return apf_compressor_apply(n->g, argument(n, APF_SHAPE(n->B, 1, n->T), -1, 1), gain,
                              each(n, 0, 6), 10);
}

/* --- spectra; n_fft is the window ------------------------------------------------------------- */

static apf_var stft(node *n)
{
  return apf_stft(n->g, signals(n), n->window, n->window, n->hop, false);
}

static apf_var istft(node *n)
{
  return apf_istft(n->g, spectra(n), n->T, n->window, n->hop);
}

static apf_var frequency_filter(node *n)
{
  return apf_frequency_filter(n->g, spectra(n), frame_numerators(n), frame_denominators(n));
}

static apf_var stft_filter(node *n)
{
  return apf_stft_filter(n->g, signals(n), frame_numerators(n), frame_denominators(n), n->window,
                         n->window, n->hop);
}

static apf_var stft_phaser(node *n)
{
  const apf_var p = argument(n, APF_SHAPE(n->B, n->F), 0.2, 0.8);
  return apf_stft_phaser(n->g, signals(n), p, each(n, 0.5, 1), each(n, 0.1, 0.5),
                         argument(n, APF_SHAPE(n->B, 3), -1, 1),
                         denominators(n, APF_SHAPE(n->B, 2)), n->window, n->window, n->hop);
}

static apf_var log_mel(node *n)
{
  const apf_log_mel_settings settings = {n->window, n->hop, 128, 48000, 1e-4, true};
  return apf_log_mel(n->g, signals(n), settings);
}

/* --- neural networks -------------------------------------------------------------------------- */

static apf_var conv2d(node *n)
{
  const apf_var x = argument(n, APF_SHAPE(n->B, 16, 64, n->T), -1, 1);
  return apf_conv2d(n->g, x, argument(n, APF_SHAPE(16, 16, 5, 7), -0.1, 0.1),
                    argument(n, APF_SHAPE(16), -1, 1), 2);
}

static apf_var linear(node *n)
{
  return apf_linear(n->g, argument(n, APF_SHAPE(n->B, n->T, 64), -1, 1),
                    argument(n, APF_SHAPE(64, 64), -0.1, 0.1), argument(n, APF_SHAPE(64), -1, 1));
}

static apf_var layer_norm(node *n)
{
  return apf_layer_norm(n->g, argument(n, APF_SHAPE(n->B, n->T, 128), -1, 1), 1, 1e-5);
}

static apf_var max_pool(node *n)
{
  return apf_max_pool(n->g, signals(n), -1, 2);
}

static apf_var prelu(node *n)
{
  return apf_prelu(n->g, argument(n, APF_SHAPE(n->B, 16, n->T), -1, 1),
                   argument(n, APF_SHAPE(16), 0.1, 0.3), 1);
}

static apf_var dropout(node *n)
{
  return apf_dropout(n->g, signals(n), 0.2, data(n, APF_SCALAR, 1, 1));
}

static apf_var lstm(node *n)
{
  const int64_t inputs = 3, hidden = 64;
  const apf_var x = argument(n, APF_SHAPE(n->B, n->T, inputs), -1, 1);
  const apf_var w_ih = argument(n, APF_SHAPE(4 * hidden, inputs), -0.1, 0.1);
  const apf_var w_hh = argument(n, APF_SHAPE(4 * hidden, hidden), -0.1, 0.1);
  const apf_var b_ih = argument(n, APF_SHAPE(4 * hidden), -0.1, 0.1);
  const apf_var b_hh = argument(n, APF_SHAPE(4 * hidden), -0.1, 0.1);
  return apf_lstm(n->g, x, w_ih, w_hh, b_ih, b_hh, APF_NO_VAR, APF_NO_VAR);
}

/* --- signals and coefficients ----------------------------------------------------------------- */

static apf_var oscillator(node *n)
{
  return apf_oscillator(n->g, each(n, 50, 500), each(n, -3, 3), each(n, 0.1, 0.9), 48000, n->T);
}

static apf_var envelope(node *n)
{
  const double seconds = (double)n->T / 48000;
  return apf_envelope(n->g, each(n, 0.5 * seconds, seconds), each(n, 0.5, 3), 48000, 1e-3, n->T);
}

static apf_var damped_oscillator(node *n)
{
  return apf_damped_oscillator(n->g, each(n, 0.5, 1), each(n, -3, 3), each(n, 1e-4, 1e-3),
                               each(n, 1e-3, 1e-2), n->T);
}

static apf_var lowpass_coefficients(node *n)
{
  const apf_shape shape = APF_SHAPE(n->B, n->T);
  apf_var parts[2];
  apf_lowpass_coefficients(n->g, argument(n, shape, 0.05, 1), argument(n, shape, 0.7, 4), 0.999,
                           &parts[0], &parts[1]);
  return apf_concat(n->g, parts, 2, -1);
}

static apf_var triangle_coefficients(node *n)
{
  return apf_triangle_coefficients(n->g, argument(n, APF_SHAPE(n->B, n->T, 2), -2, 2), 0.999);
}

static apf_var reflection_to_direct(node *n)
{
  return apf_reflection_to_direct(n->g, argument(n, APF_SHAPE(n->B, n->T, 6), -0.5, 0.5));
}

/* --- element by element ----------------------------------------------------------------------- */

static apf_var tanh_node(node *n)
{
  return apf_tanh(n->g, signals(n));
}

static apf_var mul(node *n)
{
  const apf_var x = signals(n);
  return apf_mul(n->g, x, signals(n));
}

static apf_var sum(node *n)
{
  return apf_sum(n->g, signals(n), 2u, false); /* over time */
}

static apf_var concat(node *n)
{
  const apf_var parts[] = {signals(n), signals(n)};
  return apf_concat(n->g, parts, 2, -1);
}

/* --- losses ----------------------------------------------------------------------------------- */

static apf_var preemphasis_l1(node *n)
{
  const apf_var x = signals(n);
  return apf_preemphasis_l1(n->g, x, data(n, APF_SHAPE(n->B, n->T), -1, 1), 0);
}

static apf_var mrstft_loss(node *n)
{
  const apf_var x = signals(n);
  return apf_mrstft_loss(n->g, x, data(n, APF_SHAPE(n->B, n->T), -1, 1), 0);
}

/** The loss of a node's output. */
static apf_var ratio_to_data(node *n, apf_var y)
{
  const apf_var row = apf_reshape(n->g, y, APF_SHAPE(apf_shape_count(apf_graph_shape(n->g, y))));
  return apf_esr(n->g, row, data(n, apf_graph_shape(n->g, row), -1, 1), APF_ESR_TOTAL, 0);
}

static apf_var esr(node *n)
{
  return ratio_to_data(n, signals(n));
}

/* --- all of them ------------------------------------------------------------------------------ */

typedef struct node_kind {
  step_kind step;
  apf_var (*describe)(node *n);
  bool is_loss;
} node_kind;

#define KIND(name, describe, windowed, tolerance, is_loss, B, T)                              \
  {                                                                                           \
    {#name, NULL, NULL, true, windowed, tolerance, APF_SGD, APF_F32, B, T}, describe, is_loss \
  }
#define NODE(name, describe, B, T)  KIND(name, describe, false, 1e-4, false, B, T)
#define SPECTRAL(name, B, T)        KIND(name, name, true, 1e-4, false, B, T)
#define LOSS(name, tolerance, B, T) KIND(name, name, false, tolerance, true, B, T)
/* Where a spectrum is near zero, its logarithm makes much of rounding: log_mel, mrstft_loss. */
static const node_kind kinds[BENCH_NODES] = {
    NODE(one_pole, one_pole, 32, 65536),
    NODE(fft_one_pole, fft_one_pole, 32, 65536),
    NODE(compressor_level, compressor_level, 32, 65536),
    NODE(compressor_curve, compressor_curve, 32, 65536),
    NODE(compressor_apply, compressor_apply, 32, 65536),
    SPECTRAL(stft, 32, 65536),
    SPECTRAL(istft, 32, 65536),
    SPECTRAL(frequency_filter, 32, 65536),
    SPECTRAL(stft_filter, 32, 65536),
    SPECTRAL(stft_phaser, 32, 65536),
    KIND(log_mel, log_mel, true, 1e-2, false, 32, 65536),
    NODE(conv2d, conv2d, 8, 128),
    NODE(linear, linear, 32, 1024),
    NODE(layer_norm, layer_norm, 32, 1024),
    NODE(max_pool, max_pool, 32, 65536),
    NODE(prelu, prelu, 32, 4096),
    NODE(dropout, dropout, 32, 65536),
    NODE(lstm, lstm, 32, 1024),
    NODE(oscillator, oscillator, 32, 65536),
    NODE(envelope, envelope, 32, 65536),
    NODE(damped_oscillator, damped_oscillator, 32, 65536),
    NODE(lowpass_coefficients, lowpass_coefficients, 32, 65536),
    NODE(triangle_coefficients, triangle_coefficients, 32, 65536),
    NODE(reflection_to_direct, reflection_to_direct, 32, 16384),
    NODE(tanh, tanh_node, 32, 65536),
    NODE(mul, mul, 32, 65536),
    NODE(sum, sum, 32, 65536),
    NODE(concat, concat, 32, 65536),
    LOSS(preemphasis_l1, 1e-4, 32, 65536),
    LOSS(esr, 1e-4, 32, 65536),
    LOSS(mrstft_loss, 1e-2, 32, 65536),
};

const step_kind *bench_node_kind(int index)
{
  return &kinds[index].step;
}

apf_status bench_node_describe(apf_graph *g, const bench_step *shape, int index, apf_var *loss)
{
  const int64_t hop = shape->window / 4;
  node n = {g, shape->B, shape->T, shape->window, hop, hop ? shape->T / hop + 1 : 0, 0, APF_OK};
  const apf_var y = kinds[index].describe(&n);
  *loss = kinds[index].is_loss ? y : ratio_to_data(&n, y);
  return n.status;
}
