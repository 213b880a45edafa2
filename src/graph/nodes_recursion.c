/** Recursions, filters and interpolation along time; leading axes are flattened to a batch. */
#include "graph/node.h"

typedef struct sizes {
  int64_t B, T, F, M;
} sizes;

/** Records a mistake unless F, a number of frames, fits T samples. */
static void check_frames(apf_graph *g, const char *function, const char *name, int64_t F, int64_t T,
                         bool interpolated)
{
  if (F == T || F == 1 || (interpolated && F > 1)) return;
  apf_graph_refuse(g, function, "%s has %lld frames for %lld samples, expected %s", name,
                   (long long)F, (long long)T, interpolated ? "at least 1" : "1 or as many");
}

/* --- all-pole -------------------------------------------------------------------------------- */

static apf_status allpole_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, allpole_forward, n->B, n->T, n->F, n->M, s->in[0], s->in[1], s->in[2],
                  s->out[0], NULL);
}

static apf_status allpole_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, allpole_backward, n->B, n->T, n->F, n->M, s->d_out[0], NULL, s->in[1],
                  s->in[2], s->out[0], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind allpole_kind = {
    .name = "allpole",
    .forward = allpole_forward,
    .backward = allpole_backward,
    .backward_reads_inputs = APF_BIT(1) | APF_BIT(2),
    .backward_reads_outputs = APF_BIT(0),
    .output_may_replace = APF_BIT(0),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_allpole(apf_graph *g, apf_var x, apf_var a, apf_var zi)
{
  const apf_operand operands[] = {{"x", x, 1, false}, {"a", a, 2, false}, {"zi", zi, 1, true}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 3, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]), a_shape = apf_graph_shape(g, v[1]);
  const sizes n = {apf_shape_count(lead), shape.size[lead.dims], a_shape.size[lead.dims],
                   a_shape.size[lead.dims + 1]};
  check_frames(g, __func__, "a", n.F, n.T, true);
  if (zi.id && apf_graph_shape(g, v[2]).size[lead.dims] != n.M)
    apf_graph_refuse(g, __func__, "zi is %s, expected [...,%lld]",
                     APF_SHAPE_TEXT(apf_graph_shape(g, zi)), (long long)n.M);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  return apf_graph_add(g, &allpole_kind, v, 3, shape, &n, sizeof n);
}

/* --- first-order recurrence ------------------------------------------------------------------ */

static apf_status recurrence_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, recurrence_forward, n->B, n->T, n->F, s->in[0], s->in[1], s->in[2], s->out[0],
                  NULL);
}

static apf_status recurrence_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, recurrence_backward, n->B, n->T, n->F, s->d_out[0], NULL, s->in[1], s->in[2],
                  s->out[0], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind recurrence_kind = {
    .name = "recurrence",
    .forward = recurrence_forward,
    .backward = recurrence_backward,
    .backward_reads_inputs = APF_BIT(1) | APF_BIT(2),
    .backward_reads_outputs = APF_BIT(0),
    .output_may_replace = APF_BIT(0),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_recurrence(apf_graph *g, apf_var x, apf_var a, apf_var zi)
{
  const apf_operand operands[] = {{"x", x, 1, false}, {"a", a, 1, false}, {"zi", zi, 0, true}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 3, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]);
  const sizes n = {apf_shape_count(lead), shape.size[lead.dims],
                   apf_graph_shape(g, v[1]).size[lead.dims], 1};
  check_frames(g, __func__, "a", n.F, n.T, false);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  return apf_graph_add(g, &recurrence_kind, v, 3, shape, &n, sizeof n);
}

/* --- ballistics ------------------------------------------------------------------------------ */

static apf_status ballistics_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, ballistics_forward, n->B, n->T, s->in[0], s->in[3], s->in[1], s->in[2],
                  s->out[0], NULL);
}

