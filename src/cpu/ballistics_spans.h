/**
 * One long sequence of attack and release smoothing: lanes and threads are spans of time.
 *
 * As long as the branches stay the same, the state after a span is an affine function of the state
 * before it, whose slope is the product of the factors taken. So all spans of a tile are run at
 * once from guessed states; ends and slopes give better guesses, and so on until every span starts
 * where the one before it ends. That is the recursion itself, whatever was guessed. The update is
 * the smaller of two increasing affine maps (the larger, where attack is slower), so that this is
 * Newton's method on a piecewise linear function, and two to four rounds do.
 *
 * Starts are accepted within a few roundings of the ends, which steps cannot enlarge while both
 * coefficients are in 0..1. Where the rounds do not suffice (coefficients above 1), the plain loop
 * runs the tile.
 */
#ifndef APF_CPU_BALLISTICS_SPANS_H
#define APF_CPU_BALLISTICS_SPANS_H

#include "cpu/smoother.h"

#include <float.h>
#include <math.h>

enum {
  CHAINS = 4, /* vectors of states at work: as many as hide a step's latency */
  DOUBLES = SIMD_BYTES / (int)sizeof(double),
  GROUPS = CHAINS / PARTS,
  SPANS = CHAINS * DOUBLES,
  /* Samples of a span. Long ones have forgotten most of a wrong start by their end, which saves
   * rounds; a tile of x and y stays in the second cache. */
  LONGEST_SPAN = 8192 / (int)sizeof(real),
  SHORTEST_SPAN = 4 * SIMD_LINE,
  ROUNDS = 8,
  FAILURES = 4 /* tiles after which a sequence is left to the plain loop */
};

/** What the spans of a thread start from, end in, and the slope of the one over the other. */
typedef struct span_states {
  vdouble start[CHAINS], end[CHAINS], slope[CHAINS];
} span_states;

/** A thread's part of a tile. */
typedef struct span_tile {
  vreal x[GROUPS][LONGEST_SPAN], y[GROUPS][LONGEST_SPAN];
  span_states turn[2]; /* by turns: threads read one while others write the next */
  double after;        /* the state after a tile that the first thread ran plainly */
} span_tile;

/** A thread and those that it shares time with, one behind the other; tiles has a part for each. */
typedef struct span_team {
  span_tile *tiles;
  int me, threads, turn;
} span_team;

static void wait_for_team(const span_team *team)
{
  if (team->threads > 1) {
#pragma omp barrier
  }
}

static void run_plainly(smoother *s, int64_t T, const real *x, real *y)
{
  for (int64_t t = 0; t < T; t++) y[t] = (real)smoother_step(s, repeat((double)x[t]))[0];
}

/** Runs every span of a thread from its start; fetches as many samples of `next_x` and `next_y`
 *  meanwhile. */
static void run_round(const smoother *s, int64_t length, span_tile *tile, span_states *states,
                      const real *next_x, const real *next_y)
{
  vdouble state[CHAINS], slope[CHAINS];
  for (int i = 0; i < CHAINS; i++) state[i] = states->start[i], slope[i] = repeat(1);
  for (int64_t t = 0; t < length; t++) {
    __builtin_prefetch(next_x + t * SPANS, 0, 2);
    __builtin_prefetch(next_y + t * SPANS, 1, 2);
    for (int g = 0; g < GROUPS; g++) {
      vdouble x[PARTS];
      widen(tile->x[g][t], x);
      for (int i = 0; i < PARTS; i++) {
        const int k = g * PARTS + i;
        const vdouble c = choose_below(x[i], state[k], s->at, s->rt);
        state[k] += c * (x[i] - state[k]);
        slope[k] -= c * slope[k];
      }
      tile->y[g][t] = narrow(state + g * PARTS);
    }
  }
  memcpy(states->end, state, sizeof state);
  memcpy(states->slope, slope, sizeof slope);
}

static inline double lane_of(const vdouble *vectors, int lane)
{
  return vectors[lane / DOUBLES][lane % DOUBLES];
}

