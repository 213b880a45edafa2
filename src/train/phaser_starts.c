#include "train/phaser_starts.h"

#include <math.h>
#include <stdlib.h>

#include "effects/phaser.h"
#include "graph/optimizer.h"
#include "train/phaser_track.h"

enum { SHAPING_STEPS = 1500 };

static const double PI = 3.14159265358979323846;
static const double slowest = 0.05, fastest = 10; /* Hz, where there is no guess */
static const double least_feedback = 0.01;        /* at 0 its gradient is no help */
static const double shaping_rate = 0.02, shaping_rate_end = 0.0005;

/* --- oscillators ------------------------------------------------------------------------------ */

/** The track whose best guess is the best of all lengths, with its guesses. */
static apf_status choose_track(apf_context *ctx, const apf_pair *pair, int count,
                               apf_phaser_track *best, apf_lfo_guess *guesses, int *found)
{
  apf_lfo_guess *these = malloc((size_t)count * sizeof *these);
  if (!these) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for guesses");
  apf_status status = APF_OK;
  double least = INFINITY;
  for (int length = 0; length < APF_PHASER_TRACK_LENGTHS; length++) {
    apf_phaser_track track;
    APF_TRY_GOTO(apf_phaser_track_find(ctx, pair, length, &track), done);
    const int n = apf_lfo_guesses(ctx, &track, count, these);
    const double cost = n > 0 ? apf_lfo_guess_cost(&these[0]) : 1e30;
    if (cost >= least) {
      apf_phaser_track_clear(&track);
      continue;
    }
    least = cost;
    apf_phaser_track_clear(best);
    *best = track;
    *found = n;
    for (int i = 0; i < n; i++) guesses[i] = these[i];
  }
done:
  free(these);
  return status;
}

/** Rates from slow to fast, phases a golden section of half a turn apart. */
static void spread(int count, apf_lfo_guess *guesses)
{
  for (int i = 0; i < count; i++) {
    const double place = count > 1 ? (double)i / (count - 1) : 0.5;
    guesses[i].rate = slowest * pow(fastest / slowest, place);
    guesses[i].phase = PI * fmod(0.618033988749895 * i, 1);
  }
}

static void set_values(apf_model *model, const apf_phaser_track *track, const apf_lfo_guess *guess)
{
  model->effect->set(model, APF_PHASER_RATE, guess->rate);
  model->effect->set(model, APF_PHASER_PHASE, remainder(guess->phase / (2 * PI), 1));
  *apf_model_scalar(model, "lfo.sigma") = 0;
  *apf_model_scalar(model, "lfo.amp") = 1;
  if (!(fabs(track->wet) > 1e-6)) return; /* silence, or nothing that a phaser does */
  *apf_model_scalar(model, "g1") = track->dry / track->wet;
  *apf_model_scalar(model, "g2") = fmax(track->feedback, least_feedback);
  *apf_model_scalar(model, "bq.DC") = track->wet;
}

/* --- waveshapers ------------------------------------------------------------------------------ */

/** The track at the oscillator's frames: all-pass poles and how sure they are. */
static void sample_track(const apf_phaser_track *track, int sample_rate, double frame_s, int64_t F,
                         double *p, double *weight)
{
  for (int64_t n = 0; n < F; n++) {
    const double at = fmin((double)n * frame_s / track->hop, (double)(track->frames - 1));
    int64_t i = (int64_t)at;
    if (i > track->frames - 2) i = track->frames > 1 ? track->frames - 2 : 0;
    const int64_t j = track->frames > 1 ? i + 1 : i;
    const double a = (1 - (at - (double)i)) * track->weight[i];
    const double b = (at - (double)i) * track->weight[j];
    const double pitch =
        a + b > 0 ? (a * track->pitch[i] + b * track->pitch[j]) / (a + b) : track->pitch[i];
    const double w = PI * exp(pitch) / sample_rate, t = tan(w);
    const double slope = 2 / ((1 + t) * (1 + t)) * (1 + t * t) * w; /* |dp / d pitch| */
    p[n] = (1 - t) / (1 + t);
    weight[n] = (a + b) / (slope * slope);
  }
}

/** The d of p = tanh((1 - tan d) / (1 + tan d)). */
static double d_of(double p)
{
  const double v = atanh(p);
  return atan((1 - v) / (1 + v));
}

/** Depth and bias so that a waveshaper from -1 to 1 spans the track; weights to mean 1 over the
 *  track's variance. */
