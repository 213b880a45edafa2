/**
 * The learner that follows gradients: a graph of the effect and its loss, and an optimiser over its
 * flat parameters. Several starts (starts.h) are parameter sets of one graph, which is built anew
 * for fewer sets when some are dropped.
 *
 * Exact gradients come from the graph's backward. SPSA (Spall 1992) evaluates the loss at two
 * points q + c d and q - c d with random signs d, side by side as two parameter sets of one forward
 * graph, and takes (L+ - L-) / (2 c d) for the gradient.
 *
 * What is drawn at random (excerpts, signs) depends on seed and step alone, so a resumed run draws
 * the same.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "graph/optimizer.h"
#include "graph/training_step.h"
#include "train/learner.h"
#include "train/starts.h"

enum { SPSA_SETS = 2 };
static const double spsa_distance = 1e-3;

/* Streams of the seed: what random numbers are for. */
enum { STREAM_PHASES, STREAM_EXCERPTS, STREAM_SIGNS, STREAM_ORDER, STREAMS };
static const double PI = 3.14159265358979323846;

typedef struct gradient_learner {
  apf_learner base;
  apf_starts *starts;
  apf_graph *graph;  /* a parameter set for each start, with backward */
  apf_graph *probes; /* SPSA: two sets, forward only */
  apf_model *probe[SPSA_SETS];
  apf_optimizer *optimizer;
  apf_training_step *step; /* of graph and optimizer */
  bool holds_parameters;   /* the graph has those of the starts */
  bool holds_batch;        /* and the part as one, which is every step's batch */
  int64_t rows, length;    /* excerpts of a batch, samples of each */
  double *input, *target;  /* a batch: (rows, channels, length) */
  apf_note_batch notes;    /* or of notes */
  int64_t *order;          /* of the notes in an epoch */
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

/** Each epoch goes through the notes in another order; what does not fill a batch is left out. */
static void draw_notes(gradient_learner *l, int64_t step)
{
  const int64_t count = l->base.notes->first[APF_PART_TRAIN + 1], rows = l->notes.rows;
  const int64_t steps = count / rows, epoch = (step - 1) / steps, at = (step - 1) % steps * rows;
  apf_random order = stream(l, epoch, STREAM_ORDER), phases = stream(l, step, STREAM_PHASES);
  for (int64_t i = 0; i < count; i++) { /* inside out: note i goes to a place at or before i */
    int64_t j = (int64_t)(apf_random_uniform(&order) * (double)(i + 1));
    l->order[i] = l->order[j];
    l->order[j] = i;
  }
  for (int64_t row = 0; row < rows; row++)
    apf_note_batch_take(&l->notes, row, l->base.notes, l->order[at + row],
                        PI * (2 * apf_random_uniform(&phases) - 1));
}

static bool takes_notes(const gradient_learner *l)
{
  return l->base.model->effect->takes_notes;
}

/** Draws the step's batch into the graph that evaluates the loss. */
static apf_status set_batch(gradient_learner *l, int64_t step, apf_graph *graph)
{
  if (takes_notes(l)) {
    draw_notes(l, step);
    APF_TRY(apf_graph_set_all(graph, apf_graph_find(graph, "step"), (double)step));
    return apf_note_batch_set(graph, &l->notes);
  }
  if (l->holds_batch) return APF_OK;
  draw_batch(l, step);
  APF_TRY(apf_graph_set(graph, apf_graph_find(graph, "x"), l->input));
  APF_TRY(apf_graph_set(graph, apf_graph_find(graph, "target"), l->target));
  l->holds_batch = l->length == l->base.train->frames;
  return APF_OK;
}

/** What the graph does not have from its own last step: after it was built, or a run resumed. */
static apf_status set_parameters(gradient_learner *l)
{
  const apf_starts *starts = l->starts;
  if (l->holds_parameters) return APF_OK;
  APF_TRY(apf_models_to_graph(l->graph, (const apf_model *const *)starts->models, starts->left));
  l->holds_parameters = true;
  return APF_OK;
}

/* --- graphs ----------------------------------------------------------------------------------- */

static apf_status build_graph(gradient_learner *l, int64_t sets, bool backward, apf_graph **out)
{
  const apf_learner *base = &l->base;
  APF_TRY(apf_graph_create(base->ctx, base->config->dtype, out));
  apf_graph *g = *out;
  if (takes_notes(l)) {
    const apf_signal notes = apf_note_batch_declare(g, &l->notes, APF_MODE_TRAIN);
    apf_var wet = base->model->effect->describe(g, base->model, notes);
    apf_var distance = base->model->effect->loss(g, wet, notes.x);
    return apf_graph_build(g, apf_graph_output(g, distance, "loss"));
  }
  const int64_t channels = base->train->channels;
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(1, l->rows, channels, l->length));
  apf_var target = apf_graph_input(g, "target", APF_SHAPE(l->rows, channels, l->length));
  const apf_signal signal = {
      .x = x, .sets = sets, .mode = APF_MODE_TRAIN, .start = base->train->start};
  apf_var y = base->model->effect->describe(g, base->model, signal);
  apf_var loss = base->model->effect->loss(g, y, target);
  apf_graph_output(g, loss, "loss");
  return apf_graph_build(g, backward ? loss : APF_NO_VAR);
}

