/**
 * Gradients of frames where a sequence is cut into tiles. Frame f of a sequence takes
 *
 *   sum over t of max(0, 1 - |t (F-1) - f (T-1)| / (T-1)) da_t,
 *
 * first over the samples of each tile, then over tiles. A tile has a row of sums for every frame
 * that its samples lie next to; two tiles share a frame or two, so frame f of tile k (in time) is
 * row f + 2 k, and F + 2 tiles rows are enough.
 */
#ifndef APF_CUDA_ALLPOLE_FRAME_SUMS_H
#define APF_CUDA_ALLPOLE_FRAME_SUMS_H

#include "cuda/allpole_coefficients.h"
#include "cuda/allpole_rows.h"
#include "cuda/frame_support.h"
#include "cuda/scan.h"

namespace apf_cuda {

__host__ __device__ inline int64_t frame_rows(const Frames &frames, int64_t tiles)
{
  return frames.count + 2 * tiles;
}

/** Frames first .. last are those next to samples t .. t + n - 1. */
struct FrameRange {
  int64_t first, last;
};

__device__ inline FrameRange frames_of_samples(const Frames &frames, int64_t t, int n)
{
  const int64_t left = frame_weight<double>(frames, frame_position(frames, t)).frame;
  const int64_t right = frame_weight<double>(frames, frame_position(frames, t + n - 1)).frame;
  return {left, frames.count > 1 ? right + 1 : right};
}

/** The sum over all lanes, in a fixed order. */
template <class W>
__device__ inline W sum_lanes(W v)
{
  for (int lanes = WARP / 2; lanes > 0; lanes /= 2) {
    if constexpr (is_complex<W>)
      v = add(v,
              W{__shfl_xor_sync(ALL_LANES, v.re, lanes), __shfl_xor_sync(ALL_LANES, v.im, lanes)});
    else
      v += __shfl_xor_sync(ALL_LANES, v, lanes);
  }
  return v;
}

/** Gradients per sample, at(k, i) being those of sample t + k, into tile k's rows of sums: a warp
 *  per frame and tap. */
template <int WARPS, class S, class At>
__device__ inline void sum_tile_frames(const Frames &frames, int64_t tile, int64_t t, int samples,
                                       int M, const At &at, Wide<S> *sums)
{
  const int lane = static_cast<int>(threadIdx.x) % WARP;
  const int warp = static_cast<int>(threadIdx.x) / WARP;
  const FrameRange range = frames_of_samples(frames, t, samples);
  const int64_t pairs = (range.last - range.first + 1) * M;
  for (int64_t pair = warp; pair < pairs; pair += WARPS) {
    const int64_t frame = range.first + pair / M;
    const int i = static_cast<int>(pair % M);
    const FrameSupport of = frame_support(frames, t + samples, frame);
    Wide<S> sum = make_scalar<Wide<S>>(0);
    for (int64_t k = (of.begin > t ? of.begin - t : 0) + lane; k < of.end - t; k += WARP) {
      const double weight = support_weight(frames, t + k, frame);
      sum = add(sum, scale(widen<S>(at(k, i)), weight));
    }
    sum = sum_lanes(sum);
    if (lane == 0) store(sums + (frame + 2 * tile) * M + i, sum);
  }
}

/** da (B, F, M) from the tiles' sums; `lanes` of a warp, 1 or all, share one of its entries. */
template <class S>
__global__ void add_frame_sums_kernel(Frames frames, int64_t B, int64_t T, int64_t M, int64_t tile,
                                      int lanes, const Wide<S> *sums, S *da)
{
  const int64_t tiles = (T + tile - 1) / tile, count = B * frames.count * M;
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (int64_t e = thread / lanes; e < count; e += threads / lanes) {
    const int64_t i = e % M, frame = e / M % frames.count, b = e / M / frames.count;
    const FrameSupport of = frame_support(frames, T, frame);
    Wide<S> sum = make_scalar<Wide<S>>(0);
    for (int64_t k = of.begin / tile + thread % lanes; k * tile < of.end; k += lanes) {
      const int64_t t = k * tile;
      const int n = static_cast<int>(T - t < tile ? T - t : tile);
      const FrameRange range = frames_of_samples(frames, t, n);
      if (frame < range.first || frame > range.last) continue;
      sum = add(sum, load(sums + ((b * frame_rows(frames, tiles) + frame + 2 * k) * M + i)));
    }
    if (lanes > 1) sum = sum_lanes(sum);
    if (thread % lanes == 0) store(da + e, narrow<S>(sum));
  }
}

template <class S>
apf_status add_frame_sums(apf_context *ctx, const Frames &frames, int64_t B, int64_t T, int64_t M,
                          int64_t tile, const Wide<S> *sums, S *da)
{
  enum { THREADS = 256, FEW = 8 };
  const int64_t tiles_of_frame = divide_up(T, tile) / frames.count;
  const int lanes = tiles_of_frame > FEW ? WARP : 1;
  const unsigned blocks = grid_for(ctx, B * frames.count * M * lanes, THREADS);
  return APF_LAUNCH(ctx, add_frame_sums_kernel<S>, blocks, THREADS, 0, frames, B, T, M, tile, lanes,
                    sums, da);
}

}  // namespace apf_cuda

#endif
