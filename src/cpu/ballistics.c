/**
 * Attack and release smoothing and its adjoint.
 *
 *   c[t] = at if x[t] < y[t-1], else rt;   y[t] = (1-c[t]) y[t-1] + c[t] x[t],   y[-1] = zi
 *
 * With the branches held fixed this is linear, and ds is a first-order recurrence in reverse time:
 *
 *   ds[t] = dy[t] + (1-c[t+1]) ds[t+1],   ds[T-1] = dy[T-1] + dzf
 *   dx[t] = c[t] ds[t],   dzi = (1-c[0]) ds[0]
 *   dat = sum of ds[t] (x[t] - y[t-1]) where c[t] = at, drt the same where c[t] = rt, in double
 *
 * Forward, both branches are computed and one is chosen: a multiply-add and a choice per sample
 * wait for the sample before. Lanes are sequences or, where these are few, spans of time
 * (ballistics_spans.h). Backward the branches are known, so time is
 * scanned (scan.h).
 */
#include "cpu/ballistics_spans.h"
#include "cpu/cpu.h"
#include "cpu/prefetch.h"
#include "cpu/scan.h"
#include "cpu/scratch.h"

enum { PARALLEL_FROM = 1 << 13 }; /* samples that are worth waking a thread */

typedef struct forward_arrays {
  int64_t T;
  const real *x, *zi, *at, *rt;
  real *y, *zf;
} forward_arrays;

/** One sequence, by one thread or by all. */
static void forward_one(const forward_arrays *p, int64_t b, span_team team)
{
  const int64_t T = p->T;
  const real *x = p->x + b * T;
  real *y = p->y + b * T;
  smoother s = make_smoother(repeat(p->zi ? (double)p->zi[b] : 0), repeat((double)p->at[b]),
                             repeat((double)p->rt[b]));
  const int64_t done = run_spans(&s, &team, T, x, y);
  if (team.me > 0) return;
  run_plainly(&s, T - done, x + done, y + done);
  if (p->zf) p->zf[b] = (real)s.state[0];
}

/** Sequences too few for the lanes: a thread runs one, or all run one after the other together. */
static apf_status forward_few(apf_context *ctx, int64_t B, const forward_arrays *arrays)
{
  const int64_t T = arrays->T;
  span_tile *tiles;
  APF_TRY(apf_workspace(ctx, (size_t)ctx->threads * sizeof *tiles, (void **)&tiles));
  if (B < ctx->threads && T >= PARALLEL_FROM) {
    for (int64_t b = 0; b < B; b++) {
#pragma omp parallel num_threads(ctx->threads)
      forward_one(arrays, b, (span_team){tiles, scratch_thread(), scratch_threads(), 0});
    }
    return APF_OK;
  }
  const bool share = B > 1 && B * T >= PARALLEL_FROM;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (share)
  for (int64_t b = 0; b < B; b++)
    forward_one(arrays, b, (span_team){&tiles[scratch_thread()], 0, 1, 0});
  return APF_OK;
}

/** One value of each of the sequences; 0 in lanes without. */
static vreal load_lanes(const real *values, int active)
{
  vreal lanes = {0};
  for (int lane = 0; values && lane < active; lane++) lanes[lane] = values[lane];
  return lanes;
}

