/** Sums and means over axes, and their transpose: broadcasting by copying. */
#include "graph/node.h"

typedef struct axes {
  int dims;
  int64_t size[APF_MAX_DIMS], reduced[APF_MAX_DIMS]; /* the larger and the smaller shape */
  double scale;
} axes;

static apf_status sum_forward(const apf_step *s)
{
  const axes *a = s->attributes;
  return APF_CALL(s, reduce_sum_forward, a->dims, a->size, a->reduced, a->scale, s->in[0],
                  s->out[0]);
}

static apf_status sum_backward(const apf_step *s)
{
  const axes *a = s->attributes;
  return APF_CALL(s, reduce_sum_backward, a->dims, a->size, a->reduced, a->scale, s->d_out[0],
                  s->d_in[0]);
}

static const apf_node_kind sum_kind = {
    .name = "sum", .forward = sum_forward, .backward = sum_backward};

/** The axes that a set names, one bit each; refuses those that x lacks. */
static unsigned resolve_axes(apf_graph *g, const char *function, apf_shape shape, unsigned set)
{
  unsigned all = (1u << shape.dims) - 1;
  if (set & 1u << 16) return set & all; /* APF_AXES_FROM */
  unsigned front = set & 0xff, back = set >> 8 & 0xff, resolved = front;
  for (int i = 1; i <= 8; i++) {
    if (!(back & 1u << (8 - i))) continue;
    if (i <= shape.dims)
      resolved |= 1u << (shape.dims - i);
    else
      resolved |= all + 1;
  }
  if (resolved & ~all)
    apf_graph_refuse(g, function, "the axes lie outside x, which is %s", APF_SHAPE_TEXT(shape));
  return resolved & all;
}

static apf_var reduce(apf_graph *g, const char *function, apf_var x, unsigned set, bool keep,
                      bool mean)
{
  apf_shape shape = apf_graph_argument_shape(g, function, "x", x), out = APF_SCALAR;
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  unsigned reduced = resolve_axes(g, function, shape, set);
  axes a = {.dims = shape.dims, .scale = 1};
  int64_t summed = 1;
  for (int i = 0; i < shape.dims; i++) {
    bool is_reduced = reduced & 1u << i;
    a.size[i] = shape.size[i];
    a.reduced[i] = is_reduced ? 1 : shape.size[i];
    if (is_reduced) summed *= shape.size[i];
    if (!is_reduced || keep) out = apf_shape_append(out, a.reduced[i]);
  }
  if (mean && summed == 0)
    return apf_graph_refuse(g, function, "x is %s: the mean of nothing", APF_SHAPE_TEXT(shape));
  if (mean) a.scale = 1 / (double)summed;
  return apf_graph_add(g, &sum_kind, &x, 1, out, &a, sizeof a);
}

apf_var apf_sum(apf_graph *g, apf_var x, unsigned set, bool keep)
{
  return reduce(g, __func__, x, set, keep, false);
}

apf_var apf_mean(apf_graph *g, apf_var x, unsigned set, bool keep)
{
  return reduce(g, __func__, x, set, keep, true);
}

/* --- expand ---------------------------------------------------------------------------------- */

static apf_status expand_forward(const apf_step *s)
{
  const axes *a = s->attributes;
  return APF_CALL(s, reduce_sum_backward, a->dims, a->size, a->reduced, 1, s->in[0], s->out[0]);
}

static apf_status expand_backward(const apf_step *s)
{
  const axes *a = s->attributes;
  return APF_CALL(s, reduce_sum_forward, a->dims, a->size, a->reduced, 1, s->d_out[0], s->d_in[0]);
}

static const apf_node_kind expand_kind = {
    .name = "expand", .forward = expand_forward, .backward = expand_backward};

apf_var apf_expand(apf_graph *g, apf_var x, apf_shape shape)
{
  apf_shape from = APF_SHAPE_OF(g, x), joined = APF_SCALAR;
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (apf_shape_equal(from, shape)) return x;
  if (!apf_shape_broadcast(from, shape, &joined) || !apf_shape_equal(joined, shape))
    return apf_graph_refuse(g, __func__, "x is %s and does not broadcast to %s",
                            APF_SHAPE_TEXT(from), APF_SHAPE_TEXT(shape));
  axes a = {.dims = shape.dims, .scale = 1};
  for (int i = 0; i < shape.dims; i++) {
    int axis = i - (shape.dims - from.dims);
    a.size[i] = shape.size[i];
    a.reduced[i] = axis < 0 ? 1 : from.size[axis];
  }
  return apf_graph_add(g, &expand_kind, &x, 1, shape, &a, sizeof a);
}
