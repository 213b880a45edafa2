/**
 * The plan: which nodes run, how long each tensor's memory is in use, and where it lies.
 *
 * Times: node k runs forward at time k, backward starts at time N, node k runs backward at time
 * 2N - k. A storage is in use from the time of its first write to that of its last read; storages
 * whose times do not overlap may share memory. Placing them is the dynamic storage allocation
 * problem; largest first at the lowest free offset comes close to the lower bound.
 */
#include "graph/tape.h"

#include <stdlib.h>

static int64_t backward_time(const apf_graph *g, int k)
{
  return 2 * (int64_t)g->node_count - k;
}

/* --- what runs ------------------------------------------------------------------------------- */

/** Nodes that a kept tensor depends on run forward. */
static void mark_forward(apf_graph *g)
{
  for (int k = g->node_count - 1; k >= 0; k--) {
    node *n = &g->nodes[k];
    for (int i = 0; i < n->outputs; i++) n->forward |= g->tensors[n->out[i]].kept;
    if (!n->forward) continue;
    /* Producers come earlier: marking them here is enough for the sweep to reach them. */
    for (int i = 0; i < n->inputs; i++) {
      if (n->in[i] < 0) continue;
      int producer = g->tensors[n->in[i]].producer;
      if (producer >= 0) g->nodes[producer].forward = true;
    }
  }
}

/** Tensors that a parameter or a tracked tensor influences have a gradient. */
static void mark_differentiable(apf_graph *g)
{
  for (int i = 0; i < g->tensor_count; i++) {
    tensor *t = &g->tensors[i];
    t->differentiable = t->leaf == LEAF_PARAMETER ? !t->frozen : t->leaf != NO_LEAF && t->tracked;
  }
  for (int k = 0; k < g->node_count; k++) {
    const node *n = &g->nodes[k];
    bool any = false;
    for (int i = 0; i < n->inputs; i++) any |= n->in[i] >= 0 && g->tensors[n->in[i]].differentiable;
    for (int i = 0; i < n->outputs; i++) {
      tensor *t = &g->tensors[n->out[i]];
      t->differentiable = any || t->tracked;
    }
  }
}

/** Nodes between those tensors and the loss run backward. */
static apf_status mark_backward(apf_graph *g)
{
  if (g->loss < 0) return APF_OK;
  if (!g->tensors[g->loss].differentiable)
    return apf_fail(g->ctx, APF_ERR_ARGUMENT, "apf_graph_build",
                    "the loss depends on no parameter that is not frozen and on no tracked tensor");
  g->tensors[g->loss].reached = true;
  for (int k = g->node_count - 1; k >= 0; k--) {
    node *n = &g->nodes[k];
    bool reached = false, wanted = false;
    for (int i = 0; i < n->outputs; i++) reached |= g->tensors[n->out[i]].reached;
    for (int i = 0; i < n->inputs; i++)
      wanted |= n->in[i] >= 0 && g->tensors[n->in[i]].differentiable;
    n->backward = n->forward && reached && wanted;
    if (!n->backward) continue;
    if (!n->kind->backward && !n->kind->gradient_passes)
      return apf_fail(g->ctx, APF_ERR_ARGUMENT, "apf_graph_build", "%s has no gradient",
                      n->kind->name);
    for (int i = 0; i < n->inputs; i++)
      if (n->in[i] >= 0 && g->tensors[n->in[i]].differentiable) g->tensors[n->in[i]].reached = true;
  }
  return APF_OK;
}

/* --- values ---------------------------------------------------------------------------------- */

static void extend(int64_t *end, int64_t time)
{
  if (time > *end) *end = time;
}

static void find_last_uses(apf_graph *g)
{
  for (int i = 0; i < g->tensor_count; i++) {
    tensor *t = &g->tensors[i];
    t->last_use = t->kept || t->leaf != NO_LEAF ? FOREVER : t->producer;
  }
  for (int k = 0; k < g->node_count; k++) {
    const node *n = &g->nodes[k];
    if (!n->forward) continue;
    for (int i = 0; i < n->inputs; i++) {
      if (n->in[i] < 0) continue;
      tensor *t = &g->tensors[n->in[i]];
      extend(&t->last_use, k);
      if (n->backward && n->kind->backward_reads_inputs & APF_BIT(i))
        extend(&t->last_use, backward_time(g, k));
    }
    for (int i = 0; i < n->outputs; i++)
      if (n->backward && n->kind->backward_reads_outputs & APF_BIT(i))
        extend(&g->tensors[n->out[i]].last_use, backward_time(g, k));
  }
}

