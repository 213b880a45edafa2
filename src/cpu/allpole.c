/**
 * Time-varying all-pole filter, its adjoint and its derivative; every lane of a vector is a
 * sequence (simd.h), threads share the groups of lanes.
 *
 *   y_t = x_t - sum_i a_{t,i} y_{t-i},   y_{-j} = zi_j,   zf_j = y_{T-j}       (i, j = 1..M)
 *
 * Backward in one pass from the end, in the transposed form: s_i is what later samples add to the
 * gradient of y_{t-i}. It starts as dzf and ends as dzi.
 *   dx_t = dy_t + s_1,   s_i <- s_{i+1} - conj(a_{t,i}) dx_t,   da_{t,i} = -dx_t conj(y_{t-i})
 *
 * Forward mode filters x_dot_t - sum_i a_dot_{t,i} y_{t-i} with the same coefficients.
 *
 * A block of SIMD_STEPS samples is transposed into tiles, filtered there, and transposed back. From
 * one sample to the next only one multiply-add waits: older taps are summed first.
 */
#include "cpu/cpu.h"

#include "cpu/allpole_coefficients.h"
#include "cpu/simd.h"

enum { IN_REGISTERS = 6 }; /* largest order whose state the small loops keep in registers */

/** One entry per sample and lane, behind room for M earlier ones and the rounding of load_past. */
typedef vreal sample_tile[(SIMD_STEPS + APF_MAX_ORDER) * SIMD_PARTS + SIMD_LANES];
typedef vreal coefficient_tile[COEFFICIENT_TILE];

/** (active, M) states, newest first; an absent one is zero. */
static inline vscalar load_state(const lane_group *group, const scalar *state, int64_t i)
{
  vreal column[SIMD_PARTS] = {{0}};
  if (state)
    simd_load_columns((const real *)(state + i), group->M * SIMD_PARTS, group->active, SIMD_PARTS,
                      0, column);
  return vs_load(column, 0);
}

static inline void store_state(const lane_group *group, scalar *state, int64_t i, vscalar value)
{
  vreal column[SIMD_PARTS];
  vs_store(column, 0, value);
  simd_store_columns((real *)(state + i), group->M * SIMD_PARTS, group->active, SIMD_PARTS, false,
                     column);
}

static inline void load_block(const lane_group *group, const scalar *x, int64_t t0, int n,
                              int direction, vreal *columns)
{
  simd_load_columns((const real *)(x + t0), group->T * SIMD_PARTS, group->active, n * SIMD_PARTS,
                    direction, columns);
}

static inline void store_block(const lane_group *group, scalar *x, int64_t t0, int n, bool stream,
                               const vreal *columns)
{
  simd_store_columns((real *)(x + t0), group->T * SIMD_PARTS, group->active, n * SIMD_PARTS, stream,
                     columns);
}

static inline int block_length(const lane_group *group, int64_t t0)
{
  return group->T - t0 < SIMD_STEPS ? (int)(group->T - t0) : SIMD_STEPS;
}

/* --- forward ---------------------------------------------------------------------------------- */

/** Entries 0..M-1 hold the M outputs before the block, oldest first; from M on y takes x's place.
 */
SIMD_INLINE void filter_in_registers(const int M, int n, const vreal *a, vreal *tile)
{
  vscalar past[IN_REGISTERS];
  for (int i = 0; i < M; i++) past[i] = vs_load(tile, M - 1 - i);
  for (int t = 0; t < n; t++) {
    vscalar sum = vs_load(tile, M + t);
    for (int i = M - 1; i >= 0; i--) sum = vs_mul_sub(vs_load(a, t * M + i), past[i], sum);
    for (int i = M - 1; i > 0; i--) past[i] = past[i - 1];
    past[0] = sum;
    vs_store(tile, M + t, sum);
  }
}

static void filter_in_memory(int M, int n, const vreal *a, vreal *tile)
{
  vscalar last = vs_load(tile, M - 1);
  for (int t = 0; t < n; t++) {
    vscalar sum = vs_load(tile, M + t);
    for (int i = M - 1; i > 0; i--)
      sum = vs_mul_sub(vs_load(a, t * M + i), vs_load(tile, M + t - 1 - i), sum);
    last = vs_mul_sub(vs_load(a, t * M), last, sum);
    vs_store(tile, M + t, last);
  }
}