static apf_status create_optimizer(gradient_learner *l)
{
  static const apf_optimizer_kind kinds[] = {
      [APF_METHOD_SGD] = APF_SGD, [APF_METHOD_ADAM] = APF_ADAM, [APF_METHOD_ADAMW] = APF_ADAMW};
  const apf_train_config *config = l->base.config;
  apf_optimizer_options options =
      apf_optimizer_defaults(kinds[config->method], config->learning_rate);
  /* From where the rate has come to when this round of starts begins. */
  const int64_t done = l->starts->since;
  const double part = config->steps > 1 ? (double)done / (double)(config->steps - 1) : 0;
  options.learning_rate += part * (config->learning_rate_end - config->learning_rate);
  options.learning_rate_end = config->learning_rate_end;
  options.steps = config->steps - done;
  options.sets = l->starts->left;
  options.momentum = config->momentum;
  options.weight_decay = config->weight_decay;
  options.clip_norm = config->clip_norm;
  return apf_optimizer_create(l->graph, &options, &l->optimizer);
}

/** Graph and optimiser for as many sets as there are starts. */
static apf_status build(gradient_learner *l)
{
  apf_training_step_destroy(l->step);
  apf_optimizer_destroy(l->optimizer);
  apf_graph_destroy(l->graph);
  l->step = NULL;
  l->optimizer = NULL;
  l->graph = NULL;
  l->holds_parameters = l->holds_batch = false;
  APF_TRY(build_graph(l, l->starts->left, true, &l->graph));
  APF_TRY(create_optimizer(l));
  return apf_training_step_create(l->graph, l->optimizer, &l->step);
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
  APF_TRY(set_batch(l, step, l->probes));
  APF_TRY(apf_graph_forward(l->probes));
  APF_TRY(apf_graph_get(l->probes, apf_graph_find(l->probes, "loss"), losses));
  *loss = 0.5 * (losses[0] + losses[1]);
  for (int i = 0; i < model->tensor_count; i++) {
    const apf_raw_tensor *tensor = &model->tensors[i];
    double *slope = l->probe[1]->tensors[i].values; /* q - c d becomes the gradient */
    for (int64_t k = 0; k < tensor->count; k++)
      slope[k] =
          (losses[0] - losses[1]) / (2 * (l->probe[0]->tensors[i].values[k] - tensor->values[k]));
    apf_var parameter = apf_graph_find(l->graph, tensor->name);
    if (parameter.id == 0 || apf_graph_is_frozen(l->graph, parameter)) continue;
    APF_TRY(apf_graph_set_gradient(l->graph, parameter, slope));
  }
  return APF_OK;
}

/* --- steps ------------------------------------------------------------------------------------ */

