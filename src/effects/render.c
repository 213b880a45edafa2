/** Whole-file rendering: the model's own graph, run forward once per signal. */
#include "effects/effect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct apf_renderer {
  apf_context *ctx;
  apf_graph *graph;
  apf_var x, y;
  int64_t count;  /* channels * frames */
  double *signal; /* what crosses between host and graph */
};

/** The parameter of tensor i; none where the variant does not use it. */
static apf_status parameter_of(apf_graph *graph, const apf_model *model, int64_t sets, int i,
                               apf_var *parameter)
{
  const apf_raw_tensor *tensor = &model->tensors[i];
  *parameter = apf_graph_find(graph, tensor->name);
  if (parameter->id == 0) return APF_OK;
  const int64_t count = apf_shape_count(apf_graph_shape(graph, *parameter));
  if (count == sets * tensor->count) return APF_OK;
  return apf_fail(apf_graph_context(graph), APF_ERR_MISMATCH, __func__,
                  "the graph's %s has %lld values, expected %lld sets of %lld", tensor->name,
                  (long long)count, (long long)sets, (long long)tensor->count);
}

apf_status apf_models_to_graph(apf_graph *graph, const apf_model *const *models, int64_t sets)
{
  for (int i = 0; i < models[0]->tensor_count; i++) {
    const int64_t count = models[0]->tensors[i].count;
    apf_var parameter;
    APF_TRY(parameter_of(graph, models[0], sets, i, &parameter));
    if (parameter.id == 0) continue;
    double *host = malloc((size_t)(sets * count) * sizeof *host + 1);
    if (!host)
      return apf_fail(apf_graph_context(graph), APF_ERR_MEMORY, __func__, "no memory for %s",
                      models[0]->tensors[i].name);
    for (int64_t s = 0; s < sets; s++)
      memcpy(host + s * count, models[s]->tensors[i].values, (size_t)count * sizeof *host);
    const apf_status status = apf_graph_set(graph, parameter, host);
    free(host);
    APF_TRY(status);
  }
  return APF_OK;
}

apf_status apf_models_from_graph(apf_graph *graph, apf_model *const *models, int64_t sets)
{
  double *values = malloc((size_t)apf_graph_parameter_space(graph) * sizeof *values + 1);
  if (!values)
    return apf_fail(apf_graph_context(graph), APF_ERR_MEMORY, __func__, "no memory for parameters");
  apf_status status = apf_graph_get_parameters(graph, values);
  for (int i = 0; i < models[0]->tensor_count && status == APF_OK; i++) {
    const int64_t count = models[0]->tensors[i].count;
    apf_var parameter;
    status = parameter_of(graph, models[0], sets, i, &parameter);
    if (status != APF_OK || parameter.id == 0) continue;
    const double *from = values + apf_graph_parameter_offset(graph, parameter);
    for (int64_t s = 0; s < sets; s++)
      memcpy(models[s]->tensors[i].values, from + s * count, (size_t)count * sizeof *from);
  }
  free(values);
  return status;
}

apf_status apf_renderer_create(apf_context *ctx, const apf_model *model, apf_dtype dtype,
                               int64_t channels, int64_t frames, double start_s, apf_renderer **out)
{
  apf_status status = APF_OK;
  *out = NULL;
  if (model->effect->takes_notes)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_model_render",
                    "a %s renders notes of known pitch and length, with apf_render_notes()",
                    model->effect->name);
  apf_renderer *r = calloc(1, sizeof *r);
  if (!r) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a renderer");
  r->ctx = ctx;
  r->count = channels * frames;
  r->signal = malloc((size_t)r->count * sizeof *r->signal + 1);
  if (!r->signal) {
    status =
        apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for %lld samples", (long long)r->count);
    goto done;
  }
  APF_TRY_GOTO(apf_graph_create(ctx, dtype, &r->graph), done);
  r->x = apf_graph_input(r->graph, "x", APF_SHAPE(1, 1, channels, frames));
  const apf_signal signal = {.x = r->x, .sets = 1, .mode = APF_MODE_EVALUATE, .start = start_s};
  r->y = model->effect->describe(r->graph, model, signal);
  apf_graph_output(r->graph, r->y, "y");
  apf_graph_set_training(r->graph, false);
  APF_TRY_GOTO(apf_graph_build(r->graph, APF_NO_VAR), done);
done:
  if (status != APF_OK) {
    apf_renderer_destroy(r);
    return status;
  }
  *out = r;
  return APF_OK;
}

apf_status apf_renderer_run(apf_renderer *r, const apf_model *model, const float *x, float *y)
{
  APF_TRY(apf_models_to_graph(r->graph, &model, 1));
  for (int64_t i = 0; i < r->count; i++) r->signal[i] = (double)x[i];
  APF_TRY(apf_graph_set(r->graph, r->x, r->signal));
  APF_TRY(apf_graph_forward(r->graph));
  APF_TRY(apf_graph_get(r->graph, r->y, r->signal));
  for (int64_t i = 0; i < r->count; i++) y[i] = (float)r->signal[i];
  return APF_OK;
}

void apf_renderer_destroy(apf_renderer *r)
{
  if (!r) return;
  apf_graph_destroy(r->graph);
  free(r->signal);
  free(r);
}

apf_status apf_model_use_recursion(apf_context *ctx, apf_model *model)
{
  if (!model) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model is NULL");
  const char *twin = strcmp(model->effect->name, "compressor") == 0 ? "simple" : "td";
  for (int i = 0; i < model->effect->option_count; i++) {
    if (strcmp(model->effect->options[i].name, "variant") != 0) continue;
    if (strcmp(model->options[i], "lstm") == 0)
      return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                      "recursion is asked for, but the variant is lstm, which has no filter");
    if (strcmp(model->options[i], "fs") == 0)
      snprintf(model->options[i], APF_OPTION_SIZE, "%s", twin);
  }
  return APF_OK;
}

apf_status apf_model_render(apf_context *ctx, const apf_model *model, int64_t channels,
                            int64_t frames, double start_s, const float *x, float *y)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!model) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model is NULL");
  if (channels < 0 || frames < 0 || (channels > 0 && frames > INT64_MAX / 8 / channels))
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                    "channels is %lld and frames %lld, expected sizes >= 0 that fit in memory",
                    (long long)channels, (long long)frames);
  if (channels == 0 || frames == 0) return APF_OK;
  if (!isfinite(start_s))
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "start_s is %g, expected a finite time",
                    start_s);
  if (!x || !y) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "x or y is NULL");
  for (int64_t i = 0; i < channels * frames; i++)
    if (!isfinite(x[i]))
      return apf_fail(ctx, APF_ERR_NOT_FINITE, __func__, "x is %g at channel %lld, frame %lld",
                      (double)x[i], (long long)(i / frames), (long long)(i % frames));
  apf_renderer *renderer;
  APF_TRY(apf_renderer_create(ctx, model, APF_F64, channels, frames, start_s, &renderer));
  apf_status status = apf_renderer_run(renderer, model, x, y);
  apf_renderer_destroy(renderer);
  return status;
}
