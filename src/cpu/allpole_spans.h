/**
 * Few long sequences: lanes and threads are spans of time of one sequence. Over a span the state
 * after it is an affine map of the state before it, s_out = P s_in + q, P of M columns. A first run
 * gets the maps, they are applied one after the other, and a second run filters every span from its
 * true state.
 *
 * P comes against the recursion's direction: the adjoint of its row i, started from the unit vector
 * behind the span, is what earlier states weigh in entry i of s_out. Once these weights have
 * decayed to nothing, the rest of the span does not matter and is not read. q is what the recursion
 * makes of the samples from there on, from rest. Where filters are well damped, the first run costs
 * little. Where maps overflow, or multiply rounding beyond what the recursion itself does, the
 * sequence is not cut.
 */
#ifndef APF_CPU_ALLPOLE_SPANS_H
#define APF_CPU_ALLPOLE_SPANS_H

#include "core/context.h"
#include "core/growth.h"

#include "cpu/allpole_lanes.h"
#include "cpu/scalar.h"

#include <math.h>

enum { SPAN_MAX_ORDER = 32, SPAN_MIN_SAMPLES = 16 * SIMD_STEPS };

/** Column 0 is q, column m + 1 the one of P for s_in[m]. */
typedef struct span_map {
  scalar column[SPAN_MAX_ORDER + 1][SPAN_MAX_ORDER];
} span_map;

/** How a sequence is cut: groups of SIMD_LANES spans of whole blocks, then a rest. */
typedef struct span_plan {
  int64_t groups, length; /* groups = 0: do not cut */
} span_plan;

/**
 * The rule. A batch takes ceil(groups of sequences / threads) passes over T; spans pass over
 * T / (groups * lanes) at a time, where weights decay slowly twice, the first time with M
 * recursions: half of that is what the rule expects.
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
  const double cost = (1.5 + 0.2 * (double)M) * span_passes / (double)(groups * SIMD_LANES);
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

/** Whether nothing is left of weights that began as ones: what they multiply would have to be
 *  1e23 times as loud as the result to change its last digit. */
static bool has_decayed(const vreal *state, int count)
{
  const real tiny = APF_REAL_IS_FLOAT ? (real)1e-30 : (real)1e-39;
  bool decayed = true;
  for (int k = 0; k < count; k++)
    for (int lane = 0; lane < SIMD_LANES; lane++)
      decayed = decayed && state[k][lane] < tiny && state[k][lane] > -tiny;
  return decayed;
}

/** A row of every lane's P, conjugated: weights of the states before what has been seen; a zero
 *  behind. */
typedef struct map_row {
  vscalar weights[SPAN_MAX_ORDER + 1];
} map_row;

static void begin_rows(int M, map_row *rows)
{
  memset(rows, 0, (size_t)M * sizeof *rows);
  for (int i = 0; i < M; i++)
    for (int lane = 0; lane < SIMD_LANES; lane++) set_lane(&rows[i].weights[i], lane, scalar_of(1));
}

static bool have_decayed(int M, const map_row *rows)
{
  bool decayed = true;
  for (int i = 0; i < M && decayed; i++)
    decayed = has_decayed((const vreal *)rows[i].weights, M * SIMD_PARTS);
  return decayed;
}

/** Whether a weight of the newest output is larger than growth.h allows. */
static bool grows(int M, const map_row *newest)
{
  const real most = APF_REAL_IS_FLOAT ? (real)APF_MOST_GROWTH_F32 : (real)APF_MOST_GROWTH_F64;
  const real *weights = (const real *)newest->weights;
  bool larger = false;
  for (int k = 0; k < M * SIMD_PARTS * SIMD_LANES; k++)
    larger |= weights[k] > most || weights[k] < -most;
  return larger;
}

/** Makes apply_map say no. */
static void refuse_maps(span_map *maps)
{
  const real none = (real)NAN;
  for (int lane = 0; lane < SIMD_LANES; lane++) maps[lane].column[0][0] = scalar_of(none);
}

/** Goes a block back: the adjoint of the filter. */
SIMD_INLINE void extend_back(const int M, const vreal *a, vscalar *weights)
{
  vscalar s[SPAN_MAX_ORDER + 1];
  for (int i = 0; i <= M; i++) s[i] = weights[i];
  for (int t = SIMD_STEPS - 1; t >= 0; t--) {
    const vscalar weight = s[0];
    for (int i = 0; i < M; i++) s[i] = vs_conj_mul_sub(vs_load(a, t * M + i), weight, s[i + 1]);
  }
  for (int i = 0; i < M; i++) weights[i] = s[i];
}

