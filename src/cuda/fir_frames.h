/**
 * The FIR filter whose taps are constant, or interpolated between frames: taps per sample never
 * exist in memory.
 *
 * A thread computes FRAMES_EACH samples; the signals' tile lies in shared memory, and the taps of a
 * frame in the first cache. Backward is one pass as well: of the frames around its samples a block
 * sums what they contribute to db, a warp per tap, in double; a second kernel adds up these parts
 * in the order of time.
 */
#ifndef APF_CUDA_FIR_FRAMES_H
#define APF_CUDA_FIR_FRAMES_H

#include "cuda/fir.h"
#include "cuda/frame_support.h"

namespace apf_cuda {

enum { FRAMES_EACH = 4, FRAMES_TILE = FIR_THREADS * FRAMES_EACH };
enum { FRAMES_WINDOW = FRAMES_TILE + FIR_TAPS - 1 };

/** Of the next frame's taps, seen from a frame's: itself where there is only one. */
__device__ inline int64_t next_frame(const FirSizes &sizes)
{
  return sizes.F > 1 ? sizes.K : 0;
}

template <class real>
struct FramesWindow {
  real v[FRAMES_WINDOW];
};

template <class real>
__global__ void __launch_bounds__(FIR_THREADS, 4)
    fir_filter_frames_kernel(FirSizes sizes, Frames frames, FirTerms<real> terms, real *y,
                             FirSignal<real> state, real *zf)
{
  APF_SHARED(window, FramesWindow<real>);
  const FirTile tile(sizes, FRAMES_TILE);
  const int n = static_cast<int>(smaller(sizes.T - tile.begin, FRAMES_TILE));
  const int me = threadIdx.x;
  const int64_t next = next_frame(sizes);
  real sums[FRAMES_EACH] = {};
  FrameWeight<real> at[FRAMES_EACH];
#pragma unroll
  for (int i = 0; i < FRAMES_EACH; i++)
    at[i] = frame_weight<real>(frames, frame_position(frames, tile.begin + me + i * FIR_THREADS));
  for (int which = 0; which < terms.count; which++) {
    const FirTerm<real> term = terms.at(which);
    const FirSignal<real> signal = term.signal.of_sequence(sizes, tile.b);
    const real *b = term.b + tile.b * sizes.F * sizes.K;
    for (int64_t k = 0; k < sizes.K; k += FIR_TAPS) {
      const int taps = static_cast<int>(smaller(sizes.K - k, FIR_TAPS));
      load_window(sizes, signal, tile.begin - k - (taps - 1), n + taps - 1, window.v);
      __syncthreads();
#pragma unroll
      for (int i = 0; i < FRAMES_EACH; i++) {
        const int sample = me + i * FIR_THREADS;
        const real *left = b + at[i].frame * sizes.K + k;
        for (int j = 0; j < taps && sample < n; j++) {
          const real tap = load(left + j), rise = load(left + next + j) - tap;
          sums[i] += (tap + at[i].weight * rise) * window.v[sample + taps - 1 - j];
        }
      }
      __syncthreads();
    }
  }
#pragma unroll
  for (int i = 0; i < FRAMES_EACH; i++)
    if (me + i * FIR_THREADS < n)
      store(y + tile.b * sizes.T + tile.begin + me + i * FIR_THREADS, sums[i]);
  if (zf && tile.index == sizes.tiles - 1)
    store_state(sizes, state.of_sequence(sizes, tile.b), zf + tile.b * (sizes.K - 1));
}

/** Parts of db: of every tile, for up to `slots` frames from that of its first sample on. */
struct FrameParts {
  double *sums; /* (B, tiles, slots, K) */
  int64_t slots;

  __device__ double *of(const FirSizes &sizes, int64_t b, int64_t tile, int64_t slot) const
  {
    return sums + ((b * sizes.tiles + tile) * slots + slot) * sizes.K;
  }
};

/** The samples of a backward tile that exist: [from, to). */
struct FramesSpan {
  int64_t from, to;

