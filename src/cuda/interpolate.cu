/**
 * Linear interpolation along time, end points aligned, and its adjoint; frames.h has the equation.
 *
 * Forward, a thread computes 16 bytes of y, walking from sample to sample; only its first position
 * is looked up. Backward, a warp or a block gathers what the samples between its neighbours send to
 * a frame, in an order that depends on sizes alone, in double. Memory bound both ways: y is written
 * once; dy is read twice, for the two frames around each sample, the second time from the cache.
 */
#include "cuda/frame_support.h"

namespace apf_cuda {

namespace {

enum { THREADS = 256 };

/** A place in an array (B, T, C). */
struct Place {
  int64_t b, t, c;
};

/** Brings a digit that exceeds its radix by less than `most` into range; returns what is carried.
 */
__device__ inline int64_t carry(int64_t radix, int most, int64_t *digit)
{
  if (*digit < radix) return 0;
  int64_t carried = 1;
  if (radix < most) carried = static_cast<unsigned>(*digit) / static_cast<unsigned>(radix);
  *digit -= carried * radix;
  return carried;
}

template <class real>
__global__ void __launch_bounds__(THREADS)
    interpolate_forward_kernel(Frames frames, int64_t n, int64_t T, int64_t C, const real *x,
                               real *y, bool aligned)
{
  enum { V = 16 / static_cast<int>(sizeof(real)), SIZE = THREADS * V };
  APF_SHARED(first, Place);
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * SIZE;
  if (threadIdx.x == 0) {
    const int64_t sample = begin / C;
    first = {sample / T, sample % T, begin % C};
  }
  __syncthreads();
  Place at = first;
  at.c += threadIdx.x * V;
  at.t += carry(C, SIZE, &at.c);
  at.b += carry(T, SIZE, &at.t);
  const int64_t i = begin + threadIdx.x * V;
  FramePosition position = frame_position(frames, at.t);
  Pack<real, V> out = {};
#pragma unroll
  for (int v = 0; v < V; v++) {
    if (i + v >= n) break;
    const FrameWeight<real> w = frame_weight<real>(frames, position);
    const real *left = x + (at.b * frames.count + w.frame) * C + at.c;
    const real *right = frames.count > 1 ? left + C : left;
    out.v[v] = (1 - w.weight) * load(left) + w.weight * load(right);
    if (!aligned || begin + SIZE > n) store(y + i + v, out.v[v]);
    if (++at.c < C) continue;
    at.c = 0;
    next_sample(frames, &position);
    if (++at.t < T) continue;
    at.t = 0, at.b++;
    position = frame_position(frames, 0);
  }
  if (aligned && begin + SIZE <= n) store_once(reinterpret_cast<Pack<real, V> *>(y + i), out);
}

template <int GROUP>
__device__ inline void group_barrier()
{
  if constexpr (GROUP == 32)
    __syncwarp();
  else
    __syncthreads();
}

/** Sums `rows` rows of `width` values, in place, into the first; each thread has one value. */
template <int GROUP>
__device__ inline void sum_rows(int rows, int width, int me, double *values)
{
  group_barrier<GROUP>();
  while (rows > 1) {
    const int half = (rows + 1) / 2;
    if (me < (rows - half) * width) values[me] += values[me + half * width];
    group_barrier<GROUP>();
    rows = half;
  }
}

struct GroupSums {
  double v[THREADS];
};

/** A group of threads per frame: side by side in channels, and then in time, so that it reads
 *  memory in order. */
template <class real, int GROUP>
__global__ void __launch_bounds__(THREADS)
    interpolate_backward_kernel(Frames frames, int64_t groups, int64_t T, int64_t C, const real *dy,
                                real *dx)
{
  APF_SHARED(shared, GroupSums);
  const int me = threadIdx.x % GROUP;
  double *const sums = shared.v + (threadIdx.x - me);
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x) / GROUP;
  for (int64_t g = first; g < groups; g += static_cast<int64_t>(gridDim.x) * (THREADS / GROUP)) {
    const int64_t b = g / frames.count, frame = g - b * frames.count;
    const FrameSupport support = frame_support(frames, T, frame);
    for (int64_t c = 0; c < C; c += GROUP) {
      const int width = C - c < GROUP ? static_cast<int>(C - c) : GROUP;
      const int rows = GROUP / width, row = me / width;
      const real *column = dy + b * T * C + c + me % width;
      double sum = 0;
      for (int64_t t = support.begin + row; row < rows && t < support.end; t += rows)
        sum += support_weight(frames, t, frame) * static_cast<double>(load(column + t * C));
      sums[me] = sum;
      sum_rows<GROUP>(rows, width, me, sums);
      if (me < width) store(dx + g * C + c + me, static_cast<real>(sums[me]));
      group_barrier<GROUP>();
    }
  }
}

}  // namespace

template <class real>
apf_status interpolate_forward(apf_context *ctx, int64_t B, int64_t F, int64_t T, int64_t C,
                               const real *x, real *y)
{
  enum { SIZE = THREADS * 16 / static_cast<int>(sizeof(real)) };
  const int64_t n = B * T * C;
  const bool aligned = reinterpret_cast<uintptr_t>(y) % 16 == 0;
  return APF_LAUNCH(ctx, interpolate_forward_kernel<real>,
                    static_cast<unsigned>(divide_up(n, SIZE)), THREADS, 0, make_frames(F, T), n, T,
                    C, x, y, aligned);
}
APF_INSTANTIATE_REAL(interpolate_forward);

template <class real>
apf_status interpolate_backward(apf_context *ctx, int64_t B, int64_t F, int64_t T, int64_t C,
                                const real *dy, real *dx)
{
  enum { MANY = 1024 }; /* values that make a frame worth a block */
  const int64_t groups = B * F;
  if (T / F * 2 * C >= MANY)
    return APF_LAUNCH(ctx, (interpolate_backward_kernel<real, THREADS>), grid_for(ctx, groups, 1),
                      THREADS, 0, make_frames(F, T), groups, T, C, dy, dx);
  return APF_LAUNCH(ctx, (interpolate_backward_kernel<real, 32>),
                    grid_for(ctx, groups, THREADS / 32), THREADS, 0, make_frames(F, T), groups, T,
                    C, dy, dx);
}
APF_INSTANTIATE_REAL(interpolate_backward);

}  // namespace apf_cuda
