/**
 * The coefficients of one group of lanes, a block of samples at a time, whatever F is: per sample
 * they are transposed, constants stay in place, frames are interpolated into the block. And the way
 * back for their gradients. Only blocks exist: a (B, T, M) array of interpolated coefficients, or
 * of gradients of constants, never does.
 *
 * A tile holds SIMD_STEPS rows of M scalars: entry t * M + i is a_{t0+t, i+1}.
 */
#ifndef APF_CPU_ALLPOLE_COEFFICIENTS_H
#define APF_CPU_ALLPOLE_COEFFICIENTS_H

#include <allpole/ops.h>

#include "cpu/frame_segment.h"
#include "cpu/simd.h"

enum {
  COEFFICIENT_REALS = APF_MAX_ORDER * SIMD_PARTS,   /* of one sample */
  COEFFICIENT_TILE = SIMD_STEPS * COEFFICIENT_REALS /* vectors in a tile */
};

/** What the lanes of a vector are: whole sequences, or spans of one sequence. Steps are from one
 *  lane to the next. */
typedef struct lane_group {
  int64_t T;                                 /* samples of every lane */
  int64_t F, length;                         /* of a sequence: sets of coefficients, samples */
  int M, active;                             /* order; lanes in use */
  int64_t signal_step, set_step, state_step; /* scalars: samples, coefficients, states */
  bool spans;                                /* lanes begin at different samples: */
  int64_t first[SIMD_LANES];                 /* the sample of its sequence that a lane begins at */
} lane_group;

static inline bool is_per_sample(const lane_group *group)
{
  return group->F == group->length;
}

/* --- where lanes are ------------------------------------------------------------------------- */

/** The segments that the lanes are in. Samples are counted from the lanes' beginnings. */
typedef struct lane_segments {
  frame_segment of[SIMD_LANES];
  int64_t since, until; /* samples that every lane has in its segment; none to begin with */
} lane_segments;

static inline bool all_hold(const lane_segments *segments, int64_t t)
{
  return t >= segments->since && t < segments->until;
}

static inline bool has_left(const lane_group *group, const lane_segments *segments, int lane,
                            int64_t t)
{
  const int64_t at = group->first[lane] + t;
  return at < segments->of[lane].begin || at >= segments->of[lane].end;
}

/** Takes a lane to the segment of its sample t; lanes that run side by side share that of lane 0.
 */
static inline void move_lane(const lane_group *group, lane_segments *segments, int lane, int64_t t)
{
  segments->of[lane] = lane > 0 && !group->spans
                           ? segments->of[0]
                           : frame_segment_of(group->first[lane] + t, group->F, group->length);
}

/** After lanes have moved. */
static void find_common_samples(const lane_group *group, lane_segments *segments)
{
  segments->since = INT64_MIN;
  segments->until = INT64_MAX;
  for (int lane = 0; lane < group->active; lane++) {
    const int64_t begin = segments->of[lane].begin - group->first[lane];
    const int64_t end = segments->of[lane].end - group->first[lane];
    if (begin > segments->since) segments->since = begin;
    if (end < segments->until) segments->until = end;
  }
}

/* --- coefficients ----------------------------------------------------------------------------- */

typedef struct coefficients {
  const real *a;                                          /* of the first lane */
  lane_segments segments;                                 /* what left and step belong to */
  vreal left[COEFFICIENT_REALS], step[COEFFICIENT_REALS]; /* a frame; the next one less it */
} coefficients;

static void coefficients_begin(const lane_group *group, const scalar *a, coefficients *c,
                               vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  c->a = (const real *)a;
  memset(&c->segments, 0, sizeof c->segments);
  memset(c->left, 0, (size_t)width * sizeof *c->left);
  memset(c->step, 0, (size_t)width * sizeof *c->step);
  if (is_per_sample(group) || group->F != 1) return;
  simd_load_columns(c->a, group->set_step * SIMD_PARTS, group->active, width, 0, tile);
  for (int k = width; k < SIMD_STEPS * width; k++) tile[k] = tile[k - width];
}

static void enter_segments(const lane_group *group, coefficients *c, int64_t t)
{
  const int width = group->M * SIMD_PARTS;
  real *left = (real *)c->left, *step = (real *)c->step;
  for (int lane = 0; lane < group->active; lane++) {
    if (!has_left(group, &c->segments, lane, t)) continue;
    move_lane(group, &c->segments, lane, t);
    const real *row =
        c->a + lane * group->set_step * SIMD_PARTS + c->segments.of[lane].frame * width;
    for (int k = 0; k < width; k++) {
      left[k * SIMD_LANES + lane] = row[k];
      step[k * SIMD_LANES + lane] = row[width + k] - row[k];
    }
  }
  find_common_samples(group, &c->segments);
}

/** Weights of the frames on the right at samples t .. t + n - 1 of every lane. */
static void weights_from(const lane_group *group, const lane_segments *segments, int64_t t, int n,
                         vreal *weights)
{
  const real step = frame_weight_step(group->F, group->length);
  const double frames_per_sample =
      group->length > 1 ? (double)(group->F - 1) / (double)(group->length - 1) : 0;
  vreal first = simd_set(0);
  for (int lane = 0; lane < group->active; lane++) {
    const double position = (double)(group->first[lane] + t) * frames_per_sample;
    const real weight = (real)(position - (double)segments->of[lane].frame);
    first[lane] = weight;
    if (group->spans) continue;
    first = simd_set(weight);
    break;
  }
  for (int i = 0; i < n; i++) weights[i] = first + simd_set((real)i * step);
}

