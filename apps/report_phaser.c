#include "report_phaser.h"

#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spectrogram.h"

enum { POINTS = 400, PITCHES = 512, NOTCHES = 2, STAGES = 4, N_FFT = 4096 };
enum { LAYERS = 4, MOST_WIDTH = 16, PATH_SIZE = 4400 };

static const double lowest = SPECTROGRAM_LOWEST, highest = SPECTROGRAM_HIGHEST;
static const double pi = 3.14159265358979323846;

/* --- the learned curves, from the model's tensors --------------------------------------------- */

static const double *values_of(const apf_model *model, const char *name, int64_t shape[4])
{
  for (int i = 0; i < apf_model_tensor_count(model); i++) {
    const char *here;
    const double *values;
    apf_model_tensor(model, i, &here, shape, &values);
    if (strcmp(here, name) == 0) return values;
  }
  return NULL;
}

static double value_of(const apf_model *model, const char *name)
{
  int64_t shape[4];
  const double *values = values_of(model, name, shape);
  return values ? values[0] : NAN;
}

static double option_of(const apf_model *model, const char *name)
{
  for (int i = 0; i < apf_model_option_count(model); i++)
    if (strcmp(apf_model_option_info(model, i)->name, name) == 0)
      return atof(apf_model_option(model, i));
  return NAN;
}

static double oscillator(const apf_model *model, double seconds)
{
  const double rate = apf_model_sample_rate(model);
  const double hop = floor(option_of(model, "window") * rate / 4);
  const double frame = (seconds - option_of(model, "origin")) * rate / hop;
  return value_of(model, "lfo.amp") *
         cos(value_of(model, "lfo.phi") + value_of(model, "lfo.omega") * frame);
}

static double waveshape(const apf_model *model, double s)
{
  double from[MOST_WIDTH] = {s}, to[MOST_WIDTH] = {0};
  for (int layer = 0; layer < LAYERS; layer++) {
    char name[32];
    int64_t shape[4] = {0}, unused[4];
    snprintf(name, sizeof name, "mlp.model.%d.weight", 2 * layer);
    const double *weight = values_of(model, name, shape);
    snprintf(name, sizeof name, "mlp.model.%d.bias", 2 * layer);
    const double *bias = values_of(model, name, unused);
    if (!weight || !bias || shape[0] > MOST_WIDTH || shape[1] > MOST_WIDTH) return NAN;
    for (int64_t o = 0; o < shape[0]; o++) {
      double sum = bias[o];
      for (int64_t i = 0; i < shape[1]; i++) sum += weight[o * shape[1] + i] * from[i];
      to[o] = layer + 1 < LAYERS ? tanh(sum) : sum;
    }
    memcpy(from, to, sizeof from);
  }
  return from[0];
}

static double pole(const apf_model *model, double w)
{
  const double t = tan(value_of(model, "bias") + value_of(model, "depth") * (1 + w) / 2);
  return tanh((1 - t) / (1 + t));
}

/** |H| at a frequency, in dB. */
static double response_db(const apf_model *model, double p, double hertz)
{
  int64_t shape[4];
  const double *forward = values_of(model, "bq.ff_params", shape);
  const double *back = values_of(model, "bq.fb_params", shape);
  const double a1 = 2 * tanh(back[0]);
  const double a2 = ((2 - fabs(a1)) * tanh(back[1]) + fabs(a1)) / 2;
  const double complex z = cexp(-2 * pi * I * hertz / apf_model_sample_rate(model));
  const double complex biquad =
      (value_of(model, "bq.DC") + z * (forward[0] + z * forward[1])) / (1 + z * (a1 + z * a2));
  const double complex h = cpow((p - z) / (1 - p * z), STAGES);
  const double complex loop = h / (1 - fabs(value_of(model, "g2")) * h);
  return 20 * log10(cabs(biquad * (value_of(model, "g1") + loop)) + 1e-12);
}

/** The frequencies of the lowest notches, NaN where there are fewer. */
static void find_notches(const apf_model *model, double p, double *hertz)
{
  int found = 0;
  double before = INFINITY, here = INFINITY;
  for (int k = 0; k < NOTCHES; k++) hertz[k] = NAN;
  for (int i = 0; i <= PITCHES && found < NOTCHES; i++) {
    const double at = lowest * pow(highest / lowest, (double)i / PITCHES);
    const double after = response_db(model, p, at);
    if (here < before && here <= after && i > 1)
      hertz[found++] = at * pow(highest / lowest, -1.0 / PITCHES);
    before = here;
    here = after;
  }
}

/* --- the figures ------------------------------------------------------------------------------ */

bool plot_phaser(const char *run, const apf_model *model, double start, const apf_audio *target,
                 const apf_audio *output)
{
  char path[PATH_SIZE];
  double time[POINTS], lfo[POINTS], shape[POINTS], p[POINTS], notch[NOTCHES][POINTS];
  for (int i = 0; i < POINTS; i++) {
    double hertz[NOTCHES];
    time[i] = (double)output->frames / output->sample_rate * i / (POINTS - 1);
    lfo[i] = oscillator(model, start + time[i]);
    const double w = waveshape(model, lfo[i]);
    shape[i] = (1 + w) / 2;
    p[i] = pole(model, w);
    find_notches(model, p[i], hertz);
    for (int k = 0; k < NOTCHES; k++) notch[k][i] = hertz[k];
  }
  const plot_line curves[] = {{"oscillator", POINTS, time, lfo},
                              {"after the waveshaper", POINTS, time, shape}};
  const plot_figure curve_figure = {
      .title = "Learned LFO", .x_label = "seconds of the validation part", .y_label = ""};
  const plot_line poles[] = {{"pole", POINTS, time, p}};
  const plot_figure pole_figure = {
      .title = "All-pass pole p", .x_label = "seconds of the validation part", .y_label = ""};
  const plot_line notches[] = {{"lowest notch", POINTS, time, notch[0]},
                               {"second notch", POINTS, time, notch[1]}};
  snprintf(path, sizeof path, "%s/report/lfo.svg", run);
  bool good = plot_write(path, &curve_figure, 2, curves);
  snprintf(path, sizeof path, "%s/report/all_pass.svg", run);
  good = good && plot_write(path, &pole_figure, 1, poles);
  snprintf(path, sizeof path, "%s/report/target.svg", run);
  good = good && spectrogram_write(path, "Target, with the learned notches", target, N_FFT, NOTCHES,
                                   notches);
  snprintf(path, sizeof path, "%s/report/output.svg", run);
  return good && spectrogram_write(path, "Output, with the learned notches", output, N_FFT, NOTCHES,
                                   notches);
}
