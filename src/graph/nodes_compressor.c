/** Nodes of the compressor, and the one-pole averages that it and other detectors are made of. */
#include "graph/node.h"

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
  const apf_operand operands[] = {{"x", x, 1, false}, {"c", c, 0, false}, {"zi", zi, 0, true}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 3, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]);
  const sizes n = {.B = apf_shape_count(lead), .T = shape.size[lead.dims]};
  return apf_graph_add(g, &one_pole_kind, v, 3, shape, &n, sizeof n);
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
  const apf_operand operands[] = {{"x", x, 1, false}, {"c", c, 0, false}};
  apf_var v[2];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 2, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]);
  const sizes n = {.B = apf_shape_count(lead), .T = shape.size[lead.dims]};
  return apf_graph_add(g, &fft_one_pole_kind, v, 2, shape, &n, sizeof n);
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
  const apf_operand operands[] = {{"x", x, 2, false}};
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 1, &x, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, x);
  const sizes n = {
      .B = apf_shape_count(lead), .C = shape.size[lead.dims], .T = shape.size[lead.dims + 1]};
  return apf_graph_add(g, &level_kind, &x, 1, apf_shape_append(lead, n.T), &n, sizeof n);
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
  const apf_operand operands[] = {{"power", power, 1, false},
                                  {"threshold", threshold, 0, false},
                                  {"ratio", ratio, 0, false},
                                  {"exp_threshold", exp_threshold, 0, true},
                                  {"exp_ratio", exp_ratio, 0, true}};
  apf_var v[5];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 5, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]);
  const sizes n = {.B = apf_shape_count(lead), .T = shape.size[lead.dims]};
  return apf_graph_add(g, &curve_kind, v, 5, shape, &n, sizeof n);
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
  const apf_operand operands[] = {
      {"x", x, 2, false}, {"gain", gain, 1, false}, {"make_up", make_up, 0, true}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 3, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]);
  const sizes n = {.B = apf_shape_count(lead),
                   .C = shape.size[lead.dims],
                   .T = shape.size[lead.dims + 1],
                   .delay = delay};
  if (apf_graph_shape(g, v[1]).size[lead.dims] != n.T)
    return apf_graph_refuse(g, __func__, "gain is %s, expected as many samples as x, %s",
                            APF_SHAPE_TEXT(apf_graph_shape(g, gain)),
                            APF_SHAPE_TEXT(apf_graph_shape(g, x)));
  return apf_graph_add(g, &apply_kind, v, 3, shape, &n, sizeof n);
}
