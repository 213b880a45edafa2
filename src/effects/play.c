/** Notes as arrays, played again by a model that takes notes: its graph, run forward once. */
#include "effects/effect.h"

#include <math.h>
#include <stdlib.h>

static const char function[] = "apf_model_play";

typedef struct note_values {
  const char *name;
  const double *values;
  double above; /**< what is allowed */
} note_values;

static apf_status check_notes(apf_context *ctx, int64_t count, const note_values *v)
{
  if (!v->values) return apf_fail(ctx, APF_ERR_ARGUMENT, function, "%s is NULL", v->name);
  for (int64_t i = 0; i < count; i++)
    if (!(isfinite(v->values[i]) && v->values[i] > v->above))
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                      "%s is %g at note %lld, expected a number above %g", v->name, v->values[i],
                      (long long)i, v->above);
  return APF_OK;
}

static apf_status check_signal(apf_context *ctx, int64_t count, int64_t frames, const float *x)
{
  for (int64_t i = 0; i < count * frames; i++)
    if (!isfinite(x[i]))
      return apf_fail(ctx, APF_ERR_NOT_FINITE, function, "x is %g at note %lld, frame %lld",
                      (double)x[i], (long long)(i / frames), (long long)(i % frames));
  return APF_OK;
}

static apf_status run(apf_graph *g, const apf_model *model, apf_signal signal,
                      const note_values notes[3], double *samples)
{
  const apf_var inputs[3] = {signal.notes.f0, signal.notes.duration, signal.notes.phase};
  const apf_var y = model->effect->describe(g, model, signal);
  apf_graph_output(g, y, "y");
  apf_graph_set_training(g, false);
  APF_TRY(apf_graph_build(g, APF_NO_VAR));
  APF_TRY(apf_models_to_graph(g, &model, 1));
  APF_TRY(apf_graph_set(g, signal.x, samples));
  for (int i = 0; i < 3; i++) APF_TRY(apf_graph_set(g, inputs[i], notes[i].values));
  APF_TRY(apf_graph_forward(g));
  return apf_graph_get(g, y, samples);
}

static apf_status play(apf_context *ctx, const apf_model *model, int64_t count, int64_t frames,
                       const note_values notes[3], const float *x, float *y)
{
  apf_status status = APF_OK;
  apf_graph *g = NULL;
  double *samples = malloc((size_t)(count * frames) * sizeof *samples);
  if (!samples)
    return apf_fail(ctx, APF_ERR_MEMORY, function, "no memory for %lld notes", (long long)count);
  for (int64_t i = 0; i < count * frames; i++) samples[i] = (double)x[i];
  APF_TRY_GOTO(apf_graph_create(ctx, APF_F64, &g), done);
  const apf_shape each = APF_SHAPE(count);
  const apf_signal signal = {.x = apf_graph_input(g, "x", APF_SHAPE(1, count, 1, frames)),
                             .sets = 1,
                             .mode = APF_MODE_EVALUATE,
                             .notes = {.f0 = apf_graph_input(g, "f0", each),
                                       .duration = apf_graph_input(g, "duration", each),
                                       .phase = apf_graph_input(g, "phase", each)}};
  APF_TRY_GOTO(run(g, model, signal, notes, samples), done);
  for (int64_t i = 0; i < count * frames; i++) y[i] = (float)samples[i];
done:
  apf_graph_destroy(g);
  free(samples);
  return status;
}

apf_status apf_model_play(apf_context *ctx, const apf_model *model, int64_t count, int64_t frames,
                          const double *f0, const double *duration, const double *phase,
                          const float *x, float *y)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, function, "ctx is NULL");
  if (!model) return apf_fail(ctx, APF_ERR_ARGUMENT, function, "model is NULL");
  if (!model->effect->takes_notes)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "a %s takes no notes", model->effect->name);
  if (count < 0 || frames < 0 || (count > 0 && frames > INT64_MAX / 8 / count))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "count is %lld and frames %lld, expected sizes >= 0 that fit in memory",
                    (long long)count, (long long)frames);
  if (count == 0 || frames == 0) return APF_OK;
  if (!x || !y) return apf_fail(ctx, APF_ERR_ARGUMENT, function, "x or y is NULL");
  /* Below 1 Hz the oscillator's number of partials is not defined. */
  const note_values notes[3] = {
      {"f0", f0, 1}, {"duration", duration, 0}, {"phase", phase, -INFINITY}};
  for (int i = 0; i < 3; i++) APF_TRY(check_notes(ctx, count, &notes[i]));
  APF_TRY(check_signal(ctx, count, frames, x));
  return play(ctx, model, count, frames, notes, x, y);
}
