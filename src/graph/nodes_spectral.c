/** Spectra: transforms between samples and frames, and filters between them. */
#include "graph/node.h"

typedef struct sizes {
  int64_t B, T, F, n_fft, window, hop, Kb, Ka;
  int reflect;
} sizes;

/** [...,T] to [...,F,K,2]. */
static apf_shape spectrum_shape(apf_shape lead, const sizes *n)
{
  return apf_shape_append(apf_shape_append(apf_shape_append(lead, n->F), n->n_fft / 2 + 1), 2);
}

/** Sizes of frames that the operators would refuse at every step are refused once, here. */
static bool check_frames(apf_graph *g, const char *function, const sizes *n)
{
  if (n->n_fft < 2 || n->n_fft % 2 != 0)
    apf_graph_refuse(g, function, "n_fft is %lld, expected an even number", (long long)n->n_fft);
  else if (n->window < 1 || n->window > n->n_fft)
    apf_graph_refuse(g, function, "window is %lld, expected 1 to n_fft = %lld",
                     (long long)n->window, (long long)n->n_fft);
  else if (n->hop < 1)
    apf_graph_refuse(g, function, "hop is %lld, expected at least 1", (long long)n->hop);
  else if (n->T < 1 || (n->reflect && n->T <= n->n_fft / 2))
    apf_graph_refuse(g, function, "the signal has %lld samples, too few for one frame of %lld",
                     (long long)n->T, (long long)n->n_fft);
  return apf_graph_status(g) == APF_OK;
}

/** The inverse divides by the sum of squared windows. */
static bool check_overlap(apf_graph *g, const char *function, const sizes *n)
{
  if (2 * n->hop > n->window)
    apf_graph_refuse(g, function, "hop is %lld, expected at most window / 2 = %lld",
                     (long long)n->hop, (long long)n->window / 2);
  return apf_graph_status(g) == APF_OK;
}

/* --- STFT ------------------------------------------------------------------------------------ */

static apf_status stft_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, stft_forward, n->B, n->T, n->n_fft, n->window, n->hop, n->reflect, s->in[0],
                  s->out[0]);
}

static apf_status stft_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, stft_backward, n->B, n->T, n->n_fft, n->window, n->hop, n->reflect,
                  s->d_out[0], s->d_in[0]);
}

static const apf_node_kind stft_kind = {
    .name = "stft", .forward = stft_forward, .backward = stft_backward};

apf_var apf_stft(apf_graph *g, apf_var x, int64_t n_fft, int64_t window, int64_t hop, bool reflect)
{
  const apf_shape shape = APF_SHAPE_OF(g, x);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims == 0) return apf_graph_refuse(g, __func__, "x is [], expected [...,T]");
  const apf_shape lead = apf_shape_lead(shape, shape.dims - 1);
  sizes n = {.B = apf_shape_count(lead), .T = shape.size[lead.dims]};
  n.n_fft = n_fft;
  n.window = window;
  n.hop = hop;
  n.reflect = reflect;
  if (!check_frames(g, __func__, &n)) return APF_NO_VAR;
  n.F = n.T / hop + 1;
  return apf_graph_add(g, &stft_kind, &x, 1, spectrum_shape(lead, &n), &n, sizeof n);
}

/* --- inverse STFT ---------------------------------------------------------------------------- */

static apf_status istft_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, istft_forward, n->B, n->T, n->n_fft, n->window, n->hop, s->in[0], s->out[0]);
}

static apf_status istft_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, istft_backward, n->B, n->T, n->n_fft, n->window, n->hop, s->d_out[0],
                  s->d_in[0]);
}

static const apf_node_kind istft_kind = {
    .name = "istft", .forward = istft_forward, .backward = istft_backward};

apf_var apf_istft(apf_graph *g, apf_var X, int64_t T, int64_t window, int64_t hop)
{
  const apf_shape shape = APF_SHAPE_OF(g, X);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims < 3 || shape.size[shape.dims - 1] != 2)
    return apf_graph_refuse(g, __func__, "X is %s, expected [...,F,K,2]", APF_SHAPE_TEXT(shape));
  const apf_shape lead = apf_shape_lead(shape, shape.dims - 3);
  const sizes n = {.B = apf_shape_count(lead),
                   .T = T,
                   .n_fft = 2 * (shape.size[shape.dims - 2] - 1),
                   .window = window,
                   .hop = hop};
  if (!check_frames(g, __func__, &n) || !check_overlap(g, __func__, &n)) return APF_NO_VAR;
  if (shape.size[lead.dims] != T / hop + 1)
    return apf_graph_refuse(g, __func__, "X is %s, expected %lld frames for %lld samples",
                            APF_SHAPE_TEXT(shape), (long long)(T / hop + 1), (long long)T);
  return apf_graph_add(g, &istft_kind, &X, 1, apf_shape_append(lead, T), &n, sizeof n);
}

/* --- rational filter of spectra -------------------------------------------------------------- */

static apf_status frequency_filter_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, frequency_filter_forward, n->B, n->F, n->n_fft, n->Kb, n->Ka, s->in[0],
                  s->in[1], s->in[2], s->out[0]);
}

static apf_status frequency_filter_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, frequency_filter_backward, n->B, n->F, n->n_fft, n->Kb, n->Ka, s->d_out[0],
                  s->in[0], s->in[1], s->in[2], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind frequency_filter_kind = {
    .name = "frequency_filter",
    .forward = frequency_filter_forward,
    .backward = frequency_filter_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2),
    .gradient_may_replace = APF_BIT(0),
};

