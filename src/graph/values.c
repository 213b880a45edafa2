/** Values and gradients to and from the host; the flat arrays of parameters. */
#include "graph/tape.h"

#include <stdlib.h>
#include <string.h>

/* --- parameters ------------------------------------------------------------------------------ */

void apf_graph_lay_out_parameters(apf_graph *g)
{
  const int64_t step = STORAGE_ALIGNMENT / (int64_t)g->element_bytes;
  for (int frozen = 0; frozen <= 1; frozen++) { /* frozen ones behind: optimisers see the front */
    for (int i = 0; i < g->parameter_count; i++) {
      tensor *t = &g->tensors[g->parameters[i]];
      if (t->frozen != (frozen == 1)) continue;
      t->flat_offset = g->flat_total;
      g->flat_total += (t->count + step - 1) / step * step;
    }
    if (!frozen) g->flat_count = g->flat_total;
  }
}

int apf_graph_parameter_count(const apf_graph *g)
{
  return g->parameter_count;
}

apf_var apf_graph_parameter_at(const apf_graph *g, int i)
{
  if (i < 0 || i >= g->parameter_count) return APF_NO_VAR;
  return (apf_var){g->parameters[i] + 1};
}

bool apf_graph_is_frozen(const apf_graph *g, apf_var parameter)
{
  const tensor *t = apf_graph_tensor(g, parameter);
  return t && t->frozen;
}

apf_flat apf_graph_flat(apf_graph *g)
{
  return (apf_flat){g->flat_count, g->flat_values, g->flat_gradients};
}

int64_t apf_graph_flat_offset(const apf_graph *g, apf_var parameter)
{
  const tensor *t = apf_graph_tensor(g, parameter);
  return t && t->leaf == LEAF_PARAMETER && !t->frozen ? t->flat_offset : -1;
}

apf_status apf_graph_copy_parameters(apf_graph *to, const apf_graph *from)
{
  if (!to || !from)
    return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "%s is NULL", to ? "from" : "to");
  if (!to->ready || !from->ready)
    return apf_fail(to->ctx, APF_ERR_STATE, __func__, "expected two graphs that are built");
  if (to->ctx != from->ctx || to->dtype != from->dtype)
    return apf_fail(to->ctx, APF_ERR_MISMATCH, __func__, "the graphs differ in context or dtype");
  for (int pass = 0; pass < 2; pass++) { /* check all, then copy all */
    for (int i = 0; i < to->parameter_count; i++) {
      apf_var target = apf_graph_parameter_at(to, i);
      const char *name = apf_graph_name(to, target);
      const tensor *t = apf_graph_tensor(to, target);
      const tensor *s = apf_graph_tensor(from, apf_graph_find(from, name));
      if (!s || s->leaf != LEAF_PARAMETER)
        return apf_fail(to->ctx, APF_ERR_MISMATCH, __func__, "'%s' is missing", name);
      if (!apf_shape_equal(s->shape, t->shape))
        return apf_fail(to->ctx, APF_ERR_MISMATCH, __func__, "'%s' is %s, expected %s", name,
                        APF_SHAPE_TEXT(s->shape), APF_SHAPE_TEXT(t->shape));
      if (pass == 1)
        APF_TRY(to->ctx->table->copy(to->ctx, to->storages[t->value].memory,
                                     from->storages[s->value].memory,
                                     (size_t)t->count * to->element_bytes));
    }
  }
  return APF_OK;
}

/* --- access ---------------------------------------------------------------------------------- */

void *apf_graph_data(apf_graph *g, apf_var v)
{
  const tensor *t = apf_graph_tensor(g, v);
  return t && g->ready && t->kept && t->value >= 0 ? g->storages[t->value].memory : NULL;
}

void *apf_graph_gradient(apf_graph *g, apf_var v)
{
  const tensor *t = apf_graph_tensor(g, v);
  if (!t || !g->ready || t->gradient < 0) return NULL;
  bool has_its_own = t->tracked || (t->leaf == LEAF_PARAMETER && !t->frozen);
  return has_its_own ? g->storages[t->gradient].memory : NULL;
}

apf_status apf_graph_upload_leaves(apf_graph *g)
{
  for (int i = 0; i < g->tensor_count; i++) {
    tensor *t = &g->tensors[i];
    if (!t->initial) continue;
    APF_TRY(g->ctx->table->upload(g->ctx, g->storages[t->value].memory, t->initial,
                                  (size_t)t->count * g->element_bytes));
    free(t->initial);
    t->initial = NULL;
  }
  return APF_OK;
}

/** Host memory for one tensor's conversion. It only grows. */
static apf_status host_buffer(apf_graph *g, int64_t count)
{
  size_t bytes = (size_t)count * g->element_bytes;
  if (bytes <= g->host_bytes) return APF_OK;
  void *larger = realloc(g->host, bytes);
  if (!larger)
    return apf_fail(g->ctx, APF_ERR_MEMORY, __func__, "cannot allocate %zu bytes", bytes);
  g->host = larger;
  g->host_bytes = bytes;
  return APF_OK;
}

/** Refuses what cannot be set; *t is the leaf. */
static apf_status settable(apf_graph *g, const char *function, apf_var v, const void *host,
                           tensor **t)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, function, "g is NULL");
  *t = apf_graph_tensor(g, v);
  if (!*t || ((*t)->leaf != LEAF_INPUT && (*t)->leaf != LEAF_PARAMETER))
    return apf_fail(g->ctx, APF_ERR_ARGUMENT, function, "v is not an input or a parameter");
  if (!host && (*t)->count > 0)
    return apf_fail(g->ctx, APF_ERR_ARGUMENT, function, "host is NULL, expected an array for '%s'",
                    apf_graph_name(g, v));
  if (g->built && !g->ready)
    return apf_fail(g->ctx, APF_ERR_STATE, function, "the graph could not be built");
  return APF_OK;
}

