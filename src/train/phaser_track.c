#include "train/phaser_track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

enum { POLES = 48, ROUNDS = 8, SHORTEST = 1024 };

static const double PI = 3.14159265358979323846;
static const double lowest = 40, highest = 10000; /* Hz, of the grid of break frequencies */
static const double longest_part = 60;            /* s */
static const double feedbacks[] = {0, 0.15, 0.3, 0.45, 0.6, 0.75};
enum { FEEDBACKS = sizeof feedbacks / sizeof feedbacks[0] };

/** Frames of one length, and what the error is a function of: sums over bins and channels. */
typedef struct look {
  apf_context *ctx;
  int64_t n, hop, frames, bins;
  int rate;
  double *memory;
  double *power;        /* (bins) |X|^2 of a frame */
  double *cross;        /* (bins, 2) Y conj(X) */
  double *response;     /* (3, bins, POLES): Re G, Im G, |G|^2 */
  double *xx, *yy, *xy; /* (frames): <X,X>, <Y,Y>, Re <Y,X> */
  double *xg, *gg, *yg; /* (frames, POLES): Re <GX,X>, <GX,GX>, Re <Y,GX> */
  int *best;            /* (frames): index of the pole */
} look;

static double grid_pitch(int j)
{
  return log(lowest) + j * log(highest / lowest) / (POLES - 1);
}

/* --- spectra ---------------------------------------------------------------------------------- */

/** The STFT of planar channels, as (channels, frames, n/2+1, 2) on the host; free() it. */
static apf_status spectra(const look *l, const float *x, int64_t channels, int64_t stride,
                          int64_t T, double **out)
{
  apf_status status = APF_OK;
  apf_graph *g = NULL;
  double *signal = malloc((size_t)(channels * T) * sizeof *signal);
  *out = malloc((size_t)(channels * l->frames * (l->n / 2 + 1) * 2) * sizeof **out);
  if (!signal || !*out) {
    status = apf_fail(l->ctx, APF_ERR_MEMORY, "apf_train", "no memory for spectra");
    goto done;
  }
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < T; t++) signal[c * T + t] = (double)x[c * stride + t];
  APF_TRY_GOTO(apf_graph_create(l->ctx, APF_F64, &g), done);
  apf_var in = apf_graph_input(g, "x", APF_SHAPE(channels, T));
  apf_var X = apf_graph_output(g, apf_stft(g, in, l->n, l->n, l->hop, false), "X");
  APF_TRY_GOTO(apf_graph_set(g, in, signal), done);
  APF_TRY_GOTO(apf_graph_build(g, APF_NO_VAR), done);
  APF_TRY_GOTO(apf_graph_forward(g), done);
  APF_TRY_GOTO(apf_graph_get(g, X, *out), done);
done:
  apf_graph_destroy(g);
  free(signal);
  if (status == APF_OK) return APF_OK;
  free(*out);
  *out = NULL;
  return status;
}

/** G = h / (1 - g2 h) for every pole and bin. */
static void fill_responses(const look *l, double feedback)
{
  double *re = l->response, *im = re + l->bins * POLES, *square = im + l->bins * POLES;
  for (int64_t k = 0; k < l->bins; k++) {
    const double w = 2 * PI * (double)(k + 1) / (double)l->n;
    for (int j = 0; j < POLES; j++) {
      /* A first-order all-pass turns by -2 atan(tan(w/2) / tan(pi f / rate)). */
      const double half = tan(PI * exp(grid_pitch(j)) / l->rate);
      const double turn = 8 * atan2(half, tan(w / 2)) - 4 * PI;
      const double hr = cos(turn), hi = sin(turn);
      const double dr = 1 - feedback * hr, di = -feedback * hi, d = dr * dr + di * di;
      const int64_t at = k * POLES + j;
      re[at] = (hr * dr + hi * di) / d;
      im[at] = (hi * dr - hr * di) / d;
      square[at] = 1 / d;
    }
  }
}

