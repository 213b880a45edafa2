/** Log-mel spectrograms and spectral losses. */
#include "graph/node.h"

#include <math.h>

/* --- log-mel --------------------------------------------------------------------------------- */

typedef struct mel_sizes {
  int64_t B, T;
  apf_log_mel_settings mel;
} mel_sizes;

static apf_status log_mel_forward(const apf_step *s)
{
  const mel_sizes *n = s->attributes;
  const apf_log_mel_settings *m = &n->mel;
  return APF_CALL(s, log_mel_forward, n->B, n->T, m->n_fft, m->n_fft, m->hop, m->bands,
                  m->sample_rate, 0, m->sample_rate / 2, m->eps, m->offset, s->in[0], s->out[0]);
}

static apf_status log_mel_backward(const apf_step *s)
{
  const mel_sizes *n = s->attributes;
  const apf_log_mel_settings *m = &n->mel;
  return APF_CALL(s, log_mel_backward, n->B, n->T, m->n_fft, m->n_fft, m->hop, m->bands,
                  m->sample_rate, 0, m->sample_rate / 2, m->eps, m->offset, s->d_out[0], s->in[0],
                  s->d_in[0]);
}

static const apf_node_kind log_mel_kind = {
    .name = "log_mel",
    .forward = log_mel_forward,
    .backward = log_mel_backward,
    .backward_reads_inputs = APF_BIT(0),
};

apf_var apf_log_mel(apf_graph *g, apf_var x, apf_log_mel_settings settings)
{
  const apf_shape shape = APF_SHAPE_OF(g, x);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  if (shape.dims == 0) return apf_graph_refuse(g, __func__, "x is [], expected [...,T]");
  const apf_shape lead = apf_shape_lead(shape, shape.dims - 1);
  const mel_sizes n = {apf_shape_count(lead), shape.size[lead.dims], settings};
  if (settings.hop < 1 || n.T <= settings.n_fft / 2)
    return apf_graph_refuse(g, __func__, "x is %s, too short for a frame of %lld samples",
                            APF_SHAPE_TEXT(shape), (long long)settings.n_fft);
  const int64_t F = n.T / settings.hop + 1;
  return apf_graph_add(g, &log_mel_kind, &x, 1,
                       apf_shape_append(apf_shape_append(lead, settings.bands), F), &n, sizeof n);
}

/* --- one resolution -------------------------------------------------------------------------- */

typedef struct loss_sizes {
  int64_t P, B, T, n_fft, window, hop, bands;
  double sample_rate;
  int shared;
} loss_sizes;

static apf_status stft_loss_forward(const apf_step *s)
{
  const loss_sizes *n = s->attributes;
  return APF_CALL(s, stft_loss_forward, n->P, n->B, n->T, n->shared, n->n_fft, n->window, n->hop,
                  n->bands, n->sample_rate, s->in[0], s->in[1], s->out[0], s->out[1]);
}

static apf_status stft_loss_backward(const apf_step *s)
{
  const loss_sizes *n = s->attributes;
  if (s->d_in[1])
    return apf_fail(s->ctx, APF_ERR_ARGUMENT, "stft_loss",
                    "the target has a gradient, expected data");
  if (!s->d_in[0]) return APF_OK;
  return APF_CALL(s, stft_loss_backward, n->P, n->B, n->T, n->shared, n->n_fft, n->window, n->hop,
                  n->bands, n->sample_rate, s->d_out[0], s->in[0], s->in[1], s->out[1], s->d_in[0]);
}

static const apf_node_kind stft_loss_kind = {
    .name = "stft_loss",
    .forward = stft_loss_forward,
    .backward = stft_loss_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
    .backward_reads_outputs = APF_BIT(1),
};

/** Sets, rows and samples of pred; expands the target to what one set or all of them need. */
static bool match(apf_graph *g, const char *function, apf_var pred, apf_var *target, int keep,
                  loss_sizes *n)
{
  const apf_shape shape = apf_graph_argument_shape(g, function, "pred", pred);
  const apf_shape to = apf_graph_argument_shape(g, function, "target", *target);
  if (apf_graph_status(g) != APF_OK) return false;
  if (keep < 0 || keep >= shape.dims || to.dims > shape.dims) {
    apf_graph_refuse(g, function,
                     "pred is %s, target %s, keep %d, expected [...,T], its trailing "
                     "axes, and fewer than pred has",
                     APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(to), keep);
    return false;
  }
  apf_shape wanted = shape;
  n->shared = to.dims <= shape.dims - keep;
  if (n->shared) {
    wanted.dims -= keep;
    for (int i = 0; i < wanted.dims; i++) wanted.size[i] = shape.size[i + keep];
  }
  n->P = apf_shape_product(shape, 0, keep);
  n->B = apf_shape_product(shape, keep, shape.dims - 1);
  n->T = shape.size[shape.dims - 1];
  if (!apf_shape_equal(to, wanted)) *target = apf_expand(g, *target, wanted);
  return apf_graph_status(g) == APF_OK;
}