/** A step along the exact gradient; the losses are those before it. */
static apf_status exact_step(gradient_learner *l, int64_t step, double *losses)
{
  APF_TRY(set_batch(l, step, l->graph));
  const apf_status status = apf_training_step_run(l->step);
  snprintf(l->base.not_recorded, sizeof l->base.not_recorded, "%s",
           apf_training_step_note(l->step));
  if (status != APF_OK && status != APF_ERR_NOT_FINITE) return status;
  char message[APF_MESSAGE_SIZE];
  snprintf(message, sizeof message, "%s", apf_last_error(l->base.ctx));
  APF_TRY(apf_graph_get(l->graph, apf_graph_find(l->graph, "loss"), losses));
  if (status == APF_OK || apf_starts_best(l->starts) < 0) return APF_OK; /* the loss tells more */
  return apf_fail(l->base.ctx, status, __func__, "%s", message);
}

static apf_status spsa_step(gradient_learner *l, int64_t step, double *loss)
{
  APF_TRY(spsa_gradient(l, step, loss));
  return isfinite(*loss) ? apf_optimizer_step(l->optimizer) : APF_OK;
}

/** The learner's model is the start that does best so far. */
static void show_best(gradient_learner *l, int best)
{
  const apf_model *from = l->starts->models[best];
  for (int i = 0; i < from->tensor_count; i++)
    memcpy(l->base.model->tensors[i].values, from->tensors[i].values,
           (size_t)from->tensors[i].count * sizeof(double));
}

static apf_status gradient_step(apf_learner *learner, int64_t step, double *loss)
{
  gradient_learner *l = (gradient_learner *)learner;
  apf_starts *starts = l->starts;
  APF_TRY(set_parameters(l));
  APF_TRY(l->base.config->spsa ? spsa_step(l, step, starts->loss)
                               : exact_step(l, step, starts->loss));
  const int best = apf_starts_best(starts);
  *loss = starts->loss[best < 0 ? 0 : best];
  if (best < 0)
    return apf_fail(learner->ctx, APF_ERR_NOT_FINITE, __func__, "the loss is %g", *loss);
  APF_TRY(apf_models_from_graph(l->graph, starts->models, starts->left));
  show_best(l, best);
  return apf_starts_drop(starts, step) ? build(l) : APF_OK;
}

static void gradient_log(const apf_learner *learner, FILE *file)
{
  const gradient_learner *l = (const gradient_learner *)learner;
  if (l->starts->count < 2) return;
  fputs(", \"starts\": {", file);
  for (int i = 0; i < l->starts->left; i++)
    fprintf(file, "%s\"%d\": %.17g", i ? ", " : "", l->starts->place[i],
            isfinite(l->starts->loss[i]) ? l->starts->loss[i] : -1);
  fputs("}", file);
}

static apf_status gradient_save(const apf_learner *learner, apf_state *state)
{
  const gradient_learner *l = (const gradient_learner *)learner;
  const int64_t count = apf_optimizer_state_count(l->optimizer);
  double *values = malloc((size_t)count * sizeof *values);
  if (!values) return apf_fail(learner->ctx, APF_ERR_MEMORY, __func__, "no memory to save");
  apf_status status = apf_optimizer_get_state(l->optimizer, values);
  if (status == APF_OK)
    status = apf_state_add(learner->ctx, state, "optimizer", APF_TENSOR_F64, count, values);
  free(values);
  return status == APF_OK ? apf_starts_save(l->starts, state) : status;
}

static apf_status gradient_load(apf_learner *learner, const apf_safetensors *file)
{
  gradient_learner *l = (gradient_learner *)learner;
  const int sets = l->starts->left;
  APF_TRY(apf_starts_load(l->starts, file));
  l->holds_parameters = false;
  if (l->starts->left != sets) APF_TRY(build(l));
  const int64_t count = apf_optimizer_state_count(l->optimizer);
  double *values = malloc((size_t)count * sizeof *values);
  if (!values) return apf_fail(learner->ctx, APF_ERR_MEMORY, __func__, "no memory to resume");
  apf_status status = apf_state_get(learner->ctx, file, "optimizer", APF_TENSOR_F64, count, values);
  if (status == APF_OK) status = apf_optimizer_set_state(l->optimizer, values);
  free(values);
  return status;
}

static void gradient_destroy(apf_learner *learner)
{
  gradient_learner *l = (gradient_learner *)learner;
  apf_training_step_destroy(l->step);
  apf_optimizer_destroy(l->optimizer);
  apf_graph_destroy(l->graph);
  apf_graph_destroy(l->probes);
  apf_starts_destroy(l->starts);
  for (int i = 0; i < SPSA_SETS; i++) apf_model_destroy(l->probe[i]);
  free(l->input);
  free(l->target);
  apf_note_batch_clear(&l->notes);
  free(l->order);
  free(l);
}

