/** Nodes that make signals and coefficients; equations in docs/ under the operators' names. */
#include "graph/node.h"

typedef struct signal_sizes {
  int64_t B, T;
  double rate, epsilon;
} signal_sizes;

/** Aligns operands that have no axes of their own and adds a node that gives each T samples. */
static apf_var add_signal(apf_graph *g, const char *function, const apf_node_kind *kind,
                          const apf_operand *operands, int n, signal_sizes sizes)
{
  apf_var v[APF_MAX_NODE_INPUTS];
  apf_shape lead;
  if (!apf_graph_align(g, function, operands, n, v, &lead)) return APF_NO_VAR;
  if (lead.dims == APF_MAX_DIMS || sizes.T < 0 || !(sizes.rate > 0))
    return apf_graph_refuse(g, function,
                            "%d axes, T %lld, sample rate %g, expected < %d, >= 0, > 0", lead.dims,
                            (long long)sizes.T, sizes.rate, (int)APF_MAX_DIMS);
  sizes.B = apf_shape_count(lead);
  return apf_graph_add(g, kind, v, n, apf_shape_append(lead, sizes.T), &sizes, sizeof sizes);
}

/* --- oscillator ------------------------------------------------------------------------------ */

static apf_status oscillator_forward(const apf_step *s)
{
  const signal_sizes *n = s->attributes;
  return APF_CALL(s, oscillator_forward, n->B, n->T, n->rate, s->in[0], s->in[1], s->in[2],
                  s->out[0]);
}

static apf_status oscillator_backward(const apf_step *s)
{
  const signal_sizes *n = s->attributes;
  return APF_CALL(s, oscillator_backward, n->B, n->T, n->rate, s->d_out[0], s->in[0], s->in[1],
                  s->in[2], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind oscillator_kind = {
    .name = "oscillator",
    .forward = oscillator_forward,
    .backward = oscillator_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2),
};

apf_var apf_oscillator(apf_graph *g, apf_var f0, apf_var phase, apf_var shape, double sample_rate,
                       int64_t T)
{
  const apf_operand operands[] = {
      {"f0", f0, 0, false}, {"phase", phase, 0, true}, {"shape", shape, 0, false}};
  return add_signal(g, __func__, &oscillator_kind, operands, 3,
                    (signal_sizes){.T = T, .rate = sample_rate});
}

/* --- envelope -------------------------------------------------------------------------------- */

static apf_status envelope_forward(const apf_step *s)
{
  const signal_sizes *n = s->attributes;
  return APF_CALL(s, envelope_forward, n->B, n->T, n->rate, n->epsilon, s->in[0], s->in[1],
                  s->out[0]);
}

static apf_status envelope_backward(const apf_step *s)
{
  const signal_sizes *n = s->attributes;
  return APF_CALL(s, envelope_backward, n->B, n->T, n->rate, n->epsilon, s->d_out[0], s->in[0],
                  s->in[1], s->d_in[0], s->d_in[1]);
}

static const apf_node_kind envelope_kind = {
    .name = "envelope",
    .forward = envelope_forward,
    .backward = envelope_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
};

apf_var apf_envelope(apf_graph *g, apf_var duration, apf_var alpha, double sample_rate,
                     double epsilon, int64_t T)
{
  const apf_operand operands[] = {{"duration", duration, 0, false}, {"alpha", alpha, 0, false}};
  return add_signal(g, __func__, &envelope_kind, operands, 2,
                    (signal_sizes){.T = T, .rate = sample_rate, .epsilon = epsilon});
}

/* --- damped oscillator ----------------------------------------------------------------------- */

static apf_status damped_oscillator_forward(const apf_step *s)
{
  const signal_sizes *n = s->attributes;
  return APF_CALL(s, damped_oscillator_forward, n->B, n->T, s->in[0], s->in[1], s->in[2], s->in[3],
                  s->out[0]);
}

static apf_status damped_oscillator_backward(const apf_step *s)
{
  const signal_sizes *n = s->attributes;
  return APF_CALL(s, damped_oscillator_backward, n->B, n->T, s->d_out[0], s->in[0], s->in[1],
                  s->in[2], s->in[3], s->d_in[0], s->d_in[1], s->d_in[2], s->d_in[3]);
}

static const apf_node_kind damped_oscillator_kind = {
    .name = "damped_oscillator",
    .forward = damped_oscillator_forward,
    .backward = damped_oscillator_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2) | APF_BIT(3),
};

