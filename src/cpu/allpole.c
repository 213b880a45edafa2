/**
 * Time-varying all-pole filter, its adjoint and its derivative.
 *
 *   y_t = x_t - sum_i a_{t,i} y_{t-i},   y_{-j} = zi_j,   zf_j = y_{T-j}       (i, j = 1..M)
 *
 * Backward in one pass from the end, in the transposed form: s_i is what later samples add to the
 * gradient of y_{t-i+1}. It starts as dzf and ends as dzi.
 *   dx_t = dy_t + s_1,   s_i <- s_{i+1} - conj(a_{t,i}) dx_t,   da_{t,i} = -dx_t conj(y_{t-i})
 *
 * Forward mode filters x_dot_t - sum_i a_dot_{t,i} y_{t-i} with the same coefficients.
 *
 * Every lane of a vector is a sequence and threads share the groups of lanes (allpole_lanes.h);
 * where sequences are few and long, lanes and threads are spans of time (allpole_spans.h). Order 1
 * is the first-order recurrence with a sign (recurrence.h), unless frames are interpolated.
 */
#include "cpu/cpu.h"

#include "cpu/allpole_spans.h"
#include "cpu/recurrence.h"

#define AT(array, index) ((array) ? (array) + (index) : NULL)

/** Lanes are sequences b, b + 1, ... */
static lane_group sequences_at(int64_t b, int64_t B, int64_t T, int64_t F, int64_t M)
{
  return (lane_group){.T = T,
                      .F = F,
                      .length = T,
                      .M = (int)M,
                      .active = B - b < SIMD_LANES ? (int)(B - b) : SIMD_LANES,
                      .signal_step = T,
                      .set_step = F * M,
                      .state_step = M};
}

/** Rows of M scalars, `step` apart, one per lane; absent ones are zero. One zero more at the end.
 */
static void load_states(const lane_group *group, const scalar *rows, int64_t step, vscalar *state)
{
  vreal columns[COEFFICIENT_REALS] = {{0}};
  if (rows)
    simd_load_columns((const real *)rows, step * SIMD_PARTS, group->active, group->M * SIMD_PARTS,
                      0, columns);
  for (int i = 0; i < group->M; i++) state[i] = vs_load(columns, i);
  state[group->M] = vs_zero();
}

static void store_states(const lane_group *group, const vscalar *state, int64_t step, scalar *rows)
{
  vreal columns[COEFFICIENT_REALS];
  if (!rows) return;
  for (int i = 0; i < group->M; i++) vs_store(columns, i, state[i]);
  simd_store_columns((real *)rows, step * SIMD_PARTS, group->active, group->M * SIMD_PARTS, false,
                     columns);
}

/** Room for the maps of all spans and for the states between them. */
static apf_status span_workspace(apf_context *ctx, const span_plan *plan, int64_t B, int64_t M,
                                 int64_t more, span_map **maps, scalar **states, scalar **rest)
{
  const size_t spans = (size_t)(B * plan->groups * SIMD_LANES);
  const size_t scalars = (spans + (size_t)B) * (size_t)M + (size_t)more;
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, spans * sizeof **maps + scalars * sizeof(scalar), &workspace));
  *maps = workspace;
  *states = (scalar *)(*maps + spans);
  *rest = *states + (spans + (size_t)B) * (size_t)M;
  return APF_OK;
}

/** Whether a second thread gets a group of sequences, and work that is worth waking it. */
static bool worth_sharing(int64_t B, int64_t T, int64_t M)
{
  enum { PARALLEL_FROM = 1 << 14 };
  return B > SIMD_LANES && B * T * M >= PARALLEL_FROM;
}

/* --- forward and forward mode ----------------------------------------------------------------- */

static forward_arrays forward_at(const forward_arrays *arrays, int64_t signal, int64_t set,
                                 int64_t state)
{
  return (forward_arrays){.x = AT(arrays->x, signal),
                          .a = arrays->a + set,
                          .a_dot = AT(arrays->a_dot, set),
                          .y_past = AT(arrays->y_past, signal),
                          .zi_past = AT(arrays->zi_past, state),
                          .y = arrays->y + signal,
                          .stream = arrays->stream};
}

/** *done = false: the maps cannot be used, nothing was written. */
static apf_status forward_spans(apf_context *ctx, const span_plan *plan, int64_t B, int64_t T,
                                int64_t F, int64_t M, const forward_arrays *arrays,
                                const scalar *zi, scalar *zf, bool *done)
{
  const int64_t spans = plan->groups * SIMD_LANES, rest = T - spans * plan->length;
  span_map *maps;
  scalar *states, *unused;
  APF_TRY(span_workspace(ctx, plan, B, M, 0, &maps, &states, &unused));

#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < B * plan->groups; job++) {
    const int64_t b = job / plan->groups, first = job % plan->groups * SIMD_LANES * plan->length;
    const lane_group group = spans_at(first, SIMD_LANES, plan->length, T, F, M);
    const forward_arrays here =
        forward_at(arrays, b * T + first, b * F * M + set_offset(&group), b * M);
    FOR_ORDER(forward_map, &group, &here, maps + job * SIMD_LANES)
  }

  *done = true;
  for (int64_t b = 0; b < B; b++) {
    scalar *state = states + b * (spans + 1) * M;
    for (int64_t i = 0; i < M; i++) state[i] = zi ? zi[b * M + i] : scalar_of(0);
    for (int64_t k = 0; k < spans && *done; k++, state += M)
      *done = apply_map(maps + b * spans + k, M, state, state + M);
  }
  if (!*done) return APF_OK;