/** Goes a block on: the filter, which is the adjoint's own adjoint. */
SIMD_INLINE void extend_on(const int M, const bool in_registers, const vreal *a, vscalar *weights)
{
  sample_tile y;
  for (int i = 0; i < M; i++) vs_store(y, M - 1 - i, weights[i]);
  memset(y + M * SIMD_PARTS, 0, (size_t)(SIMD_STEPS * SIMD_PARTS) * sizeof *y);
  filter_block(M, in_registers, SIMD_STEPS, a, y);
  for (int i = 0; i < M; i++) weights[i] = vs_load(y, M + SIMD_STEPS - 1 - i);
}

static void store_maps(int M, const map_row *rows, const vscalar *q, span_map *maps)
{
  for (int lane = 0; lane < SIMD_LANES; lane++) {
    for (int i = 0; i < M; i++) {
      maps[lane].column[0][i] = get_lane(q[i], lane);
      for (int m = 0; m < M; m++)
        maps[lane].column[m + 1][i] = scalar_conj(get_lane(rows[i].weights[m], lane));
    }
  }
}

SIMD_INLINE void forward_map(const lane_group *group, const int M, const bool in_registers,
                             const forward_arrays *arrays, span_map *maps)
{
  forward_tiles tiles;
  sample_tile y;
  map_row rows[SPAN_MAX_ORDER];
  vscalar q[SPAN_MAX_ORDER];
  int64_t since = group->T;
  if (M > SPAN_MAX_ORDER) __builtin_unreachable(); /* plan_spans */
  forward_begin(group, arrays, &tiles);
  begin_rows(M, rows);
  while (since > 0 && !have_decayed(M, rows)) {
    since -= SIMD_STEPS;
    coefficients_load(group, &tiles.c, since, SIMD_STEPS, -1, tiles.a);
    for (int i = 0; i < M; i++) extend_back(M, tiles.a, rows[i].weights);
    if (grows(M, &rows[0])) {
      refuse_maps(maps);
      return;
    }
  }
  memset(y, 0, sizeof y);
  for (int64_t t0 = since; t0 < group->T; t0 += SIMD_STEPS) {
    forward_load(group, arrays, t0, SIMD_STEPS, &tiles, y + M * SIMD_PARTS);
    filter_block(M, in_registers, SIMD_STEPS, tiles.a, y);
    keep_past(M, SIMD_STEPS, y);
  }
  for (int i = 0; i < M; i++) q[i] = vs_load(y, M - 1 - i);
  store_maps(M, rows, q, maps);
}

/** The adjoint's spans, from their ends to their beginnings: row j says what dzi_j is made of. */
SIMD_INLINE void backward_map(const lane_group *group, const int M, const bool in_registers,
                              const backward_arrays *arrays, span_map *maps)
{
  coefficient_tile a;
  coefficients c;
  sample_tile dy;
  map_row rows[SPAN_MAX_ORDER];
  vscalar q[SPAN_MAX_ORDER + 1];
  int64_t until = 0;
  if (M > SPAN_MAX_ORDER) __builtin_unreachable(); /* plan_spans */
  coefficients_begin(group, arrays->a, &c, a);
  begin_rows(M, rows);
  for (; until < group->T && !have_decayed(M, rows); until += SIMD_STEPS) {
    coefficients_load(group, &c, until, SIMD_STEPS, 1, a);
    for (int j = 0; j < M; j++) extend_on(M, in_registers, a, rows[j].weights);
    if (grows(M, &rows[0])) {
      refuse_maps(maps);
      return;
    }
  }
  memset(q, 0, sizeof q);
  for (int64_t t0 = until - SIMD_STEPS; t0 >= 0; t0 -= SIMD_STEPS) {
    load_block(group, arrays->dy, t0, SIMD_STEPS, -1, dy + SIMD_PARTS);
    coefficients_load(group, &c, t0, SIMD_STEPS, -1, a);
    adjoint_block(M, in_registers, SIMD_STEPS, a, NULL, q, dy, NULL);
  }
  store_maps(M, rows, q, maps);
}

/** to = P from + q; false if that is not finite, or the map was refused. */
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
