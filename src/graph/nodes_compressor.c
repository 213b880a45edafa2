/** Nodes of the compressor, and the one-pole averages that it and other detectors are made of. */
#include "graph/node.h"

/* Leading axes of all arguments are broadcast against each other; what lies behind them is an
 * argument's own: time, or channel and time. */

/** Joins the leading axes of v, all but its last `own`, into lead; v may be APF_NO_VAR. */
static void join(apf_graph *g, const char *function, const char *name, apf_var v, int own,
                 apf_shape *lead)
{
  if (v.id == 0 || apf_graph_status(g) != APF_OK) return;
  apf_shape shape = apf_graph_argument_shape(g, function, name, v);
  if (apf_graph_status(g) != APF_OK) return;
  if (shape.dims < own) {
    apf_graph_refuse(g, function, "%s is %s, expected at least %d axes", name,
                     APF_SHAPE_TEXT(shape), own);
    return;
  }
  const apf_shape mine = apf_shape_lead(shape, shape.dims - own), before = *lead;
  if (!apf_shape_broadcast(mine, before, lead))
    apf_graph_refuse(g, function, "%s is %s, whose leading axes do not broadcast to %s", name,
                     APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(before));
}

/** v with its leading axes copied out to lead. */
static apf_var spread(apf_graph *g, apf_var v, int own, apf_shape lead)
{
  if (v.id == 0 || apf_graph_status(g) != APF_OK) return v;
  const apf_shape shape = apf_graph_shape(g, v);
  for (int i = shape.dims - own; i < shape.dims; i++) lead = apf_shape_append(lead, shape.size[i]);
  return apf_expand(g, v, lead);
}

/** One node with one output whose optional inputs may be APF_NO_VAR. */
static apf_var add(apf_graph *g, const apf_node_kind *kind, const apf_var *in, int inputs,
                   apf_shape shape, const void *attributes, size_t bytes)
{
  apf_var out = APF_NO_VAR;
  if (apf_graph_status(g) == APF_OK)
    apf_graph_add_outputs(g, kind, in, inputs, &shape, 1, &out, attributes, bytes);
  return out;
}

typedef struct sizes {
  int64_t B, C, T, delay;
} sizes;

/* --- one-pole averages ----------------------------------------------------------------------- */

static apf_status one_pole_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, one_pole_forward, n->B, n->T, s->in[0], s->in[1], s->in[2], s->out[0], NULL);
}

static apf_status one_pole_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, one_pole_backward, n->B, n->T, s->d_out[0], NULL, s->in[0], s->in[1], s->in[2],
                  s->out[0], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind one_pole_kind = {
    .name = "one_pole",
    .forward = one_pole_forward,
    .backward = one_pole_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2),
    .backward_reads_outputs = APF_BIT(0),
};

apf_var apf_one_pole(apf_graph *g, apf_var x, apf_var c, apf_var zi)
{
  apf_shape lead = APF_SCALAR, shape = APF_SHAPE_OF(g, x);
  join(g, __func__, "x", x, 1, &lead);
  join(g, __func__, "c", c, 0, &lead);
  join(g, __func__, "zi", zi, 0, &lead);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  const sizes n = {.B = apf_shape_count(lead), .T = shape.size[shape.dims - 1]};
  const apf_var in[] = {spread(g, x, 1, lead), spread(g, c, 0, lead), spread(g, zi, 0, lead)};
  return add(g, &one_pole_kind, in, 3, apf_shape_append(lead, n.T), &n, sizeof n);
}

static apf_status fft_one_pole_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, fft_one_pole_forward, n->B, n->T, s->in[0], s->in[1], s->out[0]);
}

static apf_status fft_one_pole_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, fft_one_pole_backward, n->B, n->T, s->d_out[0], s->in[0], s->in[1], s->d_in[0],
                  s->d_in[1]);
}

static const apf_node_kind fft_one_pole_kind = {
    .name = "fft_one_pole",
    .forward = fft_one_pole_forward,
    .backward = fft_one_pole_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
};

apf_var apf_fft_one_pole(apf_graph *g, apf_var x, apf_var c)
{
  apf_shape lead = APF_SCALAR, shape = APF_SHAPE_OF(g, x);
  join(g, __func__, "x", x, 1, &lead);
  join(g, __func__, "c", c, 0, &lead);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  const sizes n = {.B = apf_shape_count(lead), .T = shape.size[shape.dims - 1]};
  const apf_var in[] = {spread(g, x, 1, lead), spread(g, c, 0, lead)};
  return add(g, &fft_one_pole_kind, in, 2, apf_shape_append(lead, n.T), &n, sizeof n);
}

