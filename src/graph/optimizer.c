#include "graph/optimizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "ops/ops.h"

enum { MOST_BUFFERS = 2, SCHEDULE = 2 };

struct apf_optimizer {
  apf_context *ctx;
  apf_graph *graph;
  apf_optimizer_options options;
  apf_flat flat;
  int64_t step; /* taken so far */
  int buffers;
  void *buffer[MOST_BUFFERS]; /* momentum; or first and second moment: as long as the parameters */
  int32_t *set;               /* of each flat element, on the backend; NULL for one set */
  double *schedule;           /* on the backend: learning rate and number of the step */
  double *device_norms, *norms;
};

apf_optimizer_options apf_optimizer_defaults(apf_optimizer_kind kind, double learning_rate)
{
  return (apf_optimizer_options){.kind = kind,
                                 .learning_rate = learning_rate,
                                 .learning_rate_end = learning_rate,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .epsilon = 1e-8,
                                 .sets = 1};
}

static size_t element_bytes(const apf_optimizer *o)
{
  return apf_graph_dtype(o->graph) == APF_F32 ? sizeof(float) : sizeof(double);
}

/** Fills `set` (host): a parameter's values are its sets one after the other. */
static apf_status find_sets(const apf_optimizer *o, int32_t *set)
{
  const int64_t sets = o->options.sets;
  for (int64_t i = 0; i < o->flat.count; i++) set[i] = -1; /* padding */
  for (int k = 0; k < apf_graph_parameter_count(o->graph); k++) {
    apf_var parameter = apf_graph_parameter_at(o->graph, k);
    if (apf_graph_is_frozen(o->graph, parameter)) continue;
    apf_shape shape = apf_graph_shape(o->graph, parameter);
    if (sets > 1 && (shape.dims == 0 || shape.size[0] != sets))
      return apf_fail(o->ctx, APF_ERR_ARGUMENT, "apf_optimizer_create",
                      "parameter %s has %" PRId64 " rows, expected one for each of %" PRId64
                      " sets",
                      apf_graph_name(o->graph, parameter), shape.dims ? shape.size[0] : 0, sets);
    const int64_t offset = apf_graph_flat_offset(o->graph, parameter);
    const int64_t count = apf_shape_count(shape);
    for (int64_t i = 0; i < count; i++) set[offset + i] = (int32_t)(i / (count / sets));
  }
  return APF_OK;
}

static apf_status allocate(apf_optimizer *o)
{
  const apf_backend_table *backend = o->ctx->table;
  const size_t bytes = (size_t)o->flat.count * element_bytes(o);
  const size_t norm_bytes = (size_t)o->options.sets * sizeof(double);
  const size_t set_bytes = (size_t)o->flat.count * sizeof(int32_t);
  for (int i = 0; i < o->buffers; i++) {
    APF_TRY(backend->allocate(o->ctx, bytes, &o->buffer[i]));
    APF_TRY(backend->zero(o->ctx, o->buffer[i], bytes));
  }
  APF_TRY(backend->allocate(o->ctx, SCHEDULE * sizeof(double), (void **)&o->schedule));
  APF_TRY(backend->allocate(o->ctx, norm_bytes, (void **)&o->device_norms));
  o->norms = calloc(1, norm_bytes);
  int32_t *set = malloc(set_bytes + 1);
  if (!o->norms || !set) {
    free(set);
    return apf_fail(o->ctx, APF_ERR_MEMORY, "apf_optimizer_create", "no memory for an optimiser");
  }
  apf_status status = find_sets(o, set);
  if (status == APF_OK) status = backend->allocate(o->ctx, set_bytes, (void **)&o->set);
  if (status == APF_OK) status = backend->upload(o->ctx, o->set, set, set_bytes);
  free(set);
  return status;
}

apf_status apf_optimizer_create(apf_graph *g, const apf_optimizer_options *options,
                                apf_optimizer **out)
{
  apf_context *ctx = apf_graph_context(g);
  *out = NULL;
  if (options->sets < 1)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "sets is %" PRId64 ", expected at least 1",
                    options->sets);
  apf_flat flat = apf_graph_flat(g);
  if (!flat.gradients)
    return apf_fail(ctx, APF_ERR_STATE, __func__, "the graph is not built, or has no loss");
  apf_optimizer *o = calloc(1, sizeof *o);
  if (!o) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for an optimiser");
  o->ctx = ctx;
  o->graph = g;
  o->options = *options;
  o->flat = flat;
  o->buffers = options->kind == APF_SGD ? options->momentum != 0 : 2;
  apf_status status = allocate(o);
  if (status != APF_OK) {
    apf_optimizer_destroy(o);
    return status;
  }
  *out = o;
  return APF_OK;
}

void apf_optimizer_destroy(apf_optimizer *o)
{
  if (!o) return;
  for (int i = 0; i < MOST_BUFFERS; i++)
    if (o->buffer[i]) o->ctx->table->release(o->ctx, o->buffer[i]);
  if (o->set) o->ctx->table->release(o->ctx, o->set);
  if (o->schedule) o->ctx->table->release(o->ctx, o->schedule);
  if (o->device_norms) o->ctx->table->release(o->ctx, o->device_norms);
  free(o->norms);
  free(o);
}

