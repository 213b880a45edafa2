/**
 * Few long sequences: lanes and threads are spans of time of one sequence. Exact for any
 * coefficients. Over a span the state after it is an affine map of the state before it,
 *   s_out = P s_in + q,
 * P of M columns. A first run gets q (from a zero state, with input) and the columns of P (from the
 * unit states, without); the maps are applied one after the other; a second run filters every span
 * from its true state. Columns that have decayed to nothing are not run any further.
 */
#ifndef APF_CPU_ALLPOLE_SPANS_H
#define APF_CPU_ALLPOLE_SPANS_H

#include "core/context.h"

#include "cpu/allpole_lanes.h"
#include "cpu/scalar.h"

enum { SPAN_MAX_ORDER = 8, SPAN_MIN_SAMPLES = 16 * SIMD_STEPS };

/** Column 0 is q, column m + 1 the one of P for s_in[m]. */
typedef struct span_map {
  scalar column[SPAN_MAX_ORDER + 1][SPAN_MAX_ORDER];
} span_map;

/** How a sequence is cut: groups of SIMD_LANES spans of whole blocks, then a rest. */
typedef struct span_plan {
  int64_t groups, length; /* groups = 0: do not cut */
} span_plan;

/**
 * The rule. A batch takes ceil(groups of sequences / threads) passes over T; spans read everything
 * twice, at higher orders with M + 1 recursions, and pass over T / (groups * lanes) at a time.
 */
static span_plan plan_spans(const apf_context *ctx, int64_t B, int64_t T, int64_t M)
{
  const int64_t threads = ctx->threads;
  if (M > SPAN_MAX_ORDER || ctx->split == APF_SPLIT_SEQUENCES) return (span_plan){0, 0};
  const int64_t groups = (threads + B - 1) / B;
  const int64_t length = T / (groups * SIMD_LANES) / SIMD_STEPS * SIMD_STEPS;
  if (length < SPAN_MIN_SAMPLES) return (span_plan){0, 0};
  if (ctx->split == APF_SPLIT_TIME) return (span_plan){groups, length};
  const double batch_passes = (double)(((B + SIMD_LANES - 1) / SIMD_LANES + threads - 1) / threads);
  const double span_passes = (double)((B * groups + threads - 1) / threads);
  const double cost = (M <= 3 ? 1.8 : 3) * span_passes / (double)(groups * SIMD_LANES);
  const bool fills = B >= threads * SIMD_LANES;
  return fills || cost >= batch_passes ? (span_plan){0, 0} : (span_plan){groups, length};
}

/** Lanes are spans of one sequence from its sample `first` on; `active` of T samples each. */
static lane_group spans_at(int64_t first, int active, int64_t T, int64_t length, int64_t F,
                           int64_t M)
{
  lane_group group = {.T = T,
                      .F = F,
                      .length = length,
                      .M = (int)M,
                      .active = active,
                      .signal_step = T,
                      .set_step = F == length ? T * M : 0,
                      .spans = true};
  for (int lane = 0; lane < SIMD_LANES; lane++) group.first[lane] = first + lane * T;
  return group;
}

/** Where a group's coefficients begin: only those per sample move with it. */
static inline int64_t set_offset(const lane_group *group)
{
  return is_per_sample(group) ? group->first[0] * group->M : 0;
}

static inline void set_lane(vscalar *state, int lane, scalar value)
{
  vreal column[SIMD_PARTS];
  vs_store(column, 0, *state);
  for (int part = 0; part < SIMD_PARTS; part++) column[part][lane] = ((real *)&value)[part];
  *state = vs_load(column, 0);
}

static inline scalar get_lane(vscalar state, int lane)
{
  vreal column[SIMD_PARTS];
  scalar value;
  vs_store(column, 0, state);
  for (int part = 0; part < SIMD_PARTS; part++) ((real *)&value)[part] = column[part][lane];
  return value;
}

/** Whether states are below what a float can hold to full precision. */
static bool has_decayed(const vreal *state, int count)
{
  const real tiny = APF_REAL_IS_FLOAT ? (real)1e-30 : (real)1e-290;
  bool decayed = true;
  for (int k = 0; k < count; k++)
    for (int lane = 0; lane < SIMD_LANES; lane++)
      decayed = decayed && state[k][lane] < tiny && state[k][lane] > -tiny;
  return decayed;
}

