/** Sums of several values at once over the threads of a warp and of a block, in a fixed order. */
#ifndef APF_CUDA_WARP_SUMS_H
#define APF_CUDA_WARP_SUMS_H

#include "cuda/cuda.h"

namespace apf_cuda {

/** Lane 0 has the warp's sums. */
template <int SUMS>
__device__ inline void warp_sums(double (&sums)[SUMS])
{
  for (int step = 16; step > 0; step /= 2)
    for (int k = 0; k < SUMS; k++) sums[k] += __shfl_down_sync(0xffffffffu, sums[k], step);
}

/** Thread 0 has the block's sums. */
template <int THREADS, int SUMS>
__device__ inline void block_sums(double (&sums)[SUMS])
{
  enum { WARPS = THREADS / 32 };
  struct Shared {
    double v[WARPS][SUMS];
  };
  APF_SHARED(of_warps, Shared);
  warp_sums(sums);
  if (threadIdx.x % 32 == 0)
    for (int k = 0; k < SUMS; k++) of_warps.v[threadIdx.x / 32][k] = sums[k];
  __syncthreads();
  if (threadIdx.x == 0)
    for (int warp = 1; warp < WARPS; warp++)
      for (int k = 0; k < SUMS; k++) sums[k] += of_warps.v[warp][k];
  __syncthreads();
}

}  // namespace apf_cuda

#endif
