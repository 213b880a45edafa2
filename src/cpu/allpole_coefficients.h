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
  COEFFICIENT_REALS = APF_MAX_ORDER * SIMD_PARTS,    /* of one sample */
  COEFFICIENT_TILE = SIMD_STEPS * COEFFICIENT_REALS, /* vectors in a tile */
  COEFFICIENT_AHEAD = 2048 / (int)sizeof(real)       /* prefetch distance within a row */
};

/** Sizes of the operator, and how many lanes of this group hold sequences. */
typedef struct lane_group {
  int64_t T, F;
  int M, active;
} lane_group;

static inline bool is_per_sample(const lane_group *group)
{
  return group->F == group->T;
}

typedef struct coefficients {
  const real *a;                                          /* (active, F, M) */
  frame_segment segment;                                  /* what left and step belong to */
  vreal left[COEFFICIENT_REALS], step[COEFFICIENT_REALS]; /* a frame; the next one less it */
} coefficients;

static void coefficients_begin(const lane_group *group, const scalar *a, coefficients *c,
                               vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  c->a = (const real *)a;
  c->segment = (frame_segment){0, 0, 0};
  if (is_per_sample(group) || group->F != 1) return;
  simd_load_columns(c->a, width, group->active, width, 0, tile);
  for (int k = width; k < SIMD_STEPS * width; k++) tile[k] = tile[k - width];
}

static void load_segment(const lane_group *group, coefficients *c, int64_t t)
{
  const int width = group->M * SIMD_PARTS;
  const int64_t stride = group->F * width;
  c->segment = frame_segment_of(t, group->F, group->T);
  const real *row = c->a + c->segment.frame * width;
  simd_load_columns(row, stride, group->active, width, 0, c->left);
  simd_load_columns(row + width, stride, group->active, width, 0, c->step);
  for (int k = 0; k < width; k++) c->step[k] -= c->left[k];
}

/** Segment by segment. */
static void interpolate_block(const lane_group *group, coefficients *c, int64_t t0, int n,
                              vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  real weights[SIMD_STEPS];
  for (int from = 0, to; from < n; from = to) {
    if (t0 + from < c->segment.begin || t0 + from >= c->segment.end)
      load_segment(group, c, t0 + from);
    to = c->segment.end - t0 < n ? (int)(c->segment.end - t0) : n;
    frame_segment_weights(&c->segment, t0 + from, to - from, group->F, group->T, weights);
    for (int k = 0; k < width; k++)
      for (int t = from; t < to; t++)
        tile[t * width + k] = c->left[k] + simd_set(weights[t - from]) * c->step[k];
  }
}

/** Fills the tile with the coefficients of samples t0 .. t0 + n - 1; direction: simd_load_columns.
 */
static inline void coefficients_load(const lane_group *group, coefficients *c, int64_t t0, int n,
                                     int direction, vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  if (is_per_sample(group))
    simd_load_columns(c->a + t0 * width, group->T * width, group->active, n * width, direction,
                      tile);
  else if (group->F > 1)
    interpolate_block(group, c, t0, n, tile);
}

/** Sums over samples are kept in double whatever the type. */
typedef struct lane_sums {
  double of[COEFFICIENT_REALS * SIMD_LANES];
} lane_sums;

typedef struct coefficient_gradients {
  real *da; /* (active, F, M) */
  bool stream;
  frame_segment segment;   /* what the sums belong to */
  lane_sums all, to_right; /* of the segment's samples: plain; weighted towards the next frame */
} coefficient_gradients;

static inline void sums_clear(const lane_group *group, lane_sums *sums)
{
  memset(sums->of, 0, (size_t)(group->M * SIMD_PARTS * SIMD_LANES) * sizeof(double));
}

static inline void sums_add(lane_sums *sums, int k, vreal value)
{
  for (int lane = 0; lane < SIMD_LANES; lane++)
    sums->of[k * SIMD_LANES + lane] += (double)value[lane];
}

static void gradients_begin(const lane_group *group, scalar *da, bool stream,
                            coefficient_gradients *g)
{
  g->da = (real *)da;
  g->stream = stream;
  g->segment = (frame_segment){0, 0, 0};
  if (is_per_sample(group)) return;
  sums_clear(group, &g->all);
  sums_clear(group, &g->to_right);
  memset(da, 0, (size_t)(group->active * group->F * group->M) * sizeof(scalar));
}

/** Adds the sums to the segment's two frames, or to the only one. */
static void gradients_flush(const lane_group *group, coefficient_gradients *g)
{
  const int width = group->M * SIMD_PARTS;
  for (int lane = 0; lane < group->active; lane++) {
    real *row = g->da + (lane * group->F + g->segment.frame) * width;
    for (int k = 0; k < width; k++) {
      const int entry = k * SIMD_LANES + lane;
      row[k] += (real)(g->all.of[entry] - g->to_right.of[entry]);
      if (group->F > 1) row[width + k] += (real)g->to_right.of[entry];
    }
  }
  sums_clear(group, &g->all);
  sums_clear(group, &g->to_right);
}

/** Samples t0 + from .. t0 + to - 1, which share a segment. */
static void gradients_sum(const lane_group *group, coefficient_gradients *g, int64_t t0, int from,
                          int to, const vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  real weights[SIMD_STEPS];
  if (group->F > 1)
    frame_segment_weights(&g->segment, t0 + from, to - from, group->F, group->T, weights);
  for (int k = 0; k < width; k++) {
    vreal all = simd_set(0), to_right = simd_set(0);
    for (int t = from; t < to; t++) all += tile[t * width + k];
    sums_add(&g->all, k, all);
    if (group->F == 1) continue;
    for (int t = from; t < to; t++) to_right += simd_set(weights[t - from]) * tile[t * width + k];
    sums_add(&g->to_right, k, to_right);
  }
}

/** Takes the gradients of samples t0 .. t0 + n - 1; blocks come from the end. */
static inline void gradients_store(const lane_group *group, coefficient_gradients *g, int64_t t0,
                                   int n, const vreal *tile)
{
  const int width = group->M * SIMD_PARTS;
  if (is_per_sample(group)) {
    simd_store_columns(g->da + t0 * width, group->T * width, group->active, n * width, g->stream,
                       tile);
    return;
  }
  for (int to = n, from; to > 0; to = from) {
    const int64_t last = t0 + to - 1;
    if (last < g->segment.begin || last >= g->segment.end) {
      gradients_flush(group, g);
      g->segment = frame_segment_of(last, group->F, group->T);
    }
    from = g->segment.begin > t0 ? (int)(g->segment.begin - t0) : 0;
    gradients_sum(group, g, t0, from, to, tile);
  }
}

static inline void gradients_end(const lane_group *group, coefficient_gradients *g)
{
  if (!is_per_sample(group)) gradients_flush(group, g);
}

#endif