static int64_t padded_bytes(const apf_graph *g, int64_t count)
{
  int64_t bytes = count * (int64_t)g->element_bytes;
  return (bytes + STORAGE_ALIGNMENT - 1) / STORAGE_ALIGNMENT * STORAGE_ALIGNMENT;
}

static int new_storage(apf_graph *g, int64_t count, int64_t start, int64_t end)
{
  if (!apf_graph_grow((void **)&g->storages, g->storage_count, &g->storage_capacity,
                      sizeof(storage)))
    return -1;
  int64_t bytes = padded_bytes(g, count);
  g->storages[g->storage_count] = (storage){.bytes = bytes, .start = start, .end = end};
  g->tensor_bytes += bytes;
  return g->storage_count++;
}

static apf_status no_memory(apf_graph *g)
{
  return apf_fail(g->ctx, APF_ERR_MEMORY, "apf_graph_build", "not enough memory for the plan");
}

static bool occurs_once(const node *n, int i)
{
  for (int j = 0; j < n->inputs; j++)
    if (j != i && n->in[j] == n->in[i]) return false;
  return true;
}

/** Whether output 0 of node k may lie where input i lies: nobody reads that memory afterwards. */
static bool replaceable(const apf_graph *g, const node *n, int k, int i)
{
  if (n->in[i] < 0 || !(n->kind->output_may_replace & APF_BIT(i))) return false;
  const tensor *t = &g->tensors[n->in[i]];
  if (t->count != g->tensors[n->out[0]].count || g->storages[t->value].external) return false;
  for (int j = 0; j < n->inputs; j++)
    if (j != i && n->in[j] >= 0 && g->tensors[n->in[j]].value == t->value) return false;
  return g->storages[t->value].end == k;
}

static apf_status plan_values(apf_graph *g)
{
  for (int i = 0; i < g->tensor_count; i++) {
    tensor *t = &g->tensors[i];
    if (t->leaf == NO_LEAF) continue;
    t->value = new_storage(g, t->count, -1, FOREVER);
    if (t->value < 0) return no_memory(g);
    g->storages[t->value].external = t->leaf == LEAF_PARAMETER;
  }
  for (int k = 0; k < g->node_count; k++) {
    node *n = &g->nodes[k];
    if (!n->forward) continue;
    tensor *first = &g->tensors[n->out[0]];
    int from = n->kind->view ? 0 : -1;
    for (int i = 0; i < n->inputs && from < 0; i++)
      if (replaceable(g, n, k, i)) from = i;
    if (from >= 0) {
      first->value = g->tensors[n->in[from]].value;
      extend(&g->storages[first->value].end, first->last_use);
      if (!n->kind->view) g->tensor_bytes += padded_bytes(g, first->count);
    }
    for (int i = from >= 0 ? 1 : 0; i < n->outputs; i++) {
      tensor *t = &g->tensors[n->out[i]];
      t->value = new_storage(g, t->count, k, t->last_use);
      if (t->value < 0) return no_memory(g);
    }
  }
  return APF_OK;
}

/* --- gradients ------------------------------------------------------------------------------- */

/** Leaves and tracked tensors keep theirs; what is never reached reads as zeros. */
static apf_status plan_kept_gradients(apf_graph *g)
{
  for (int i = 0; i < g->tensor_count; i++) {
    tensor *t = &g->tensors[i];
    bool trained = t->leaf == LEAF_PARAMETER && !t->frozen;
    if (!trained && !t->tracked) continue;
    t->gradient = new_storage(g, t->count, -1, FOREVER);
    if (t->gradient < 0) return no_memory(g);
    g->storages[t->gradient].external = trained;
  }
  return APF_OK;
}

/** Chooses how input i's gradient of node n comes about and where. `free`: the storage of the
 *  output's gradient if it may be taken over, else -1. */
static apf_status plan_contribution(apf_graph *g, node *n, int i, int64_t time, bool passes,
                                    int *free_storage, bool *written)
{
  tensor *t = &g->tensors[n->in[i]];
  const tensor *out = &g->tensors[n->out[0]];
  int taken = -1;
  bool same = t->count == out->count;
  bool may_take = passes || n->kind->gradient_may_replace & APF_BIT(i);
  if (same && may_take && occurs_once(n, i)) taken = *free_storage;
  if (taken >= 0) g->tensor_bytes += padded_bytes(g, t->count);

  if (written[n->in[i]]) { /* not the first contribution */
    n->contribution[i] = !passes ? ADD : out->reached ? PASS_ADD : NOT_WANTED;
    if (passes) return APF_OK;
    n->scratch[i] = taken >= 0 ? taken : new_storage(g, t->count, time, time);
    if (taken >= 0) *free_storage = -1;
    return n->scratch[i] < 0 ? no_memory(g) : APF_OK;
  }
  written[n->in[i]] = true;
  n->contribution[i] = !passes ? WRITE : out->reached ? PASS_COPY : ZERO;
  if (t->gradient >= 0) return APF_OK; /* kept: it has its place */
  int64_t end = backward_time(g, t->producer);
  if (taken >= 0) {
    if (passes) n->contribution[i] = PASS;
    t->gradient = taken;
    extend(&g->storages[taken].end, end);
    *free_storage = -1;
    return APF_OK;
  }
  t->gradient = new_storage(g, t->count, time, end);
  return t->gradient < 0 ? no_memory(g) : APF_OK;
}

