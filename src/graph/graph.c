/** Describing a graph: tensors, leaves, nodes, names, and the sticky error. */
#include "graph/tape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

apf_status apf_graph_create(apf_context *ctx, apf_dtype dtype, apf_graph **out)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "out is NULL");
  *out = NULL;
  if (dtype != APF_F32 && dtype != APF_F64)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "dtype is %d, expected APF_F32 or APF_F64",
                    (int)dtype);
  apf_graph *g = calloc(1, sizeof *g);
  if (!g) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "cannot allocate %zu bytes", sizeof *g);
  g->ctx = ctx;
  g->dtype = dtype;
  g->element_bytes = dtype == APF_F32 ? sizeof(float) : sizeof(double);
  g->training = true;
  g->loss = -1;
  *out = g;
  return APF_OK;
}

void apf_graph_destroy(apf_graph *g)
{
  if (!g) return;
  void *const device[] = {g->flat_values, g->flat_gradients, g->arena};
  for (int i = 0; i < 3; i++)
    if (device[i]) g->ctx->table->release(g->ctx, device[i]);
  for (int i = 0; i < g->tensor_count; i++) free(g->tensors[i].initial);
  for (int i = 0; i < g->node_count; i++) free(g->nodes[i].attributes);
  for (int i = 0; i < g->name_count; i++) free(g->names[i].name);
  free(g->tensors);
  free(g->nodes);
  free(g->names);
  free(g->parameters);
  free(g->storages);
  free(g->host);
  free(g);
}

apf_dtype apf_graph_dtype(const apf_graph *g)
{
  return g->dtype;
}

apf_context *apf_graph_context(const apf_graph *g)
{
  return g->ctx;
}

/* --- the sticky error ------------------------------------------------------------------------ */

apf_status apf_graph_status(const apf_graph *g)
{
  return g->status;
}

void apf_graph_fail(apf_graph *g, apf_status status, const char *function, const char *text)
{
  if (g->status != APF_OK) return;
  g->status = status;
  snprintf(g->failed_function, sizeof g->failed_function, "%s", function);
  snprintf(g->message, sizeof g->message, "%s", text);
}

