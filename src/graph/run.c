/** Building (memory and pointers) and replaying. */
#include "graph/tape.h"

#include <stdlib.h>
#include <string.h>

static void *memory_of(const apf_graph *g, int storage_index)
{
  return storage_index < 0 ? NULL : g->storages[storage_index].memory;
}

/* --- building -------------------------------------------------------------------------------- */

static apf_status allocate_zeros(apf_graph *g, int64_t bytes, void **out)
{
  APF_TRY(g->ctx->table->allocate(g->ctx, (size_t)bytes, out));
  return g->ctx->table->zero(g->ctx, *out, (size_t)bytes);
}

static apf_status allocate_memory(apf_graph *g)
{
  int64_t size = (int64_t)g->element_bytes;
  APF_TRY(allocate_zeros(g, g->arena_bytes, &g->arena));
  APF_TRY(allocate_zeros(g, g->flat_total * size, &g->flat_values));
  if (g->loss >= 0) APF_TRY(allocate_zeros(g, g->flat_count * size, &g->flat_gradients));
  for (int i = 0; i < g->storage_count; i++)
    if (!g->storages[i].external) g->storages[i].memory = (char *)g->arena + g->storages[i].offset;
  for (int i = 0; i < g->parameter_count; i++) {
    const tensor *t = &g->tensors[g->parameters[i]];
    int64_t offset = t->flat_offset * size;
    g->storages[t->value].memory = (char *)g->flat_values + offset;
    if (!t->frozen && t->gradient >= 0)
      g->storages[t->gradient].memory = (char *)g->flat_gradients + offset;
  }
  return APF_OK;
}

static apf_step new_step(const apf_graph *g, const node *n)
{
  return (apf_step){.ctx = g->ctx,
                    .dtype = g->dtype,
                    .attributes = n->attributes,
                    .inputs = n->inputs,
                    .outputs = n->outputs};
}

static void prepare_forward(apf_graph *g, node *n)
{
  apf_step *s = &n->forward_step;
  *s = new_step(g, n);
  for (int i = 0; i < n->inputs; i++)
    if (n->in[i] >= 0) s->in[i] = memory_of(g, g->tensors[n->in[i]].value);
  for (int i = 0; i < n->outputs; i++) s->out[i] = memory_of(g, g->tensors[n->out[i]].value);
}

static void prepare_backward(apf_graph *g, node *n)
{
  apf_step *s = &n->backward_step;
  *s = new_step(g, n);
  for (int i = 0; i < n->inputs; i++) {
    if (n->in[i] < 0) continue;
    const tensor *t = &g->tensors[n->in[i]];
    if (n->kind->backward_reads_inputs & APF_BIT(i)) s->in[i] = memory_of(g, t->value);
    if (n->contribution[i] == WRITE) s->d_in[i] = memory_of(g, t->gradient);
    if (n->contribution[i] == ADD) s->d_in[i] = memory_of(g, n->scratch[i]);
  }
  for (int i = 0; i < n->outputs; i++) {
    const tensor *t = &g->tensors[n->out[i]];
    if (n->kind->backward_reads_outputs & APF_BIT(i)) s->out[i] = memory_of(g, t->value);
    if (t->reached) s->d_out[i] = memory_of(g, t->gradient);
  }
}

apf_status apf_graph_build(apf_graph *g, apf_var loss)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  if (g->status != APF_OK) return apf_fail(g->ctx, g->status, g->failed_function, "%s", g->message);
  if (g->built) return apf_fail(g->ctx, APF_ERR_STATE, __func__, "the graph is built already");
  if (loss.id) {
    tensor *t = apf_graph_tensor(g, loss);
    if (!t)
      return apf_fail(g->ctx, APF_ERR_ARGUMENT, __func__, "loss is not a tensor of this graph");
    t->kept = true;
    g->loss = loss.id - 1;
  }
  g->built = true;
  apf_graph_lay_out_parameters(g);
  apf_status status = apf_graph_plan(g);
  if (status == APF_OK) status = allocate_memory(g);
  if (status == APF_OK) status = apf_graph_upload_leaves(g);
  if (status != APF_OK) {
    apf_graph_fail(g, status, __func__, "the graph could not be built");
    return status;
  }
  for (int k = 0; k < g->node_count; k++) {
    prepare_forward(g, &g->nodes[k]);
    if (g->nodes[k].backward) prepare_backward(g, &g->nodes[k]);
  }
  apf_graph_set_training(g, g->training);
  g->ready = true;
  return APF_OK;
}