static void store_maps(int M, vscalar (*columns)[SPAN_MAX_ORDER + 1], span_map *maps)
{
  for (int lane = 0; lane < SIMD_LANES; lane++)
    for (int m = 0; m <= M; m++)
      for (int i = 0; i < M; i++) maps[lane].column[m][i] = get_lane(columns[m][i], lane);
}

SIMD_INLINE void forward_map(const lane_group *group, const int M, const bool in_registers,
                             const forward_arrays *arrays, span_map *maps)
{
  forward_tiles tiles;
  sample_tile run[SPAN_MAX_ORDER + 1];
  int runs = M + 1;
  if (M > SPAN_MAX_ORDER) __builtin_unreachable(); /* plan_spans */
  forward_begin(group, arrays, &tiles);
  for (int m = 0; m <= M; m++) {
    memset(run[m], 0, sizeof run[m]);
    if (m > 0) run[m][(M - m) * SIMD_PARTS] = simd_set(1);
  }
  for (int64_t t0 = 0; t0 < group->T; t0 += SIMD_STEPS) {
    const int n = block_length(group, t0);
    forward_load(group, arrays, t0, n, &tiles, run[0] + M * SIMD_PARTS);
    for (int m = 0; m < runs; m++) {
      filter_block(M, in_registers, n, tiles.a, run[m]);
      keep_past(M, n, run[m]);
      if (m > 0) memset(run[m] + M * SIMD_PARTS, 0, (size_t)(n * SIMD_PARTS) * sizeof(vreal));
    }
    while (runs > 1 && has_decayed(run[runs - 1], M * SIMD_PARTS))
      memset(run[--runs], 0, (size_t)(M * SIMD_PARTS) * sizeof(vreal));
  }
  vscalar columns[SPAN_MAX_ORDER + 1][SPAN_MAX_ORDER + 1];
  for (int m = 0; m <= M; m++)
    for (int i = 0; i < M; i++) columns[m][i] = vs_load(run[m], M - 1 - i);
  store_maps(M, columns, maps);
}

SIMD_INLINE void backward_map(const lane_group *group, const int M, const bool in_registers,
                              const backward_arrays *arrays, span_map *maps)
{
  coefficient_tile a;
  coefficients c;
  sample_tile tile;
  vscalar state[SPAN_MAX_ORDER + 1][SPAN_MAX_ORDER + 1];
  int runs = M + 1;
  if (M > SPAN_MAX_ORDER) __builtin_unreachable(); /* plan_spans */
  coefficients_begin(group, arrays->a, &c, a);
  memset(state, 0, sizeof state);
  for (int m = 1; m <= M; m++)
    for (int lane = 0; lane < SIMD_LANES; lane++) set_lane(&state[m][m - 1], lane, scalar_of(1));
  for (int64_t t0 = group->T - SIMD_STEPS; t0 >= 0; t0 -= SIMD_STEPS) {
    coefficients_load(group, &c, t0, SIMD_STEPS, -1, a);
    for (int m = 0; m < runs; m++) {
      if (m == 0)
        load_block(group, arrays->dy, t0, SIMD_STEPS, -1, tile + SIMD_PARTS);
      else
        memset(tile, 0, (size_t)((SIMD_STEPS + 1) * SIMD_PARTS) * sizeof *tile);
      adjoint_block(M, in_registers, SIMD_STEPS, a, NULL, state[m], tile, NULL);
    }
    while (runs > 1 && has_decayed((const vreal *)state[runs - 1], M * SIMD_PARTS))
      memset(state[--runs], 0, sizeof state[0]);
  }
  store_maps(M, state, maps);
}

/** to = P from + q; false if that is not finite. */
static bool apply_map(const span_map *map, int64_t M, const scalar *from, scalar *to)
{
  bool finite = true;
  for (int i = 0; i < M; i++) {
    scalar sum = map->column[0][i];
    for (int m = 0; m < M; m++) sum = scalar_mul_add(map->column[m + 1][i], from[m], sum);
    to[i] = sum;
    for (int part = 0; part < SIMD_PARTS; part++) {
      const real value = ((real *)&sum)[part];
      finite = finite && value - value == 0;
    }
  }
  return finite;
}

#endif