/** `active` sequences, T apart, a cache line of each at a time (simd.h). */
static void forward_group(int active, int64_t T, const real *x, const real *zi, const real *at,
                          const real *rt, real *y, real *zf, bool stream)
{
  vdouble zi_parts[PARTS], at_parts[PARTS], rt_parts[PARTS], now[PARTS];
  widen(load_lanes(zi, active), zi_parts);
  widen(load_lanes(at, active), at_parts);
  widen(load_lanes(rt, active), rt_parts);
  smoother s[PARTS];
  for (int i = 0; i < PARTS; i++) s[i] = make_smoother(zi_parts[i], at_parts[i], rt_parts[i]);
  for (int64_t t = 0; t < T; t += SIMD_LINE) {
    const int64_t n = T - t < SIMD_LINE ? T - t : SIMD_LINE;
    vreal tile[SIMD_LINE];
    simd_load_columns(x + t, T, active, n, 1, tile);
    for (int64_t k = 0; k < n; k++) {
      widen(tile[k], now);
      for (int i = 0; i < PARTS; i++) now[i] = smoother_step(&s[i], now[i]);
      tile[k] = narrow(now);
    }
    simd_store_columns(y + t, T, active, n, stream, tile);
  }
  for (int i = 0; i < PARTS; i++) now[i] = s[i].state;
  const vreal end = narrow(now);
  for (int lane = 0; zf && lane < active; lane++) zf[lane] = end[lane];
}

/** How many sequences a thread takes at a time: with less than half of the lanes in use, moving
 *  samples to and from the lanes costs more than they save. */
static int64_t group_size(int64_t B, int threads)
{
  const int64_t each = (B + threads - 1) / threads;
  return each < SIMD_LANES / 2 || each < 2 ? 1 : each < SIMD_LANES ? each : SIMD_LANES;
}

apf_status APF_CPU(ballistics_forward)(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                       const real *zi, const real *at, const real *rt, real *y,
                                       real *zf)
{
  const int64_t size = group_size(B, ctx->threads);
  if (size == 1) {
    const forward_arrays arrays = {T, x, zi, at, rt, y, zf};
    return forward_few(ctx, B, &arrays);
  }
  const bool stream = y != x && simd_should_stream(y, B, T);
  const bool share = B > size && B * T >= PARALLEL_FROM;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (share)
  for (int64_t b = 0; b < B; b += size) {
    const int active = (int)(B - b < size ? B - b : size);
    forward_group(active, T, x + b * T, zi ? zi + b : NULL, at + b, rt + b, y + b * T,
                  zf ? zf + b : NULL, stream);
    if (stream) simd_stream_end();
  }
  return APF_OK;
}

typedef struct backward_arrays {
  int64_t T;
  const real *dy, *dzf, *x, *zi, *at, *rt, *y;
  real *dx, *dzi, *dat, *drt;
} backward_arrays;

/** One of the sequences. The state before a span [from, to) is ds[to]; the span that ends at T
 *  takes dzf in its place. */
typedef struct backward_row {
  int64_t T;
  const real *dy, *x, *y;
  real zi, at, rt;
  real *dx; /* NULL: not wanted */
} backward_row;

enum { AT_SUM, RT_SUM };

static backward_row backward_row_of(const backward_arrays *p, int64_t b)
{
  return (backward_row){
      .T = p->T,
      .dy = p->dy + b * p->T,
      .x = p->x + b * p->T,
      .y = p->y + b * p->T,
      .zi = p->zi ? p->zi[b] : 0,
      .at = p->at[b],
      .rt = p->rt[b],
      .dx = p->dx ? p->dx + b * p->T : NULL,
  };
}

static inline affine backward_maps(const backward_row *r, int64_t t)
{
  const vec_mask attack_next = vec_load(r->x + t + 1) < vec_load(r->y + t);
  return (affine){vec_select(attack_next, vec_of(1 - r->at), vec_of(1 - r->rt)),
                  vec_load(r->dy + t)};
}

static inline scalar_affine backward_map(const backward_row *r, int64_t t)
{
  if (t + 1 == r->T) return (scalar_affine){1, r->dy[t]};
  return (scalar_affine){1 - (r->x[t + 1] < r->y[t] ? r->at : r->rt), r->dy[t]};
}

/** From ds[t+1] to ds[t]; stores dx[t], adds to the sums. */
static inline real backward_sample(const backward_row *r, int64_t t, real later, double *sums)
{
  const real ds = scalar_affine_apply(backward_map(r, t), later);
  const real before = t > 0 ? r->y[t - 1] : r->zi;
  const int attack = r->x[t] < before;
  sums[attack ? AT_SUM : RT_SUM] += (double)(ds * (r->x[t] - before));
  if (r->dx) r->dx[t] = (attack ? r->at : r->rt) * ds;
  return ds;
}

