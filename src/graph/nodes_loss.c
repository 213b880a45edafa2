/** Losses. */
#include "graph/node.h"

typedef struct rows {
  int64_t B, R, T;
  double epsilon;
} rows;

/**
 * The rows that a loss compares: the first `keep` axes of pred stay, and with `split` the others
 * but the last make rows of their own, else everything behind `keep` is one row. Target may lack
 * leading axes of pred; *target is expanded if a row needs more than it has. False after a mistake.
 */
static bool find_rows(apf_graph *g, const char *function, apf_var pred, apf_var *target, int keep,
                      bool split, rows *out)
{
  const apf_shape p = apf_graph_argument_shape(g, function, "pred", pred);
  const apf_shape t = apf_graph_argument_shape(g, function, "target", *target);
  if (apf_graph_status(g) != APF_OK) return false;
  bool fits = p.dims >= 1 && t.dims >= 1 && t.dims <= p.dims;
  for (int i = 1; fits && i <= t.dims; i++) fits = t.size[t.dims - i] == p.size[p.dims - i];
  if (!fits) {
    apf_graph_refuse(g, function, "target is %s, expected the shape of pred, %s, or its last axes",
                     APF_SHAPE_TEXT(t), APF_SHAPE_TEXT(p));
    return false;
  }
  if (keep < 0 || keep >= p.dims) {
    apf_graph_refuse(g, function, "keep is %d, expected 0 to %d", keep, p.dims - 1);
    return false;
  }
  const int row_axis = split ? p.dims - 1 : keep;
  out->B = apf_shape_product(p, 0, row_axis);
  out->T = apf_shape_product(p, row_axis, p.dims);
  int64_t count = apf_shape_count(t);
  if (t.dims < p.dims - row_axis) {
    apf_shape whole = {.dims = p.dims - row_axis};
    for (int i = 0; i < whole.dims; i++) whole.size[i] = p.size[row_axis + i];
    *target = apf_expand(g, *target, whole);
    count = out->T;
  }
  out->R = out->T > 0 ? count / out->T : 1;
  if (out->R < 1) out->R = 1;
  return apf_graph_status(g) == APF_OK;
}

/** The mean of what row losses there are behind the first `keep` axes. */
static apf_var mean_of_rows(apf_graph *g, apf_var losses, apf_shape pred, int keep)
{
  const apf_shape kept = apf_shape_lead(pred, keep);
  const int64_t rest = apf_shape_count(apf_graph_shape(g, losses));
  if (rest == apf_shape_count(kept)) return apf_reshape(g, losses, kept);
  return apf_mean(g, apf_reshape(g, losses, apf_shape_lead(pred, pred.dims - 1)),
                  APF_AXES_FROM(keep), false);
}

/* --- L1 after pre-emphasis ------------------------------------------------------------------- */

static apf_status l1_forward(const apf_step *s)
{
  const rows *r = s->attributes;
  return APF_CALL(s, preemphasis_l1_forward, r->B, r->R, r->T, s->in[0], s->in[1], s->out[0]);
}

static apf_status l1_backward(const apf_step *s)
{
  const rows *r = s->attributes;
  return APF_CALL(s, preemphasis_l1_backward, r->B, r->R, r->T, s->d_out[0], s->in[0], s->in[1],
                  s->d_in[0], s->d_in[1]);
}

static const apf_node_kind l1_kind = {
    .name = "preemphasis_l1",
    .forward = l1_forward,
    .backward = l1_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
};

apf_var apf_preemphasis_l1(apf_graph *g, apf_var pred, apf_var target, int keep)
{
  rows r = {0};
  if (!find_rows(g, __func__, pred, &target, keep, true, &r)) return APF_NO_VAR;
  apf_var losses =
      apf_graph_add(g, &l1_kind, (apf_var[]){pred, target}, 2, APF_SHAPE(r.B), &r, sizeof r);
  return mean_of_rows(g, losses, apf_graph_shape(g, pred), keep);
}

/* --- error-to-signal ratio ------------------------------------------------------------------- */

static apf_status esr_forward(const apf_step *s)
{
  const rows *r = s->attributes;
  return APF_CALL(s, esr_forward, r->B, r->R, r->T, r->epsilon, s->in[0], s->in[1], s->out[0],
                  s->out[1]);
}

static apf_status esr_backward(const apf_step *s)
{
  const rows *r = s->attributes;
  return APF_CALL(s, esr_backward, r->B, r->R, r->T, s->d_out[0], s->in[0], s->in[1], s->out[0],
                  s->out[1], s->d_in[0], s->d_in[1]);
}

static const apf_node_kind esr_kind = {
    .name = "esr",
    .forward = esr_forward,
    .backward = esr_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
    .backward_reads_outputs = APF_BIT(0) | APF_BIT(1),
};

apf_var apf_esr(apf_graph *g, apf_var pred, apf_var target, apf_esr_kind kind, int keep)
{
  rows r = {0};
  if (kind < APF_ESR_TOTAL || kind > APF_ESR_ROWS)
    return apf_graph_refuse(g, __func__, "kind is %d, expected APF_ESR_TOTAL to APF_ESR_ROWS",
                            (int)kind);
  if (!find_rows(g, __func__, pred, &target, keep, kind == APF_ESR_ROWS, &r)) return APF_NO_VAR;
  const double epsilon = 1e-8;
  r.epsilon = kind == APF_ESR_TOTAL ? 0 : kind == APF_ESR_MEAN ? epsilon * (double)r.T : epsilon;
  const apf_shape shapes[] = {APF_SHAPE(r.B), APF_SHAPE(r.B)}; /* the loss; its denominator */
  apf_var out[2];
  apf_graph_add_outputs(g, &esr_kind, (apf_var[]){pred, target}, 2, shapes, 2, out, &r, sizeof r);
  return mean_of_rows(g, out[0], apf_graph_shape(g, pred), keep);
}