#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic)
  for (int64_t job = 0; job < B * (plan->groups + 1); job++) {
    const int64_t b = job / (plan->groups + 1), k = job % (plan->groups + 1) * SIMD_LANES;
    const bool is_rest = k == spans; /* short: hence the dynamic schedule */
    const lane_group group = spans_at(k * plan->length, is_rest ? 1 : SIMD_LANES,
                                      is_rest ? rest : plan->length, T, F, M);
    const forward_arrays here =
        forward_at(arrays, b * T + group.first[0], b * F * M + set_offset(&group), b * M);
    vscalar state[APF_MAX_ORDER + 1];
    load_states(&group, states + (b * (spans + 1) + k) * M, M, state);
    run_forward(&group, &here, state);
    if (is_rest) store_states(&group, state, 0, AT(zf, b * M));
  }
  return APF_OK;
}

static apf_status forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                          const forward_arrays *arrays, const scalar *zi, scalar *zf)
{
  const span_plan plan = plan_spans(ctx, B, T, M);
  if (plan.groups > 0) {
    bool done;
    APF_TRY(forward_spans(ctx, &plan, B, T, F, M, arrays, zi, zf, &done));
    if (done) return APF_OK;
  }
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (worth_sharing(B, T, M))
  for (int64_t b = 0; b < B; b += SIMD_LANES) {
    const lane_group group = sequences_at(b, B, T, F, M);
    const forward_arrays here = forward_at(arrays, b * T, b * F * M, b * M);
    vscalar state[APF_MAX_ORDER + 1];
    load_states(&group, AT(zi, b * M), M, state);
    run_forward(&group, &here, state);
    store_states(&group, state, M, AT(zf, b * M));
  }
  return APF_OK;
}

apf_status APF_CPU(allpole_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                    const scalar *x, const scalar *a, const scalar *zi, scalar *y,
                                    scalar *zf)
{
  if (M == 1 && (F == 1 || F == T))
    return APF_CPU(first_order_forward)(ctx, B, T, F, -1, x, a, zi, y, zf);
  const forward_arrays arrays = {
      .x = x, .a = a, .y = y, .stream = y != x && simd_should_stream(y, B, T)};
  return forward(ctx, B, T, F, M, &arrays, zi, zf);
}

apf_status APF_CPU(allpole_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,
                                const scalar *a, const scalar *zi, const scalar *y, scalar *y_dot,
                                scalar *zf_dot)
{
  if (M == 1 && (F == 1 || F == T))
    return APF_CPU(first_order_jvp)(ctx, B, T, F, -1, x_dot, a_dot, zi_dot, a, zi, y, y_dot,
                                    zf_dot);
  const forward_arrays arrays = {.x = x_dot,
                                 .a = a,
                                 .a_dot = a_dot,
                                 .y_past = y,
                                 .zi_past = zi,
                                 .y = y_dot,
                                 .stream = y_dot != x_dot && simd_should_stream(y_dot, B, T)};
  return forward(ctx, B, T, F, M, &arrays, zi_dot, zf_dot);
}

/* --- backward --------------------------------------------------------------------------------- */

static backward_arrays backward_at(const backward_arrays *arrays, int64_t signal, int64_t set,
                                   int64_t state)
{
  return (backward_arrays){.dy = arrays->dy + signal,
                           .a = arrays->a + set,
                           .zi = AT(arrays->zi, state),
                           .y = AT(arrays->y, signal),
                           .dx = AT(arrays->dx, signal),
                           .da = AT(arrays->da, set),
                           .stream_dx = arrays->stream_dx,
                           .stream_da = arrays->stream_da};
}

/** States before every span from the one after the last, which takes the rest of the sequence. */
static bool backward_states(const span_plan *plan, int64_t T, int64_t F, int64_t M,
                            const backward_arrays *arrays, const scalar *dzf, const span_map *maps,
                            scalar *states)
{
  const int64_t spans = plan->groups * SIMD_LANES, first = spans * plan->length;
  const lane_group group = spans_at(first, 1, T - first, T, F, M);
  backward_arrays here = backward_at(arrays, first, set_offset(&group), 0);
  vscalar state[APF_MAX_ORDER + 1];
  here.dx = here.da = NULL;
  load_states(&group, dzf, 0, state);
  run_backward(&group, &here, state);
  store_states(&group, state, 0, states + spans * M);
  for (int64_t k = spans - 1; k >= 0; k--)
    if (!apply_map(maps + k, M, states + (k + 1) * M, states + k * M)) return false;
  return true;
}

