/**
 * Step-down recursion from the direct form to reflection coefficients, and its adjoint.
 *
 *   k[m] = a^(m)[m],   a^(m-1)[i] = (a^(m)[i] - k[m] a^(m)[m-i]) / (1 - k[m]^2),   m = M..1
 *
 * Adjoint, with c = 1 / (1 - k[m]^2) and g^(0) empty, for m = 1..M:
 *   g^(m)[m] = dk[m] + c sum_i g^(m-1)[i] (k[m] a^(m-1)[i] - a^(m-1)[m-i])
 *   g^(m)[i] = c (g^(m-1)[i] - k[m] g^(m-1)[m-i]);   da = g^(M)
 *
 * M^2 multiply-adds a row. A thread per row; see cuda/reflection.h.
 */
#include "cuda/reflection.h"

namespace apf_cuda {

template <class real>
__device__ inline real inverse_of_loss(real k)
{
  return 1 / ((1 - k) * (1 + k));
}

template <class real>
__global__ void direct_to_reflection_forward_kernel(int64_t N, int64_t M, const real *a, real *k)
{
  APF_DYNAMIC_SHARED(tile, real);
  const SharedRow<real> row = {tile + threadIdx.x};
  APF_ROWS(n, N)
  {
    load_rows(n, N, M, a, tile);
    __syncthreads();
    if (n + threadIdx.x < N)
      for (int64_t m = M; m >= 1; m--)
        reflection_mix(m - 1, -row[m - 1], inverse_of_loss(row[m - 1]), row);
    __syncthreads();
    store_rows(n, N, M, tile, k);
    __syncthreads(); /* the tile is free again */
  }
}

template <class real>
apf_status direct_to_reflection_forward(apf_context *ctx, int64_t N, int64_t M, const real *a,
                                        real *k)
{
  return APF_LAUNCH(ctx, direct_to_reflection_forward_kernel<real>,
                    grid_for(ctx, N, REFLECTION_THREADS), REFLECTION_THREADS,
                    reflection_bytes<real>(M, 1), N, M, a, k);
}
APF_INSTANTIATE_REAL(direct_to_reflection_forward);

template <class real>
__device__ inline void step_down_adjoint(int64_t M, SharedRow<real> k, const Levels<real> &levels,
                                         SharedRow<real> g)
{
  levels.fill(M, k);
  for (int64_t m = 1; m <= M; m++) {
    const real km = k[m - 1], inverse = inverse_of_loss(km);
    real sum = 0;
    for (int64_t i = 0; i < m - 1; i++)
      sum += g[i] * (km * load(levels.at(m - 1, i)) - load(levels.at(m - 1, m - 2 - i)));
    g[m - 1] += inverse * sum;
    reflection_mix(m - 1, -km, inverse, g);
  }
}

template <class real>
__global__ void direct_to_reflection_backward_kernel(int64_t N, int64_t M, const real *dk,
                                                     const real *k, real *scratch, real *da)
{
  APF_DYNAMIC_SHARED(tile, real);
  real *const gradients = tile + M * REFLECTION_STRIDE;
  const SharedRow<real> row = {tile + threadIdx.x}, g = {gradients + threadIdx.x};
  const Levels<real> levels = levels_of_thread(scratch);
  APF_ROWS(n, N)
  {
    load_rows(n, N, M, k, tile);
    load_rows(n, N, M, dk, gradients);
    __syncthreads();
    if (n + threadIdx.x < N) step_down_adjoint(M, row, levels, g);
    __syncthreads();
    store_rows(n, N, M, gradients, da);
    __syncthreads(); /* the tiles are free again */
  }
}

template <class real>
apf_status direct_to_reflection_backward(apf_context *ctx, int64_t N, int64_t M, const real *dk,
                                         const real *k, real *da)
{
  const unsigned grid = grid_for(ctx, N, REFLECTION_THREADS);
  real *scratch = nullptr;
  APF_TRY(reflection_scratch(ctx, grid, M, &scratch));
  return APF_LAUNCH(ctx, direct_to_reflection_backward_kernel<real>, grid, REFLECTION_THREADS,
                    reflection_bytes<real>(M, 2), N, M, dk, k, scratch, da);
}
APF_INSTANTIATE_REAL(direct_to_reflection_backward);

}  // namespace apf_cuda