  __device__ FramesSpan(const FirSizes &sizes, int64_t tile)
  {
    const int64_t first = tile * FRAMES_TILE - sizes.lead;
    from = first > 0 ? first : 0;
    to = smaller(first + FRAMES_TILE, sizes.T);
  }
};

template <class real>
struct GradientsFramesShared {
  real left[FRAMES_WINDOW], right[FRAMES_WINDOW]; /* dy times the weights of its frames */
  int frame[FRAMES_WINDOW];                       /* less that of the first */
  real own[FRAMES_TILE];                          /* dy of the tile itself */
  real window[FRAMES_WINDOW];                     /* inputs, for db */
};

/** dy from sample t on, weighted for the frames left and right of each. Returns the frame from
 *  which they count. */
template <class real>
__device__ inline int64_t load_weighted(const FirSizes &sizes, const Frames &frames,
                                        const FirSignal<real> &upstream, int64_t t, int count,
                                        GradientsFramesShared<real> &shared)
{
  const auto weight_at = [&](int64_t s) {
    const int64_t inside = s < 0 ? 0 : smaller(s, sizes.T - 1);
    return frame_weight<real>(frames, frame_position(frames, inside));
  };
  const int64_t first = weight_at(t).frame;
  for (int i = threadIdx.x; i < count; i += FIR_THREADS) {
    const real dy = t + i < 0 ? real(0) : upstream.at(sizes, t + i);
    const FrameWeight<real> at = weight_at(t + i);
    shared.frame[i] = static_cast<int>(at.frame - first);
    shared.right[i] = at.weight * dy;
    shared.left[i] = dy - shared.right[i];
  }
  return first;
}

/** The part of db of one tap of one frame, of the tile's samples [from, to), by a warp. */
template <class real>
__device__ inline void sum_frame_tap(const Frames &frames, int64_t frame, int64_t first,
                                     int64_t from, int64_t to, int delay,
                                     const GradientsFramesShared<real> &shared, double *out)
{
  double sum = 0;
  const int lane = threadIdx.x % 32;
  for (int64_t t = from + lane; t < to; t += 32) {
    const int i = static_cast<int>(t - first);
    const double dy = shared.own[i];
    sum += support_weight(frames, t, frame) * dy * static_cast<double>(shared.window[i + delay]);
  }
  for (int by = 16; by > 0; by /= 2) sum += __shfl_down_sync(0xffffffffu, sum, by);
  if (lane == 0) store(out, sum);
}

template <class real>
__device__ inline void sum_frame_taps(const FirSizes &sizes, const Frames &frames,
                                      const FirTile &tile, int64_t first, int64_t k, int taps,
                                      const GradientsFramesShared<real> &shared,
                                      const FrameParts &parts)
{
  const FramesSpan span(sizes, tile.index);
  if (span.from >= span.to) return;
  const int64_t low = frame_weight<double>(frames, frame_position(frames, span.from)).frame;
  const int64_t high = frame_weight<double>(frames, frame_position(frames, span.to - 1)).frame;
  const int count = static_cast<int>(high - low) + (sizes.F > 1 ? 2 : 1);
  for (int i = threadIdx.x / 32; i < count * taps; i += FIR_THREADS / 32) {
    const int slot = i / taps, tap = i - slot * taps;
    const FrameSupport support = frame_support(frames, sizes.T, low + slot);
    const int64_t from = support.begin > span.from ? support.begin : span.from;
    sum_frame_tap(frames, low + slot, first, from, smaller(support.end, span.to), taps - 1 - tap,
                  shared, parts.of(sizes, tile.b, tile.index, slot) + k + tap);
  }
}

template <class real>
__global__ void __launch_bounds__(FIR_THREADS, 2)
    fir_gradients_frames_kernel(FirSizes sizes, Frames frames, FirGradients<real> p,
                                FrameParts parts)
{
  APF_SHARED(shared, GradientsFramesShared<real>);
  const FirTile tile(sizes, FRAMES_TILE);
  const int64_t first = tile.begin, next = next_frame(sizes);
  const FirSignal<real> upstream = {p.dy + tile.b * sizes.T, nullptr};
  const FirSignal<real> signal = p.signal.of_sequence(sizes, tile.b);
  const bool wants_input = p.dx || p.dzi;
  const int me = threadIdx.x;
  real sums[FRAMES_EACH] = {};
  if (p.db) load_window(sizes, upstream, first, FRAMES_TILE, shared.own);
  for (int64_t k = 0; k < sizes.K; k += FIR_TAPS) {
    const int taps = static_cast<int>(smaller(sizes.K - k, FIR_TAPS));
    const int count = FRAMES_TILE + taps - 1;
    int64_t frame = 0;
    if (wants_input) frame = load_weighted(sizes, frames, upstream, first + k, count, shared);
    if (p.db) load_window(sizes, signal, first - k - (taps - 1), count, shared.window);
    __syncthreads();
    const real *left = p.b + (tile.b * sizes.F + frame) * sizes.K + k;
#pragma unroll
    for (int i = 0; i < FRAMES_EACH; i++) {
      for (int j = 0; j < taps && wants_input; j++) {
        const int at = me + i * FIR_THREADS + j;
        const real *tap = left + shared.frame[at] * sizes.K + j;
        sums[i] += load(tap) * shared.left[at] + load(tap + next) * shared.right[at];
      }
    }
    if (p.db) sum_frame_taps(sizes, frames, tile, first, k, taps, shared, parts);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < FRAMES_EACH; i++)
    if (wants_input) p.store_input(sizes, tile.b, first + me + i * FIR_THREADS, sums[i]);
}

/** db of one tap of one frame, from its parts in the order of time, by a warp. */
template <class real>
__global__ void __launch_bounds__(FIR_THREADS)
    fir_sum_frames_kernel(FirSizes sizes, Frames frames, FrameParts parts, real *db)
{
  const int64_t warps = static_cast<int64_t>(gridDim.x) * (FIR_THREADS / 32);
  const int64_t mine = static_cast<int64_t>(blockIdx.x) * (FIR_THREADS / 32) + threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  for (int64_t i = mine; i < sizes.B * sizes.F * sizes.K; i += warps) {
    const int64_t row = i / sizes.K, k = i - row * sizes.K;
    const int64_t b = row / sizes.F, frame = row - b * sizes.F;
    const FrameSupport support = frame_support(frames, sizes.T, frame);
    double sum = 0;
    if (support.begin < support.end) {
      const int64_t last = (support.end - 1 + sizes.lead) / FRAMES_TILE;
      for (int64_t tile = (support.begin + sizes.lead) / FRAMES_TILE + lane; tile <= last;
           tile += 32) {
        const FramesSpan span(sizes, tile);
        const int64_t low = frame_weight<double>(frames, frame_position(frames, span.from)).frame;
        sum += load(parts.of(sizes, b, tile, frame - low) + k);
      }
    }
    for (int by = 16; by > 0; by /= 2) sum += __shfl_down_sync(0xffffffffu, sum, by);
    if (lane == 0) store(db + i, static_cast<real>(sum));
  }
}

}  // namespace apf_cuda

#endif
