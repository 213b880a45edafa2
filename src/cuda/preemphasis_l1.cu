/**
 * Mean absolute difference after pre-emphasis, and its gradient.
 *
 *   v[t] = e[t] - e[t-1] + d v[t-1],   e = pred - target,  d = 0.995,   loss = mean |v|
 *   u[t] = s[t] + d u[t+1],  dpred[t] = u[t] - u[t+1],   s[t] = dloss sign(v[t]) / T,  dtarget =
 * -dpred
 *
 * With f[t] = e[t] + d f[t-1], v[t] = e[t] - (1-d) f[t-1], and dpred[t] = s[t] - (1-d) u[t+1]: both
 * directions are one decaying sum, without cancellation.
 *
 * A block per tile of a row, its lanes along time: they scan 32 samples by exchanging, and carry
 * the sum from step to step, from warp to warp and from tile to tile by powers of d, which are
 * known. A first launch makes each tile's own sum; a tile's carry is the weighted sum of those
 * before it, exact to rounding. Forward takes a second launch, which reads the signals again (they
 * mostly still lie in the cache). Backward's second launch keeps the signs of v, a byte a sample,
 * and makes the tiles' sums of the reversed recursion; its third one runs that. Nothing but those
 * bytes and two numbers a tile goes through scratch memory.
 */
#include "cuda/blocks.h"
#include "cuda/lanes.h"

#include <cmath>