static inline void prefetch_row(const backward_row *r, int64_t t)
{
  prefetch_behind(r->dy + t, LANES);
  prefetch_behind(r->x + t, LANES);
  prefetch_behind(r->y + t, LANES);
  if (r->dx) prefetch_behind(r->dx + t, LANES);
}

static real run_backward(const void *arrays, int64_t b, int64_t from, int64_t to, real state,
                         double *sums)
{
  enum { BLOCK = 64 }; /* vectors whose sums run in `real` */
  const backward_row r = backward_row_of(arrays, b);
  int64_t t = to;
  if (t == r.T) state = backward_sample(&r, --t, state, sums);
  const int64_t low = from > 0 ? from : 1; /* vectors read y[t-1] */
  vec later = vec_of(state);
  while (t - LANES >= low) {
    vec at_sum = vec_of(0), rt_sum = vec_of(0);
    for (int i = 0; i < BLOCK && t - LANES >= low; i++) {
      t -= LANES;
      prefetch_row(&r, t);
      const vec ds = affine_apply(scan_down(backward_maps(&r, t)), later);
      const vec x = vec_load(r.x + t), before = vec_load(r.y + t - 1);
      const vec_mask attack = x < before;
      const vec dc = ds * (x - before);
      later = svec_first(ds);
      at_sum += vec_select(attack, dc, vec_of(0));
      rt_sum += vec_select(attack, vec_of(0), dc);
      if (r.dx) vec_store(r.dx + t, vec_select(attack, vec_of(r.at), vec_of(r.rt)) * ds);
    }
    sums[AT_SUM] += (double)vec_sum(at_sum);
    sums[RT_SUM] += (double)vec_sum(rt_sum);
  }
  state = later[0];
  while (t > from) state = backward_sample(&r, --t, state, sums);
  return state;
}

static scalar_affine map_backward(const void *arrays, int64_t b, int64_t from, int64_t to)
{
  const backward_row r = backward_row_of(arrays, b);
  affine all = {vec_of(1), vec_of(0)};
  int64_t t = to;
  while (t - LANES >= from) {
    t -= LANES;
    all = affine_then(all, affine_first(scan_down(backward_maps(&r, t))));
  }
  scalar_affine map = {all.gain[0], all.offset[0]};
  while (t > from) map = scalar_affine_then(map, backward_map(&r, --t));
  return map;
}

static real start_backward(const void *arrays, int64_t b)
{
  const backward_arrays *p = arrays;
  return p->dzf ? p->dzf[b] : 0;
}

static void finish_backward(const void *arrays, int64_t b, real state, const double *sums)
{
  const backward_arrays *p = arrays;
  if (p->dat) p->dat[b] = (real)sums[AT_SUM];
  if (p->drt) p->drt[b] = (real)sums[RT_SUM];
  if (!p->dzi) return;
  p->dzi[b] = state;
  if (p->T == 0) return;
  const real zi = p->zi ? p->zi[b] : 0;
  p->dzi[b] *= 1 - (p->x[b * p->T] < zi ? p->at[b] : p->rt[b]);
}

apf_status APF_CPU(ballistics_backward)(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                        const real *dzf, const real *x, const real *zi,
                                        const real *at, const real *rt, const real *y, real *dx,
                                        real *dzi, real *dat, real *drt)
{
  const backward_arrays arrays = {T, dy, dzf, x, zi, at, rt, y, dx, dzi, dat, drt};
  const scan_operator op = {.arrays = &arrays,
                            .B = B,
                            .T = T,
                            .reverse = 1,
                            .start = start_backward,
                            .map = map_backward,
                            .run = run_backward,
                            .finish = finish_backward};
  return APF_CPU(scan_sequences)(ctx, &op);
}
