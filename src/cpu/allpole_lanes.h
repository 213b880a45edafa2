/**
 * The all-pole recursion and its adjoint over one group of lanes. A block of SIMD_STEPS samples is
 * transposed into tiles, filtered there, and transposed back. From one sample to the next only one
 * multiply-add waits: older taps are summed first.
 */
#ifndef APF_CPU_ALLPOLE_LANES_H
#define APF_CPU_ALLPOLE_LANES_H

#include "cpu/allpole_coefficients.h"

enum { IN_REGISTERS = 6 }; /* largest order whose state the small loops keep in registers */

/** One entry per sample, behind room for M earlier ones and for what load_past rounds up to. */
typedef vreal sample_tile[(SIMD_STEPS + APF_MAX_ORDER) * SIMD_PARTS + SIMD_LANES];
typedef vreal coefficient_tile[COEFFICIENT_TILE];

static void load_block(const lane_group *group, const scalar *x, int64_t t0, int n, int direction,
                       vreal *columns)
{
  simd_load_columns((const real *)(x + t0), group->signal_step * SIMD_PARTS, group->active,
                    n * SIMD_PARTS, direction, columns);
}

static void store_block(const lane_group *group, scalar *x, int64_t t0, int n, bool stream,
                        const vreal *columns)
{
  simd_store_columns((real *)(x + t0), group->signal_step * SIMD_PARTS, group->active,
                     n * SIMD_PARTS, stream, columns);
}

static inline int block_length(const lane_group *group, int64_t t0)
{
  return group->T - t0 < SIMD_STEPS ? (int)(group->T - t0) : SIMD_STEPS;
}

/** Where the last block begins; negative if there is none. */
static inline int64_t last_block(const lane_group *group)
{
  return (group->T + SIMD_STEPS - 1) / SIMD_STEPS * SIMD_STEPS - SIMD_STEPS;
}

/** y_t of every lane for one t, which may lie before its beginning or before its sequence's. */
static vscalar load_sample(const lane_group *group, const scalar *y, const scalar *zi, int64_t t)
{
  vreal column[SIMD_PARTS] = {{0}};
  for (int lane = 0; lane < group->active; lane++) {
    const int64_t before = -1 - (group->first[lane] + t);
    const scalar *from = before < 0 ? y + lane * group->signal_step + t
                         : zi       ? zi + lane * group->state_step + before
                                    : NULL;
    for (int part = 0; from && part < SIMD_PARTS; part++)
      column[part][lane] = ((const real *)from)[part];
  }
  return vs_load(column, 0);
}