void apf_graph_set_training(apf_graph *g, bool training)
{
  g->training = training;
  for (int k = 0; k < g->node_count; k++)
    g->nodes[k].forward_step.training = g->nodes[k].backward_step.training = training;
}

/* --- replaying ------------------------------------------------------------------------------- */

static apf_status fill(apf_graph *g, int64_t count, double value, void *memory)
{
  return APF_CALL(g, fill, count, value, memory);
}

/** Overwrites with NaN what the plan says is not needed after `time`. */
static apf_status poison_after(apf_graph *g, int64_t time)
{
  for (int i = 0; g->poison && i < g->storage_count; i++) {
    const storage *s = &g->storages[i];
    if (s->end != time || s->external) continue;
    APF_TRY(fill(g, s->bytes / (int64_t)g->element_bytes, (double)__builtin_nanf(""), s->memory));
  }
  return APF_OK;
}

apf_status apf_graph_forward(apf_graph *g)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  if (!g->ready) return apf_fail(g->ctx, APF_ERR_STATE, __func__, "the graph is not built");
  g->has_forward = false;
  for (int k = 0; k < g->node_count; k++) {
    const node *n = &g->nodes[k];
    if (!n->forward) continue;
    if (!n->kind->view) APF_TRY(n->kind->forward(&n->forward_step));
    APF_TRY(poison_after(g, k));
  }
  g->has_forward = true;
  return APF_OK;
}

/** What passes by unchanged: before the node's own backward, which may overwrite it. */
static apf_status pass_gradients(apf_graph *g, const node *n)
{
  const void *from = n->backward_step.d_out[0];
  for (int i = 0; i < n->inputs; i++) {
    if (n->in[i] < 0) continue;
    const tensor *t = &g->tensors[n->in[i]];
    const size_t bytes = (size_t)t->count * g->element_bytes;
    void *to = memory_of(g, t->gradient);
    if (n->contribution[i] == ZERO) APF_TRY(g->ctx->table->zero(g->ctx, to, bytes));
    if (n->contribution[i] == PASS_COPY) APF_TRY(g->ctx->table->copy(g->ctx, to, from, bytes));
    if (n->contribution[i] == PASS_ADD) APF_TRY(APF_CALL(g, accumulate, t->count, from, to));
  }
  return APF_OK;
}

static apf_status run_backward(apf_graph *g, const node *n)
{
  APF_TRY(pass_gradients(g, n));
  bool writes = false;
  for (int i = 0; i < n->inputs; i++) writes |= n->backward_step.d_in[i] != NULL;
  if (writes) APF_TRY(n->kind->backward(&n->backward_step));
  for (int i = 0; i < n->inputs; i++) {
    if (n->contribution[i] != ADD) continue;
    const tensor *t = &g->tensors[n->in[i]];
    APF_TRY(APF_CALL(g, accumulate, t->count, n->backward_step.d_in[i], memory_of(g, t->gradient)));
  }
  return APF_OK;
}

apf_status apf_graph_backward(apf_graph *g)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  if (!g->ready || g->loss < 0)
    return apf_fail(g->ctx, APF_ERR_STATE, __func__, "the graph is not built with a loss");
  if (!g->has_forward)
    return apf_fail(g->ctx, APF_ERR_STATE, __func__,
                    "expected one apf_graph_forward before each backward");
  g->has_forward = false; /* backward reuses the memory of values */
  const tensor *loss = &g->tensors[g->loss];
  APF_TRY(fill(g, loss->count, 1, memory_of(g, loss->gradient)));
  for (int k = g->node_count - 1; k >= 0; k--) {
    const node *n = &g->nodes[k];
    if (!n->backward) continue;
    APF_TRY(run_backward(g, n));
    APF_TRY(poison_after(g, 2 * (int64_t)g->node_count - k));
  }
  return APF_OK;
}

apf_graph_memory apf_graph_memory_use(const apf_graph *g)
{
  apf_graph_memory use = {.arena_bytes = g->arena_bytes, .tensor_bytes = g->tensor_bytes};
  for (int k = 0; k < g->node_count; k++) {
    use.forward_nodes += g->nodes[k].forward;
    use.backward_nodes += g->nodes[k].backward;
  }
  return use;
}
