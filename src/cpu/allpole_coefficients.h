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

#include "cpu/frames.h"
#include "cpu/simd.h"

enum {
  COEFFICIENT_REALS = APF_MAX_ORDER * SIMD_PARTS,    /* of one sample */
  COEFFICIENT_TILE = SIMD_STEPS * COEFFICIENT_REALS, /* vectors in a tile */
  COEFFICIENT_AHEAD = 2048 / (int)sizeof(real)       /* prefetch distance within a row */
};

/** Sizes of the operator, and how many lanes of this group hold sequences. */
typedef struct lane_group {
  int64_t T, F, M;
  int active;
} lane_group;

static inline bool is_per_sample(const lane_group *group)
{
  return group->F == group->T;
}

typedef struct coefficients {
  const real *a; /* (active, F, M) */
  int64_t ahead; /* of the block being read: > 0 where blocks are taken in order of time */
  int64_t frame; /* held in left and right; -1 at first */
  vreal left[COEFFICIENT_REALS], right[COEFFICIENT_REALS];
} coefficients;

SIMD_OUTLINE void coefficients_begin(const lane_group *group, const scalar *a, int direction,
                                    coefficients *c, vreal *tile)
{
  const int64_t width = group->M * SIMD_PARTS;
  c->a = (const real *)a;
  c->ahead = direction * COEFFICIENT_AHEAD;
  c->frame = -1;
  if (is_per_sample(group) || group->F != 1) return;
  simd_load_columns(c->a, width, group->active, width, 0, tile);
  for (int64_t k = width; k < SIMD_STEPS * width; k++) tile[k] = tile[k - width];
}

static void interpolate_block(const lane_group *group, coefficients *c, int64_t t0, int n,
                              vreal *tile)
{
  const int64_t width = group->M * SIMD_PARTS;
  for (int t = 0; t < n; t++, tile += width) {
    const frame_position at = frame_position_of(t0 + t, group->F, group->T);
    if (at.frame != c->frame) {
      const real *row = c->a + at.frame * width;
      simd_load_columns(row, group->F * width, group->active, width, 0, c->left);
      simd_load_columns(row + width, group->F * width, group->active, width, 0, c->right);
      c->frame = at.frame;
    }
    const vreal right = simd_set(at.weight), left = simd_set(1 - at.weight);
    for (int64_t k = 0; k < width; k++) tile[k] = left * c->left[k] + right * c->right[k];
  }
}

/** Fills the tile with the coefficients of samples t0 .. t0 + n - 1. */
SIMD_OUTLINE void coefficients_load(const lane_group *group, coefficients *c, int64_t t0, int n,
                                   vreal *tile)
{
  const int64_t width = group->M * SIMD_PARTS;
  if (is_per_sample(group))
    simd_load_columns(c->a + t0 * width, group->T * width, group->active, n * width, c->ahead,
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
  int64_t frame; /* that `left` belongs to; `right` is of the next; -1 at first */
  lane_sums left, right;
} coefficient_gradients;

static inline void sums_clear(const lane_group *group, lane_sums *sums)
{
  memset(sums->of, 0, (size_t)(group->M * SIMD_PARTS * SIMD_LANES) * sizeof(double));
}

static inline void sums_add(const lane_group *group, lane_sums *sums, const vreal *block)
{
  const real *lanes = (const real *)block;
  for (int64_t k = 0; k < group->M * SIMD_PARTS * SIMD_LANES; k++) sums->of[k] += lanes[k];
}

/** row (M) of every sequence += sums. */
static void sums_flush(const lane_group *group, lane_sums *sums, real *row)
{
  const int64_t width = group->M * SIMD_PARTS;
  for (int lane = 0; lane < group->active; lane++)
    for (int64_t k = 0; k < width; k++)
      row[lane * group->F * width + k] += (real)sums->of[k * SIMD_LANES + lane];
  sums_clear(group, sums);
}

SIMD_OUTLINE void gradients_begin(const lane_group *group, scalar *da, bool stream,
                                 coefficient_gradients *g)
{
  g->da = (real *)da;
  g->stream = stream;
  g->frame = -1;
  if (is_per_sample(group)) return;
  sums_clear(group, &g->left);
  sums_clear(group, &g->right);
  memset(da, 0, (size_t)(group->active * group->F * group->M) * sizeof(scalar));
}

static void gradients_flush(const lane_group *group, coefficient_gradients *g)
{
  const int64_t width = group->M * SIMD_PARTS;
  if (g->frame < 0) return;
  sums_flush(group, &g->left, g->da + g->frame * width);
  if (group->F > 1) sums_flush(group, &g->right, g->da + (g->frame + 1) * width);
}

/** Gradients of samples that share a frame: their sum, weighted towards it and the next one. */
static void gradients_sum(const lane_group *group, coefficient_gradients *g, int64_t t0, int from,
                          int to, const vreal *tile)
{
  const int64_t width = group->M * SIMD_PARTS;
  vreal left[COEFFICIENT_REALS] = {{0}}, right[COEFFICIENT_REALS] = {{0}};
  for (int t = from; t < to; t++) {
    const real weight = frame_position_of(t0 + t, group->F, group->T).weight;
    const vreal towards_right = simd_set(weight), towards_left = simd_set(1 - weight);
    for (int64_t k = 0; k < width; k++) {
      left[k] += towards_left * tile[t * width + k];
      right[k] += towards_right * tile[t * width + k];
    }
  }
  sums_add(group, &g->left, left);
  sums_add(group, &g->right, right);
}

/** Takes the gradients of samples t0 .. t0 + n - 1; blocks come from the end. */
SIMD_OUTLINE void gradients_store(const lane_group *group, coefficient_gradients *g, int64_t t0,
                                 int n, const vreal *tile)
{
  const int64_t width = group->M * SIMD_PARTS;
  if (is_per_sample(group)) {
    simd_store_columns(g->da + t0 * width, group->T * width, group->active, n * width, g->stream,
                       tile);
    return;
  }
  for (int to = n; to > 0;) {
    const int64_t frame = frame_position_of(t0 + to - 1, group->F, group->T).frame;
    int from = to - 1;
    while (from > 0 && frame_position_of(t0 + from - 1, group->F, group->T).frame == frame) from--;
    if (frame != g->frame) gradients_flush(group, g);
    g->frame = frame;
    gradients_sum(group, g, t0, from, to, tile);
    to = from;
  }
}

SIMD_OUTLINE void gradients_end(const lane_group *group, coefficient_gradients *g)
{
  if (!is_per_sample(group)) gradients_flush(group, g);
}

#endif
