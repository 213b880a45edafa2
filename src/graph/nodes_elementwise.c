/** Element-wise nodes: maps of one tensor, maps of two with broadcasting. */
#include "core/maps.h"
#include "graph/node.h"

/* --- of one tensor --------------------------------------------------------------------------- */

typedef struct unary {
  apf_unary_map map;
  int64_t n;
  double p, q;
} unary;

static apf_status unary_forward(const apf_step *s)
{
  const unary *u = s->attributes;
  return APF_CALL(s, map_unary_forward, u->map, u->n, u->p, u->q, s->in[0], s->out[0]);
}

static apf_status unary_backward(const apf_step *s)
{
  const unary *u = s->attributes;
  return APF_CALL(s, map_unary_backward, u->map, u->n, u->p, u->q, s->d_out[0], s->in[0], s->out[0],
                  s->d_in[0]);
}

/* One kind for each thing that a derivative may need, so that the rest is given back early. */
#define UNARY_KIND(reads_x, reads_y)                                     \
  {                                                                      \
    .name = "map", .forward = unary_forward, .backward = unary_backward, \
    .backward_reads_inputs = reads_x, .backward_reads_outputs = reads_y, \
    .output_may_replace = APF_BIT(0), .gradient_may_replace = APF_BIT(0) \
  }
static const apf_node_kind constant_derivative = UNARY_KIND(0, 0);
static const apf_node_kind derivative_from_x = UNARY_KIND(APF_BIT(0), 0);
static const apf_node_kind derivative_from_y = UNARY_KIND(0, APF_BIT(0));

static apf_var map_one(apf_graph *g, const char *function, const apf_node_kind *kind,
                       apf_unary_map map, double p, double q, apf_var x)
{
  apf_shape shape = apf_graph_argument_shape(g, function, "x", x);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  unary u = {map, apf_shape_count(shape), p, q};
  return apf_graph_add(g, kind, &x, 1, shape, &u, sizeof u);
}

apf_var apf_affine(apf_graph *g, apf_var x, double scale, double offset)
{
  return map_one(g, __func__, &constant_derivative, APF_MAP_AFFINE, scale, offset, x);
}

apf_var apf_scale(apf_graph *g, apf_var x, double scale)
{
  return map_one(g, __func__, &constant_derivative, APF_MAP_AFFINE, scale, 0, x);
}

apf_var apf_offset(apf_graph *g, apf_var x, double offset)
{
  return map_one(g, __func__, &constant_derivative, APF_MAP_AFFINE, 1, offset, x);
}

apf_var apf_neg(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &constant_derivative, APF_MAP_AFFINE, -1, 0, x);
}

apf_var apf_exp(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_y, APF_MAP_EXP, 1, 0, x);
}

apf_var apf_log(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_LOG, 1, 0, x);
}

static const double ln10 = 2.30258509299404568402;

apf_var apf_log10(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_LOG, 1 / ln10, 0, x);
}

apf_var apf_db_to_amplitude(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_y, APF_MAP_EXP, ln10 / 20, 0, x);
}

apf_var apf_amplitude_to_db(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_LOG, 20 / ln10, 0, x);
}

apf_var apf_tanh(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_y, APF_MAP_TANH, 0, 0, x);
}

apf_var apf_sigmoid(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_y, APF_MAP_SIGMOID, 0, 0, x);
}

apf_var apf_softplus(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_SOFTPLUS, 0, 0, x);
}

apf_var apf_sin(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_SIN, 0, 0, x);
}

apf_var apf_cos(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_COS, 0, 0, x);
}

apf_var apf_tan(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_y, APF_MAP_TAN, 0, 0, x);
}

apf_var apf_abs(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_ABS, 0, 0, x);
}

apf_var apf_square(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_SQUARE, 0, 0, x);
}

apf_var apf_sqrt(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_y, APF_MAP_SQRT, 0, 0, x);
}

apf_var apf_reciprocal(apf_graph *g, apf_var x)
{
  return map_one(g, __func__, &derivative_from_y, APF_MAP_RECIPROCAL, 0, 0, x);
}

apf_var apf_pow(apf_graph *g, apf_var x, double exponent)
{
  return map_one(g, __func__, &derivative_from_x, APF_MAP_POW, exponent, 0, x);
}