/* --- creation --------------------------------------------------------------------------------- */

static apf_status choose_batch(gradient_learner *l)
{
  const apf_train_config *config = l->base.config;
  const apf_pair *pair = l->base.train;
  if (config->excerpt > 0 && l->base.model->effect->runs_on)
    return apf_fail(l->base.ctx, APF_ERR_ARGUMENT, "apf_train",
                    "excerpt is %g s, but a %s trains on the part as one: its oscillator runs on",
                    config->excerpt, l->base.model->effect->name);
  l->rows = config->excerpt > 0 ? config->batch : 1;
  l->length = pair->frames;
  if (config->excerpt > 0) l->length = llround(config->excerpt * pair->sample_rate);
  if (l->length < 1 || l->length > pair->frames)
    return apf_fail(l->base.ctx, APF_ERR_ARGUMENT, "apf_train",
                    "excerpt is %g s, expected at least a sample and at most the %g s to train on",
                    config->excerpt, (double)pair->frames / pair->sample_rate);
  if (config->batch > 1 && config->excerpt == 0)
    return apf_fail(l->base.ctx, APF_ERR_ARGUMENT, "apf_train",
                    "batch is %lld without excerpt, expected the excerpts' length as well",
                    (long long)config->batch);
  size_t bytes = (size_t)(l->rows * pair->channels * l->length) * sizeof(double);
  l->input = malloc(bytes);
  l->target = malloc(bytes);
  if (l->input && l->target) return APF_OK;
  return apf_fail(l->base.ctx, APF_ERR_MEMORY, "apf_train", "no memory for a batch");
}

static apf_status choose_notes(gradient_learner *l)
{
  const int64_t count = l->base.notes->first[APF_PART_TRAIN + 1];
  if (l->base.config->spsa || l->base.config->restarts > 1)
    return apf_fail(l->base.ctx, APF_ERR_ARGUMENT, "apf_train",
                    "gradient is %s and restarts %lld, expected exact and 1 for a %s",
                    l->base.config->spsa ? "spsa" : "exact", (long long)l->base.config->restarts,
                    l->base.model->effect->name);
  l->order = malloc((size_t)count * sizeof *l->order + 1);
  if (!l->order) return apf_fail(l->base.ctx, APF_ERR_MEMORY, "apf_train", "no memory for a batch");
  return apf_note_batch_create(l->base.ctx, l->base.config->batch, l->base.notes->samples,
                               &l->notes);
}

static apf_status create_probes(gradient_learner *l)
{
  for (int i = 0; i < SPSA_SETS; i++)
    APF_TRY(apf_model_copy(l->base.ctx, l->base.model, &l->probe[i]));
  return build_graph(l, SPSA_SETS, false, &l->probes);
}

apf_status apf_gradient_learner_create(const apf_learner *start, apf_learner **out)
{
  static const apf_learner_class type = {gradient_step, gradient_log, gradient_save, gradient_load,
                                         gradient_destroy};
  apf_status status = APF_OK;
  *out = NULL;
  if (start->config->spsa && start->config->restarts > 1)
    return apf_fail(start->ctx, APF_ERR_ARGUMENT, "apf_train",
                    "restarts is %lld with gradient spsa, expected 1",
                    (long long)start->config->restarts);
  gradient_learner *l = calloc(1, sizeof *l);
  if (!l) return apf_fail(start->ctx, APF_ERR_MEMORY, __func__, "no memory for a learner");
  l->base = *start;
  l->base.type = &type;
  APF_TRY_GOTO(takes_notes(l) ? choose_notes(l) : choose_batch(l), done);
  APF_TRY_GOTO(apf_starts_create(start->ctx, start->config, start->train, start->model, &l->starts),
               done);
  APF_TRY_GOTO(build(l), done);
  if (start->config->spsa) APF_TRY_GOTO(create_probes(l), done);
done:
  if (status != APF_OK) {
    gradient_destroy(&l->base);
    return status;
  }
  *out = &l->base;
  return APF_OK;
}