SIMD_INLINE void filter_block(const int M, const bool in_registers, int n, const vreal *a,
                              vreal *tile)
{
  if (in_registers)
    filter_in_registers(M, n, a, tile);
  else
    filter_in_memory(M, n, a, tile);
}

/** The last M entries become the first: the outputs before the next block. */
SIMD_INLINE void keep_past(const int M, int n, vreal *tile)
{
  for (int i = 0; i < M * SIMD_PARTS; i++) tile[i] = tile[n * SIMD_PARTS + i];
}

typedef struct forward_arrays {
  const scalar *x, *a, *zi;
  scalar *y, *zf;
  bool stream;
} forward_arrays;

SIMD_INLINE void forward_group(const lane_group *group, const int M, const bool in_registers,
                               const forward_arrays *arrays)
{
  sample_tile tile;
  coefficient_tile a_tile;
  coefficients c;
  coefficients_begin(group, arrays->a, &c, a_tile);
  for (int i = 0; i < M; i++) vs_store(tile, M - 1 - i, load_state(group, arrays->zi, i));
  for (int64_t t0 = 0; t0 < group->T; t0 += SIMD_STEPS) {
    const int n = block_length(group, t0);
    load_block(group, arrays->x, t0, n, 1, tile + M * SIMD_PARTS);
    coefficients_load(group, &c, t0, n, 1, a_tile);
    filter_block(M, in_registers, n, a_tile, tile);
    store_block(group, arrays->y, t0, n, arrays->stream, tile + M * SIMD_PARTS);
    keep_past(M, n, tile);
  }
  if (arrays->zf)
    for (int i = 0; i < M; i++) store_state(group, arrays->zf, i, vs_load(tile, M - 1 - i));
}

/** Instantiates a group function for the orders with loops of their own. */
#define FOR_ORDER(M, group_function, ...)                        \
  switch (M) {                                                   \
    case 1: group_function(&group, 1, true, __VA_ARGS__); break; \
    case 2: group_function(&group, 2, true, __VA_ARGS__); break; \
    case 3: group_function(&group, 3, true, __VA_ARGS__); break; \
    case 4: group_function(&group, 4, true, __VA_ARGS__); break; \
    case 6: group_function(&group, 6, true, __VA_ARGS__); break; \
    default: group_function(&group, (int)M, false, __VA_ARGS__); \
  }

static lane_group group_at(int64_t b, int64_t B, int64_t T, int64_t F, int64_t M)
{
  return (lane_group){T, F, (int)M, B - b < SIMD_LANES ? (int)(B - b) : SIMD_LANES};
}

#define AT(array, index) ((array) ? (array) + (index) : NULL)

apf_status APF_CPU(allpole_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                    const scalar *x, const scalar *a, const scalar *zi, scalar *y,
                                    scalar *zf)
{
  const bool stream = y != x && simd_should_stream(y, B, T);
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b += SIMD_LANES) {
    const lane_group group = group_at(b, B, T, F, M);
    const forward_arrays arrays = {x + b * T, a + b * F * M, AT(zi, b * M),
                                   y + b * T, AT(zf, b * M), stream};
    FOR_ORDER(M, forward_group, &arrays)
    simd_stream_end();
  }
  return APF_OK;
}

/* --- backward --------------------------------------------------------------------------------- */

