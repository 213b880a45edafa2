#include "effects/synth_voice.h"

#include <math.h>

#include "effects/synth_lstm.h"

static const double LOWEST_HZ = 100, HIGHEST_HZ = 8000;
static const double PI = 3.14159265358979323846;
/* Keeps the poles off the unit circle and the envelope off its corners. */
static const double STABILITY = 1e-3;

/** low (high/low)^x */
static apf_var exponential(apf_graph *g, apf_var x, double low, double high)
{
  return apf_exp(g, apf_affine(g, x, log(high / low), log(low)));
}

double apf_voice_cutoff_hz(double cutoff)
{
  return LOWEST_HZ * pow(HIGHEST_HZ / LOWEST_HZ, cutoff);
}

double apf_voice_q(double resonance)
{
  return APF_VOICE_LOWEST_Q * pow(APF_VOICE_HIGHEST_Q / APF_VOICE_LOWEST_Q, resonance);
}

static apf_var column(apf_graph *g, apf_var per_note)
{
  return apf_reshape(g, per_note, APF_SHAPE(apf_graph_shape(g, per_note).size[0], 1));
}

static void coefficients(apf_graph *g, const apf_voice_settings *s, const apf_voice_controls *c,
                         apf_voice *v)
{
  if (s->filter == APF_VOICE_COEFF) {
    v->a = apf_triangle_coefficients(g, apf_slice(g, c->logits, -1, 0, 2), 1 - STABILITY);
    v->b = apf_slice(g, c->logits, -1, 2, 3);
    return;
  }
  const double radians = 2 * PI / s->sample_rate;
  apf_var w = exponential(g, c->cutoff, LOWEST_HZ * radians, HIGHEST_HZ * radians);
  apf_var q = exponential(g, c->resonance, APF_VOICE_LOWEST_Q, APF_VOICE_HIGHEST_Q);
  apf_lowpass_coefficients(g, w, column(g, q), 1 - STABILITY, &v->a, &v->b);
}

/** The filter of each frame between STFT and inverse. */
static apf_var frequency_sampled(apf_graph *g, const apf_voice_settings *s, const apf_voice *v)
{
  int64_t n_fft = 2;
  while (n_fft < 2 * s->window) n_fft *= 2;
  const apf_var parts[] = {apf_affine(g, apf_slice(g, v->a, -1, 0, 1), 0, 1), v->a};
  return apf_stft_filter(g, v->dry, v->b, apf_concat(g, parts, 2, -1), n_fft, s->window,
                         APF_VOICE_HOP);
}

static apf_var filter(apf_graph *g, const apf_voice_settings *s, const apf_voice_controls *c,
                      apf_voice *v)
{
  if (s->variant == APF_VOICE_LSTM)
    return apf_synth_lstm(g, s->hidden, v->dry, c->cutoff, c->resonance, NULL);
  coefficients(g, s, c, v);
  if (s->variant == APF_VOICE_FS) return frequency_sampled(g, s, v);
  return apf_fir(g, apf_allpole(g, v->dry, v->a, APF_NO_VAR), v->b, APF_NO_VAR);
}

apf_voice apf_synth_voice(apf_graph *g, const apf_voice_settings *s, apf_notes notes,
                          const apf_voice_controls *c)
{
  apf_voice v = {.a = APF_NO_VAR};
  apf_var osc = apf_oscillator(g, notes.f0, notes.phase, c->osc_shape, s->sample_rate, s->samples);
  v.envelope = apf_envelope(g, notes.duration, c->alpha, s->sample_rate, STABILITY, s->samples);
  v.dry = apf_mul(g, apf_mul(g, osc, column(g, c->osc_gain)), v.envelope);
  v.filtered = filter(g, s, c, &v);
  v.wet = apf_tanh(g, apf_mul(g, v.filtered, column(g, c->dist_gain)));
  return v;
}
