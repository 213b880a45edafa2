/** Recursions across the lanes of a warp, one sample a lane. */
#ifndef APF_CUDA_LANES_H
#define APF_CUDA_LANES_H

#include "cuda/reduce.h"

namespace apf_cuda {

enum { DOUBLINGS = 5 }; /* of a distance, from one lane to the whole warp */

__device__ inline int lane_of_thread()
{
  return threadIdx.x % WARP;
}

/** v of the lane before, or `first` in lane 0. */
template <class real>
__device__ inline real lane_before(real v, real first)
{
  const real earlier = __shfl_up_sync(ALL_LANES, v, 1);
  return lane_of_thread() ? earlier : first;
}

template <class real>
__device__ inline real last_lane(real v)
{
  return __shfl_sync(ALL_LANES, v, WARP - 1);
}

/** A constant decay over 1, 2, 4, 8, 16 samples. */
template <class real>
struct Decay {
  real over[DOUBLINGS];
};

/** decay^n for n < 32. */
template <class real>
__device__ inline real decay_over(const Decay<real> &decay, int n)
{
  real power = 1;
  for (int k = 0; k < DOUBLINGS; k++)
    if (n >> k & 1) power *= decay.over[k];
  return power;
}

/** s[t] = decay s[t-1] + x[t] of N sequences at once, in place, from rest. */
template <class real, int N>
__device__ inline void scan_decay(const Decay<real> &decay, real (&x)[N])
{
  const int lane = lane_of_thread();
  for (int k = 0; k < DOUBLINGS; k++)
    for (real &sum : x) {
      const real earlier = __shfl_up_sync(ALL_LANES, sum, 1 << k);
      if (lane >= 1 << k) sum = fma(decay.over[k], earlier, sum);
    }
}

/** The same from `before`, the s before lane 0. */
template <class real, int N>
__device__ inline void scan_decay(const Decay<real> &decay, const real (&before)[N], real (&x)[N])
{
  if (lane_of_thread() == 0)
    for (int i = 0; i < N; i++) x[i] = fma(decay.over[0], before[i], x[i]);
  scan_decay(decay, x);
}

}  // namespace apf_cuda

#endif
