/**
 * Steps of training: batch in, forward, backward, update. They look inside the library, because the
 * parts of a step have no public interface: the graph of an effect as the trainer builds it, the
 * synth's signal path without the encoder, whose place its controls take as parameters, and single
 * nodes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "effect_step.h"
#include "effects/synth_voice.h"

enum {
  EFFECT_RATE = 44100,
  NOTE_RATE = 48000,
  HIDDEN = 64,
  WARM_UP = 3 /* the third records what it can */
};
/* So small that every repeat does the same work. */
static const double learning_rate = 1e-9;

/* Sizes as published: one recording, or a batch of notes. Where a spectrum is near zero, its
 * logarithm in a loss makes much of rounding. */
static const step_kind kinds[BENCH_EFFECTS] = {
    {"compressor", "compressor", "td", false, false, 0.05, APF_SGD, APF_F32, 1, 60 * EFFECT_RATE},
    {"phaser_td", "phaser", "td", false, false, 0.05, APF_ADAM, APF_F64, 1, 5 * EFFECT_RATE},
    {"phaser_fs", "phaser", "fs", false, false, 0.05, APF_ADAM, APF_F64, 1, 5 * EFFECT_RATE},
    {"synth_td", "synth", "td", false, false, 0.05, APF_ADAMW, APF_F32, 34, 6000},
    {"synth_fs", "synth", "fs", false, true, 0.05, APF_ADAMW, APF_F32, 34, 6000},
    {"synth_lstm", "synth", "lstm", false, false, 0.05, APF_ADAMW, APF_F32, 34, 6000},
    {"voice_td", "synth", "td", true, false, 0.05, APF_ADAMW, APF_F32, 34, 6000},
    {"voice_fs", "synth", "fs", true, true, 0.05, APF_ADAMW, APF_F32, 34, 6000},
    {"voice_lstm", "synth", "lstm", true, false, 0.05, APF_ADAMW, APF_F32, 34, 6000},
};

static const step_kind *kind_at(int step)
{
  return step < BENCH_EFFECTS ? &kinds[step] : bench_node_kind(step - BENCH_EFFECTS);
}

const char *bench_step_name(int step)
{
  return kind_at(step)->name;
}

bool bench_step_has_window(int step)
{
  return kind_at(step)->windowed;
}

void bench_step_usual(int step, bench_step *shape)
{
  const step_kind *kind = kind_at(step);
  *shape = (bench_step){step, kind->dtype, kind->B, kind->T, 0};
}

bool effect_step_is_synth(const effect_step *s)
{
  return s->kind->effect && strcmp(s->kind->effect, "synth") == 0;
}

/* --- data ------------------------------------------------------------------------------------- */

/** Noise whose level rises and falls once a second, in numbers that a float holds. */
static void fill_recording(effect_step *s)
{
  uint64_t state = 1;
  for (int64_t i = 0; i < s->shape.B * s->shape.T; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double second = (double)(i % s->shape.T) / EFFECT_RATE;
    const double level = 0.05 + 0.25 * (1 + sin(6.283185307179586 * second));
    s->input[i] = (double)(float)(level * ((double)(state >> 11) / 4503599627370496.0 - 1));
    s->target[i] = 0.5 * s->input[i] + (i % s->shape.T > 100 ? 0.3 * s->input[i - 100] : 0);
  }
}

/** Saws that die away. */
static void fill_notes(effect_step *s)
{
  for (int64_t b = 0; b < s->shape.B; b++) {
    s->notes.f0[b] = 60 + 5 * (double)b;
    s->notes.duration[b] = 0.9 * (double)s->shape.T / NOTE_RATE;
    s->notes.phase[b] = (double)(b % 7) - 3;
    for (int64_t t = 0; t < s->shape.T; t++) {
      const double cycles = s->notes.f0[b] * (double)t / NOTE_RATE;
      s->notes.x[b * s->shape.T + t] =
          (0.5 - (cycles - floor(cycles))) * exp(-3 * (double)t / (double)s->shape.T);
    }
  }
}

static apf_status create_data(effect_step *s)
{
  const size_t count = (size_t)(s->shape.B * s->shape.T);
  if (effect_step_is_synth(s)) {
    APF_TRY(apf_note_batch_create(s->ctx, s->shape.B, s->shape.T, &s->notes));
    fill_notes(s);
    return APF_OK;
  }
  if (!s->kind->effect) return APF_OK; /* a node draws its own */
  s->input = malloc(2 * count * sizeof *s->input);
  if (!s->input) return apf_fail(s->ctx, APF_ERR_MEMORY, __func__, "no memory for the recording");
  s->target = s->input + count;
  fill_recording(s);
  return APF_OK;
}