static void interpolate_block(const lane_group *group, coefficients *c, int64_t t0, int n,
                              vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  vreal weights[SIMD_STEPS];
  for (int from = 0, to; from < n; from = to) {
    if (!all_hold(&c->segments, t0 + from)) enter_segments(group, c, t0 + from);
    to = c->segments.until - t0 < n ? (int)(c->segments.until - t0) : n;
    weights_from(group, &c->segments, t0 + from, to - from, weights);
    for (int k = 0; k < width; k++) {
      const vreal left = c->left[k], step = c->step[k];
      for (int t = from; t < to; t++) tile[t * width + k] = left + weights[t - from] * step;
    }
  }
}

/** Fills the tile with the coefficients of samples t0 .. t0 + n - 1; direction: as
 *  simd_load_columns has it. */
static inline void coefficients_load(const lane_group *group, coefficients *c, int64_t t0, int n,
                                     int direction, vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  if (is_per_sample(group))
    simd_load_columns(c->a + t0 * width, group->set_step * SIMD_PARTS, group->active, n * width,
                      direction, tile);
  else if (group->F > 1)
    interpolate_block(group, c, t0, n, tile);
}

/* --- their gradients -------------------------------------------------------------------------- */

/** Sums over samples are kept in double whatever the type. */
typedef struct lane_sums {
  double of[COEFFICIENT_REALS * SIMD_LANES];
} lane_sums;

typedef struct coefficient_gradients {
  real *da; /* of the first lane; where samples are summed, zero to begin with */
  bool stream;
  lane_segments segments;  /* what the sums belong to */
  lane_sums all, to_right; /* of the segment's samples: plain; weighted towards the next frame */
} coefficient_gradients;

static inline void sums_add(lane_sums *sums, int k, vreal value)
{
  for (int lane = 0; lane < SIMD_LANES; lane++)
    sums->of[k * SIMD_LANES + lane] += (double)value[lane];
}

static void gradients_begin(const lane_group *group, scalar *da, bool stream,
                            coefficient_gradients *g)
{
  const size_t bytes = (size_t)(group->M * SIMD_PARTS * SIMD_LANES) * sizeof(double);
  g->da = (real *)da;
  g->stream = stream;
  memset(&g->segments, 0, sizeof g->segments);
  memset(g->all.of, 0, bytes);
  memset(g->to_right.of, 0, bytes);
}

/** Adds a lane's sums to the two frames of its segment, or to the only one. */
static void flush_lane(const lane_group *group, coefficient_gradients *g, int lane)
{
  const int width = group->M * SIMD_PARTS;
  real *row = g->da + lane * group->set_step * SIMD_PARTS + g->segments.of[lane].frame * width;
  for (int k = 0; k < width; k++) {
    double *all = &g->all.of[k * SIMD_LANES + lane],
           *right = &g->to_right.of[k * SIMD_LANES + lane];
    row[k] += (real)(*all - *right);
    if (group->F > 1) row[width + k] += (real)*right;
    *all = *right = 0;
  }
}

/** Hands over the sums of lanes of which sample t is outside the segment they hold. */
static void leave_segments(const lane_group *group, coefficient_gradients *g, int64_t t)
{
  for (int lane = 0; lane < group->active; lane++) {
    if (!has_left(group, &g->segments, lane, t)) continue;
    flush_lane(group, g, lane);
    move_lane(group, &g->segments, lane, t);
  }
  find_common_samples(group, &g->segments);
}

/** Samples from .. to - 1 of the block at t0, within one segment of every lane. */
static void gradients_sum(const lane_group *group, coefficient_gradients *g, int64_t t0, int from,
                          int to, const vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  vreal weights[SIMD_STEPS];
  if (group->F > 1) weights_from(group, &g->segments, t0 + from, to - from, weights);
  for (int k = 0; k < width; k++) {
    vreal all = simd_set(0), to_right = simd_set(0);
    for (int t = from; t < to; t++) all += tile[t * width + k];
    sums_add(&g->all, k, all);
    if (group->F == 1) continue;
    for (int t = from; t < to; t++) to_right += weights[t - from] * tile[t * width + k];
    sums_add(&g->to_right, k, to_right);
  }
}

/** Takes the gradients of samples t0 .. t0 + n - 1; blocks come from the end. */
static inline void gradients_store(const lane_group *group, coefficient_gradients *g, int64_t t0,
                                   int n, const vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  if (is_per_sample(group)) {
    simd_store_columns(g->da + t0 * width, group->set_step * SIMD_PARTS, group->active, n * width,
                       g->stream, tile);
    return;
  }
  for (int to = n, from; to > 0; to = from) {
    if (!all_hold(&g->segments, t0 + to - 1)) leave_segments(group, g, t0 + to - 1);
    from = g->segments.since > t0 ? (int)(g->segments.since - t0) : 0;
    gradients_sum(group, g, t0, from, to, tile);
  }
}

static inline void gradients_end(const lane_group *group, coefficient_gradients *g)
{
  if (is_per_sample(group)) return;
  for (int lane = 0; lane < group->active; lane++) flush_lane(group, g, lane);
}

#endif