static inline const span_states *states_of(const span_team *team, int span)
{
  return &team->tiles[span / SPANS].turn[team->turn];
}

static inline double end_of(const span_team *team, int span)
{
  return lane_of(states_of(team, span)->end, span % SPANS);
}

/** Whether every span starts where the one before it ended. */
static bool has_settled(const span_team *team)
{
  const int spans = team->threads * SPANS;
  double scale = 0;
  bool settled = true;
  for (int k = 0; k < spans; k++) scale = fmax(scale, fabs(end_of(team, k)));
  for (int k = 1; k < spans; k++) {
    const double gap = lane_of(states_of(team, k)->start, k % SPANS) - end_of(team, k - 1);
    settled = settled && fabs(gap) <= 16 * DBL_EPSILON * scale;
  }
  return settled;
}

/** The next turn's starts of this thread's spans: as they would be if no branch changed. */
static void improve_starts(const span_team *team)
{
  span_states *next = &team->tiles[team->me].turn[!team->turn];
  double before = 0; /* how far the start of the span before has moved */
  memcpy(next->start, states_of(team, team->me * SPANS)->start, sizeof next->start);
  for (int k = 1; k < (team->me + 1) * SPANS; k++) {
    const double slope = lane_of(states_of(team, k - 1)->slope, (k - 1) % SPANS);
    const double start = end_of(team, k - 1) + slope * before;
    before = start - lane_of(states_of(team, k)->start, k % SPANS);
    if (k / SPANS == team->me) next->start[k % SPANS / DOUBLES][k % DOUBLES] = start;
  }
}

/** A tile of SPANS spans for each thread; false: it did not settle, and nothing was written. */
static bool run_tile(smoother *s, span_team *team, int64_t length, const real *x, real *y)
{
  const int64_t group = length * SIMD_LANES, part = length * SPANS, all = part * team->threads;
  span_tile *mine = &team->tiles[team->me];
  x += part * team->me;
  y += part * team->me;
  for (int g = 0; g < GROUPS; g++)
    simd_load_columns(x + g * group, length, SIMD_LANES, (int)length, 0, mine->x[g]);
  for (int i = 0; i < CHAINS; i++) mine->turn[team->turn].start[i] = repeat(s->state[0]);
  for (int round = 0; round < ROUNDS; round++, team->turn ^= 1) {
    run_round(s, length, mine, &mine->turn[team->turn], x + all, y + all);
    wait_for_team(team);
    if (has_settled(team)) {
      for (int g = 0; g < GROUPS; g++)
        simd_store_columns(y + g * group, length, SIMD_LANES, (int)length, false, mine->y[g]);
      s->state = repeat(end_of(team, team->threads * SPANS - 1));
      team->turn ^= 1;
      return true;
    }
    improve_starts(team);
  }
  return false;
}

/** The first thread runs a tile that did not settle; the others get the state after it. */
static void run_alone(smoother *s, const span_team *team, int64_t T, const real *x, real *y)
{
  if (team->me == 0) {
    run_plainly(s, T, x, y);
    team->tiles[0].after = s->state[0];
  }
  wait_for_team(team);
  s->state = repeat(team->tiles[0].after);
}

/** Runs tiles of x for as long as they settle; returns how many samples that were. Every thread of
 *  the team calls it and gets the same. */
static int64_t run_spans(smoother *s, span_team *team, int64_t T, const real *x, real *y)
{
  const int64_t spans = (int64_t)team->threads * SPANS;
  int64_t t = 0;
  for (int failures = 0; failures < FAILURES;) {
    int64_t length = (T - t) / spans / SIMD_LINE * SIMD_LINE;
    if (length < SHORTEST_SPAN) break;
    if (length > LONGEST_SPAN) length = LONGEST_SPAN;
    if (!run_tile(s, team, length, x + t, y + t)) {
      run_alone(s, team, length * spans, x + t, y + t);
      failures++;
    }
    t += length * spans;
  }
  return t;
}

#endif