static apf_var stft_loss(apf_graph *g, const char *function, apf_var pred, apf_var target, int keep,
                         loss_sizes n)
{
  if (!match(g, function, pred, &target, keep, &n)) return APF_NO_VAR;
  if (n.T <= n.n_fft / 2)
    return apf_graph_refuse(g, function, "pred has %lld samples, expected more than %lld",
                            (long long)n.T, (long long)n.n_fft / 2);
  const apf_shape loss = apf_shape_lead(apf_graph_shape(g, pred), keep);
  const apf_shape shapes[] = {loss, apf_shape_append(loss, 3)};
  apf_var out[2] = {APF_NO_VAR, APF_NO_VAR};
  apf_graph_add_outputs(g, &stft_loss_kind, (apf_var[]){pred, target}, 2, shapes, 2, out, &n,
                        sizeof n);
  return out[0];
}

/* --- the losses ------------------------------------------------------------------------------ */

apf_var apf_mrstft_loss(apf_graph *g, apf_var pred, apf_var target, int keep)
{
  static const loss_sizes resolutions[] = {{.n_fft = 1024, .window = 600, .hop = 120},
                                           {.n_fft = 2048, .window = 1200, .hop = 240},
                                           {.n_fft = 512, .window = 240, .hop = 50}};
  apf_var sum = APF_NO_VAR;
  for (int i = 0; i < 3; i++) {
    const apf_var one = stft_loss(g, __func__, pred, target, keep, resolutions[i]);
    sum = i == 0 ? one : apf_add(g, sum, one);
  }
  return apf_scale(g, sum, 1.0 / 3);
}

apf_var apf_mel_stft_loss(apf_graph *g, apf_var pred, apf_var target, double sample_rate, int keep)
{
  const loss_sizes settings = {
      .n_fft = 1024, .window = 1024, .hop = 32, .bands = 128, .sample_rate = sample_rate};
  return stft_loss(g, __func__, pred, target, keep, settings);
}

/* --- cepstral distance ----------------------------------------------------------------------- */

enum { MFCC_BANDS = 128, MFCC_KEPT = 40 };

static apf_status linear_forward(const apf_step *s)
{
  const int64_t *rows = s->attributes;
  return APF_CALL(s, linear_forward, 1, *rows, MFCC_BANDS, MFCC_KEPT, s->in[0], s->in[1], NULL,
                  s->out[0]);
}

static apf_status linear_backward(const apf_step *s)
{
  const int64_t *rows = s->attributes;
  return APF_CALL(s, linear_backward, 1, *rows, MFCC_BANDS, MFCC_KEPT, s->d_out[0], s->in[0],
                  s->in[1], s->d_in[0], s->d_in[1], NULL);
}

static const apf_node_kind cosine_kind = {
    .name = "mfcc",
    .forward = linear_forward,
    .backward = linear_backward,
    .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
};

/** [...,T] to [...,F,MFCC_KEPT]: cosines of the log-mel spectrogram along the bands. */
static apf_var mfcc(apf_graph *g, apf_var x, apf_var cosines, double sample_rate)
{
  const apf_log_mel_settings settings = {.n_fft = 1024,
                                         .hop = 32,
                                         .bands = MFCC_BANDS,
                                         .sample_rate = sample_rate,
                                         .eps = 1e-6,
                                         .offset = true};
  const apf_var log_mel = apf_log_mel(g, x, settings);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  apf_shape shape = apf_graph_shape(g, log_mel);
  const int last = shape.dims - 1;
  int order[APF_MAX_DIMS];
  for (int i = 0; i <= last; i++) order[i] = i;
  order[last] = last - 1;
  order[last - 1] = last;
  const apf_var in[] = {apf_transpose(g, log_mel, order), cosines};
  shape.size[last - 1] = shape.size[last];
  shape.size[last] = MFCC_KEPT;
  const int64_t rows = apf_shape_product(shape, 0, last);
  if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
  return apf_graph_add(g, &cosine_kind, in, 2, shape, &rows, sizeof rows);
}

apf_var apf_mfcc_l1(apf_graph *g, apf_var pred, apf_var target, double sample_rate, int keep)
{
  const double pi = 3.14159265358979323846;
  double cosines[MFCC_KEPT * MFCC_BANDS];
  for (int k = 0; k < MFCC_KEPT; k++)
    for (int m = 0; m < MFCC_BANDS; m++)
      cosines[k * MFCC_BANDS + m] =
          sqrt((k == 0 ? 1.0 : 2.0) / MFCC_BANDS) * cos(pi * k * (m + 0.5) / MFCC_BANDS);
  const apf_var table = apf_graph_table(g, APF_SHAPE(MFCC_KEPT, MFCC_BANDS), cosines);
  const apf_var difference =
      apf_sub(g, mfcc(g, pred, table, sample_rate), mfcc(g, target, table, sample_rate));
  return apf_mean(g, apf_abs(g, difference), APF_AXES_FROM(keep), false);
}
