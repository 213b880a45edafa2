/** Nodes of neural networks; equations in docs/ under the operators' names. */
#include "graph/node.h"

/* --- linear ---------------------------------------------------------------------------------- */

typedef struct linear_sizes {
  int64_t G, N, I, O;
} linear_sizes;

static apf_status linear_forward(const apf_step *s)
{
  const linear_sizes *n = s->attributes;
  return APF_CALL(s, linear_forward, n->G, n->N, n->I, n->O, s->in[0], s->in[1], s->in[2],
                  s->out[0]);
}

static apf_status linear_backward(const apf_step *s)
{
  const linear_sizes *n = s->attributes;
  return APF_CALL(s, linear_backward, n->G, n->N, n->I, n->O, s->d_out[0], s->in[0], s->in[1],
                  s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind linear_kind = {
    .name = "linear",
    .forward = linear_forward,
    .backward = linear_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
};

/** One set of parameters: all leading axes of x are rows. */
static apf_var linear_shared(apf_graph *g, apf_var x, apf_var w, apf_var bias)
{
  apf_shape shape = apf_graph_shape(g, x), w_shape = apf_graph_shape(g, w);
  const int last = shape.dims - 1;
  const linear_sizes n = {1, apf_shape_product(shape, 0, last), w_shape.size[1], w_shape.size[0]};
  shape.size[last] = n.O;
  return apf_graph_add(g, &linear_kind, (apf_var[]){x, w, bias}, 3, shape, &n, sizeof n);
}

/** Sets of parameters along the leading axes of w, broadcast against those of x. */
static apf_var linear_sets(apf_graph *g, const char *function, apf_var x, apf_var w, apf_var bias)
{
  const apf_operand operands[] = {{"x", x, 2, false}, {"w", w, 2, false}, {"bias", bias, 1, true}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, function, operands, 3, v, &lead)) return APF_NO_VAR;
  apf_shape shape = apf_graph_shape(g, v[0]);
  const apf_shape w_shape = apf_graph_shape(g, v[1]);
  const linear_sizes n = {apf_shape_count(lead), shape.size[lead.dims], w_shape.size[lead.dims + 1],
                          w_shape.size[lead.dims]};
  shape.size[lead.dims + 1] = n.O;
  return apf_graph_add(g, &linear_kind, v, 3, shape, &n, sizeof n);
}

apf_var apf_linear(apf_graph *g, apf_var x, apf_var w, apf_var bias)
{
  const apf_shape shape = APF_SHAPE_OF(g, x), w_shape = APF_SHAPE_OF(g, w);
  const apf_shape bias_shape = bias.id ? APF_SHAPE_OF(g, bias) : APF_SCALAR;
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  const bool fits = shape.dims >= 1 && w_shape.dims >= 2 &&
                    shape.size[shape.dims - 1] == w_shape.size[w_shape.dims - 1];
  const bool bias_fits =
      !bias.id || (fits && bias_shape.dims == w_shape.dims - 1 &&
                   bias_shape.size[bias_shape.dims - 1] == w_shape.size[w_shape.dims - 2]);
  if (!fits || !bias_fits)
    return apf_graph_refuse(g, __func__,
                            "x is %s, w %s, bias %s, expected [...,I], [...,O,I] and [...,O]",
                            APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(w_shape),
                            bias.id ? APF_SHAPE_TEXT(bias_shape) : "none");
  return w_shape.dims == 2 ? linear_shared(g, x, w, bias) : linear_sets(g, __func__, x, w, bias);
}

/* --- convolution ----------------------------------------------------------------------------- */

typedef struct conv_sizes {
  int64_t B, I, O, H, W, KH, KW, D;
} conv_sizes;

static apf_status conv2d_forward(const apf_step *s)
{
  const conv_sizes *n = s->attributes;
  return APF_CALL(s, conv2d_forward, n->B, n->I, n->O, n->H, n->W, n->KH, n->KW, n->D, s->in[0],
                  s->in[1], s->in[2], s->out[0]);
}

static apf_status conv2d_backward(const apf_step *s)
{
  const conv_sizes *n = s->attributes;
  return APF_CALL(s, conv2d_backward, n->B, n->I, n->O, n->H, n->W, n->KH, n->KW, n->D, s->d_out[0],
                  s->in[0], s->in[1], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind conv2d_kind = {
    .name = "conv2d",
    .forward = conv2d_forward,
    .backward = conv2d_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
};

apf_var apf_conv2d(apf_graph *g, apf_var x, apf_var w, apf_var bias, int64_t dilation)
{
  const apf_shape shape = APF_SHAPE_OF(g, x), w_shape = APF_SHAPE_OF(g, w);
  const apf_shape bias_shape = bias.id ? APF_SHAPE_OF(g, bias) : APF_SCALAR;
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims != 4 || w_shape.dims != 4 || w_shape.size[1] != shape.size[1] ||
      (bias.id && (bias_shape.dims != 1 || bias_shape.size[0] != w_shape.size[0])))
    return apf_graph_refuse(g, __func__,
                            "x is %s, w %s, bias %s, expected [B,I,H,W], [O,I,KH,KW] and [O]",
                            APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(w_shape),
                            bias.id ? APF_SHAPE_TEXT(bias_shape) : "none");
  if (dilation < 1 || w_shape.size[2] % 2 == 0 || w_shape.size[3] % 2 == 0)
    return apf_graph_refuse(g, __func__, "w is %s, dilation %lld, expected odd kernels and >= 1",
                            APF_SHAPE_TEXT(w_shape), (long long)dilation);
  const conv_sizes n = {.B = shape.size[0],
                        .I = shape.size[1],
                        .O = w_shape.size[0],
                        .H = shape.size[2],
                        .W = shape.size[3],
                        .KH = w_shape.size[2],
                        .KW = w_shape.size[3],
                        .D = dilation};
  return apf_graph_add(g, &conv2d_kind, (apf_var[]){x, w, bias}, 3, APF_SHAPE(n.B, n.O, n.H, n.W),
                       &n, sizeof n);
}

/* --- layer norm ------------------------------------------------------------------------------ */

typedef struct norm_sizes {
  int64_t R, N;
  double epsilon;
} norm_sizes;

static apf_status layer_norm_forward(const apf_step *s)
{
  const norm_sizes *n = s->attributes;
  return APF_CALL(s, layer_norm_forward, n->R, n->N, n->epsilon, s->in[0], s->out[0], s->out[1]);
}

static apf_status layer_norm_backward(const apf_step *s)
{
  const norm_sizes *n = s->attributes;
  return APF_CALL(s, layer_norm_backward, n->R, n->N, s->d_out[0], s->out[0], s->out[1],
                  s->d_in[0]);
}

static const apf_node_kind layer_norm_kind = {
    .name = "layer_norm",
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
    .backward_reads_outputs = APF_BIT(0) | APF_BIT(1),
    .output_may_replace = APF_BIT(0),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_layer_norm(apf_graph *g, apf_var x, int axes, double epsilon)
{
  const apf_shape shape = APF_SHAPE_OF(g, x);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (axes < 1 || axes > shape.dims || !(epsilon > 0))
    return apf_graph_refuse(g, __func__, "x is %s, axes %d, epsilon %g, expected 1 to %d and > 0",
                            APF_SHAPE_TEXT(shape), axes, epsilon, shape.dims);
  const int rows = shape.dims - axes;
  const norm_sizes n = {apf_shape_product(shape, 0, rows),
                        apf_shape_product(shape, rows, shape.dims), epsilon};
  apf_var out[2] = {APF_NO_VAR, APF_NO_VAR};
  apf_graph_add_outputs(g, &layer_norm_kind, &x, 1, (apf_shape[]){shape, APF_SHAPE(n.R)}, 2, out,
                        &n, sizeof n);
  return out[0];
}

/* --- max-pool -------------------------------------------------------------------------------- */

typedef struct pool_sizes {
  int64_t B, H, W, P;
} pool_sizes;

static apf_status max_pool_forward(const apf_step *s)
{
  const pool_sizes *n = s->attributes;
  return APF_CALL(s, max_pool_forward, n->B, n->H, n->W, n->P, s->in[0], s->out[0]);
}

static apf_status max_pool_backward(const apf_step *s)
{
  const pool_sizes *n = s->attributes;
  return APF_CALL(s, max_pool_backward, n->B, n->H, n->W, n->P, s->d_out[0], s->in[0], s->d_in[0]);
}

static const apf_node_kind max_pool_kind = {
    .name = "max_pool",
    .forward = max_pool_forward,
    .backward = max_pool_backward,
    .backward_reads_inputs = APF_BIT(0),
};

apf_var apf_max_pool(apf_graph *g, apf_var x, int axis, int64_t P)
{
  apf_shape shape = APF_SHAPE_OF(g, x);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  axis = apf_graph_axis(g, __func__, shape, axis);
  if (axis < 0) return APF_NO_VAR;
  if (P < 1) return apf_graph_refuse(g, __func__, "P is %lld, expected at least 1", (long long)P);
  const pool_sizes n = {apf_shape_product(shape, 0, axis), shape.size[axis],
                        apf_shape_product(shape, axis + 1, shape.dims), P};
  shape.size[axis] = n.H / P;
  return apf_graph_add(g, &max_pool_kind, &x, 1, shape, &n, sizeof n);
}

/* --- PReLU ----------------------------------------------------------------------------------- */

typedef struct prelu_sizes {
  int64_t B, C, N;
} prelu_sizes;

static apf_status prelu_forward(const apf_step *s)
{
  const prelu_sizes *n = s->attributes;
  return APF_CALL(s, prelu_forward, n->B, n->C, n->N, s->in[0], s->in[1], s->out[0]);
}

static apf_status prelu_backward(const apf_step *s)
{
  const prelu_sizes *n = s->attributes;
  return APF_CALL(s, prelu_backward, n->B, n->C, n->N, s->d_out[0], s->in[0], s->in[1], s->d_in[0],
                  s->d_in[1]);
}

static const apf_node_kind prelu_kind = {
    .name = "prelu",
    .forward = prelu_forward,
    .backward = prelu_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_prelu(apf_graph *g, apf_var x, apf_var slope, int axis)
{
  const apf_shape shape = APF_SHAPE_OF(g, x), slope_shape = APF_SHAPE_OF(g, slope);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  axis = apf_graph_axis(g, __func__, shape, axis);
  if (axis < 0) return APF_NO_VAR;
  if (slope_shape.dims != 1 || slope_shape.size[0] != shape.size[axis])
    return apf_graph_refuse(g, __func__, "slope is %s, expected [%lld]: one for each channel of %s",
                            APF_SHAPE_TEXT(slope_shape), (long long)shape.size[axis],
                            APF_SHAPE_TEXT(shape));
  const prelu_sizes n = {apf_shape_product(shape, 0, axis), shape.size[axis],
                         apf_shape_product(shape, axis + 1, shape.dims)};
  return apf_graph_add(g, &prelu_kind, (apf_var[]){x, slope}, 2, shape, &n, sizeof n);
}

/* --- dropout --------------------------------------------------------------------------------- */

typedef struct dropout_settings {
  int64_t N;
  double rate;
  uint32_t stream;
} dropout_settings;

/* At rate 0 the mask is all ones: that is what a graph outside training wants. */
static double rate_now(const apf_step *s, const dropout_settings *n)
{
  return s->training ? n->rate : 0;
}

static apf_status dropout_forward(const apf_step *s)
{
  const dropout_settings *n = s->attributes;
  return APF_CALL(s, dropout_forward, n->N, rate_now(s, n), s->ctx->seed, n->stream, s->in[1],
                  s->in[0], s->out[0]);
}

static apf_status dropout_backward(const apf_step *s)
{
  const dropout_settings *n = s->attributes;
  return APF_CALL(s, dropout_backward, n->N, rate_now(s, n), s->ctx->seed, n->stream, s->in[1],
                  s->d_out[0], s->d_in[0]);
}

static const apf_node_kind dropout_kind = {
    .name = "dropout",
    .forward = dropout_forward,
    .backward = dropout_backward,
    .backward_reads_inputs = APF_BIT(1),
    .output_may_replace = APF_BIT(0),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_dropout(apf_graph *g, apf_var x, double rate, apf_var step)
{
  const apf_shape shape = APF_SHAPE_OF(g, x), step_shape = APF_SHAPE_OF(g, step);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (!(rate >= 0 && rate < 1) || apf_shape_count(step_shape) != 1)
    return apf_graph_refuse(g, __func__,
                            "rate is %g, step %s, expected 0 <= rate < 1 and one value", rate,
                            APF_SHAPE_TEXT(step_shape));
  const dropout_settings n = {apf_shape_count(shape), rate, (uint32_t)x.id};
  return apf_graph_add(g, &dropout_kind, (apf_var[]){x, step}, 2, shape, &n, sizeof n);
}

/* --- LSTM ------------------------------------------------------------------------------------ */

typedef struct lstm_sizes {
  int64_t B, T, I, H;
} lstm_sizes;

enum { LSTM_X, LSTM_W_IH, LSTM_W_HH, LSTM_B_IH, LSTM_B_HH, LSTM_H0, LSTM_C0, LSTM_INPUTS };

static apf_status lstm_forward(const apf_step *s)
{
  const lstm_sizes *n = s->attributes;
  return APF_CALL(s, lstm_forward, n->B, n->T, n->I, n->H, s->in[LSTM_X], s->in[LSTM_W_IH],
                  s->in[LSTM_W_HH], s->in[LSTM_B_IH], s->in[LSTM_B_HH], s->in[LSTM_H0],
                  s->in[LSTM_C0], s->out[0], NULL, s->out[1], s->out[2]);
}

static apf_status lstm_backward(const apf_step *s)
{
  const lstm_sizes *n = s->attributes;
  void *first = s->d_in[LSTM_B_IH], *second = s->d_in[LSTM_B_HH];
  APF_TRY(APF_CALL(s, lstm_backward, n->B, n->T, n->I, n->H, s->d_out[0], NULL, NULL, s->in[LSTM_X],
                   s->in[LSTM_W_IH], s->in[LSTM_W_HH], s->in[LSTM_H0], s->in[LSTM_C0], s->out[0],
                   s->out[1], s->out[2], s->d_in[LSTM_X], s->d_in[LSTM_W_IH], s->d_in[LSTM_W_HH],
                   first ? first : second, s->d_in[LSTM_H0], s->d_in[LSTM_C0]));
  if (!first || !second) return APF_OK;
  const size_t size = s->dtype == APF_F32 ? sizeof(float) : sizeof(double);
  return s->ctx->table->copy(s->ctx, second, first,
                             (size_t)(4 * n->H) * size); /* their sum counts */
}

static const apf_node_kind lstm_kind = {
    .name = "lstm",
    .forward = lstm_forward,
    .backward = lstm_backward,
    .backward_reads_inputs = APF_BIT(LSTM_X) | APF_BIT(LSTM_W_IH) | APF_BIT(LSTM_W_HH) |
                             APF_BIT(LSTM_H0) | APF_BIT(LSTM_C0),
    .backward_reads_outputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2),
};

apf_var apf_lstm(apf_graph *g, apf_var x, apf_var w_ih, apf_var w_hh, apf_var b_ih, apf_var b_hh,
                 apf_var h0, apf_var c0)
{
  const apf_shape shape = APF_SHAPE_OF(g, x), hidden = APF_SHAPE_OF(g, w_hh);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims != 3 || hidden.dims != 2)
    return apf_graph_refuse(g, __func__, "x is %s, w_hh %s, expected [B,T,I] and [4H,H]",
                            APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(hidden));
  const lstm_sizes n = {shape.size[0], shape.size[1], shape.size[2], hidden.size[1]};
  const apf_var in[LSTM_INPUTS] = {x, w_ih, w_hh, b_ih, b_hh, h0, c0};
  static const char *const names[] = {"x", "w_ih", "w_hh", "b_ih", "b_hh", "h0", "c0"};
  const apf_shape want[] = {shape,
                            APF_SHAPE(4 * n.H, n.I),
                            APF_SHAPE(4 * n.H, n.H),
                            APF_SHAPE(4 * n.H),
                            APF_SHAPE(4 * n.H),
                            APF_SHAPE(n.B, n.H),
                            APF_SHAPE(n.B, n.H)};
  for (int i = LSTM_W_IH; i < LSTM_INPUTS; i++) {
    if (i >= LSTM_B_IH && !in[i].id) continue;
    const apf_shape got = apf_graph_argument_shape(g, __func__, names[i], in[i]);
    if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
    if (!apf_shape_equal(got, want[i]))
      return apf_graph_refuse(g, __func__, "%s is %s, expected %s", names[i], APF_SHAPE_TEXT(got),
                              APF_SHAPE_TEXT(want[i]));
  }
  apf_var out[3] = {APF_NO_VAR, APF_NO_VAR, APF_NO_VAR};
  apf_graph_add_outputs(g, &lstm_kind, in, LSTM_INPUTS,
                        (apf_shape[]){APF_SHAPE(n.B, n.T, n.H), APF_SHAPE(n.B, n.T, 4 * n.H),
                                      APF_SHAPE(n.B, n.T, n.H)},
                        3, out, &n, sizeof n);
  return out[0];
}