/** y_{t0-M} .. y_{t0+n-2}, into the tile; returns where they begin. */
static const vreal *load_past(const lane_group *group, int M, const scalar *y, const scalar *zi,
                              int64_t t0, int n, int direction, vreal *tile)
{
  const int count = (M + n - 1) * SIMD_PARTS;
  const int rounded = (count + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
  const int64_t first = (t0 + n - 1) * SIMD_PARTS - rounded; /* whole squares up to y_{t0+n-2} */
  if (first >= 0) {
    simd_load_columns((const real *)y + first, group->T * SIMD_PARTS, group->active, rounded,
                      direction, tile);
    return tile + (rounded - count);
  }
  for (int j = 0; j < M + n - 1; j++) {
    const int64_t t = t0 - M + j;
    if (t >= 0)
      load_block(group, y, t, 1, 0, tile + j * SIMD_PARTS);
    else
      vs_store(tile, j, load_state(group, zi, -t - 1));
  }
  return tile;
}

/**
 * Entry 0 of `tile` is zero, the next n are dy, which dx replaces; dy_{t-1} joins s_2 before dx_t
 * is known. `past` is load_past's.
 */
SIMD_INLINE void adjoint_in_registers(const int M, int n, const vreal *a, const vreal *past,
                                      vscalar *state, vreal *tile, vreal *da)
{
  vscalar s[IN_REGISTERS + 1];
  for (int i = 0; i < M; i++) s[i] = state[i];
  s[M] = vs_zero();
  vscalar dx = vs_add(s[0], vs_load(tile, n));
  for (int t = n - 1; t >= 0; t--) {
    const vscalar before = vs_add(s[1], vs_load(tile, t)), minus_dx = vs_neg(dx);
    vs_store(tile, t + 1, dx);
    for (int i = 0; i < M; i++)
      vs_store(da, t * M + i, vs_conj_mul(vs_load(past, M + t - 1 - i), minus_dx));
    for (int i = 1; i < M; i++) s[i] = vs_conj_mul_sub(vs_load(a, t * M + i), dx, s[i + 1]);
    dx = vs_conj_mul_sub(vs_load(a, t * M), dx, before);
  }
  state[0] = dx;
  for (int i = 1; i < M; i++) state[i] = s[i];
}

/** The same for any order; state[M] is zero, da may be NULL. */
static void adjoint_in_memory(int M, int n, const vreal *a, const vreal *past, vscalar *state,
                              vreal *tile, vreal *da)
{
  vscalar dx = vs_add(state[0], vs_load(tile, n));
  for (int t = n - 1; t >= 0; t--) {
    const vscalar before = vs_add(state[1], vs_load(tile, t)), minus_dx = vs_neg(dx);
    vs_store(tile, t + 1, dx);
    for (int i = 0; da && i < M; i++)
      vs_store(da, t * M + i, vs_conj_mul(vs_load(past, M + t - 1 - i), minus_dx));
    for (int i = 1; i < M; i++) state[i] = vs_conj_mul_sub(vs_load(a, t * M + i), dx, state[i + 1]);
    dx = vs_conj_mul_sub(vs_load(a, t * M), dx, before);
  }
  state[0] = dx;
}

/** What backward reads and writes of one group. */
typedef struct backward_arrays {
  const scalar *dy, *dzf, *a, *zi, *y;
  scalar *dx, *da, *dzi;
  bool stream_dx, stream_da;
} backward_arrays;

/** What one group works in. */
typedef struct backward_tiles {
  sample_tile sample, past;
  coefficient_tile a, da;
  coefficients c;
  coefficient_gradients g;
  vscalar state[APF_MAX_ORDER + 1];
} backward_tiles;

SIMD_INLINE void backward_block(const lane_group *group, const int M, const bool in_registers,
                                const backward_arrays *arrays, int64_t t0, int n,
                                backward_tiles *tiles)
{
  const vreal *past = NULL;
  vs_store(tiles->sample, 0, vs_zero());
  load_block(group, arrays->dy, t0, n, -1, tiles->sample + SIMD_PARTS);
  if (arrays->da) past = load_past(group, M, arrays->y, arrays->zi, t0, n, -1, tiles->past);
  coefficients_load(group, &tiles->c, t0, n, -1, tiles->a);
  if (in_registers)
    adjoint_in_registers(M, n, tiles->a, past, tiles->state, tiles->sample, tiles->da);
  else
    adjoint_in_memory(M, n, tiles->a, past, tiles->state, tiles->sample,
                      arrays->da ? tiles->da : NULL);
  if (arrays->dx)
    store_block(group, arrays->dx, t0, n, arrays->stream_dx, tiles->sample + SIMD_PARTS);
  if (arrays->da) gradients_store(group, &tiles->g, t0, n, tiles->da);
}

SIMD_INLINE void backward_group(const lane_group *group, const int M, const bool in_registers,
                                const backward_arrays *arrays)
{
  backward_tiles tiles;
  coefficients_begin(group, arrays->a, &tiles.c, tiles.a);
  if (arrays->da) gradients_begin(group, arrays->da, arrays->stream_da, &tiles.g);
  for (int i = 0; i < M; i++) tiles.state[i] = load_state(group, arrays->dzf, i);
  tiles.state[M] = vs_zero();
  for (int64_t t0 = (group->T - 1) / SIMD_STEPS * SIMD_STEPS; t0 >= 0; t0 -= SIMD_STEPS)
    backward_block(group, M, in_registers, arrays, t0, block_length(group, t0), &tiles);
  if (arrays->da) gradients_end(group, &tiles.g);
  if (arrays->dzi)
    for (int i = 0; i < M; i++) store_state(group, arrays->dzi, i, tiles.state[i]);
}

apf_status APF_CPU(allpole_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                     const scalar *dy, const scalar *dzf, const scalar *a,
                                     const scalar *zi, const scalar *y, scalar *dx, scalar *da,
                                     scalar *dzi)
{
  const bool stream_dx = dx && dx != dy && simd_should_stream(dx, B, T);
  const bool stream_da = da && F == T && simd_should_stream(da, B, T * M);
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b += SIMD_LANES) {
    const lane_group group = group_at(b, B, T, F, M);
    const backward_arrays arrays = {dy + b * T,   AT(dzf, b * M), a + b * F * M,     AT(zi, b * M),
                                    AT(y, b * T), AT(dx, b * T),  AT(da, b * F * M), AT(dzi, b * M),
                                    stream_dx,    stream_da};
    if (da)
      FOR_ORDER(M, backward_group, &arrays)
    else
      backward_group(&group, (int)M, false, &arrays);
    simd_stream_end();
  }
  return APF_OK;
}