static apf_status ballistics_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, ballistics_backward, n->B, n->T, s->d_out[0], NULL, s->in[0], s->in[3],
                  s->in[1], s->in[2], s->out[0], s->d_in[0], s->d_in[3], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind ballistics_kind = {
    .name = "ballistics",
    .forward = ballistics_forward,
    .backward = ballistics_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2) | APF_BIT(3),
    .backward_reads_outputs = APF_BIT(0),
    .output_may_replace = APF_BIT(0),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_ballistics(apf_graph *g, apf_var x, apf_var at, apf_var rt, apf_var zi)
{
  const apf_operand operands[] = {
      {"x", x, 1, false}, {"at", at, 0, false}, {"rt", rt, 0, false}, {"zi", zi, 0, true}};
  apf_var v[4];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 4, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]);
  const sizes n = {apf_shape_count(lead), shape.size[lead.dims], 1, 1};
  return apf_graph_add(g, &ballistics_kind, v, 4, shape, &n, sizeof n);
}

/* --- time-varying FIR ------------------------------------------------------------------------ */

static apf_status fir_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, fir_forward, n->B, n->T, n->F, n->M, s->in[0], s->in[1], s->in[2], s->out[0],
                  NULL);
}

static apf_status fir_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, fir_backward, n->B, n->T, n->F, n->M, s->d_out[0], NULL, s->in[0], s->in[1],
                  s->in[2], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind fir_kind = {
    .name = "fir",
    .forward = fir_forward,
    .backward = fir_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2),
};

apf_var apf_fir(apf_graph *g, apf_var x, apf_var b, apf_var zi)
{
  const apf_operand operands[] = {{"x", x, 1, false}, {"b", b, 2, false}, {"zi", zi, 1, true}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 3, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]), b_shape = apf_graph_shape(g, v[1]);
  const sizes n = {apf_shape_count(lead), shape.size[lead.dims], b_shape.size[lead.dims],
                   b_shape.size[lead.dims + 1]};
  check_frames(g, __func__, "b", n.F, n.T, true);
  if (zi.id && apf_graph_shape(g, v[2]).size[lead.dims] != n.M - 1)
    apf_graph_refuse(g, __func__, "zi is %s, expected [...,%lld]",
                     APF_SHAPE_TEXT(apf_graph_shape(g, zi)), (long long)n.M - 1);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  return apf_graph_add(g, &fir_kind, v, 3, shape, &n, sizeof n);
}

/* --- interpolation --------------------------------------------------------------------------- */

static apf_status interpolate_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, interpolate_forward, n->B, n->F, n->T, n->M, s->in[0], s->out[0]);
}

static apf_status interpolate_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, interpolate_backward, n->B, n->F, n->T, n->M, s->d_out[0], s->d_in[0]);
}

static const apf_node_kind interpolate_kind = {
    .name = "interpolate", .forward = interpolate_forward, .backward = interpolate_backward};

apf_var apf_interpolate(apf_graph *g, apf_var x, int axis, int64_t T)
{
  apf_shape shape = APF_SHAPE_OF(g, x);
  const int i = apf_graph_axis(g, __func__, shape, axis);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.size[i] < 1)
    return apf_graph_refuse(g, __func__, "x is %s: no frames along axis %d", APF_SHAPE_TEXT(shape),
                            axis);
  const sizes n = {apf_shape_product(shape, 0, i), T, shape.size[i],
                   apf_shape_product(shape, i + 1, shape.dims)};
  shape.size[i] = T;
  return apf_graph_add(g, &interpolate_kind, &x, 1, shape, &n, sizeof n);
}

/* --- reflection coefficients ----------------------------------------------------------------- */

static apf_status step_up_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, reflection_to_direct_forward, n->B, n->M, s->in[0], s->out[0]);
}

static apf_status step_up_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, reflection_to_direct_backward, n->B, n->M, s->d_out[0], s->in[0], s->d_in[0]);
}

static const apf_node_kind step_up_kind = {
    .name = "reflection_to_direct",
    .forward = step_up_forward,
    .backward = step_up_backward,
    .backward_reads_inputs = APF_BIT(0),
    .output_may_replace = APF_BIT(0),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_reflection_to_direct(apf_graph *g, apf_var k)
{
  const apf_shape shape = APF_SHAPE_OF(g, k);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims == 0) return apf_graph_refuse(g, __func__, "k is [], expected [...,M]");
  const int64_t M = shape.size[shape.dims - 1];
  const sizes n = {.B = apf_shape_product(shape, 0, shape.dims - 1), .M = M};
  return apf_graph_add(g, &step_up_kind, &k, 1, shape, &n, sizeof n);
}