double apf_optimizer_learning_rate(const apf_optimizer *o, int64_t step)
{
  const apf_optimizer_options *p = &o->options;
  if (p->steps <= 1 || step <= 1) return p->learning_rate;
  double part = step >= p->steps ? 1 : (double)(step - 1) / (double)(p->steps - 1);
  return p->learning_rate + part * (p->learning_rate_end - p->learning_rate);
}

/* --- the step, in the graph's type ------------------------------------------------------------ */

/** One operator in the graph's type. */
#define TYPED(o, name, ...)                                               \
  (apf_graph_dtype((o)->graph) == APF_F32 ? apf_##name##_f32(__VA_ARGS__) \
                                          : apf_##name##_f64(__VA_ARGS__))

/* A recorded step is replayed with other numbers in the same memory: what changes from step to step
 * is uploaded, and nothing of what is enqueued waits for the host. */

apf_status apf_optimizer_prepare(apf_optimizer *o)
{
  const int64_t next = o->step + 1;
  const double schedule[SCHEDULE] = {apf_optimizer_learning_rate(o, next), (double)next};
  return o->ctx->table->upload(o->ctx, o->schedule, schedule, sizeof schedule);
}

apf_status apf_optimizer_enqueue(apf_optimizer *o)
{
  const apf_optimizer_options *p = &o->options;
  const apf_flat *flat = &o->flat;
  const double most = p->clip_norm > 0 ? p->clip_norm : INFINITY;
  APF_TRY(TYPED(o, clip_by_norm, o->ctx, flat->count, p->sets, o->set, most, flat->gradients,
                o->device_norms));
  if (p->kind == APF_SGD)
    return TYPED(o, sgd_step, o->ctx, flat->count, p->sets, p->momentum, p->weight_decay,
                 o->schedule, o->set, o->device_norms, flat->gradients, flat->values, o->buffer[0]);
  return TYPED(o, adam_step, o->ctx, flat->count, p->sets, p->beta1, p->beta2, p->epsilon,
               p->weight_decay, p->kind == APF_ADAMW, o->schedule, o->set, o->device_norms,
               flat->gradients, flat->values, o->buffer[0], o->buffer[1]);
}

apf_status apf_optimizer_finish(apf_optimizer *o)
{
  const int64_t sets = o->options.sets;
  APF_TRY(
      o->ctx->table->download(o->ctx, o->norms, o->device_norms, (size_t)sets * sizeof(double)));
  int64_t finite = 0;
  for (int64_t s = 0; s < sets; s++) finite += isfinite(o->norms[s]) != 0;
  if (finite == 0)
    return apf_fail(o->ctx, APF_ERR_NOT_FINITE, "apf_optimizer_step",
                    "the gradient of every parameter set has norm %g", o->norms[0]);
  o->step++;
  return APF_OK;
}

apf_status apf_optimizer_step(apf_optimizer *o)
{
  APF_TRY(apf_optimizer_prepare(o));
  APF_TRY(apf_optimizer_enqueue(o));
  return apf_optimizer_finish(o);
}

const double *apf_optimizer_norms(const apf_optimizer *o)
{
  return o->norms;
}

/* --- state ------------------------------------------------------------------------------------ */

int64_t apf_optimizer_state_count(const apf_optimizer *o)
{
  return 1 + o->buffers * o->flat.count;
}

/** Floats at the start of the array become doubles in place, from the end. */
static void widen(const apf_optimizer *o, double *values)
{
  if (apf_graph_dtype(o->graph) != APF_F32) return;
  for (int64_t i = o->flat.count - 1; i >= 0; i--) {
    float single;
    memcpy(&single, (const char *)values + (size_t)i * sizeof single, sizeof single);
    values[i] = (double)single;
  }
}

apf_status apf_optimizer_get_state(const apf_optimizer *o, double *state)
{
  state[0] = (double)o->step;
  for (int i = 0; i < o->buffers; i++) {
    double *to = state + 1 + i * o->flat.count;
    APF_TRY(o->ctx->table->download(o->ctx, to, o->buffer[i],
                                    (size_t)o->flat.count * element_bytes(o)));
    widen(o, to);
  }
  return APF_OK;
}

apf_status apf_optimizer_set_state(apf_optimizer *o, const double *state)
{
  const bool narrow = apf_graph_dtype(o->graph) == APF_F32;
  float *single = malloc((size_t)o->flat.count * sizeof *single + 1);
  if (!single) return apf_fail(o->ctx, APF_ERR_MEMORY, __func__, "no memory for the state");
  apf_status status = APF_OK;
  for (int i = 0; status == APF_OK && i < o->buffers; i++) {
    const double *from = state + 1 + i * o->flat.count;
    for (int64_t k = 0; narrow && k < o->flat.count; k++) single[k] = (float)from[k];
    status = o->ctx->table->upload(o->ctx, o->buffer[i], narrow ? (const void *)single : from,
                                   (size_t)o->flat.count * element_bytes(o));
  }
  free(single);
  o->step = (int64_t)state[0];
  return status;
}
