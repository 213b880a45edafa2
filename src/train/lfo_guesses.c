/** Rates and phases of a track: weighted least squares of harmonics, rate by rate. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "train/phaser_track.h"

/* A function of cos(theta) is a sum of cos(k theta); four harmonics tell most waveforms. */
enum {
  MOST_HARMONICS = 4,
  TERMS = 1 + 2 * MOST_HARMONICS,
  PHASES = 48,
  HALVINGS = 12,
  ROUNDS = 60
};

static const double PI = 3.14159265358979323846;
static const double slowest = 0.05, fastest = 10; /* Hz */
static const double periods = 0.7;                /* fewer in a recording do not tell a rate */
static const double per_resolution = 6;           /* rates on the grid per 1 / length */
/* Guesses are ordered by residual * rate^-this. */
static const double preference = 0.5;
static const double track_noise = 3e-3; /* less than this left over is no merit */

/** Solves the symmetric system A x = b (n, n) in place by Cholesky; rows of a vanishing pivot give
 *  zeros. */
static void solve(int n, double A[TERMS][TERMS], double *b)
{
  for (int i = 0; i < n; i++) {
    double pivot = A[i][i] * (1 + 1e-9);
    for (int k = 0; k < i; k++) pivot -= A[i][k] * A[i][k];
    const double root = pivot > 1e-12 * A[i][i] ? sqrt(pivot) : 0;
    for (int j = i + 1; j < n; j++) {
      double v = A[j][i];
      for (int k = 0; k < i; k++) v -= A[i][k] * A[j][k];
      A[j][i] = root > 0 ? v / root : 0;
    }
    A[i][i] = root;
    double v = b[i];
    for (int k = 0; k < i; k++) v -= A[i][k] * b[k];
    b[i] = root > 0 ? v / root : 0;
  }
  for (int i = n - 1; i >= 0; i--) {
    double v = b[i];
    for (int k = i + 1; k < n; k++) v -= A[k][i] * b[k];
    b[i] = A[i][i] > 0 ? v / A[i][i] : 0;
  }
}

/** As many as the track's frames can tell apart. */
static int harmonics(const apf_phaser_track *t, double rate)
{
  const double below_nyquist = floor(0.45 / (t->hop * rate));
  return below_nyquist < MOST_HARMONICS ? (int)fmax(below_nyquist, 1) : MOST_HARMONICS;
}

/** 1, cos(k theta) for k = 1..H and, if `odd`, sin(k theta). */
static void basis(double theta, int H, bool odd, double *v)
{
  const double c = cos(theta), s = sin(theta);
  double ck = 1, sk = 0;
  v[0] = 1;
  for (int k = 1; k <= H; k++) {
    const double next = ck * c - sk * s;
    sk = sk * c + ck * s;
    ck = next;
    v[k] = ck;
    if (odd) v[H + k] = sk;
  }
}

/** s; phases inside this file are those in the middle: there they do not depend on the rate. */
static double middle(const apf_phaser_track *t)
{
  return 0.5 * (double)(t->frames - 1) * t->hop;
}

/** Fits the track; returns the share of its variance that is left. */
static double fit(const apf_phaser_track *t, double rate, double phase, bool odd, double *x)
{
  const int H = harmonics(t, rate), n = odd ? 1 + 2 * H : 1 + H;
  double A[TERMS][TERMS] = {{0}}, b[TERMS] = {0}, v[TERMS], weights = 0, mean = 0, square = 0;
  for (int64_t f = 0; f < t->frames; f++) {
    const double w = t->weight[f], u = t->pitch[f];
    basis(2 * PI * rate * ((double)f * t->hop - middle(t)) + phase, H, odd, v);
    weights += w;
    mean += w * u;
    square += w * u * u;
    for (int i = 0; i < n; i++) {
      b[i] += w * u * v[i];
      for (int j = 0; j <= i; j++) A[i][j] += w * v[i] * v[j];
    }
  }
  double explained = 0;
  memcpy(x, b, sizeof b);
  solve(n, A, x);
  for (int i = 0; i < n; i++) explained += b[i] * x[i];
  const double variance = square - mean * mean / weights;
  return variance > 0 ? fmax(square - explained, 0) / variance : 1;
}

