/**
 * Step-up recursion from reflection coefficients to the direct form, and its adjoint.
 *
 *   a^(m)[i] = a^(m-1)[i] + k[m] a^(m-1)[m-i]  for i = 1..m-1,   a^(m)[m] = k[m],   m = 1..M
 *
 * Adjoint, g^(M) = da, for m = M..1:
 *   dk[m] = g^(m)[m] + sum_i g^(m)[i] a^(m-1)[m-i]
 *   g^(m-1)[i] = g^(m)[i] + k[m] g^(m)[m-i]
 *
 * M^2 multiply-adds a row. A thread per row; see cuda/reflection.h.
 */
#include "cuda/reflection.h"

namespace apf_cuda {

template <class real>
__global__ void reflection_to_direct_forward_kernel(int64_t N, int64_t M, const real *k, real *a)
{
  APF_DYNAMIC_SHARED(tile, real);
  const SharedRow<real> row = {tile + threadIdx.x};
  APF_ROWS(n, N)
  {
    load_rows(n, N, M, k, tile);
    __syncthreads();
    if (n + threadIdx.x < N)
      for (int64_t m = 1; m <= M; m++) reflection_mix(m - 1, row[m - 1], real(1), row);
    __syncthreads();
    store_rows(n, N, M, tile, a);
    __syncthreads(); /* the tile is free again */
  }
}

template <class real>
apf_status reflection_to_direct_forward(apf_context *ctx, int64_t N, int64_t M, const real *k,
                                        real *a)
{
  return APF_LAUNCH(ctx, reflection_to_direct_forward_kernel<real>,
                    grid_for(ctx, N, REFLECTION_THREADS), REFLECTION_THREADS,
                    reflection_bytes<real>(M, 1), N, M, k, a);
}
APF_INSTANTIATE_REAL(reflection_to_direct_forward);

template <class real>
__device__ inline void step_up_adjoint(int64_t M, SharedRow<real> k, const Levels<real> &levels,
                                       SharedRow<real> g)
{
  levels.fill(M, k);
  for (int64_t m = M; m >= 1; m--) {
    real sum = g[m - 1];
    for (int64_t i = 0; i < m - 1; i++) sum += g[i] * load(levels.at(m - 1, m - 2 - i));
    g[m - 1] = sum;
    reflection_mix(m - 1, k[m - 1], real(1), g);
  }
}

template <class real>
__global__ void reflection_to_direct_backward_kernel(int64_t N, int64_t M, const real *da,
                                                     const real *k, real *scratch, real *dk)
{
  APF_DYNAMIC_SHARED(tile, real);
  real *const gradients = tile + M * REFLECTION_STRIDE;
  const SharedRow<real> row = {tile + threadIdx.x}, g = {gradients + threadIdx.x};
  const Levels<real> levels = levels_of_thread(scratch);
  APF_ROWS(n, N)
  {
    load_rows(n, N, M, k, tile);
    load_rows(n, N, M, da, gradients);
    __syncthreads();
    if (n + threadIdx.x < N) step_up_adjoint(M, row, levels, g);
    __syncthreads();
    store_rows(n, N, M, gradients, dk);
    __syncthreads(); /* the tiles are free again */
  }
}

template <class real>
apf_status reflection_to_direct_backward(apf_context *ctx, int64_t N, int64_t M, const real *da,
                                         const real *k, real *dk)
{
  const unsigned grid = grid_for(ctx, N, REFLECTION_THREADS);
  real *scratch = nullptr;
  APF_TRY(reflection_scratch(ctx, grid, M, &scratch));
  return APF_LAUNCH(ctx, reflection_to_direct_backward_kernel<real>, grid, REFLECTION_THREADS,
                    reflection_bytes<real>(M, 2), N, M, da, k, scratch, dk);
}
APF_INSTANTIATE_REAL(reflection_to_direct_backward);

}  // namespace apf_cuda
