/**
 * y[i] = f(x1[i], x2[i], ...), 16 bytes at a time where the addresses allow: one value a load would
 * leave too little in flight to fill the memory's pipes.
 */
#ifndef APF_CUDA_ELEMENTWISE_H
#define APF_CUDA_ELEMENTWISE_H

#include "cuda/cuda.h"

namespace apf_cuda {

/** Values of a 16-byte pack. */
template <class real>
inline constexpr int PACKED = 16 / static_cast<int>(sizeof(real));

template <class real, class F, class... Packs>
__device__ inline Pack<real, PACKED<real>> map_pack(const F &f, const Packs &...x)
{
  Pack<real, PACKED<real>> y;
  for (int i = 0; i < PACKED<real>; i++) y.v[i] = f(x.v[i]...);
  return y;
}

template <class real>
__device__ inline Pack<real, PACKED<real>> load_pack(const real *x, int64_t i)
{
  return load(reinterpret_cast<const Pack<real, PACKED<real>> *>(x) + i);
}

template <class real>
__device__ inline void store_pack(real *y, int64_t i, const Pack<real, PACKED<real>> &pack)
{
  store(reinterpret_cast<Pack<real, PACKED<real>> *>(y) + i, pack);
}

/** The first `packs` packs, then what is left of n values. y may be one of the x. */
template <class real, class F, class... Inputs>
__global__ void elementwise_kernel(int64_t n, int64_t packs, F f, real *y, const Inputs *...x)
{
  APF_GRID_LOOP(i, packs) store_pack(y, i, map_pack<real>(f, load_pack(x, i)...));
  const int64_t done = packs * PACKED<real>;
  APF_GRID_LOOP(i, n - done) store(y + done + i, f(load(x + done + i)...));
}

/** How many whole packs n values are, 0 where one of the addresses is not that of a pack. */
template <class real, class... Pointers>
inline int64_t packs_of(int64_t n, const Pointers *...p)
{
  const bool aligned = ((reinterpret_cast<uintptr_t>(p) % 16 == 0) && ...);
  return aligned ? n / PACKED<real> : 0;
}

/** f: a small struct with a __device__ operator(). */
template <class real, class F, class... Inputs>
apf_status elementwise(apf_context *ctx, int64_t n, F f, real *y, const Inputs *...x)
{
  enum { THREADS = 256 };
  const int64_t packs = packs_of<real>(n, y, x...);
  const unsigned grid = grid_for(ctx, packs ? packs : n, THREADS);
  return APF_LAUNCH(ctx, (elementwise_kernel<real, F, Inputs...>), grid, THREADS, 0, n, packs, f, y,
                    x...);
}

}  // namespace apf_cuda

#endif
