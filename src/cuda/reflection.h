/**
 * What the two conversions between reflection coefficients and the direct form share: a thread per
 * row of M values. Rows lie transposed in shared memory, so that threads may index them and global
 * memory is read and written in whole lines.
 *
 * The gradients of both need all levels of the step-up recursion, M (M+1) / 2 values. They are
 * computed again from k: going down from a divides by 1-k[m]^2 at every level, which loses all
 * digits for filters near the unit circle. They lie in scratch memory, neighbouring threads side by
 * side; as many threads run as the device holds, so the scratch does not grow with N.
 */
#ifndef APF_CUDA_REFLECTION_H
#define APF_CUDA_REFLECTION_H

#include "cuda/cuda.h"

namespace apf_cuda {

enum { REFLECTION_THREADS = 64 };

/** Neighbouring values of a column lie in different banks, for any M. */
enum { REFLECTION_STRIDE = REFLECTION_THREADS + 1 };

/** A thread's row: M values, REFLECTION_STRIDE apart. */
template <class real>
struct SharedRow {
  real *first;
  __device__ real &operator[](int64_t i) const { return first[i * REFLECTION_STRIDE]; }
};

/** How many of N rows the block that begins with row n has. */
__device__ inline int64_t rows_of_block(int64_t n, int64_t N)
{
  const int64_t most = REFLECTION_THREADS;
  return N - n < most ? N - n : most;
}

/** The block's rows n, n+1, ... of x (N, M), each thread's own in its column of `tile`. */
template <class real>
__device__ inline void load_rows(int64_t n, int64_t N, int64_t M, const real *x, real *tile)
{
  const int64_t rows = rows_of_block(n, N);
  for (int64_t i = threadIdx.x; i < rows * M; i += REFLECTION_THREADS)
    tile[i % M * REFLECTION_STRIDE + i / M] = load(x + n * M + i);
}

template <class real>
__device__ inline void store_rows(int64_t n, int64_t N, int64_t M, const real *tile, real *x)
{
  const int64_t rows = rows_of_block(n, N);
  for (int64_t i = threadIdx.x; i < rows * M; i += REFLECTION_THREADS)
    store(x + n * M + i, tile[i % M * REFLECTION_STRIDE + i / M]);
}

/** v[i] = scale (v[i] + k v[n-1-i]) for the first n. */
template <class real>
__device__ inline void reflection_mix(int64_t n, real k, real scale, SharedRow<real> v)
{
  for (int64_t i = 0, j = n - 1; i <= j; i++, j--) {
    const real vi = v[i], vj = v[j];
    v[i] = scale * (vi + k * vj);
    v[j] = scale * (vj + k * vi);
  }
}

/** Levels 1, 2, ..., M of the step-up recursion of one thread. */
template <class real>
struct Levels {
  real *first;
  int64_t stride; /**< threads of the grid */

  /** Coefficient i of order m. */
  __device__ real *at(int64_t m, int64_t i) const { return first + (m * (m - 1) / 2 + i) * stride; }

  __device__ void fill(int64_t M, SharedRow<real> k) const
  {
    for (int64_t m = 1; m <= M; m++) {
      for (int64_t i = 0; i < m - 1; i++)
        store(at(m, i), load(at(m - 1, i)) + k[m - 1] * load(at(m - 1, m - 2 - i)));
      store(at(m, m - 1), k[m - 1]);
    }
  }
};

template <class real>
__device__ inline Levels<real> levels_of_thread(real *scratch)
{
  return {scratch + blockIdx.x * blockDim.x + threadIdx.x,
          static_cast<int64_t>(gridDim.x) * blockDim.x};
}

/** Loop of a kernel over its block's first rows. */
#define APF_ROWS(n, N)                                                                       \
  for (int64_t n = static_cast<int64_t>(blockIdx.x) * apf_cuda::REFLECTION_THREADS; n < (N); \
       n += static_cast<int64_t>(gridDim.x) * apf_cuda::REFLECTION_THREADS)

/* A conversion is a struct whose `convert` turns a row into its result, and whose `adjoint` turns
 * the result's gradient g into the row's, given k and the levels, which it fills. */

template <class Conversion, class real>
__global__ void reflection_forward_kernel(int64_t N, int64_t M, const real *in, real *out)
{
  APF_DYNAMIC_SHARED(tile, real);
  const SharedRow<real> row = {tile + threadIdx.x};
  APF_ROWS(n, N)
  {
    load_rows(n, N, M, in, tile);
    __syncthreads();
    if (n + threadIdx.x < N) Conversion::convert(M, row);
    __syncthreads();
    store_rows(n, N, M, tile, out);
    __syncthreads(); /* the tile is free again */
  }
}

template <class Conversion, class real>
__global__ void reflection_backward_kernel(int64_t N, int64_t M, const real *d_out, const real *k,
                                           real *scratch, real *d_in)
{
  APF_DYNAMIC_SHARED(tile, real);
  real *const gradients = tile + M * REFLECTION_STRIDE;
  const SharedRow<real> row = {tile + threadIdx.x}, g = {gradients + threadIdx.x};
  const Levels<real> levels = levels_of_thread(scratch);
  APF_ROWS(n, N)
  {
    load_rows(n, N, M, k, tile);
    load_rows(n, N, M, d_out, gradients);
    __syncthreads();
    if (n + threadIdx.x < N) Conversion::adjoint(M, row, levels, g);
    __syncthreads();
    store_rows(n, N, M, gradients, d_in);
    __syncthreads(); /* the tiles are free again */
  }
}

/** Bytes of shared memory for `tiles` rows a thread. */
template <class real>
size_t reflection_bytes(int64_t M, int tiles)
{
  return static_cast<size_t>(M * tiles) * REFLECTION_STRIDE * sizeof(real);
}

template <class Conversion, class real>
apf_status reflection_forward(apf_context *ctx, int64_t N, int64_t M, const real *in, real *out)
{
  return APF_LAUNCH(ctx, (reflection_forward_kernel<Conversion, real>),
                    grid_for(ctx, N, REFLECTION_THREADS), REFLECTION_THREADS,
                    reflection_bytes<real>(M, 1), N, M, in, out);
}

template <class Conversion, class real>
apf_status reflection_backward(apf_context *ctx, int64_t N, int64_t M, const real *d_out,
                               const real *k, real *d_in)
{
  const unsigned grid = grid_for(ctx, N, REFLECTION_THREADS);
  const int64_t levels = static_cast<int64_t>(grid) * REFLECTION_THREADS * (M * (M + 1) / 2);
  void *scratch = nullptr;
  APF_TRY(apf_workspace(ctx, static_cast<size_t>(levels) * sizeof(real), &scratch));
  return APF_LAUNCH(ctx, (reflection_backward_kernel<Conversion, real>), grid, REFLECTION_THREADS,
                    reflection_bytes<real>(M, 2), N, M, d_out, k, static_cast<real *>(scratch),
                    d_in);
}

}  // namespace apf_cuda

#endif