apf_var apf_clamp(apf_graph *g, apf_var x, double low, double high)
{
  if (!(low <= high))
    return apf_graph_refuse(g, __func__, "low is %g, high is %g, expected low <= high", low, high);
  return map_one(g, __func__, &derivative_from_x, APF_MAP_CLAMP, low, high, x);
}

/* --- of two tensors -------------------------------------------------------------------------- */

typedef struct binary {
  apf_binary_map map;
  int dims;
  int64_t a_size[APF_MAX_DIMS], b_size[APF_MAX_DIMS];
} binary;

static apf_status binary_forward(const apf_step *s)
{
  const binary *m = s->attributes;
  return APF_CALL(s, map_binary_forward, m->map, m->dims, m->a_size, m->b_size, s->in[0], s->in[1],
                  s->out[0]);
}

static apf_status binary_backward(const apf_step *s)
{
  const binary *m = s->attributes;
  return APF_CALL(s, map_binary_backward, m->map, m->dims, m->a_size, m->b_size, s->d_out[0],
                  s->in[0], s->in[1], s->d_in[0], s->d_in[1]);
}

enum { BOTH = APF_BIT(0) | APF_BIT(1) };
#define BINARY_KIND(NAME, reads, passes)                                                      \
  {                                                                                           \
    .name = NAME, .forward = binary_forward, .backward = binary_backward,                     \
    .backward_reads_inputs = reads, .output_may_replace = BOTH, .gradient_may_replace = BOTH, \
    .gradient_passes = passes                                                                 \
  }
static const apf_node_kind binary_kinds[APF_BINARY_MAPS] = {
    [APF_MAP_ADD] = BINARY_KIND("add", 0, BOTH), [APF_MAP_SUB] = BINARY_KIND("sub", 0, APF_BIT(0)),
    [APF_MAP_MUL] = BINARY_KIND("mul", BOTH, 0), [APF_MAP_DIV] = BINARY_KIND("div", BOTH, 0),
    [APF_MAP_MIN] = BINARY_KIND("min", BOTH, 0), [APF_MAP_MAX] = BINARY_KIND("max", BOTH, 0),
};

/** A shape's sizes with ones put in front, up to `dims` axes. */
static void pad_sizes(apf_shape shape, int dims, int64_t *size)
{
  for (int i = 0; i < dims; i++) {
    int axis = i - (dims - shape.dims);
    size[i] = axis < 0 ? 1 : shape.size[axis];
  }
}

static apf_var map_two(apf_graph *g, const char *function, apf_binary_map map, apf_var a, apf_var b)
{
  apf_shape a_shape = apf_graph_argument_shape(g, function, "a", a);
  apf_shape b_shape = apf_graph_argument_shape(g, function, "b", b), shape = APF_SCALAR;
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (!apf_shape_broadcast(a_shape, b_shape, &shape))
    return apf_graph_refuse(g, function, "a is %s and b is %s: they do not broadcast",
                            APF_SHAPE_TEXT(a_shape), APF_SHAPE_TEXT(b_shape));
  binary m = {.map = map, .dims = shape.dims};
  pad_sizes(a_shape, shape.dims, m.a_size);
  pad_sizes(b_shape, shape.dims, m.b_size);
  return apf_graph_add(g, &binary_kinds[map], (apf_var[]){a, b}, 2, shape, &m, sizeof m);
}

apf_var apf_add(apf_graph *g, apf_var a, apf_var b)
{
  return map_two(g, __func__, APF_MAP_ADD, a, b);
}

apf_var apf_sub(apf_graph *g, apf_var a, apf_var b)
{
  return map_two(g, __func__, APF_MAP_SUB, a, b);
}

apf_var apf_mul(apf_graph *g, apf_var a, apf_var b)
{
  return map_two(g, __func__, APF_MAP_MUL, a, b);
}

apf_var apf_div(apf_graph *g, apf_var a, apf_var b)
{
  return map_two(g, __func__, APF_MAP_DIV, a, b);
}

apf_var apf_min(apf_graph *g, apf_var a, apf_var b)
{
  return map_two(g, __func__, APF_MAP_MIN, a, b);
}

apf_var apf_max(apf_graph *g, apf_var a, apf_var b)
{
  return map_two(g, __func__, APF_MAP_MAX, a, b);
}