/** da = the sum of `parts` arrays of `size`. */
static void sum_parts(int64_t parts, int64_t size, const scalar *from, scalar *da)
{
  for (int64_t k = 0; k < size; k++) {
    scalar sum = from[k];
    for (int64_t part = 1; part < parts; part++) sum = scalar_add(sum, from[part * size + k]);
    da[k] = sum;
  }
}

/** *done = false: the maps cannot be used, nothing was written. */
static apf_status backward_spans(apf_context *ctx, const span_plan *plan, int64_t B, int64_t T,
                                 int64_t F, int64_t M, const backward_arrays *arrays,
                                 const scalar *dzf, scalar *dzi, bool *done)
{
  const int64_t spans = plan->groups * SIMD_LANES, jobs = plan->groups + 1;
  const bool summed = arrays->da && F != T; /* every job sums into an array of its own */
  span_map *maps;
  scalar *states, *sums;
  APF_TRY(span_workspace(ctx, plan, B, M, summed ? B * jobs * F * M : 0, &maps, &states, &sums));

#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < B * plan->groups; job++) {
    const int64_t b = job / plan->groups, first = job % plan->groups * SIMD_LANES * plan->length;
    const lane_group group = spans_at(first, SIMD_LANES, plan->length, T, F, M);
    const backward_arrays here =
        backward_at(arrays, b * T + first, b * F * M + set_offset(&group), b * M);
    FOR_ORDER(backward_map, &group, &here, maps + job * SIMD_LANES)
  }

  *done = true;
  for (int64_t b = 0; b < B && *done; b++) {
    const backward_arrays here = backward_at(arrays, b * T, b * F * M, b * M);
    *done = backward_states(plan, T, F, M, &here, AT(dzf, b * M), maps + b * spans,
                            states + b * (spans + 1) * M);
  }
  if (!*done) return APF_OK;

#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic)
  for (int64_t job = 0; job < B * jobs; job++) {
    const int64_t b = job / jobs, k = job % jobs * SIMD_LANES;
    const bool is_rest = k == spans; /* short: hence the dynamic schedule */
    const lane_group group = spans_at(k * plan->length, is_rest ? 1 : SIMD_LANES,
                                      is_rest ? T - spans * plan->length : plan->length, T, F, M);
    backward_arrays here =
        backward_at(arrays, b * T + group.first[0], b * F * M + set_offset(&group), b * M);
    vscalar state[APF_MAX_ORDER + 1];
    if (summed) {
      here.da = sums + job * F * M;
      memset(here.da, 0, (size_t)(F * M) * sizeof(scalar));
    }
    load_states(&group, is_rest ? AT(dzf, b * M) : states + (b * (spans + 1) + k + 1) * M, M,
                state);
    run_backward(&group, &here, state);
  }
  for (int64_t b = 0; b < B; b++) {
    if (summed) sum_parts(jobs, F * M, sums + b * jobs * F * M, arrays->da + b * F * M);
    if (dzi) memcpy(dzi + b * M, states + b * (spans + 1) * M, (size_t)M * sizeof(scalar));
  }
  return APF_OK;
}

apf_status APF_CPU(allpole_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                     const scalar *dy, const scalar *dzf, const scalar *a,
                                     const scalar *zi, const scalar *y, scalar *dx, scalar *da,
                                     scalar *dzi)
{
  if (M == 1 && (F == 1 || F == T))
    return APF_CPU(first_order_backward)(ctx, B, T, F, -1, dy, dzf, a, zi, y, dx, da, dzi);
  const backward_arrays arrays = {
      .dy = dy,
      .a = a,
      .zi = zi,
      .y = y,
      .dx = dx,
      .da = da,
      .stream_dx = dx && dx != dy && simd_should_stream(dx, B, T),
      .stream_da = da && F == T && simd_should_stream(da, B, T * M),
  };
  const span_plan plan = plan_spans(ctx, B, T, M);
  if (plan.groups > 0) {
    bool done;
    APF_TRY(backward_spans(ctx, &plan, B, T, F, M, &arrays, dzf, dzi, &done));
    if (done) return APF_OK;
  }
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (worth_sharing(B, T, M))
  for (int64_t b = 0; b < B; b += SIMD_LANES) {
    const lane_group group = sequences_at(b, B, T, F, M);
    const backward_arrays here = backward_at(&arrays, b * T, b * F * M, b * M);
    vscalar state[APF_MAX_ORDER + 1];
    if (da && F != T) memset(here.da, 0, (size_t)(group.active * F * M) * sizeof(scalar));
    load_states(&group, AT(dzf, b * M), M, state);
    run_backward(&group, &here, state);
    store_states(&group, state, M, AT(dzi, b * M));
  }
  return APF_OK;
}