/** The phase from which the harmonics are most nearly cosines. */
static double even_phase(const double *x, int H)
{
  double best = 0, least = INFINITY;
  for (int i = 0; i < PHASES; i++) {
    const double phase =
        PI * i / PHASES; /* half a turn on, the cosines are the same but for sign */
    double odd = 0;
    for (int k = 1; k <= H; k++) {
      /* a cos(k th) + b sin(k th) about th = u - phase */
      const double s = x[H + k] * cos(k * phase) + x[k] * sin(k * phase);
      odd += s * s;
    }
    if (odd >= least) continue;
    least = odd;
    best = phase;
  }
  return best;
}

/** Rate and phase to the bottom of their valley: the best of the points around, steps that halve
 *  where there is none. */
static void refine(const apf_phaser_track *t, double rate_step, apf_lfo_guess *g)
{
  double x[TERMS], phase_step = PI / PHASES;
  for (int round = 0, halvings = 0; round < ROUNDS && halvings < HALVINGS; round++) {
    const apf_lfo_guess centre = *g;
    for (int i = -1; i <= 1; i++)
      for (int j = -1; j <= 1; j++) {
        apf_lfo_guess near = {.rate = centre.rate + i * rate_step,
                              .phase = centre.phase + j * phase_step};
        if (near.rate < slowest) continue;
        near.residual = fit(t, near.rate, near.phase, false, x);
        if (near.residual < g->residual) *g = near;
      }
    if (g->residual < centre.residual) continue;
    halvings++;
    rate_step /= 2;
    phase_step /= 2;
  }
}

double apf_lfo_guess_cost(const apf_lfo_guess *g)
{
  return (g->residual + track_noise) * pow(g->rate, -preference);
}

static int by_cost(const void *a, const void *b)
{
  const double x = apf_lfo_guess_cost(a), y = apf_lfo_guess_cost(b);
  return (x > y) - (x < y);
}

/** Valleys of the residual over the rate, moved to the front; returns their number. */
static int keep_valleys(apf_lfo_guess *grid, int n)
{
  int kept = 0;
  double before = INFINITY;
  for (int i = 0; i < n; i++) {
    const double here = apf_lfo_guess_cost(&grid[i]),
                 after = i + 1 < n ? apf_lfo_guess_cost(&grid[i + 1]) : INFINITY;
    if (here < before && here <= after) grid[kept++] = grid[i];
    before = here;
  }
  return kept;
}

/** A half, third or quarter of another guess's rate that does not explain far more than it. */
static bool is_fraction(const apf_lfo_guess *of, const apf_lfo_guess *g)
{
  const double ratio = of->rate / g->rate, whole = rint(ratio);
  return whole >= 2 && whole <= MOST_HARMONICS && fabs(ratio - whole) < 0.03 * whole &&
         g->residual + track_noise > 0.3 * (of->residual + track_noise);
}

/** Takes out what only repeats a better guess; returns how many are left. */
static int drop_fractions(apf_lfo_guess *guesses, int n)
{
  int kept = 0;
  for (int i = 0; i < n; i++) {
    bool repeats = false;
    for (int k = 0; k < kept; k++) repeats = repeats || is_fraction(&guesses[k], &guesses[i]);
    if (!repeats) guesses[kept++] = guesses[i];
  }
  return kept;
}

int apf_lfo_guesses(apf_context *ctx, const apf_phaser_track *track, int count,
                    apf_lfo_guess *guesses)
{
  const double length = (double)track->frames * track->hop;
  const double first = fmax(slowest, periods / length), step = 1 / (per_resolution * length);
  const double last = fmin(fastest, 0.4 / track->hop);
  const int n = last > first ? (int)((last - first) / step) + 1 : 0;
  apf_lfo_guess *grid = malloc(((size_t)n + 1) * sizeof *grid);
  if (!grid) {
    (void)apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for %d rates", n);
    return 0;
  }
  for (int i = 0; i < n; i++) {
    double x[TERMS];
    grid[i].rate = first + i * step;
    fit(track, grid[i].rate, 0, true, x);
    grid[i].phase = even_phase(x, harmonics(track, grid[i].rate));
    grid[i].residual = fit(track, grid[i].rate, grid[i].phase, false, x);
  }
  int found = keep_valleys(grid, n);
  qsort(grid, (size_t)found, sizeof *grid, by_cost);
  if (found > count) found = count;
  for (int i = 0; i < found; i++) refine(track, step / 2, &grid[i]);
  qsort(grid, (size_t)found, sizeof *grid, by_cost);
  found = drop_fractions(grid, found);
  for (int i = 0; i < found; i++) grid[i].phase -= 2 * PI * grid[i].rate * middle(track);
  memcpy(guesses, grid, (size_t)found * sizeof *guesses);
  free(grid);
  return found;
}