/** y_{t0-M} .. y_{t0+n-2}, into the tile; returns where they begin. */
static const vreal *load_past(const lane_group *group, int M, const scalar *y, const scalar *zi,
                              int64_t t0, int n, int direction, vreal *tile)
{
  const int count = (M + n - 1) * SIMD_PARTS;
  const int rounded = (count + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
  const int64_t first = (t0 + n - 1) * SIMD_PARTS - rounded; /* whole squares up to y_{t0+n-2} */
  if (first >= 0) {
    simd_load_columns((const real *)y + first, group->signal_step * SIMD_PARTS, group->active,
                      rounded, direction, tile);
    return tile + (rounded - count);
  }
  for (int j = 0; j < M + n - 1; j++) vs_store(tile, j, load_sample(group, y, zi, t0 - M + j));
  return tile;
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

/** The last M outputs become the first entries, for the next block. */
SIMD_INLINE void keep_past(const int M, int n, vreal *tile)
{
  for (int i = 0; i < M * SIMD_PARTS; i++) tile[i] = tile[n * SIMD_PARTS + i];
}

/** Arrays of a group's first lane. Forward mode filters x = x_dot less what a_dot makes of the past
 *  outputs y_past, zi_past; x may then be NULL. */
typedef struct forward_arrays {
  const scalar *x, *a;
  const scalar *a_dot, *y_past, *zi_past;
  scalar *y;
  bool stream;
} forward_arrays;

typedef struct forward_tiles {
  coefficient_tile a, a_dot;
  coefficients c, c_dot;
  sample_tile past;
} forward_tiles;

static void forward_begin(const lane_group *group, const forward_arrays *arrays,
                          forward_tiles *tiles)
{
  coefficients_begin(group, arrays->a, &tiles->c, tiles->a);
  if (arrays->a_dot) coefficients_begin(group, arrays->a_dot, &tiles->c_dot, tiles->a_dot);
}

/** The filter's input and coefficients of a block. */
static void forward_load(const lane_group *group, const forward_arrays *arrays, int64_t t0, int n,
                         forward_tiles *tiles, vreal *input)
{
  const int M = group->M;
  if (arrays->x)
    load_block(group, arrays->x, t0, n, 1, input);
  else
    memset(input, 0, (size_t)(n * SIMD_PARTS) * sizeof *input);
  coefficients_load(group, &tiles->c, t0, n, 1, tiles->a);
  if (!arrays->a_dot) return;
  const vreal *past = load_past(group, M, arrays->y_past, arrays->zi_past, t0, n, 1, tiles->past);
  coefficients_load(group, &tiles->c_dot, t0, n, 1, tiles->a_dot);
  for (int t = 0; t < n; t++) {
    vscalar sum = vs_load(input, t);
    for (int i = M - 1; i >= 0; i--)
      sum = vs_mul_sub(vs_load(tiles->a_dot, t * M + i), vs_load(past, M + t - 1 - i), sum);
    vs_store(input, t, sum);
  }
}

/** state: the outputs before and, on return, at the end; newest first. */
SIMD_INLINE void forward_group(const lane_group *group, const int M, const bool in_registers,
                               const forward_arrays *arrays, vscalar *state)
{
  forward_tiles tiles;
  sample_tile tile;
  forward_begin(group, arrays, &tiles);
  for (int i = 0; i < M; i++) vs_store(tile, M - 1 - i, state[i]);
  for (int64_t t0 = 0; t0 < group->T; t0 += SIMD_STEPS) {
    const int n = block_length(group, t0);
    forward_load(group, arrays, t0, n, &tiles, tile + M * SIMD_PARTS);
    filter_block(M, in_registers, n, tiles.a, tile);
    store_block(group, arrays->y, t0, n, arrays->stream, tile + M * SIMD_PARTS);
    keep_past(M, n, tile);
  }
  for (int i = 0; i < M; i++) state[i] = vs_load(tile, M - 1 - i);
}

/* --- backward --------------------------------------------------------------------------------- */

/**
 * Entry 0 of `tile` is zero, the next n are dy, which dx replaces; dy_{t-1} joins s_2 before dx_t
 * is known. `past` is load_past's; da may be NULL.
 */
SIMD_INLINE void adjoint_in_registers(const int M, const bool want_da, int n, const vreal *a,
                                      const vreal *past, vscalar *state, vreal *tile, vreal *da)
{
  vscalar s[IN_REGISTERS + 1];
  for (int i = 0; i < M; i++) s[i] = state[i];
  s[M] = vs_zero();
  vscalar dx = vs_add(s[0], vs_load(tile, n));
  for (int t = n - 1; t >= 0; t--) {
    const vscalar before = vs_add(s[1], vs_load(tile, t)), minus_dx = vs_neg(dx);
    vs_store(tile, t + 1, dx);
    for (int i = 0; want_da && i < M; i++)
      vs_store(da, t * M + i, vs_conj_mul(vs_load(past, M + t - 1 - i), minus_dx));
    for (int i = 1; i < M; i++) s[i] = vs_conj_mul_sub(vs_load(a, t * M + i), dx, s[i + 1]);
    dx = vs_conj_mul_sub(vs_load(a, t * M), dx, before);
  }
  state[0] = dx;
  for (int i = 1; i < M; i++) state[i] = s[i];
}

/** The same for any order; state[M] is zero. */
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

SIMD_INLINE void adjoint_block(const int M, const bool in_registers, int n, const vreal *a,
                               const vreal *past, vscalar *state, vreal *tile, vreal *da)
{
  vs_store(tile, 0, vs_zero());
  if (!in_registers)
    adjoint_in_memory(M, n, a, past, state, tile, da);
  else if (da)
    adjoint_in_registers(M, true, n, a, past, state, tile, da);
  else
    adjoint_in_registers(M, false, n, a, past, state, tile, da);
}

/** Arrays of a group's first lane; dx and da may be NULL. */
typedef struct backward_arrays {
  const scalar *dy, *a, *zi, *y;
  scalar *dx, *da;
  bool stream_dx, stream_da;
} backward_arrays;

typedef struct backward_tiles {
  sample_tile sample, past;
  coefficient_tile a, da;
  coefficients c;
  coefficient_gradients g;
} backward_tiles;

/** state: s after the last sample and, on return, before the first; M + 1 entries, the last zero.
 */
SIMD_INLINE void backward_group(const lane_group *group, const int M, const bool in_registers,
                                const backward_arrays *arrays, vscalar *state)
{
  backward_tiles tiles;
  vreal *dx = tiles.sample + SIMD_PARTS, *da = arrays->da ? tiles.da : NULL;
  coefficients_begin(group, arrays->a, &tiles.c, tiles.a);
  if (da) gradients_begin(group, arrays->da, arrays->stream_da, &tiles.g);
  for (int64_t t0 = last_block(group); t0 >= 0; t0 -= SIMD_STEPS) {
    const int n = block_length(group, t0);
    const vreal *past = NULL;
    load_block(group, arrays->dy, t0, n, -1, dx);
    if (da) past = load_past(group, M, arrays->y, arrays->zi, t0, n, -1, tiles.past);
    coefficients_load(group, &tiles.c, t0, n, -1, tiles.a);
    adjoint_block(M, in_registers, n, tiles.a, past, state, tiles.sample, da);
    if (arrays->dx) store_block(group, arrays->dx, t0, n, arrays->stream_dx, dx);
    if (da) gradients_store(group, &tiles.g, t0, n, da);
  }
  if (da) gradients_end(group, &tiles.g);
}

/** Instantiates a group function for the orders with loops of their own. */
#define FOR_ORDER(group_function, group, ...)                       \
  switch ((group)->M) {                                             \
    case 1: group_function(group, 1, true, __VA_ARGS__); break;     \
    case 2: group_function(group, 2, true, __VA_ARGS__); break;     \
    case 3: group_function(group, 3, true, __VA_ARGS__); break;     \
    case 4: group_function(group, 4, true, __VA_ARGS__); break;     \
    case 6: group_function(group, 6, true, __VA_ARGS__); break;     \
    default: group_function(group, (group)->M, false, __VA_ARGS__); \
  }

static void run_forward(const lane_group *group, const forward_arrays *arrays, vscalar *state)
{
  FOR_ORDER(forward_group, group, arrays, state)
  simd_stream_end();
}

static void run_backward(const lane_group *group, const backward_arrays *arrays, vscalar *state)
{
  FOR_ORDER(backward_group, group, arrays, state)
  simd_stream_end();
}

#endif