/** Adds one frame of one channel to the sums; bin 0 and the last are left out. */
static void add_frame(const look *l, int64_t f, const double *X, const double *Y)
{
  const double *re = l->response, *im = re + l->bins * POLES, *square = im + l->bins * POLES;
  double *xg = l->xg + f * POLES, *gg = l->gg + f * POLES, *yg = l->yg + f * POLES;
  for (int64_t k = 0; k < l->bins; k++) {
    const double *x = X + 2 * (k + 1), *y = Y + 2 * (k + 1);
    const double power = x[0] * x[0] + x[1] * x[1];
    const double cr = y[0] * x[0] + y[1] * x[1], ci = y[1] * x[0] - y[0] * x[1];
    l->xx[f] += power;
    l->yy[f] += y[0] * y[0] + y[1] * y[1];
    l->xy[f] += cr;
    for (int j = 0; j < POLES; j++) {
      const int64_t at = k * POLES + j;
      xg[j] += power * re[at];
      gg[j] += power * square[at];
      yg[j] += cr * re[at] + ci * im[at];
    }
  }
}

/* --- frames and gains in turn ----------------------------------------------------------------- */

static double frame_error(const look *l, int64_t f, int j, double dry, double wet)
{
  const int64_t at = f * POLES + j;
  return l->yy[f] - 2 * (dry * l->xy[f] + wet * l->yg[at]) + dry * dry * l->xx[f] +
         2 * dry * wet * l->xg[at] + wet * wet * l->gg[at];
}

/** The best pole of each frame; returns the sum of errors. */
static double choose_poles(const look *l, double dry, double wet)
{
  double sum = 0;
  for (int64_t f = 0; f < l->frames; f++) {
    double least = INFINITY;
    for (int j = 0; j < POLES; j++) {
      const double error = frame_error(l, f, j, dry, wet);
      if (error >= least) continue;
      least = error;
      l->best[f] = j;
    }
    sum += least;
  }
  return sum;
}

static void choose_gains(const look *l, double *dry, double *wet)
{
  double xx = 0, xg = 0, gg = 0, yx = 0, yg = 0;
  for (int64_t f = 0; f < l->frames; f++) {
    const int64_t at = f * POLES + l->best[f];
    xx += l->xx[f];
    xg += l->xg[at];
    gg += l->gg[at];
    yx += l->xy[f];
    yg += l->yg[at];
  }
  const double determinant = xx * gg - xg * xg;
  if (!(determinant > 1e-12 * xx * gg)) return;
  *dry = (yx * gg - yg * xg) / determinant;
  *wet = (yg * xx - yx * xg) / determinant;
}

/** Between the grid's points by a parabola. */
static void read_track(const look *l, double dry, double wet, apf_phaser_track *track)
{
  const double step = grid_pitch(1) - grid_pitch(0);
  for (int64_t f = 0; f < l->frames; f++) {
    const int j = l->best[f];
    track->pitch[f] = grid_pitch(j);
    track->weight[f] = 0;
    if (j == 0 || j == POLES - 1) continue;
    const double before = frame_error(l, f, j - 1, dry, wet);
    const double at = frame_error(l, f, j, dry, wet);
    const double after = frame_error(l, f, j + 1, dry, wet);
    const double bend = before - 2 * at + after;
    if (!(bend > 0)) continue;
    track->pitch[f] += 0.5 * step * (before - after) / bend;
    track->weight[f] = bend;
  }
}

/** One feedback: from gains of either sign to the nearest optimum; kept if it is the best so far.
 */