/* --- level ----------------------------------------------------------------------------------- */

static apf_status level_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, compressor_level_forward, n->B, n->C, n->T, s->in[0], s->out[0]);
}

static apf_status level_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, compressor_level_backward, n->B, n->C, n->T, s->d_out[0], s->in[0],
                  s->d_in[0]);
}

static const apf_node_kind level_kind = {
    .name = "compressor_level",
    .forward = level_forward,
    .backward = level_backward,
    .backward_reads_inputs = APF_BIT(0),
};

apf_var apf_compressor_level(apf_graph *g, apf_var x)
{
  apf_shape lead = APF_SCALAR, shape = APF_SHAPE_OF(g, x);
  join(g, __func__, "x", x, 2, &lead);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  const sizes n = {
      .B = apf_shape_count(lead), .C = shape.size[shape.dims - 2], .T = shape.size[shape.dims - 1]};
  return add(g, &level_kind, &x, 1, apf_shape_append(lead, n.T), &n, sizeof n);
}

/* --- curve ----------------------------------------------------------------------------------- */

static apf_status curve_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, compressor_curve_forward, n->B, n->T, s->in[0], s->in[1], s->in[2], s->in[3],
                  s->in[4], s->out[0]);
}

static apf_status curve_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, compressor_curve_backward, n->B, n->T, s->d_out[0], s->in[0], s->in[1],
                  s->in[2], s->in[3], s->in[4], s->out[0], s->d_in[0], s->d_in[1], s->d_in[2],
                  s->d_in[3], s->d_in[4]);
}

static const apf_node_kind curve_kind = {
    .name = "compressor_curve",
    .forward = curve_forward,
    .backward = curve_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2) | APF_BIT(3) | APF_BIT(4),
    .backward_reads_outputs = APF_BIT(0),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_compressor_curve(apf_graph *g, apf_var power, apf_var threshold, apf_var ratio,
                             apf_var exp_threshold, apf_var exp_ratio)
{
  apf_shape lead = APF_SCALAR, shape = APF_SHAPE_OF(g, power);
  join(g, __func__, "power", power, 1, &lead);
  join(g, __func__, "threshold", threshold, 0, &lead);
  join(g, __func__, "ratio", ratio, 0, &lead);
  join(g, __func__, "exp_threshold", exp_threshold, 0, &lead);
  join(g, __func__, "exp_ratio", exp_ratio, 0, &lead);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  const sizes n = {.B = apf_shape_count(lead), .T = shape.size[shape.dims - 1]};
  const apf_var in[] = {spread(g, power, 1, lead), spread(g, threshold, 0, lead),
                        spread(g, ratio, 0, lead), spread(g, exp_threshold, 0, lead),
                        spread(g, exp_ratio, 0, lead)};
  return add(g, &curve_kind, in, 5, apf_shape_append(lead, n.T), &n, sizeof n);
}

/* --- output ---------------------------------------------------------------------------------- */

static apf_status apply_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, compressor_apply_forward, n->B, n->C, n->T, n->delay, s->in[0], s->in[1],
                  s->in[2], s->out[0]);
}

static apf_status apply_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, compressor_apply_backward, n->B, n->C, n->T, n->delay, s->d_out[0], s->in[0],
                  s->in[1], s->in[2], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind apply_kind = {
    .name = "compressor_apply",
    .forward = apply_forward,
    .backward = apply_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2),
};

apf_var apf_compressor_apply(apf_graph *g, apf_var x, apf_var gain, apf_var make_up, int64_t delay)
{
  apf_shape lead = APF_SCALAR, shape = APF_SHAPE_OF(g, x), gain_shape = APF_SHAPE_OF(g, gain);
  join(g, __func__, "x", x, 2, &lead);
  join(g, __func__, "gain", gain, 1, &lead);
  join(g, __func__, "make_up", make_up, 0, &lead);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  const sizes n = {.B = apf_shape_count(lead),
                   .C = shape.size[shape.dims - 2],
                   .T = shape.size[shape.dims - 1],
                   .delay = delay};
  if (gain_shape.size[gain_shape.dims - 1] != n.T)
    return apf_graph_refuse(g, __func__, "gain is %s, expected as many samples as x, %s",
                            APF_SHAPE_TEXT(gain_shape), APF_SHAPE_TEXT(shape));
  const apf_var in[] = {spread(g, x, 2, lead), spread(g, gain, 1, lead),
                        spread(g, make_up, 0, lead)};
  return add(g, &apply_kind, in, 3, apf_shape_append(apf_shape_append(lead, n.C), n.T), &n,
             sizeof n);
}