namespace apf_cuda {

enum {
  THREADS = 256,
  WARPS = THREADS / WARP,
  STEPS = 16, /* of 32 samples, a thread has one of each */
  WARP_SPAN = STEPS * WARP,
  TILE = WARPS * WARP_SPAN
};

static constexpr double POLE = 0.995;

/** Powers of d. */
template <class real>
struct Pole {
  Decay<real> lanes, tiles; /* over 1, 2, 4, 8, 16 samples, or tiles */
  real step, warp;          /* over a step, over a warp's span */
  real remainder;           /* 1 - d */
};

template <class real>
Pole<real> new_pole()
{
  Pole<real> c;
  for (int k = 0; k < DOUBLINGS; k++) {
    c.lanes.over[k] = static_cast<real>(std::pow(POLE, 1 << k));
    c.tiles.over[k] = static_cast<real>(std::pow(POLE, static_cast<double>(TILE) * (1 << k)));
  }
  c.step = static_cast<real>(std::pow(POLE, static_cast<double>(WARP)));
  c.warp = static_cast<real>(std::pow(POLE, static_cast<double>(WARP_SPAN)));
  c.remainder = static_cast<real>(1 - POLE);
  return c;
}

/** Where the thread's sample of step 0 lies in the tile; the next steps' lie WARP further each. */
__device__ inline int first_of_thread()
{
  return threadIdx.x / WARP * WARP_SPAN + lane_of_thread();
}

/* --- scans ------------------------------------------------------------------------------------ */

/** `before`: the decaying sum of all samples before each x, that before the tile being `carry`. */
template <class real>
__device__ inline void scan_tile(const Pole<real> &c, const real (&x)[STEPS], real carry,
                                 real (&before)[STEPS])
{
  APF_SHARED(totals, Table<real, WARPS>);
  const int lane = lane_of_thread(), warp = threadIdx.x / WARP;
  const real lane_power = decay_over(c.lanes, lane);
  real state = 0; /* of the warp alone */
  for (int j = 0; j < STEPS; j++) {
    real sum[1] = {x[j]};
    scan_decay(c.lanes, sum);
    before[j] = fma(lane_power, state, lane_before(sum[0], real(0)));
    state = fma(c.step, state, last_lane(sum[0]));
  }
  if (lane == 0) totals[warp] = state;
  __syncthreads();
  for (int w = 0; w < warp; w++) carry = fma(c.warp, carry, totals[w]);
  carry *= lane_power;
  for (int j = 0; j < STEPS; j++, carry *= c.step) before[j] += carry;
  __syncthreads(); /* the next scan may overwrite the totals */
}

/** The decaying sum of the tile's x at its last sample, or (FROM_END) at its first one with time
 *  reversed; in every thread. */
template <bool FROM_END, class real>
__device__ inline real tile_total(const Pole<real> &c, const real (&x)[STEPS])
{
  APF_SHARED(totals, Table<real, WARPS>);
  real sum = 0, total = 0;
  for (int j = 0; j < STEPS; j++) sum = fma(c.step, sum, x[FROM_END ? STEPS - 1 - j : j]);
  sum *= decay_over(c.lanes, FROM_END ? lane_of_thread() : WARP - 1 - lane_of_thread());
  sum = warp_sum(sum);
  if (lane_of_thread() == 0) totals[threadIdx.x / WARP] = sum;
  __syncthreads();
  for (int w = 0; w < WARPS; w++) total = fma(c.warp, total, totals[FROM_END ? WARPS - 1 - w : w]);
  __syncthreads(); /* the next total may overwrite these */
  return total;
}

/** The sum that enters a tile, from the totals of the `count` tiles before it, of which the nearest
 *  is at totals[0] and the others in steps of `stride`. What lies more than 32 tiles back has
 *  decayed to 1e-285. */
template <class real>
__device__ inline real carry_into(const Pole<real> &c, int64_t count, const real *totals,
                                  int stride)
{
  const int lane = lane_of_thread();
  const real mine = lane < count ? load(totals + static_cast<int64_t>(lane) * stride) : real(0);
  return warp_sum(decay_over(c.tiles, lane) * mine);
}

/* --- rows and tiles --------------------------------------------------------------------------- */

/** pred (B, T), target (R, T). */
template <class real>
struct L1Signals {
  int64_t R, T, tiles;
  const real *pred, *target;
};

/** The tile's differences, zeros behind the end. */
template <class real>
__device__ inline void load_errors(const L1Signals<real> &s, int64_t b, int64_t tile,
                                   real (&e)[STEPS])
{
  const int64_t first = tile * TILE + first_of_thread();
  const real *p = s.pred + b * s.T + first, *q = s.target + b % s.R * s.T + first;
  for (int j = 0; j < STEPS; j++)
    e[j] = first + j * WARP < s.T ? load(p + j * WARP) - load(q + j * WARP) : real(0);
}

/** Loop of a kernel over its block's tiles of `rows` rows. */
#define APF_TILES(row, tile, rows, tiles)     \
  APF_BLOCK_LOOP(apf_item_, (rows) * (tiles)) \
  if (const int64_t row = apf_item_ / (tiles), tile = apf_item_ % (tiles); true)

/** totals (B, tiles): each tile's own decaying sum. */
template <class real>
__global__ void tile_totals_kernel(int64_t B, L1Signals<real> s, Pole<real> c, real *totals)
{
  APF_TILES(b, tile, B, s.tiles)
  {
    real e[STEPS];
    load_errors(s, b, tile, e);
    const real total = tile_total<false>(c, e);
    if (threadIdx.x == 0) store(totals + b * s.tiles + tile, total);
  }
}

/** v of the thread's samples; what is behind the end goes on decaying. */
template <class real>
__device__ inline void emphasize(const L1Signals<real> &s, const Pole<real> &c, int64_t b,
                                 int64_t tile, const real *totals, real (&v)[STEPS])
{
  real before[STEPS];
  load_errors(s, b, tile, v);
  const real carry = carry_into(c, tile, totals + b * s.tiles + tile - 1, -1);
  scan_tile(c, v, carry, before);
  for (int j = 0; j < STEPS; j++) v[j] -= c.remainder * before[j];
}

template <class real>
apf_status launch_totals(apf_context *ctx, int64_t B, const L1Signals<real> &s, const Pole<real> &c,
                         real *totals)
{
  return APF_LAUNCH(ctx, tile_totals_kernel<real>, block_each(B * s.tiles), THREADS, 0, B, s, c,
                    totals);
}

/* --- forward ---------------------------------------------------------------------------------- */

template <class real>
__global__ void preemphasis_l1_forward_kernel(RowSums rows, L1Signals<real> s, Pole<real> c,
                                              const real *totals, real *loss)
{
  APF_TILES(b, tile, rows.rows, s.tiles)
  {
    real v[STEPS];
    emphasize(s, c, b, tile, totals, v);
    const int64_t first = tile * TILE + first_of_thread();
    double sum[1] = {};
    for (int j = 0; j < STEPS; j++)
      if (first + j * WARP < s.T) sum[0] += fabs(v[j]);
    if (finish_row<THREADS>(rows, b, tile, sum) && threadIdx.x == 0)
      store(loss + b, static_cast<real>(sum[0] / static_cast<double>(s.T)));
  }
}

template <class real>
apf_status preemphasis_l1_forward(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                  const real *pred, const real *target, real *loss)
{
  const L1Signals<real> s = {R, T, divide_up(T, TILE), pred, target};
  const Pole<real> c = new_pole<real>();
  const size_t tiles = static_cast<size_t>(B * s.tiles);
  void *scratch = nullptr;
  RowSums rows = {B, s.tiles, nullptr, nullptr};
  APF_TRY(apf_workspace(ctx, tiles * (sizeof(double) + sizeof(real)), &scratch));
  APF_TRY(flags(ctx, static_cast<size_t>(B), &rows.finished));
  rows.partial = static_cast<double *>(scratch);
  real *const totals = reinterpret_cast<real *>(rows.partial + tiles);
  APF_TRY(launch_totals(ctx, B, s, c, totals));
  return APF_LAUNCH(ctx, preemphasis_l1_forward_kernel<real>, block_each(B * s.tiles), THREADS, 0,
                    rows, s, c, totals, loss);
}
APF_INSTANTIATE_REAL(preemphasis_l1_forward);

/* --- backward --------------------------------------------------------------------------------- */

/** signs (B, T) of v; behind (B, tiles): each tile's own decaying sum of them, with time reversed.
 */
template <class real>
__global__ void signs_kernel(int64_t B, L1Signals<real> s, Pole<real> c, const real *totals,
                             int8_t *signs, real *behind)
{
  APF_TILES(b, tile, B, s.tiles)
  {
    real v[STEPS];
    emphasize(s, c, b, tile, totals, v);
    const int64_t first = tile * TILE + first_of_thread();
    for (int j = 0; j < STEPS; j++) {
      const bool inside = first + j * WARP < s.T;
      const int sign = inside ? (v[j] > 0) - (v[j] < 0) : 0;
      if (inside) store(signs + b * s.T + first + j * WARP, static_cast<int8_t>(sign));
      v[j] = static_cast<real>(sign);
    }
    const real total = tile_total<true>(c, v);
    if (threadIdx.x == 0) store(behind + b * s.tiles + tile, total);
  }
}

/** The signs of row b, with time reversed inside the tile: `last` is the thread's first sample. */
template <class real>
__device__ inline void load_signs(const L1Signals<real> &s, int64_t b, int64_t last,
                                  const int8_t *signs, real (&x)[STEPS])
{
  for (int j = 0; j < STEPS; j++) {
    const int64_t t = last - j * WARP;
    x[j] = t < s.T ? static_cast<real>(load(signs + b * s.T + t)) : real(0);
  }
}

/** A block has a tile of those rows b = group, group + groups, ... that share a target. dpred or
 *  dtarget may be NULL. */
template <class real>
__global__ void preemphasis_l1_backward_kernel(int64_t B, int64_t groups, L1Signals<real> s,
                                               Pole<real> c, const int8_t *signs,
                                               const real *behind, const real *dloss, real *dpred,
                                               real *dtarget)
{
  APF_TILES(group, tile, groups, s.tiles)
  {
    const int64_t last = tile * TILE + TILE - 1 - first_of_thread();
    real to_target[STEPS] = {};
    for (int64_t b = group; b < B; b += groups) {
      real x[STEPS], before[STEPS];
      load_signs(s, b, last, signs, x);
      scan_tile(c, x, carry_into(c, s.tiles - 1 - tile, behind + b * s.tiles + tile + 1, 1),
                before);
      const real scale = load(dloss + b) / static_cast<real>(s.T);
      for (int j = 0; j < STEPS; j++) {
        const real gradient = scale * (x[j] - c.remainder * before[j]);
        to_target[j] -= gradient;
        const int64_t t = last - j * WARP;
        if (dpred && t < s.T) store(dpred + b * s.T + t, gradient);
      }
    }
    for (int j = 0; j < STEPS; j++)
      if (dtarget && last - j * WARP < s.T)
        store(dtarget + group * s.T + last - j * WARP, to_target[j]);
  }
}

template <class real>
apf_status preemphasis_l1_backward(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                   const real *dloss, const real *pred, const real *target,
                                   real *dpred, real *dtarget)
{
  const L1Signals<real> s = {R, T, divide_up(T, TILE), pred, target};
  const Pole<real> c = new_pole<real>();
  const int64_t groups = dtarget ? R : B;
  const size_t tiles = static_cast<size_t>(B * s.tiles);
  void *scratch = nullptr;
  APF_TRY(apf_workspace(ctx, 2 * tiles * sizeof(real) + static_cast<size_t>(B * T), &scratch));
  real *const totals = static_cast<real *>(scratch), *const behind = totals + tiles;
  int8_t *const signs = reinterpret_cast<int8_t *>(behind + tiles);
  APF_TRY(launch_totals(ctx, B, s, c, totals));
  APF_TRY(APF_LAUNCH(ctx, signs_kernel<real>, block_each(B * s.tiles), THREADS, 0, B, s, c, totals,
                     signs, behind));
  return APF_LAUNCH(ctx, preemphasis_l1_backward_kernel<real>, block_each(groups * s.tiles),
                    THREADS, 0, B, groups, s, c, signs, behind, dloss, dpred, dtarget);
}
APF_INSTANTIATE_REAL(preemphasis_l1_backward);

}  // namespace apf_cuda