apf_var apf_frequency_filter(apf_graph *g, apf_var X, apf_var b, apf_var a)
{
  const apf_operand operands[] = {{"X", X, 3, false}, {"b", b, 2, false}, {"a", a, 2, false}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 3, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]), b_shape = apf_graph_shape(g, v[1]),
                  a_shape = apf_graph_shape(g, v[2]);
  const int d = lead.dims;
  if (shape.size[d + 2] != 2 || shape.size[d + 1] < 2 || b_shape.size[d] != shape.size[d] ||
      a_shape.size[d] != shape.size[d])
    return apf_graph_refuse(
        g, __func__, "X is %s, b %s, a %s, expected [...,F,K,2], [...,F,Kb] and [...,F,Ka]",
        APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(b_shape), APF_SHAPE_TEXT(a_shape));
  const sizes n = {.B = apf_shape_count(lead),
                   .F = shape.size[d],
                   .n_fft = 2 * (shape.size[d + 1] - 1),
                   .Kb = b_shape.size[d + 1],
                   .Ka = a_shape.size[d + 1]};
  return apf_graph_add(g, &frequency_filter_kind, v, 3, shape, &n, sizeof n);
}

/* --- the same between STFT and inverse ------------------------------------------------------- */

static apf_status stft_filter_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, stft_filter_forward, n->B, n->T, n->n_fft, n->window, n->hop, n->Kb, n->Ka,
                  s->in[0], s->in[1], s->in[2], s->out[0]);
}

static apf_status stft_filter_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, stft_filter_backward, n->B, n->T, n->n_fft, n->window, n->hop, n->Kb, n->Ka,
                  s->d_out[0], s->in[0], s->in[1], s->in[2], s->d_in[0], s->d_in[1], s->d_in[2]);
}

static const apf_node_kind stft_filter_kind = {
    .name = "stft_filter",
    .forward = stft_filter_forward,
    .backward = stft_filter_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1) | APF_BIT(2),
};

apf_var apf_stft_filter(apf_graph *g, apf_var x, apf_var b, apf_var a, int64_t n_fft,
                        int64_t window, int64_t hop)
{
  const apf_operand operands[] = {{"x", x, 1, false}, {"b", b, 2, false}, {"a", a, 2, false}};
  apf_var v[3];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 3, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]), b_shape = apf_graph_shape(g, v[1]),
                  a_shape = apf_graph_shape(g, v[2]);
  const int d = lead.dims;
  sizes n = {.B = apf_shape_count(lead), .T = shape.size[d], .n_fft = n_fft};
  n.window = window;
  n.hop = hop;
  n.Kb = b_shape.size[d + 1];
  n.Ka = a_shape.size[d + 1];
  if (!check_frames(g, __func__, &n) || !check_overlap(g, __func__, &n)) return APF_NO_VAR;
  n.F = n.T / hop + 1;
  if (b_shape.size[d] != n.F || a_shape.size[d] != n.F)
    return apf_graph_refuse(g, __func__, "b is %s, a is %s, expected %lld frames",
                            APF_SHAPE_TEXT(b_shape), APF_SHAPE_TEXT(a_shape), (long long)n.F);
  return apf_graph_add(g, &stft_filter_kind, v, 3, shape, &n, sizeof n);
}

/* --- phaser between STFT and inverse --------------------------------------------------------- */

static apf_status stft_phaser_forward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, stft_phaser_forward, n->B, n->T, n->n_fft, n->window, n->hop, s->in[0],
                  s->in[1], s->in[2], s->in[3], s->in[4], s->in[5], s->out[0]);
}

static apf_status stft_phaser_backward(const apf_step *s)
{
  const sizes *n = s->attributes;
  return APF_CALL(s, stft_phaser_backward, n->B, n->T, n->n_fft, n->window, n->hop, s->d_out[0],
                  s->in[0], s->in[1], s->in[2], s->in[3], s->in[4], s->in[5], s->d_in[0],
                  s->d_in[1], s->d_in[2], s->d_in[3], s->d_in[4], s->d_in[5]);
}

static const apf_node_kind stft_phaser_kind = {
    .name = "stft_phaser",
    .forward = stft_phaser_forward,
    .backward = stft_phaser_backward,
    .backward_reads_inputs = 0x3f,
};

apf_var apf_stft_phaser(apf_graph *g, apf_var x, apf_var p, apf_var g1, apf_var g2, apf_var b,
                        apf_var a, int64_t n_fft, int64_t window, int64_t hop)
{
  const apf_operand operands[] = {{"x", x, 1, false},   {"p", p, 1, false}, {"g1", g1, 0, false},
                                  {"g2", g2, 0, false}, {"b", b, 1, false}, {"a", a, 1, false}};
  apf_var v[6];
  apf_shape lead;
  if (!apf_graph_align(g, __func__, operands, 6, v, &lead)) return APF_NO_VAR;
  const apf_shape shape = apf_graph_shape(g, v[0]);
  const int d = lead.dims;
  sizes n = {.B = apf_shape_count(lead), .T = shape.size[d], .n_fft = n_fft};
  n.window = window;
  n.hop = hop;
  if (!check_frames(g, __func__, &n) || !check_overlap(g, __func__, &n)) return APF_NO_VAR;
  n.F = n.T / hop + 1;
  const apf_shape p_shape = apf_graph_shape(g, v[1]), b_shape = apf_graph_shape(g, v[4]),
                  a_shape = apf_graph_shape(g, v[5]);
  if (p_shape.size[d] != n.F || b_shape.size[d] != 3 || a_shape.size[d] != 3)
    return apf_graph_refuse(
        g, __func__, "p is %s, b %s, a %s, expected %lld frames and 3 coefficients each",
        APF_SHAPE_TEXT(p_shape), APF_SHAPE_TEXT(b_shape), APF_SHAPE_TEXT(a_shape), (long long)n.F);
  return apf_graph_add(g, &stft_phaser_kind, v, 6, shape, &n, sizeof n);
}
