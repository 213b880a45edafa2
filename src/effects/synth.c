#include "effects/synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "effects/encoder.h"
#include "effects/synth_lstm.h"
#include "effects/synth_voice.h"

enum { FEATURE_FFT = 1024, FEATURE_BANDS = 128 };
static const double FEATURE_FLOOR = 1e-7;

static const apf_option_info options[] = {
    {"filter", "lp|coeff", "lp", "lp: a low-pass whose cutoff moves; coeff: any filter of order 2"},
    {"variant", "td|fs|lstm", "td",
     "td: through the recursion; fs: frequency-sampled frames; lstm: a network in its place"},
    {"window", "integer", "1024", "samples; the frames of fs"},
    {"channels", "integer", "64", "of the encoder's convolutions"},
    {"dropout", "number", "0.25", "rate of the encoder's heads in training"},
    {"hidden", "integer", "64", "values that the lstm carries from sample to sample"},
};

/** The encoder's heads for one number a note. */
enum { OSC_SHAPE, OSC_GAIN, DIST_GAIN, ALPHA, RESONANCE, GLOBALS };
static const struct {
  const char *head, *output;
} globals[GLOBALS] = {
    [OSC_SHAPE] = {"osc_shape_0to1", APF_SYNTH_OSC_SHAPE},
    [OSC_GAIN] = {"osc_gain_0to1", APF_SYNTH_OSC_GAIN},
    [DIST_GAIN] = {"dist_gain_0to1", APF_SYNTH_DIST_GAIN},
    [ALPHA] = {"learned_alpha_0to1", APF_SYNTH_ALPHA},
    [RESONANCE] = {"q_0to1", APF_SYNTH_RESONANCE},
};

static const apf_parameter_info note_parameters[GLOBALS] = {
    [OSC_SHAPE] = {"osc_shape", "", "of the oscillator: 0 is a square, 1 a saw", 0, 1, NAN},
    [OSC_GAIN] = {"osc_gain", "", "factor before the filter", 0.01, 1, NAN},
    [DIST_GAIN] = {"dist_gain", "", "factor into the distortion", 0.01, 4, NAN},
    [ALPHA] = {"alpha", "", "exponent of the envelope: 1 falls evenly, more falls at once", 0.1, 6,
               NAN},
    [RESONANCE] = {"q", "", "of the low-pass", APF_VOICE_LOWEST_Q, APF_VOICE_HIGHEST_Q, NAN},
};

static double option_number(const apf_model *model, const char *name)
{
  return strtod(apf_model_option_text(model, name), NULL);
}

static bool option_is(const apf_model *model, const char *name, const char *text)
{
  return strcmp(apf_model_option_text(model, name), text) == 0;
}

static int64_t hidden_units(const apf_model *model)
{
  return (int64_t)option_number(model, "hidden");
}

/** Cutoff and resonance instead of logits. */
static bool reads_curves(const apf_model *model)
{
  return option_is(model, "filter", "lp") || option_is(model, "variant", "lstm");
}

static apf_encoder_settings encoder_settings(const apf_model *model)
{
  const bool lp = reads_curves(model);
  apf_encoder_settings s = {.channels = (int64_t)option_number(model, "channels"),
                            .temporal_values = lp ? 1 : APF_VOICE_LOGITS,
                            .temporal_sigmoid = lp,
                            .globals = lp ? GLOBALS : RESONANCE,
                            .dropout = option_number(model, "dropout")};
  for (int i = 0; i < s.globals; i++) s.global_names[i] = globals[i].head;
  return s;
}

/* --- tensors ---------------------------------------------------------------------------------- */

static apf_status check_options(apf_context *ctx, const apf_model *model)
{
  const double window = option_number(model, "window");
  const double channels = option_number(model, "channels");
  const double dropout = option_number(model, "dropout"), hidden = option_number(model, "hidden");
  if (!(window >= 2 * APF_VOICE_HOP && window <= 65536))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_synth",
                    "window is %g samples, expected %d to 65536: frames are %d samples apart",
                    window, 2 * APF_VOICE_HOP, (int)APF_VOICE_HOP);
  if (!(channels >= 2 && channels <= 4096))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_synth", "channels is %g, expected 2 to 4096",
                    channels);
  if (!(dropout >= 0 && dropout < 1))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_synth", "dropout is %g, expected 0 <= dropout < 1",
                    dropout);
  if (!(hidden >= 1 && hidden <= 4096))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_synth", "hidden is %g, expected 1 to 4096", hidden);
  return APF_OK;
}

/** `count` values uniform in -bound..bound. */
static void draw(uint64_t seed, int stream, int64_t count, double bound, double *values)
{
  apf_random random = apf_random_start(seed, (uint64_t)stream);
  for (int64_t k = 0; k < count; k++) values[k] = bound * (2 * apf_random_uniform(&random) - 1);
}