static void scale_to(int64_t F, const double *p, double *weight, int count,
                     apf_model *const *starts)
{
  double sum = 0, mean = 0, square = 0, low = INFINITY, high = -INFINITY;
  for (int64_t n = 0; n < F; n++) {
    sum += weight[n];
    mean += weight[n] * p[n];
    square += weight[n] * p[n] * p[n];
  }
  for (int64_t n = 0; n < F; n++) {
    if (weight[n] < 0.05 * sum / (double)F) continue;
    low = fmin(low, d_of(p[n]));
    high = fmax(high, d_of(p[n]));
  }
  for (int i = 0; i < count && high > low; i++) {
    *apf_model_scalar(starts[i], "bias") = low;
    *apf_model_scalar(starts[i], "depth") = high - low;
  }
  const double variance = sum > 0 ? square - mean * mean / sum : 0;
  for (int64_t n = 0; n < F; n++) weight[n] = variance > 0 ? weight[n] / variance : 0;
}

/** Graph of the poles only: sum over frames of weight (p - track)^2, one value per start. */
static apf_status build_shaping(apf_graph *g, const apf_model *model, const apf_pair *pair,
                                int count, int64_t F, const double *p, const double *weight)
{
  static const char *const fixed[] = {"lfo.sigma", "lfo.omega", "lfo.phi", "lfo.amp"};
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(1, 1, 1, pair->frames));
  const apf_signal signal = {.x = x, .sets = count, .mode = APF_MODE_TRAIN, .start = pair->start};
  (void)model->effect->describe(g, model, signal);
  for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
    apf_graph_freeze(g, apf_graph_find(g, fixed[i]));
  apf_var pole = apf_graph_find(g, APF_PHASER_ALL_PASS_NAME);
  apf_var error = apf_sub(g, pole, apf_graph_table(g, APF_SHAPE(F), p));
  apf_var weighted = apf_mul(g, apf_square(g, error), apf_graph_table(g, APF_SHAPE(F), weight));
  return apf_graph_build(g, apf_sum(g, weighted, APF_AXIS(1), false));
}

static apf_status fit_shapers(apf_context *ctx, const apf_pair *pair, int64_t F, const double *p,
                              const double *weight, int count, apf_model *const *starts)
{
  apf_status status = APF_OK;
  apf_graph *g = NULL;
  apf_optimizer *optimizer = NULL;
  const int threads = ctx->threads;
  ctx->threads = 1; /* a few hundred frames: threads would only wait for each other */
  APF_TRY_GOTO(apf_graph_create(ctx, APF_F64, &g), done);
  APF_TRY_GOTO(build_shaping(g, starts[0], pair, count, F, p, weight), done);
  APF_TRY_GOTO(apf_models_to_graph(g, (const apf_model *const *)starts, count), done);
  apf_optimizer_options options = apf_optimizer_defaults(APF_ADAM, shaping_rate);
  options.learning_rate_end = shaping_rate_end;
  options.steps = SHAPING_STEPS;
  options.sets = count;
  APF_TRY_GOTO(apf_optimizer_create(g, &options, &optimizer), done);
  for (int step = 0; step < SHAPING_STEPS; step++) {
    APF_TRY_GOTO(apf_graph_forward(g), done);
    APF_TRY_GOTO(apf_graph_backward(g), done);
    APF_TRY_GOTO(apf_optimizer_step(optimizer), done);
  }
  APF_TRY_GOTO(apf_models_from_graph(g, starts, count), done);
done:
  ctx->threads = threads;
  apf_optimizer_destroy(optimizer);
  apf_graph_destroy(g);
  return status;
}

apf_status apf_phaser_starts(apf_context *ctx, const apf_pair *pair, int count,
                             apf_model *const *starts)
{
  apf_status status = APF_OK;
  apf_phaser_track track = {0};
  int found = 0;
  const int64_t F = apf_phaser_frames(starts[0], pair->frames);
  const double frame_s = (double)apf_phaser_hop(starts[0]) / pair->sample_rate;
  apf_lfo_guess *guesses = malloc((size_t)count * sizeof *guesses);
  double *p = malloc((size_t)F * 2 * sizeof *p);
  if (!guesses || !p) {
    status = apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for %d starts", count);
    goto done;
  }
  APF_TRY_GOTO(choose_track(ctx, pair, count, &track, guesses, &found), done);
  spread(count - found, guesses + found);
  for (int i = 0; i < count; i++) set_values(starts[i], &track, &guesses[i]);
  sample_track(&track, pair->sample_rate, frame_s, F, p, p + F);
  scale_to(F, p, p + F, count, starts);
  APF_TRY_GOTO(fit_shapers(ctx, pair, F, p, p + F, count, starts), done);
done:
  apf_phaser_track_clear(&track);
  free(guesses);
  free(p);
  return status;
}
