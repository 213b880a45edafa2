/**
 * The learner that follows gradients: a graph of the effect and its loss, built once, and an
 * optimiser over its flat parameters.
 *
 * Exact gradients come from the graph's backward. SPSA (Spall 1992) evaluates the loss at two points
 * q + c d and q - c d with random signs d, side by side as two parameter sets of one forward graph, and
 * takes (L+ - L-) / (2 c d) for the gradient.
 *
 * What is drawn at random (excerpts, signs) depends on seed and step alone, so a resumed run draws
 * the same.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "graph/optimizer.h"
#include "train/learner.h"

enum { SPSA_SETS = 2 };
static const double spsa_distance = 1e-3;

/* Streams of the seed: what random numbers are for. */
enum { STREAM_EXCERPTS = 1, STREAM_SIGNS = 2, STREAMS = 4 };

typedef struct gradient_learner {
  apf_learner base;
  apf_graph *graph;         /* one parameter set, with backward */
  apf_graph *probes;        /* SPSA: two sets, forward only */
  apf_model *probe[SPSA_SETS];
  apf_optimizer *optimizer;
  int64_t rows, length;     /* excerpts of a batch, samples of each */
  double *input, *target;   /* a batch: (rows, channels, length) */
} gradient_learner;

/* --- batches ---------------------------------------------------------------------------------- */

static apf_random stream(const gradient_learner *l, int64_t step, int purpose)
{
  return apf_random_start(l->base.config->seed, (uint64_t)step * STREAMS + (uint64_t)purpose);
}

/** Fills input and target with excerpts at random places, or with the whole part. */
static void draw_batch(gradient_learner *l, int64_t step)
{
  const apf_pair *pair = l->base.train;
  apf_random random = stream(l, step, STREAM_EXCERPTS);
  for (int64_t row = 0; row < l->rows; row++) {
    int64_t room = pair->frames - l->length + 1;
    int64_t start = room > 1 ? (int64_t)(apf_random_uniform(&random) * (double)room) : 0;
    for (int64_t c = 0; c < pair->channels; c++)
      for (int64_t t = 0; t < l->length; t++) {
        int64_t to = (row * pair->channels + c) * l->length + t;
        int64_t from = c * pair->frames + start + t;
        l->input[to] = (double)pair->input[from];
        l->target[to] = (double)pair->target[from];
      }
  }
}

static apf_status set_batch(const gradient_learner *l, apf_graph *graph)
{
  APF_TRY(apf_graph_set(graph, apf_graph_find(graph, "x"), l->input));
  return apf_graph_set(graph, apf_graph_find(graph, "target"), l->target);
}

/* --- graphs ----------------------------------------------------------------------------------- */

static apf_status build_graph(gradient_learner *l, int64_t sets, bool backward, apf_graph **out)
{
  const apf_learner *base = &l->base;
  APF_TRY(apf_graph_create(base->ctx, base->config->dtype, out));
  apf_graph *g = *out;
  apf_shape shape = APF_SHAPE(1, l->rows, base->train->channels, l->length);
  apf_var x = apf_graph_input(g, "x", shape), target = apf_graph_input(g, "target", shape);
  const apf_signal signal = {
      .x = x, .sets = sets, .mode = APF_MODE_TRAIN, .start = base->train->start};
  apf_var y = base->model->effect->describe(g, base->model, signal);
  apf_var loss = base->model->effect->loss(g, y, target);
  apf_graph_output(g, loss, "loss");
  return apf_graph_build(g, backward ? loss : APF_NO_VAR);
}

/** Sets the gradients of l->graph from two evaluations, and *loss to their mean. */
static apf_status spsa_gradient(gradient_learner *l, int64_t step, double *loss)
{
  apf_model *const model = l->base.model;
  apf_random random = stream(l, step, STREAM_SIGNS);
  double losses[SPSA_SETS];
  for (int i = 0; i < model->tensor_count; i++)
    for (int64_t k = 0; k < model->tensors[i].count; k++) {
      double move = apf_random_bits(&random) & 1 ? spsa_distance : -spsa_distance;
      l->probe[0]->tensors[i].values[k] = model->tensors[i].values[k] + move;
      l->probe[1]->tensors[i].values[k] = model->tensors[i].values[k] - move;
    }
  APF_TRY(apf_models_to_graph(l->probes, (const apf_model *const *)l->probe, SPSA_SETS));
  APF_TRY(set_batch(l, l->probes));
  APF_TRY(apf_graph_forward(l->probes));
  APF_TRY(apf_graph_get(l->probes, apf_graph_find(l->probes, "loss"), losses));
  *loss = 0.5 * (losses[0] + losses[1]);
  for (int i = 0; i < model->tensor_count; i++) {
    const apf_raw_tensor *tensor = &model->tensors[i];
    double *slope = l->probe[1]->tensors[i].values; /* q - c d becomes the gradient */
    for (int64_t k = 0; k < tensor->count; k++)
      slope[k] = (losses[0] - losses[1]) / (2 * (l->probe[0]->tensors[i].values[k] -
                                                  tensor->values[k]));
    apf_var parameter = apf_graph_find(l->graph, tensor->name);
    if (parameter.id == 0 || apf_graph_is_frozen(l->graph, parameter)) continue;
    APF_TRY(apf_graph_set_gradient(l->graph, parameter, slope));
  }
  return APF_OK;
}