static apf_status initialise_lstm(apf_context *ctx, apf_model *model, uint64_t seed)
{
  for (int i = 0; i < APF_SYNTH_LSTM_TENSORS; i++) {
    const apf_synth_lstm_tensor t = apf_synth_lstm_tensor_at(hidden_units(model), i);
    double *values = apf_model_add_tensor(model, t.name, t.rank, t.shape);
    if (!values) return apf_fail(ctx, APF_ERR_MEMORY, "apf_synth", "no memory for a synth");
    draw(seed, model->tensor_count, apf_product(t.rank, t.shape), t.bound, values);
  }
  return APF_OK;
}

static apf_status initialise(apf_context *ctx, apf_model *model, uint64_t seed)
{
  APF_TRY(check_options(ctx, model));
  const apf_encoder_settings settings = encoder_settings(model);
  apf_encoder_tensor tensor;
  for (int i = 0; apf_encoder_tensor_at(&settings, i, &tensor); i++) {
    double *values = apf_model_add_tensor(model, tensor.name, tensor.rank, tensor.shape);
    if (!values) return apf_fail(ctx, APF_ERR_MEMORY, "apf_synth", "no memory for a synth");
    const int64_t count = apf_product(tensor.rank, tensor.shape);
    if (!tensor.constant) draw(seed, i, count, tensor.bound, values);
    for (int64_t k = 0; tensor.constant && k < count; k++) values[k] = tensor.bound;
  }
  return option_is(model, "variant", "lstm") ? initialise_lstm(ctx, model, seed) : APF_OK;
}

/* --- equations -------------------------------------------------------------------------------- */

static apf_var control(apf_graph *g, const apf_encoder_outputs *out, int i)
{
  const double low = note_parameters[i].minimum, high = note_parameters[i].maximum;
  apf_var v = apf_affine(g, out->global[i], high - low, low);
  return apf_graph_output(g, v, globals[i].output);
}

static apf_voice_controls listen(apf_graph *g, const apf_model *model, apf_var x, apf_var step)
{
  const apf_shape shape = apf_graph_shape(g, x);
  const int64_t B = shape.size[0], F = shape.size[1] / APF_VOICE_HOP + 1;
  const apf_encoder_settings settings = encoder_settings(model);
  const apf_log_mel_settings features = {.n_fft = FEATURE_FFT,
                                         .hop = APF_VOICE_HOP,
                                         .bands = FEATURE_BANDS,
                                         .sample_rate = model->sample_rate,
                                         .eps = FEATURE_FLOOR};
  apf_var log_mel = apf_log_mel(g, x, features);
  log_mel = apf_reshape(g, log_mel, APF_SHAPE(B, 1, FEATURE_BANDS, F));
  const apf_encoder_outputs out = apf_encoder(g, &settings, log_mel, step);
  apf_voice_controls c = {.osc_shape = control(g, &out, OSC_SHAPE),
                          .osc_gain = control(g, &out, OSC_GAIN),
                          .dist_gain = control(g, &out, DIST_GAIN),
                          .alpha = control(g, &out, ALPHA)};
  if (reads_curves(model)) {
    apf_var curve = apf_reshape(g, out.temporal, APF_SHAPE(B, F));
    c.cutoff = apf_graph_output(g, curve, APF_SYNTH_CUTOFF);
    c.resonance = apf_graph_output(g, out.global[RESONANCE], APF_SYNTH_RESONANCE);
  } else {
    c.logits = apf_graph_output(g, out.temporal, APF_SYNTH_LOGITS);
  }
  return c;
}

static apf_voice_variant variant_of(const apf_model *model)
{
  if (option_is(model, "variant", "lstm")) return APF_VOICE_LSTM;
  return option_is(model, "variant", "fs") ? APF_VOICE_FS : APF_VOICE_TD;
}

/** x (1, B, 1, T): B notes. */
static apf_var describe(apf_graph *g, const apf_model *model, apf_signal signal)
{
  const apf_shape shape = apf_graph_shape(g, signal.x);
  const int64_t B = shape.size[1], T = shape.size[3];
  apf_var x = apf_reshape(g, signal.x, APF_SHAPE(B, T));
  apf_var step = signal.mode == APF_MODE_TRAIN ? signal.step : APF_NO_VAR;
  const apf_voice_controls controls = listen(g, model, x, step);
  const apf_voice_settings settings = {
      .filter = option_is(model, "filter", "lp") ? APF_VOICE_LP : APF_VOICE_COEFF,
      .variant = variant_of(model),
      .sample_rate = model->sample_rate,
      .samples = T,
      .hidden = hidden_units(model),
      .window = (int64_t)option_number(model, "window")};
  const apf_voice voice = apf_synth_voice(g, &settings, signal.notes, &controls);
  if (!reads_curves(model)) {
    apf_graph_output(g, voice.a, APF_SYNTH_A);
    apf_graph_output(g, voice.b, APF_SYNTH_B);
  }
  return apf_reshape(g, voice.wet, shape);
}

static apf_var loss(apf_graph *g, apf_var y, apf_var target)
{
  return apf_mrstft_loss(g, y, target, 1);
}

const apf_effect apf_synth = {
    .name = "synth",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .takes_notes = true,
    .note_parameters = note_parameters,
    .note_parameter_count = GLOBALS,
    .initialise = initialise,
    .describe = describe,
    .loss = loss,
};
