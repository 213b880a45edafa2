/** Nodes that move elements: views and strided copies. */
#include "graph/node.h"

/* --- reshape --------------------------------------------------------------------------------- */

static const apf_node_kind reshape_kind = {
    .name = "reshape", .view = true, .gradient_passes = APF_BIT(0)};

apf_var apf_reshape(apf_graph *g, apf_var x, apf_shape shape)
{
  apf_shape from = APF_SHAPE_OF(g, x);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims < 0 || shape.dims > APF_MAX_DIMS)
    return apf_graph_refuse(g, __func__, "shape has %d axes, expected 0 to %d", shape.dims,
                            (int)APF_MAX_DIMS);
  if (apf_shape_count(from) != apf_shape_count(shape))
    return apf_graph_refuse(g, __func__, "x is %s, which does not reshape to %s",
                            APF_SHAPE_TEXT(from), APF_SHAPE_TEXT(shape));
  return apf_graph_add(g, &reshape_kind, &x, 1, shape, NULL, 0);
}

/* --- strided copies -------------------------------------------------------------------------- */

/** A box of elements, walked on both sides; offsets in elements. */
typedef struct box {
  int dims;
  int64_t size[APF_MAX_DIMS];
  int64_t x_offset, x_strides[APF_MAX_DIMS];
  int64_t y_offset, y_strides[APF_MAX_DIMS];
  int64_t x_count, y_count; /**< elements of the two tensors */
  double fill;              /**< of y outside the box */
} box;

static void *at(apf_dtype dtype, const void *base, int64_t offset)
{
  const int64_t bytes = dtype == APF_F32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
  return (char *)base + offset * bytes;
}

static int64_t box_count(const box *b)
{
  return apf_product(b->dims, b->size);
}

static apf_status box_forward(const apf_step *s)
{
  const box *b = s->attributes;
  if (box_count(b) < b->y_count) APF_TRY(APF_CALL(s, fill, b->y_count, b->fill, s->out[0]));
  if (box_count(b) == 0) return APF_OK;
  return APF_CALL(s, copy_strided, b->dims, b->size, b->x_strides, b->y_strides,
                  at(s->dtype, s->in[0], b->x_offset), at(s->dtype, s->out[0], b->y_offset));
}

static apf_status box_backward(const apf_step *s)
{
  const box *b = s->attributes;
  if (box_count(b) < b->x_count) APF_TRY(APF_CALL(s, fill, b->x_count, 0, s->d_in[0]));
  if (box_count(b) == 0) return APF_OK;
  return APF_CALL(s, copy_strided, b->dims, b->size, b->y_strides, b->x_strides,
                  at(s->dtype, s->d_out[0], b->y_offset), at(s->dtype, s->d_in[0], b->x_offset));
}

static void dense_strides(apf_shape shape, int64_t *strides)
{
  int64_t step = 1;
  for (int i = shape.dims - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape.size[i];
  }
}

/** The box that covers x and y = x entirely; callers change what differs. */
static box whole(apf_shape x, apf_shape y)
{
  box b = {.dims = x.dims, .x_count = apf_shape_count(x), .y_count = apf_shape_count(y)};
  dense_strides(x, b.x_strides);
  dense_strides(y, b.y_strides);
  for (int i = 0; i < x.dims; i++) b.size[i] = x.size[i] < y.size[i] ? x.size[i] : y.size[i];
  return b;
}

static const apf_node_kind slice_kind = {
    .name = "slice", .forward = box_forward, .backward = box_backward};
static const apf_node_kind shift_kind = {
    .name = "shift", .forward = box_forward, .backward = box_backward};
static const apf_node_kind flip_kind = {
    .name = "flip", .forward = box_forward, .backward = box_backward};
static const apf_node_kind transpose_kind = {
    .name = "transpose", .forward = box_forward, .backward = box_backward};

apf_var apf_slice(apf_graph *g, apf_var x, int axis, int64_t start, int64_t length)
{
  apf_shape shape = APF_SHAPE_OF(g, x);
  int i = apf_graph_axis(g, __func__, shape, axis);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (start < 0 || length < 0 || start > shape.size[i] || length > shape.size[i] - start)
    return apf_graph_refuse(g, __func__, "start is %lld and length is %lld, outside axis %d of %s",
                            (long long)start, (long long)length, axis, APF_SHAPE_TEXT(shape));
  apf_shape out = shape;
  out.size[i] = length;
  box b = whole(shape, out);
  b.x_offset = start * b.x_strides[i];
  return apf_graph_add(g, &slice_kind, &x, 1, out, &b, sizeof b);
}

apf_var apf_shift(apf_graph *g, apf_var x, int axis, int64_t n, double fill)
{
  apf_shape shape = APF_SHAPE_OF(g, x);
  int i = apf_graph_axis(g, __func__, shape, axis);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (n == 0) return x;
  box b = whole(shape, shape);
  const int64_t length = shape.size[i];
  const int64_t ahead = n > 0 ? n : 0, back = n > 0 ? 0 : -n;
  const int64_t kept = ahead >= length || back >= length ? 0 : length - ahead - back;
  b.size[i] = kept;
  b.x_offset = kept ? ahead * b.x_strides[i] : 0;
  b.y_offset = kept ? back * b.y_strides[i] : 0;
  b.fill = fill;
  return apf_graph_add(g, &shift_kind, &x, 1, shape, &b, sizeof b);
}