static void try_feedback(const look *l, double feedback, apf_phaser_track *track)
{
  double signal = 0;
  for (int64_t f = 0; f < l->frames; f++) signal += l->yy[f];
  for (int sign = -1; sign <= 1; sign += 2) {
    double dry = 0.5, wet = 0.5 * sign, error = choose_poles(l, dry, wet);
    for (int round = 0; round < ROUNDS; round++) {
      choose_gains(l, &dry, &wet);
      error = choose_poles(l, dry, wet);
    }
    error /= signal + 1e-30;
    if (!(error < track->error_to_signal)) continue;
    track->dry = dry;
    track->wet = wet;
    track->feedback = feedback;
    track->error_to_signal = error;
    read_track(l, dry, wet, track);
  }
}

/* --- lengths ---------------------------------------------------------------------------------- */

static apf_status allocate(look *l, apf_phaser_track *track)
{
  const size_t F = (size_t)l->frames, K = (size_t)l->bins;
  const size_t sums = 3 * F * (1 + POLES), count = 3 * K * POLES + sums;
  l->memory = malloc(count * sizeof *l->memory);
  l->best = malloc(F * sizeof *l->best);
  track->pitch = malloc(F * sizeof *track->pitch);
  track->weight = malloc(F * sizeof *track->weight);
  if (!l->memory || !l->best || !track->pitch || !track->weight)
    return apf_fail(l->ctx, APF_ERR_MEMORY, "apf_train", "no memory for a look at %lld frames",
                    (long long)l->frames);
  l->response = l->memory;
  l->xx = l->response + 3 * K * POLES;
  l->yy = l->xx + F;
  l->xy = l->yy + F;
  l->xg = l->xy + F;
  l->gg = l->xg + F * POLES;
  l->yg = l->gg + F * POLES;
  return APF_OK;
}

/** All feedbacks with frames of n samples. */
static apf_status look_with(look *l, const apf_pair *pair, int64_t T, apf_phaser_track *track)
{
  apf_status status = APF_OK;
  const int64_t C = pair->channels, row = (l->n / 2 + 1) * 2;
  double *X = NULL, *Y = NULL;
  APF_TRY_GOTO(allocate(l, track), done);
  APF_TRY_GOTO(spectra(l, pair->input, C, pair->frames, T, &X), done);
  APF_TRY_GOTO(spectra(l, pair->target, C, pair->frames, T, &Y), done);
  track->frames = l->frames;
  track->hop = (double)l->hop / l->rate;
  track->error_to_signal = INFINITY;
  for (int i = 0; i < FEEDBACKS; i++) {
    fill_responses(l, feedbacks[i]);
    memset(l->xx, 0, 3 * (size_t)l->frames * (1 + POLES) * sizeof *l->xx);
    for (int64_t c = 0; c < C; c++)
      for (int64_t f = 0; f < l->frames; f++)
        add_frame(l, f, X + (c * l->frames + f) * row, Y + (c * l->frames + f) * row);
    try_feedback(l, feedbacks[i], track);
  }
done:
  free(X);
  free(Y);
  free(l->memory);
  free(l->best);
  return status;
}

apf_status apf_phaser_track_find(apf_context *ctx, const apf_pair *pair, int length,
                                 apf_phaser_track *out)
{
  *out = (apf_phaser_track){0};
  int64_t T = (int64_t)(longest_part * pair->sample_rate);
  if (T > pair->frames) T = pair->frames;
  look l = {.ctx = ctx, .n = SHORTEST << length, .rate = pair->sample_rate};
  for (int rate = 44100 + 22050; rate < pair->sample_rate; rate *= 2) l.n *= 2;
  l.hop = l.n / (length == APF_PHASER_TRACK_LENGTHS - 1 ? 4 : 2); /* 12 to 23 ms */
  l.frames = T / l.hop + 1;
  l.bins = l.n / 2 - 1;
  apf_status status = look_with(&l, pair, T, out);
  if (status != APF_OK) apf_phaser_track_clear(out);
  return status;
}

void apf_phaser_track_clear(apf_phaser_track *track)
{
  free(track->pitch);
  free(track->weight);
  *track = (apf_phaser_track){0};
}