apf_var apf_graph_refuse(apf_graph *g, const char *function, const char *format, ...)
{
  char text[APF_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  apf_graph_fail(g, APF_ERR_ARGUMENT, function, text);
  return APF_NO_VAR;
}

/** Whether the description may go on: no mistake so far, and not built yet. */
static bool describing(apf_graph *g, const char *function)
{
  if (g->built)
    apf_graph_fail(g, APF_ERR_STATE, function, "the graph is built already, nothing can be added");
  return g->status == APF_OK;
}

bool apf_graph_grow(void **array, int count, int *capacity, size_t element_bytes)
{
  if (count < *capacity) return true;
  int wanted = *capacity ? 2 * *capacity : 32;
  void *larger = realloc(*array, (size_t)wanted * element_bytes);
  if (!larger) return false;
  *array = larger;
  *capacity = wanted;
  return true;
}

static apf_var out_of_memory(apf_graph *g, const char *function)
{
  apf_graph_fail(g, APF_ERR_MEMORY, function, "not enough memory for the description");
  return APF_NO_VAR;
}

/* --- tensors --------------------------------------------------------------------------------- */

tensor *apf_graph_tensor(const apf_graph *g, apf_var v)
{
  return v.id >= 1 && v.id <= g->tensor_count ? &g->tensors[v.id - 1] : NULL;
}

apf_shape apf_graph_argument_shape(apf_graph *g, const char *function, const char *name, apf_var v)
{
  const tensor *t = apf_graph_tensor(g, v);
  if (t) return t->shape;
  apf_graph_refuse(g, function, "%s is not a tensor of this graph", name);
  return APF_SCALAR;
}

apf_shape apf_graph_shape(const apf_graph *g, apf_var v)
{
  const tensor *t = apf_graph_tensor(g, v);
  return t ? t->shape : APF_SCALAR;
}

static apf_var new_tensor(apf_graph *g, const char *function, apf_shape shape, leaf_kind leaf,
                          int producer)
{
  if (shape.dims < 0 || shape.dims > APF_MAX_DIMS)
    return apf_graph_refuse(g, function, "the shape has %d axes, expected 0 to %d", shape.dims,
                            (int)APF_MAX_DIMS);
  for (int i = 0; i < shape.dims; i++)
    if (shape.size[i] < 0)
      return apf_graph_refuse(g, function, "the shape is %s, expected sizes >= 0",
                              APF_SHAPE_TEXT(shape));
  /* Far from overflow, so that the plan may add sizes without looking. */
  int64_t count = apf_shape_count(shape);
  if (count < 0 || count > (int64_t)1 << 44)
    return apf_graph_refuse(g, function, "%s has more than 2^44 elements", APF_SHAPE_TEXT(shape));
  if (!apf_graph_grow((void **)&g->tensors, g->tensor_count, &g->tensor_capacity, sizeof(tensor)))
    return out_of_memory(g, function);
  g->tensors[g->tensor_count] = (tensor){.shape = shape,
                                         .count = count,
                                         .leaf = leaf,
                                         .producer = producer,
                                         .value = -1,
                                         .gradient = -1,
                                         .flat_offset = -1};
  return (apf_var){++g->tensor_count};
}

/* --- names ----------------------------------------------------------------------------------- */

apf_var apf_graph_find(const apf_graph *g, const char *name)
{
  for (int i = 0; i < g->name_count; i++)
    if (strcmp(g->names[i].name, name) == 0) return (apf_var){g->names[i].tensor + 1};
  return APF_NO_VAR;
}

const char *apf_graph_name(const apf_graph *g, apf_var v)
{
  for (int i = 0; i < g->name_count; i++)
    if (g->names[i].tensor == v.id - 1) return g->names[i].name;
  return "";
}

static bool give_name(apf_graph *g, const char *function, apf_var v, const char *name)
{
  if (!name || !*name) {
    apf_graph_refuse(g, function, "the name is %s", name ? "empty" : "NULL");
    return false;
  }
  if (apf_graph_find(g, name).id) {
    apf_graph_refuse(g, function, "the name '%s' is taken", name);
    return false;
  }
  size_t bytes = strlen(name) + 1;
  char *copy = malloc(bytes);
  if (!copy ||
      !apf_graph_grow((void **)&g->names, g->name_count, &g->name_capacity, sizeof(name_entry))) {
    free(copy);
    out_of_memory(g, function);
    return false;
  }
  memcpy(copy, name, bytes);
  g->names[g->name_count++] = (name_entry){copy, v.id - 1};
  return true;
}

/* --- leaves ---------------------------------------------------------------------------------- */

static apf_var named_leaf(apf_graph *g, const char *function, const char *name, apf_shape shape,
                          leaf_kind kind)
{
  if (!describing(g, function)) return APF_NO_VAR;
  apf_var v = new_tensor(g, function, shape, kind, -1);
  if (!v.id || !give_name(g, function, v, name)) return APF_NO_VAR;
  g->tensors[v.id - 1].kept = true;
  return v;
}

apf_var apf_graph_input(apf_graph *g, const char *name, apf_shape shape)
{
  return named_leaf(g, __func__, name, shape, LEAF_INPUT);
}

apf_var apf_graph_parameter(apf_graph *g, const char *name, apf_shape shape)
{
  apf_var v = named_leaf(g, __func__, name, shape, LEAF_PARAMETER);
  if (!v.id) return APF_NO_VAR;
  if (!apf_graph_grow((void **)&g->parameters, g->parameter_count, &g->parameter_capacity,
                      sizeof(int)))
    return out_of_memory(g, __func__);
  g->parameters[g->parameter_count++] = v.id - 1;
  return v;
}

apf_var apf_graph_table(apf_graph *g, apf_shape shape, const double *values)
{
  if (!describing(g, __func__)) return APF_NO_VAR;
  apf_var v = new_tensor(g, __func__, shape, LEAF_TABLE, -1);
  if (!v.id) return APF_NO_VAR;
  tensor *t = &g->tensors[v.id - 1];
  if (t->count == 0) return v;
  if (!values) return apf_graph_refuse(g, __func__, "values is NULL, expected an array");
  t->initial = malloc((size_t)t->count * g->element_bytes);
  if (!t->initial) return out_of_memory(g, __func__);
  for (int64_t i = 0; i < t->count; i++) {
    if (g->dtype == APF_F32)
      ((float *)t->initial)[i] = (float)values[i];
    else
      ((double *)t->initial)[i] = values[i];
  }
  return v;
}

apf_var apf_graph_constant(apf_graph *g, double value)
{
  return apf_graph_table(g, APF_SCALAR, &value);
}

apf_var apf_graph_output(apf_graph *g, apf_var v, const char *name)
{
  if (!describing(g, __func__)) return APF_NO_VAR;
  tensor *t = apf_graph_tensor(g, v);
  if (!t) return apf_graph_refuse(g, __func__, "v is not a tensor of this graph");
  if (!give_name(g, __func__, v, name)) return APF_NO_VAR;
  t->kept = true;
  return v;
}

apf_var apf_graph_track(apf_graph *g, apf_var v)
{
  if (!describing(g, __func__)) return APF_NO_VAR;
  tensor *t = apf_graph_tensor(g, v);
  if (!t) return apf_graph_refuse(g, __func__, "v is not a tensor of this graph");
  if (t->leaf == LEAF_TABLE) return apf_graph_refuse(g, __func__, "v is a constant");
  t->tracked = true;
  return v;
}

void apf_graph_freeze(apf_graph *g, apf_var parameter)
{
  if (!describing(g, __func__)) return;
  tensor *t = apf_graph_tensor(g, parameter);
  if (!t || t->leaf != LEAF_PARAMETER)
    apf_graph_refuse(g, __func__, "parameter is not a parameter of this graph");
  else
    t->frozen = true;
}

void apf_graph_poison(apf_graph *g)
{
  g->poison = true;
}

/* --- nodes ----------------------------------------------------------------------------------- */

void apf_graph_add_outputs(apf_graph *g, const apf_node_kind *kind, const apf_var *inputs,
                           int n_inputs, const apf_shape *shapes, int n_outputs, apf_var *outputs,
                           const void *attributes, size_t attribute_bytes)
{
  for (int i = 0; i < n_outputs; i++) outputs[i] = APF_NO_VAR;
  if (!describing(g, kind->name)) return;
  if (n_inputs > APF_MAX_NODE_INPUTS || n_outputs > APF_MAX_NODE_OUTPUTS) {
    apf_graph_refuse(g, kind->name, "%d inputs and %d outputs, expected at most %d and %d",
                     n_inputs, n_outputs, (int)APF_MAX_NODE_INPUTS, (int)APF_MAX_NODE_OUTPUTS);
    return;
  }
  if (!apf_graph_grow((void **)&g->nodes, g->node_count, &g->node_capacity, sizeof(node))) {
    out_of_memory(g, kind->name);
    return;
  }
  node *n = &g->nodes[g->node_count];
  memset(n, 0, sizeof *n);
  n->kind = kind;
  n->inputs = n_inputs;
  n->outputs = n_outputs;
  for (int i = 0; i < n_inputs; i++) {
    if (inputs[i].id && !apf_graph_tensor(g, inputs[i])) {
      apf_graph_refuse(g, kind->name, "input %d is not a tensor of this graph", i);
      return;
    }
    n->in[i] = inputs[i].id - 1;
  }
  for (int i = 0; i < n_outputs; i++) {
    apf_var v = new_tensor(g, kind->name, shapes[i], NO_LEAF, g->node_count);
    if (!v.id) return;
    n->out[i] = v.id - 1;
  }
  if (attribute_bytes) {
    n->attributes = malloc(attribute_bytes);
    if (!n->attributes) {
      out_of_memory(g, kind->name);
      return;
    }
    memcpy(n->attributes, attributes, attribute_bytes);
  }
  for (int i = 0; i < n_outputs; i++) outputs[i] = (apf_var){n->out[i] + 1};
  g->node_count++;
}

apf_var apf_graph_add(apf_graph *g, const apf_node_kind *kind, const apf_var *inputs, int n_inputs,
                      apf_shape shape, const void *attributes, size_t attribute_bytes)
{
  apf_var out;
  apf_graph_add_outputs(g, kind, inputs, n_inputs, &shape, 1, &out, attributes, attribute_bytes);
  return out;
}

int apf_graph_axis(apf_graph *g, const char *function, apf_shape shape, int axis)
{
  int from_front = axis < 0 ? axis + shape.dims : axis;
  if (from_front >= 0 && from_front < shape.dims) return from_front;
  apf_graph_refuse(g, function, "axis is %d, expected %d to %d for %s", axis, -shape.dims,
                   shape.dims - 1, APF_SHAPE_TEXT(shape));
  return -1;
}

/** The shape of `own` trailing axes of `shape` behind those of `lead`. */
static apf_shape behind(apf_shape lead, apf_shape shape, int own)
{
  for (int i = shape.dims - own; i < shape.dims; i++) lead = apf_shape_append(lead, shape.size[i]);
  return lead;
}

bool apf_graph_align(apf_graph *g, const char *function, const apf_operand *operands, int n,
                     apf_var *v, apf_shape *lead)
{
  int most_own = 0;
  *lead = APF_SCALAR;
  for (int i = 0; i < n; i++) {
    const apf_operand *o = &operands[i];
    if (!o->v.id && o->optional) continue;
    apf_shape shape = apf_graph_argument_shape(g, function, o->name, o->v);
    if (g->status != APF_OK) return false;
    if (o->own > most_own) most_own = o->own;
    if (shape.dims < o->own) {
      apf_graph_refuse(g, function, "%s is %s, expected at least %d axes", o->name,
                       APF_SHAPE_TEXT(shape), o->own);
      return false;
    }
    apf_shape before = *lead;
    if (!apf_shape_broadcast(before, apf_shape_lead(shape, shape.dims - o->own), lead)) {
      apf_graph_refuse(g, function, "%s is %s and does not broadcast to the leading axes %s",
                       o->name, APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(before));
      return false;
    }
  }
  if (lead->dims + most_own > APF_MAX_DIMS) {
    apf_graph_refuse(g, function, "%d leading axes, expected at most %d", lead->dims,
                     (int)APF_MAX_DIMS - most_own);
    return false;
  }
  for (int i = 0; i < n; i++) {
    v[i] = operands[i].v;
    if (!v[i].id) continue;
    v[i] = apf_expand(g, v[i], behind(*lead, apf_graph_shape(g, v[i]), operands[i].own));
  }
  return g->status == APF_OK;
}
