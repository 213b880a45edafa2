/**
 * Clips gradients by their 2-norm, one norm for each parameter set, as torch's clip_grad_norm_:
 *
 *   norm[s] = sqrt(sum of g[i]^2 over set[i] = s);   g[i] *= min(1, max_norm / (norm[s] + 1e-6))
 *
 * Two launches. The first: a block per piece of PIECE values, which sums each set between the
 * lowest and the highest that it meets (a set's values lie in runs, so these are few), and a last
 * block that adds the pieces in order, a warp per set. Sums are in double.
 */
#include "cuda/reduce.h"

namespace apf_cuda {

enum { THREADS = 256, PIECE = 4096 };

/** The sets of values. */
struct SetIndex {
  int64_t S;
  const int32_t *set; /* NULL: 0 */

  /** -1 where a value belongs to none. */
  __device__ int64_t of(int64_t i) const
  {
    const int64_t s = set ? load(set + i) : 0;
    return s >= 0 && s < S ? s : -1;
  }
};

struct SetRange {
  int64_t lowest, highest;
};

/** Of the piece's sets; lowest > highest where there are none. */
__device__ inline SetRange range_of(const SetIndex &sets, int64_t start, int64_t end)
{
  APF_SHARED(warps, Table<SetRange, THREADS / WARP>);
  SetRange r = {sets.S, -1};
  for (int64_t i = start + threadIdx.x; i < end; i += THREADS) {
    const int64_t s = sets.of(i);
    if (s >= 0 && s < r.lowest) r.lowest = s;
    if (s > r.highest) r.highest = s;
  }
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    const int64_t low = __shfl_xor_sync(ALL_LANES, r.lowest, distance);
    const int64_t high = __shfl_xor_sync(ALL_LANES, r.highest, distance);
    r = {low < r.lowest ? low : r.lowest, high > r.highest ? high : r.highest};
  }
  if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = r;
  __syncthreads();
  for (const SetRange &w : warps.v)
    r = {w.lowest < r.lowest ? w.lowest : r.lowest, w.highest > r.highest ? w.highest : r.highest};
  return r;
}

/** Sums of squares of this block's piece, for every set, to partial (S, pieces). */
template <class real>
__device__ void measure_piece(int64_t N, const SetIndex &sets, const real *g, double *partial)
{
  const int64_t start = static_cast<int64_t>(blockIdx.x) * PIECE;
  const int64_t end = start + PIECE < N ? start + PIECE : N;
  const SetRange range = range_of(sets, start, end);
  for (int64_t s = threadIdx.x; s < sets.S; s += THREADS)
    if (s < range.lowest || s > range.highest)
      store_relaxed(partial + s * gridDim.x + blockIdx.x, 0.0);
  for (int64_t s = range.lowest; s <= range.highest; s++) {
    double sum = 0;
    for (int64_t i = start + threadIdx.x; i < end; i += THREADS) {
      const double slope = load(g + i);
      if (sets.of(i) == s) sum += slope * slope;
    }
    sum = block_sum<THREADS>(sum);
    if (threadIdx.x == 0) store_relaxed(partial + s * gridDim.x + blockIdx.x, sum);
  }
}

template <class real>
__global__ void measure_norms_kernel(int64_t N, SetIndex sets, const real *g, double *partial,
                                     uint32_t *finished, double *norm)
{
  APF_SHARED(last, bool);
  measure_piece(N, sets, g, partial);
  __syncthreads(); /* the whole block has stored: the ticket publishes that */
  if (threadIdx.x == 0) last = take_ticket(finished) + 1 == gridDim.x;
  __syncthreads();
  if (!last) return;
  for (int64_t s = threadIdx.x / WARP; s < sets.S; s += THREADS / WARP) {
    double sum = 0;
    for (int64_t k = threadIdx.x % WARP; k < gridDim.x; k += WARP)
      sum += load_relaxed(partial + s * gridDim.x + k);
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0) store(norm + s, sqrt(sum));
  }
  if (threadIdx.x == 0) store_relaxed(finished, 0u);
}

template <class real>
__global__ void clip_kernel(int64_t N, SetIndex sets, double max_norm, const double *norm, real *g)
{
  const double epsilon = 1e-6;
  APF_GRID_LOOP(i, N)
  {
    const int64_t s = sets.of(i);
    if (s < 0) continue;
    const double length = load(norm + s);
    if (!isfinite(length))
      store(g + i, real(0)); /* a set that has diverged stands still, the others go on */
    else if (max_norm < length + epsilon)
      store(g + i, static_cast<real>(load(g + i) * (max_norm / (length + epsilon))));
  }
}

template <class real>
apf_status clip_by_norm(apf_context *ctx, int64_t N, int64_t S, const int32_t *set, double max_norm,
                        real *g, double *norm)
{
  const SetIndex sets = {S, set};
  const int64_t pieces = divide_up(N, PIECE);
  void *partial = nullptr;
  uint32_t *finished = nullptr;
  APF_TRY(apf_workspace(ctx, static_cast<size_t>(S * pieces) * sizeof(double), &partial));
  APF_TRY(flags(ctx, 1, &finished));
  APF_TRY(APF_LAUNCH(ctx, measure_norms_kernel<real>, static_cast<unsigned>(pieces), THREADS, 0, N,
                     sets, g, static_cast<double *>(partial), finished, norm));
  return APF_LAUNCH(ctx, clip_kernel<real>, grid_for(ctx, N, THREADS), THREADS, 0, N, sets,
                    max_norm, norm, g);
}
APF_INSTANTIATE_REAL(clip_by_norm);

}  // namespace apf_cuda