static apf_status set_data(effect_step *s)
{
  apf_graph *g = s->graph;
  if (effect_step_is_synth(s)) return apf_note_batch_set(g, &s->notes);
  if (!s->kind->effect) return APF_OK;
  APF_TRY(apf_graph_set(g, apf_graph_find(g, "x"), s->input));
  return apf_graph_set(g, apf_graph_find(g, "target"), s->target);
}

/* --- graphs ----------------------------------------------------------------------------------- */

/** The signal path behind controls that are parameters; returns the loss. */
static apf_var describe_path(effect_step *s, apf_signal signal)
{
  apf_graph *g = s->graph;
  const int64_t B = s->shape.B, T = s->shape.T, F = T / APF_VOICE_HOP + 1;
  const char *variant = s->kind->variant;
  const apf_voice_settings settings = {.filter = APF_VOICE_LP,
                                       .variant = strcmp(variant, "td") == 0   ? APF_VOICE_TD
                                                  : strcmp(variant, "fs") == 0 ? APF_VOICE_FS
                                                                               : APF_VOICE_LSTM,
                                       .sample_rate = NOTE_RATE,
                                       .samples = T,
                                       .hidden = HIDDEN,
                                       .window = s->shape.window};
  const apf_voice_controls controls = {
      .osc_shape = apf_graph_parameter(g, "osc_shape", APF_SHAPE(B)),
      .osc_gain = apf_graph_parameter(g, "osc_gain", APF_SHAPE(B)),
      .dist_gain = apf_graph_parameter(g, "dist_gain", APF_SHAPE(B)),
      .alpha = apf_graph_parameter(g, "alpha", APF_SHAPE(B)),
      .cutoff = apf_graph_parameter(g, "cutoff", APF_SHAPE(B, F)),
      .resonance = apf_graph_parameter(g, "resonance", APF_SHAPE(B))};
  const apf_voice voice = apf_synth_voice(g, &settings, signal.notes, &controls);
  return apf_mrstft_loss(g, voice.wet, apf_reshape(g, signal.x, APF_SHAPE(B, T)), 0);
}

/** An effect as the trainer builds it; returns the loss. */
static apf_var describe_effect(effect_step *s)
{
  apf_graph *g = s->graph;
  const int64_t B = s->shape.B, T = s->shape.T;
  apf_signal signal = {.sets = 1, .mode = APF_MODE_TRAIN};
  apf_var target;
  if (effect_step_is_synth(s)) {
    signal = apf_note_batch_declare(g, &s->notes, APF_MODE_TRAIN);
    target = signal.x;
  } else {
    signal.x = apf_graph_input(g, "x", APF_SHAPE(1, B, 1, T));
    target = apf_graph_input(g, "target", APF_SHAPE(B, 1, T));
  }
  if (s->kind->alone) return describe_path(s, signal);
  apf_var y = apf_graph_output(g, s->model->effect->describe(g, s->model, signal), "y");
  return s->model->effect->loss(g, y, target);
}

static apf_status build(effect_step *s)
{
  apf_var loss;
  APF_TRY(apf_graph_create(s->ctx, s->shape.dtype, &s->graph));
  if (s->kind->effect)
    loss = describe_effect(s);
  else
    APF_TRY(bench_node_describe(s->graph, &s->shape, s->shape.step - BENCH_EFFECTS, &loss));
  return apf_graph_build(s->graph, apf_graph_output(s->graph, loss, "loss"));
}

/** Half of its range, for each control; small weights, for a network. */
static apf_status set_controls(effect_step *s)
{
  if (!s->kind->effect) return APF_OK;
  APF_TRY(apf_models_to_graph(s->graph, (const apf_model *const *)&s->model, 1));
  for (int i = 0; i < apf_graph_parameter_count(s->graph); i++) {
    const apf_var parameter = apf_graph_parameter_at(s->graph, i);
    if (apf_model_find_tensor(s->model, apf_graph_name(s->graph, parameter))) continue;
    APF_TRY(apf_graph_set_all(s->graph, parameter, 0.5));
  }
  return APF_OK;
}