apf_status apf_graph_set_raw(apf_graph *g, apf_var v, const void *host)
{
  tensor *t = NULL;
  APF_TRY(settable(g, __func__, v, host, &t));
  size_t bytes = (size_t)t->count * g->element_bytes;
  if (g->built) return g->ctx->table->upload(g->ctx, g->storages[t->value].memory, host, bytes);
  if (!t->initial) t->initial = malloc(bytes ? bytes : 1);
  if (!t->initial)
    return apf_fail(g->ctx, APF_ERR_MEMORY, __func__, "cannot allocate %zu bytes", bytes);
  if (bytes) memcpy(t->initial, host, bytes);
  return APF_OK;
}

apf_status apf_graph_set(apf_graph *g, apf_var v, const double *host)
{
  tensor *t = NULL;
  APF_TRY(settable(g, __func__, v, host, &t));
  if (g->dtype == APF_F64) return apf_graph_set_raw(g, v, host);
  APF_TRY(host_buffer(g, t->count + 1));
  for (int64_t i = 0; i < t->count; i++) ((float *)g->host)[i] = (float)host[i];
  return apf_graph_set_raw(g, v, g->host);
}

apf_status apf_graph_set_all(apf_graph *g, apf_var v, double value)
{
  tensor *t = NULL;
  APF_TRY(settable(g, __func__, v, &value, &t));
  APF_TRY(host_buffer(g, t->count + 1));
  for (int64_t i = 0; i < t->count; i++) {
    if (g->dtype == APF_F32)
      ((float *)g->host)[i] = (float)value;
    else
      ((double *)g->host)[i] = value;
  }
  return apf_graph_set_raw(g, v, g->host);
}

static apf_status download(apf_graph *g, const char *function, apf_var v, const void *memory,
                           const char *what, void *host)
{
  const tensor *t = apf_graph_tensor(g, v);
  if (!g->ready) return apf_fail(g->ctx, APF_ERR_STATE, function, "the graph is not built");
  if (!memory)
    return apf_fail(g->ctx, APF_ERR_ARGUMENT, function, "v has no %s that is kept", what);
  if (!host && t->count > 0)
    return apf_fail(g->ctx, APF_ERR_ARGUMENT, function, "host is NULL, expected an array");
  return g->ctx->table->download(g->ctx, host, memory, (size_t)t->count * g->element_bytes);
}

static apf_status download_double(apf_graph *g, const char *function, apf_var v, const void *memory,
                                  const char *what, double *host)
{
  const tensor *t = apf_graph_tensor(g, v);
  if (g->dtype == APF_F64 || !t || !host) return download(g, function, v, memory, what, host);
  APF_TRY(host_buffer(g, t->count + 1));
  APF_TRY(download(g, function, v, memory, what, g->host));
  for (int64_t i = 0; i < t->count; i++) host[i] = (double)((const float *)g->host)[i];
  return APF_OK;
}

apf_status apf_graph_get_raw(apf_graph *g, apf_var v, void *host)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  return download(g, __func__, v, apf_graph_data(g, v), "value", host);
}

apf_status apf_graph_get(apf_graph *g, apf_var v, double *host)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  return download_double(g, __func__, v, apf_graph_data(g, v), "value", host);
}

int64_t apf_graph_parameter_space(const apf_graph *g)
{
  return g->flat_total;
}

int64_t apf_graph_parameter_offset(const apf_graph *g, apf_var parameter)
{
  const tensor *t = apf_graph_tensor(g, parameter);
  return t && t->leaf == LEAF_PARAMETER ? t->flat_offset : -1;
}

apf_status apf_graph_get_parameters(apf_graph *g, double *host)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  if (!g->ready) return apf_fail(g->ctx, APF_ERR_STATE, __func__, "the graph is not built");
  if (!host && g->flat_total > 0)
    return apf_fail(g->ctx, APF_ERR_ARGUMENT, __func__, "host is NULL, expected an array");
  const bool narrow = g->dtype == APF_F32;
  if (narrow) APF_TRY(host_buffer(g, g->flat_total + 1));
  APF_TRY(g->ctx->table->download(g->ctx, narrow ? g->host : host, g->flat_values,
                                  (size_t)g->flat_total * g->element_bytes));
  for (int64_t i = 0; narrow && i < g->flat_total; i++) host[i] = (double)((float *)g->host)[i];
  return APF_OK;
}

apf_status apf_graph_get_gradient(apf_graph *g, apf_var v, double *host)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  return download_double(g, __func__, v, apf_graph_gradient(g, v), "gradient", host);
}

apf_status apf_graph_set_gradient(apf_graph *g, apf_var v, const double *host)
{
  if (!g) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "g is NULL");
  void *memory = apf_graph_gradient(g, v);
  if (!memory || !host)
    return apf_fail(g->ctx, APF_ERR_ARGUMENT, __func__,
                    "v has no gradient that is kept, or host is NULL");
  const tensor *t = apf_graph_tensor(g, v);
  const size_t bytes = (size_t)t->count * g->element_bytes;
  if (g->dtype == APF_F64) return g->ctx->table->upload(g->ctx, memory, host, bytes);
  APF_TRY(host_buffer(g, t->count + 1));
  for (int64_t i = 0; i < t->count; i++) ((float *)g->host)[i] = (float)host[i];
  return g->ctx->table->upload(g->ctx, memory, g->host, bytes);
}