apf_var apf_damped_oscillator(apf_graph *g, apf_var amplitude, apf_var phase, apf_var sigma,
                              apf_var omega, int64_t T)
{
  const apf_operand operands[] = {{"amplitude", amplitude, 0, false},
                                  {"phase", phase, 0, false},
                                  {"sigma", sigma, 0, true},
                                  {"omega", omega, 0, false}};
  return add_signal(g, __func__, &damped_oscillator_kind, operands, 4,
                    (signal_sizes){.T = T, .rate = 1});
}

/* --- coefficients ---------------------------------------------------------------------------- */

typedef struct coefficient_sizes {
  int64_t N;
  double scale;
} coefficient_sizes;

static apf_status lowpass_forward(const apf_step *s)
{
  const coefficient_sizes *n = s->attributes;
  return APF_CALL(s, lowpass_coefficients_forward, n->N, n->scale, s->in[0], s->in[1], s->out[0],
                  s->out[1]);
}

static apf_status lowpass_backward(const apf_step *s)
{
  const coefficient_sizes *n = s->attributes;
  return APF_CALL(s, lowpass_coefficients_backward, n->N, n->scale, s->d_out[0], s->d_out[1],
                  s->in[0], s->in[1], s->d_in[0], s->d_in[1]);
}

static const apf_node_kind lowpass_kind = {
    .name = "lowpass_coefficients",
    .forward = lowpass_forward,
    .backward = lowpass_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
};

void apf_lowpass_coefficients(apf_graph *g, apf_var w, apf_var q, double scale, apf_var *a,
                              apf_var *b)
{
  const apf_operand operands[] = {{"w", w, 0, false}, {"q", q, 0, false}};
  apf_var v[2], out[2] = {APF_NO_VAR, APF_NO_VAR};
  apf_shape lead;
  if (apf_graph_align(g, __func__, operands, 2, v, &lead)) {
    const coefficient_sizes n = {apf_shape_count(lead), scale};
    if (lead.dims == APF_MAX_DIMS || !(scale > 0 && scale <= 1))
      apf_graph_refuse(g, __func__, "%d axes, scale %g, expected < %d and 0 < scale <= 1",
                       lead.dims, scale, (int)APF_MAX_DIMS);
    else
      apf_graph_add_outputs(g, &lowpass_kind, v, 2,
                            (apf_shape[]){apf_shape_append(lead, 2), apf_shape_append(lead, 3)}, 2,
                            out, &n, sizeof n);
  }
  *a = out[0];
  *b = out[1];
}

static apf_status triangle_forward(const apf_step *s)
{
  const coefficient_sizes *n = s->attributes;
  return APF_CALL(s, triangle_coefficients_forward, n->N, n->scale, s->in[0], s->out[0]);
}

static apf_status triangle_backward(const apf_step *s)
{
  const coefficient_sizes *n = s->attributes;
  return APF_CALL(s, triangle_coefficients_backward, n->N, n->scale, s->d_out[0], s->in[0],
                  s->d_in[0]);
}

static const apf_node_kind triangle_kind = {
    .name = "triangle_coefficients",
    .forward = triangle_forward,
    .backward = triangle_backward,
    .backward_reads_inputs = APF_BIT(0),
};

apf_var apf_triangle_coefficients(apf_graph *g, apf_var logits, double scale)
{
  const apf_shape shape = APF_SHAPE_OF(g, logits);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims < 1 || shape.size[shape.dims - 1] != 2 || !(scale > 0 && scale <= 1))
    return apf_graph_refuse(g, __func__, "logits is %s, scale %g, expected [...,2], 0 < scale <= 1",
                            APF_SHAPE_TEXT(shape), scale);
  const coefficient_sizes n = {apf_shape_count(shape) / 2, scale};
  return apf_graph_add(g, &triangle_kind, &logits, 1, shape, &n, sizeof n);
}
