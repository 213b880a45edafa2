#include "effects/phaser_rt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "effects/phaser.h"

enum { H = APF_PHASER_HIDDEN, ORDER = 6, LAYERS = 4 };

static const double PI = 3.14159265358979323846;

/** One layer of the waveshaper, at most H to H. */
typedef struct layer {
  int in, out;
  double weight[H * H], bias[H];
} layer;

/** The two filters: numerator, and denominator with its leading 1. */
typedef struct coefficients {
  double b[ORDER + 1], a[ORDER + 1];
} coefficients;

typedef struct history {
  double x[ORDER], y[ORDER]; /* newest first */
} history;

typedef struct phaser_rt {
  double rate, model_rate; /* Hz */
  int64_t hop, position;   /* samples of a frame; those of the present one that are done */
  int channels;
  layer shaper[LAYERS];
  double amplitude, g1, g2, depth, bias, biquad_b[3], biquad_a[3];
  double turn, first_angle, phase, angle; /* radians: a frame's, frame 0's, phi, the next frame's */
  coefficients now, next;
  history channel[];
} phaser_rt;

static double option_number(const apf_model *model, const char *name)
{
  return strtod(apf_model_option_text(model, name), NULL);
}

size_t apf_phaser_rt_bytes(const apf_model *model, int sample_rate, int channels)
{
  (void)model;
  (void)sample_rate;
  return sizeof(phaser_rt) + (size_t)channels * sizeof(history);
}

/* --- frames ----------------------------------------------------------------------------------- */

static double waveshape(const phaser_rt *r, double s)
{
  double from[H] = {s}, to[H];
  for (int l = 0; l < LAYERS; l++) {
    const layer *y = &r->shaper[l];
    for (int o = 0; o < y->out; o++) {
      double sum = y->bias[o];
      for (int i = 0; i < y->in; i++) sum += y->weight[o * y->in + i] * from[i];
      to[o] = l + 1 < LAYERS ? tanh(sum) : sum;
    }
    memcpy(from, to, sizeof from);
  }
  return from[0];
}

/** The all-pass pole of the same break frequency at the host's rate. */
static double move_to_rate(const phaser_rt *r, double p)
{
  if (r->rate == r->model_rate) return p;
  const double w = 2 * atan((1 - p) / (1 + p)) * r->model_rate / r->rate;
  const double t = tan(fmin(w, 0.99 * PI) / 2);
  return (1 - t) / (1 + t);
}

/** c (3) times q (5). */
static void multiply(const double *c, const double *q, double *out)
{
  for (int i = 0; i <= ORDER; i++) {
    out[i] = 0;
    for (int k = 0; k < 3; k++)
      if (i - k >= 0 && i - k <= 4) out[i] += c[k] * q[i - k];
  }
}

static void describe_frame(const phaser_rt *r, double angle, coefficients *out)
{
  const double w = waveshape(r, r->amplitude * cos(angle));
  const double tangent = tan(r->bias + r->depth * (1 + w) / 2);
  const double p = move_to_rate(r, tanh((1 - tangent) / (1 + tangent)));
  const double p2 = p * p, A[] = {1, -4 * p, 6 * p2, -4 * p2 * p, p2 * p2};
  const double inverse = 1 / (1 - r->g2 * A[4]);
  double numerator[5], denominator[5];
  for (int i = 0; i < 5; i++) {
    const double n = A[4 - i] * inverse;
    denominator[i] = A[i] * inverse - r->g2 * n;
    numerator[i] = r->g1 * denominator[i] + n;
  }
  multiply(r->biquad_b, numerator, out->b);
  multiply(r->biquad_a, denominator, out->a);
}

static void next_frame(phaser_rt *r)
{
  r->now = r->next;
  r->position = 0;
  r->angle = remainder(r->angle + r->turn, 2 * PI);
  describe_frame(r, r->angle, &r->next);
}

/* --- life ------------------------------------------------------------------------------------- */

static void load_shaper(phaser_rt *r, const apf_model *model)
{
  for (int l = 0; l < LAYERS; l++) {
    char name[32];
    snprintf(name, sizeof name, "mlp.model.%d.weight", 2 * l);
    const apf_raw_tensor *weight = apf_model_find_tensor(model, name);
    snprintf(name, sizeof name, "mlp.model.%d.bias", 2 * l);
    const apf_raw_tensor *bias = apf_model_find_tensor(model, name);
    r->shaper[l].out = (int)weight->shape[0];
    r->shaper[l].in = (int)weight->shape[1];
    memcpy(r->shaper[l].weight, weight->values, (size_t)weight->count * sizeof(double));
    memcpy(r->shaper[l].bias, bias->values, (size_t)bias->count * sizeof(double));
  }
}