apf_var apf_flip(apf_graph *g, apf_var x, int axis)
{
  apf_shape shape = APF_SHAPE_OF(g, x);
  int i = apf_graph_axis(g, __func__, shape, axis);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  box b = whole(shape, shape);
  if (shape.size[i] > 0) b.x_offset = (shape.size[i] - 1) * b.x_strides[i];
  b.x_strides[i] = -b.x_strides[i];
  return apf_graph_add(g, &flip_kind, &x, 1, shape, &b, sizeof b);
}

apf_var apf_transpose(apf_graph *g, apf_var x, const int *order)
{
  apf_shape shape = APF_SHAPE_OF(g, x), out = {.dims = shape.dims};
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (!order) return apf_graph_refuse(g, __func__, "order is NULL");
  unsigned seen = 0;
  for (int i = 0; i < shape.dims; i++) {
    if (order[i] < 0 || order[i] >= shape.dims || seen & 1u << order[i])
      return apf_graph_refuse(g, __func__, "order[%d] is %d, expected each of 0 to %d once", i,
                              order[i], shape.dims - 1);
    seen |= 1u << order[i];
    out.size[i] = shape.size[order[i]];
  }
  box b = whole(out, out); /* walked in y's order */
  int64_t strides[APF_MAX_DIMS];
  dense_strides(shape, strides);
  for (int i = 0; i < shape.dims; i++) b.x_strides[i] = strides[order[i]];
  return apf_graph_add(g, &transpose_kind, &x, 1, out, &b, sizeof b);
}

/* --- concat ---------------------------------------------------------------------------------- */

typedef struct parts {
  int n;
  box box[APF_MAX_NODE_INPUTS]; /**< x is an input, y the output */
} parts;

static apf_status concat_forward(const apf_step *s)
{
  const parts *p = s->attributes;
  for (int i = 0; i < p->n; i++) {
    const box *b = &p->box[i];
    APF_TRY(APF_CALL(s, copy_strided, b->dims, b->size, b->x_strides, b->y_strides, s->in[i],
                     at(s->dtype, s->out[0], b->y_offset)));
  }
  return APF_OK;
}

static apf_status concat_backward(const apf_step *s)
{
  const parts *p = s->attributes;
  for (int i = 0; i < p->n; i++) {
    const box *b = &p->box[i];
    if (!s->d_in[i]) continue;
    APF_TRY(APF_CALL(s, copy_strided, b->dims, b->size, b->y_strides, b->x_strides,
                     at(s->dtype, s->d_out[0], b->y_offset), s->d_in[i]));
  }
  return APF_OK;
}

static const apf_node_kind concat_kind = {
    .name = "concat", .forward = concat_forward, .backward = concat_backward};

apf_var apf_concat(apf_graph *g, const apf_var *x, int n, int axis)
{
  if (!x || n < 1 || n > APF_MAX_NODE_INPUTS)
    return apf_graph_refuse(g, __func__, "n is %d, expected 1 to %d tensors", n,
                            (int)APF_MAX_NODE_INPUTS);
  apf_shape out = APF_SHAPE_OF(g, x[0]);
  int a = apf_graph_axis(g, __func__, out, axis);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  for (int i = 1; i < n; i++) {
    apf_shape shape = APF_SHAPE_OF(g, x[i]), expected = out;
    if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
    if (shape.dims == out.dims) expected.size[a] = shape.size[a];
    if (!apf_shape_equal(shape, expected))
      return apf_graph_refuse(g, __func__, "x[%d] is %s, expected %s along the other axes", i,
                              APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(out));
    out.size[a] += shape.size[a];
  }
  parts p = {.n = n};
  int64_t start = 0;
  for (int i = 0; i < n; i++) {
    apf_shape shape = apf_graph_shape(g, x[i]);
    p.box[i] = whole(shape, out);
    p.box[i].size[a] = shape.size[a];
    p.box[i].y_offset = start * p.box[i].y_strides[a];
    start += shape.size[a];
  }
  return apf_graph_add(g, &concat_kind, x, n, out, &p, sizeof p);
}

apf_var apf_stack(apf_graph *g, const apf_var *x, int n)
{
  apf_var columns[APF_MAX_NODE_INPUTS];
  if (!x || n < 1 || n > APF_MAX_NODE_INPUTS)
    return apf_graph_refuse(g, __func__, "n is %d, expected 1 to %d tensors", n,
                            (int)APF_MAX_NODE_INPUTS);
  for (int i = 0; i < n; i++) {
    apf_shape shape = APF_SHAPE_OF(g, x[i]);
    if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
    if (shape.dims == APF_MAX_DIMS)
      return apf_graph_refuse(g, __func__, "x[%d] has %d axes already", i, shape.dims);
    columns[i] = apf_reshape(g, x[i], apf_shape_append(shape, 1));
  }
  return apf_concat(g, columns, n, -1);
}