static apf_status plan_node_gradients(apf_graph *g, int k, bool *written)
{
  node *n = &g->nodes[k];
  int64_t time = backward_time(g, k);
  const tensor *out = &g->tensors[n->out[0]];
  int free_storage = out->reached && g->storages[out->gradient].end == time ? out->gradient : -1;
  /* Gradients that pass are copied or added before backward runs, which may then overwrite. */
  for (int pass = 1; pass >= 0; pass--) {
    for (int i = 0; i < n->inputs; i++) {
      if (n->in[i] < 0 || !g->tensors[n->in[i]].differentiable) continue;
      bool same = g->tensors[n->in[i]].count == out->count;
      bool passes = same && n->kind->gradient_passes & APF_BIT(i);
      if (passes != (pass == 1)) continue;
      APF_TRY(plan_contribution(g, n, i, time, passes, &free_storage, written));
    }
  }
  return APF_OK;
}

static apf_status plan_gradients(apf_graph *g)
{
  if (g->loss < 0) return APF_OK;
  APF_TRY(plan_kept_gradients(g));
  bool *written = calloc((size_t)g->tensor_count, sizeof *written);
  if (!written) return no_memory(g);
  apf_status status = APF_OK;
  tensor *loss = &g->tensors[g->loss];
  written[g->loss] = true;
  if (loss->gradient < 0) {
    loss->gradient = new_storage(g, loss->count, g->node_count, backward_time(g, loss->producer));
    if (loss->gradient < 0) APF_TRY_GOTO(no_memory(g), done);
  }
  for (int k = g->node_count - 1; k >= 0; k--)
    if (g->nodes[k].backward) APF_TRY_GOTO(plan_node_gradients(g, k, written), done);
done:
  free(written);
  return status;
}

/* --- placement ------------------------------------------------------------------------------- */

static int larger_first(const void *a, const void *b)
{
  const storage *x = *(const storage *const *)a, *y = *(const storage *const *)b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x < y ? -1 : 1; /* any fixed order */
}

static int lower_first(const void *a, const void *b)
{
  const storage *x = *(const storage *const *)a, *y = *(const storage *const *)b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x < y ? -1 : 1;
}

/** Lowest gap between the placed storages that are in use at the same time. */
static void place(apf_graph *g, storage *s, storage **placed, int n_placed, storage **neighbours)
{
  int n = 0;
  for (int i = 0; i < n_placed; i++)
    if (placed[i]->start <= s->end && s->start <= placed[i]->end) neighbours[n++] = placed[i];
  qsort(neighbours, (size_t)n, sizeof *neighbours, lower_first);
  int64_t offset = 0;
  for (int i = 0; i < n; i++) {
    if (offset + s->bytes <= neighbours[i]->offset) break;
    extend(&offset, neighbours[i]->offset + neighbours[i]->bytes);
  }
  s->offset = offset;
  extend(&g->arena_bytes, offset + s->bytes);
}

static apf_status place_storages(apf_graph *g)
{
  size_t slots = (size_t)g->storage_count + 1;
  storage **order = malloc(2 * slots * sizeof *order);
  if (!order) return no_memory(g);
  storage **neighbours = order + slots;
  int n = 0;
  for (int i = 0; i < g->storage_count; i++)
    if (!g->storages[i].external) order[n++] = &g->storages[i];
  qsort(order, (size_t)n, sizeof *order, larger_first);
  for (int i = 0; i < n; i++) place(g, order[i], order, i, neighbours);
  free(order);
  return APF_OK;
}

apf_status apf_graph_plan(apf_graph *g)
{
  mark_forward(g);
  mark_differentiable(g);
  APF_TRY(mark_backward(g));
  find_last_uses(g);
  APF_TRY(plan_values(g));
  APF_TRY(plan_gradients(g));
  return place_storages(g);
}