void apf_phaser_rt_start(void *state, const apf_model *model, int sample_rate, int channels)
{
  phaser_rt *r = state;
  const double model_hop = (double)apf_phaser_hop(model);
  r->rate = sample_rate;
  r->model_rate = model->sample_rate;
  r->channels = channels;
  r->hop = (int64_t)fmax(1, rint(model_hop * r->rate / r->model_rate));
  load_shaper(r, model);
  r->amplitude = *apf_model_scalar(model, "lfo.amp");
  r->g1 = *apf_model_scalar(model, "g1");
  r->g2 = fabs(*apf_model_scalar(model, "g2"));
  r->depth = *apf_model_scalar(model, "depth");
  r->bias = *apf_model_scalar(model, "bias");
  const double *forward = apf_model_scalar(model, "bq.ff_params");
  const double *back = apf_model_scalar(model, "bq.fb_params");
  const double a1 = 2 * tanh(back[0]);
  const double a2 = ((2 - fabs(a1)) * tanh(back[1]) + fabs(a1)) / 2;
  memcpy(r->biquad_b, (double[]){*apf_model_scalar(model, "bq.DC"), forward[0], forward[1]},
         sizeof r->biquad_b);
  memcpy(r->biquad_a, (double[]){1, a1, a2}, sizeof r->biquad_a);

  const double omega = *apf_model_scalar(model, "lfo.omega");
  r->turn = omega * (double)r->hop / model_hop * r->model_rate / r->rate;
  r->phase = *apf_model_scalar(model, "lfo.phi");
  r->first_angle = r->phase - omega * option_number(model, "origin") * r->model_rate / model_hop;
  apf_phaser_rt_reset(state);
}

void apf_phaser_rt_reset(void *state)
{
  phaser_rt *r = state;
  memset(r->channel, 0, (size_t)r->channels * sizeof *r->channel);
  r->angle = r->first_angle;
  describe_frame(r, r->angle, &r->next);
  next_frame(r);
}

int apf_phaser_rt_latency(const void *state)
{
  (void)state;
  return 0;
}

void apf_phaser_rt_set(void *state, int parameter, double value)
{
  phaser_rt *r = state;
  const double sign = r->turn < 0 ? -1 : 1;
  switch (parameter) {
    case APF_PHASER_RATE: r->turn = sign * 2 * PI * value * (double)r->hop / r->rate; break;
    case APF_PHASER_PHASE: {
      const double change = sign * 2 * PI * value - r->phase;
      r->phase += change;
      r->first_angle += change;
      r->angle += change;
      break;
    }
    case APF_PHASER_FEEDBACK: r->g2 = value; break;
    case APF_PHASER_THROUGH: r->g1 = value; break;
    case APF_PHASER_DEPTH: r->depth = value; break;
    case APF_PHASER_BIAS: r->bias = value; break;
    default: break;
  }
}

/* --- samples ---------------------------------------------------------------------------------- */

static void push(double *values, double newest)
{
  memmove(values + 1, values, (ORDER - 1) * sizeof *values);
  values[0] = newest;
}

static float filter(history *h, const coefficients *c, double x)
{
  double v = c->b[0] * x;
  for (int i = 0; i < ORDER; i++) v += c->b[i + 1] * h->x[i] - c->a[i + 1] * h->y[i];
  if (!isfinite(v)) { /* a state that could not recover by itself */
    memset(h, 0, sizeof *h);
    return 0;
  }
  push(h->x, x);
  push(h->y, v);
  return (float)v;
}

void apf_phaser_rt_process(void *state, int64_t frames, const float *const *in, float *const *out)
{
  phaser_rt *r = state;
  for (int64_t t = 0; t < frames; t++) {
    coefficients c;
    const double part = (double)r->position / (double)r->hop;
    for (int i = 0; i <= ORDER; i++) {
      c.b[i] = r->now.b[i] + part * (r->next.b[i] - r->now.b[i]);
      c.a[i] = r->now.a[i] + part * (r->next.a[i] - r->now.a[i]);
    }
    for (int k = 0; k < r->channels; k++) {
      const double x = isfinite(in[k][t]) ? (double)in[k][t] : 0;
      out[k][t] = filter(&r->channel[k], &c, x);
    }
    if (++r->position == r->hop) next_frame(r);
  }
}