/* --- forward mode ----------------------------------------------------------------------------- */

/** x_dot -= sum_i a_dot_i y_{t-i}. */
static void subtract_past(int M, int n, const vreal *a_dot, const vreal *past, vreal *x_dot)
{
  for (int t = 0; t < n; t++) {
    vscalar sum = vs_load(x_dot, t);
    for (int i = M - 1; i >= 0; i--)
      sum = vs_mul_sub(vs_load(a_dot, t * M + i), vs_load(past, M + t - 1 - i), sum);
    vs_store(x_dot, t, sum);
  }
}

typedef struct jvp_arrays {
  const scalar *x_dot, *a_dot, *zi_dot, *a, *zi, *y;
  scalar *y_dot, *zf_dot;
} jvp_arrays;

static void jvp_group(const lane_group *group, const jvp_arrays *arrays)
{
  const int M = (int)group->M;
  sample_tile tile, past_tile;
  coefficient_tile a_tile, a_dot_tile;
  coefficients c, c_dot;
  coefficients_begin(group, arrays->a, &c, a_tile);
  if (arrays->a_dot) coefficients_begin(group, arrays->a_dot, &c_dot, a_dot_tile);
  for (int i = 0; i < M; i++) vs_store(tile, M - 1 - i, load_state(group, arrays->zi_dot, i));
  for (int64_t t0 = 0; t0 < group->T; t0 += SIMD_STEPS) {
    const int n = block_length(group, t0);
    vreal *block = tile + M * SIMD_PARTS;
    if (arrays->x_dot)
      load_block(group, arrays->x_dot, t0, n, 1, block);
    else
      memset(block, 0, (size_t)(n * SIMD_PARTS) * sizeof *block);
    if (arrays->a_dot) {
      const vreal *past = load_past(group, M, arrays->y, arrays->zi, t0, n, 1, past_tile);
      coefficients_load(group, &c_dot, t0, n, 1, a_dot_tile);
      subtract_past(M, n, a_dot_tile, past, block);
    }
    coefficients_load(group, &c, t0, n, 1, a_tile);
    filter_in_memory(M, n, a_tile, tile);
    store_block(group, arrays->y_dot, t0, n, false, block);
    keep_past(M, n, tile);
  }
  if (arrays->zf_dot)
    for (int i = 0; i < M; i++) store_state(group, arrays->zf_dot, i, vs_load(tile, M - 1 - i));
}

apf_status APF_CPU(allpole_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,
                                const scalar *a, const scalar *zi, const scalar *y, scalar *y_dot,
                                scalar *zf_dot)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b += SIMD_LANES) {
    const lane_group group = group_at(b, B, T, F, M);
    const jvp_arrays arrays = {AT(x_dot, b * T), AT(a_dot, b * F * M), AT(zi_dot, b * M),
                               a + b * F * M,    AT(zi, b * M),        AT(y, b * T),
                               y_dot + b * T,    AT(zf_dot, b * M)};
    jvp_group(&group, &arrays);
  }
  return APF_OK;
}