static apf_status create_model(effect_step *s)
{
  if (!s->kind->effect) return APF_OK;
  char window[32];
  const int rate = effect_step_is_synth(s) ? NOTE_RATE : EFFECT_RATE;
  APF_TRY(apf_model_create(s->ctx, s->kind->effect, rate, &s->model));
  APF_TRY(apf_model_set_text(s->ctx, s->model, "variant", s->kind->variant));
  snprintf(window, sizeof window, "%lld", (long long)s->shape.window);
  if (bench_step_has_window(s->shape.step))
    APF_TRY(apf_model_set_text(s->ctx, s->model, "window", window));
  if (strcmp(s->kind->effect, "compressor") == 0)
    return apf_model_set_text(s->ctx, s->model, "train_make_up", "no"); /* as published */
  /* Undamped, the phaser trains on what it renders. */
  apf_raw_tensor *damping = apf_model_find_tensor(s->model, "lfo.sigma");
  if (damping) damping->values[0] = 0;
  return APF_OK;
}

void effect_step_destroy(effect_step *s)
{
  apf_training_step_destroy(s->training);
  apf_optimizer_destroy(s->optimizer);
  apf_graph_destroy(s->graph);
  apf_model_destroy(s->model);
  apf_note_batch_clear(&s->notes);
  free(s->input);
}

apf_status effect_step_create(effect_step *s)
{
  APF_TRY(create_model(s));
  APF_TRY(create_data(s));
  APF_TRY(build(s));
  APF_TRY(set_controls(s));
  APF_TRY(set_data(s));
  if (s->kind->alone) return APF_OK;
  apf_optimizer_options options = apf_optimizer_defaults(s->kind->optimizer, learning_rate);
  options.momentum = 0.9;
  options.clip_norm = 0.5;
  APF_TRY(apf_optimizer_create(s->graph, &options, &s->optimizer));
  return apf_training_step_create(s->graph, s->optimizer, &s->training);
}

/* --- timing ----------------------------------------------------------------------------------- */

/** As the trainer takes it: notes are another batch each time, a recording stays in the graph. */
static apf_status run_step(effect_step *s)
{
  if (effect_step_is_synth(s)) APF_TRY(set_data(s));
  if (s->training) return apf_training_step_run(s->training);
  APF_TRY(apf_graph_forward(s->graph));
  APF_TRY(apf_graph_backward(s->graph));
  return apf_synchronize(s->ctx);
}

static apf_status time_steps(effect_step *s, int repeats, bench_step_result *result)
{
  double *seconds = malloc((size_t)repeats * sizeof *seconds);
  if (!seconds) return apf_fail(s->ctx, APF_ERR_MEMORY, __func__, "no memory for the times");
  apf_status status = APF_OK;
  for (int i = -WARM_UP; i < repeats && status == APF_OK; i++) {
    const double start = bench_now();
    status = run_step(s);
    if (i >= 0) seconds[i] = bench_now() - start;
  }
  if (status == APF_OK) {
    result->memory =
        (double)apf_graph_memory_use(s->graph).arena_bytes + (double)s->ctx->workspace_bytes;
    bench_sort(seconds, repeats);
    result->seconds = bench_quantile(seconds, repeats, 0.5);
    result->quartile[0] = bench_quantile(seconds, repeats, 0.25);
    result->quartile[1] = bench_quantile(seconds, repeats, 0.75);
  }
  free(seconds);
  return status;
}

bool bench_measure_step(const bench_step *shape, apf_context *ctx, int repeats,
                        bench_step_result *result)
{
  effect_step s = {.kind = kind_at(shape->step), .shape = *shape, .ctx = ctx};
  memset(result, 0, sizeof *result);
  result->shape = *shape;
  result->backend = apf_context_backend(ctx);
  result->simd = apf_context_simd(ctx);
  result->threads = apf_context_threads(ctx);
  apf_status status = effect_step_check(&s, result);
  if (status == APF_OK) status = time_steps(&s, repeats, result);
  if (status != APF_OK)
    fprintf(stderr, "allpole_bench: step %s %s, B=%lld T=%lld window=%lld: %s\n", s.kind->name,
            bench_dtype_name(shape->dtype), (long long)shape->B, (long long)shape->T,
            (long long)shape->window, apf_last_error(ctx));
  effect_step_destroy(&s);
  return status == APF_OK;
}
