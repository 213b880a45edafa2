/**
 * Products of row-major matrices by cuBLAS, a batch at a time:
 *
 *   C (rows, columns) = A (rows, depth) B (depth, columns) + beta C
 *
 * cuBLAS reads matrices column by column, so to it a row-major matrix is its own transpose: it is
 * asked for C' = B' A'. The handle stays in cuBLAS's default mode, in which floats are never
 * rounded to TF32 and no atomics are used: the same call on the same device gives the same bits.
 */
#ifndef APF_CUDA_GEMM_H
#define APF_CUDA_GEMM_H

#include "cuda/cuda.h"

#include <algorithm>
#include <type_traits>

namespace apf_cuda {

struct Product {
  int64_t rows, columns, depth;
  bool a_transposed, b_transposed;       /**< stored as (depth, rows), (columns, depth) */
  int64_t a_row, b_row, c_row;           /**< length of a stored row */
  int64_t batch, a_next, b_next, c_next; /**< from one matrix of the batch to the next */
};

template <class real>
apf_status gemm(apf_context *ctx, const Product &p, const real *a, const real *b, real beta,
                real *c)
{
  /* Terms that one call adds up: bounds the rounding error of long sums. */
  constexpr int64_t DEPTH = 1 << 16;
  constexpr auto call = [] {
    if constexpr (std::is_same_v<real, float>)
      return cublasSgemmStridedBatched_64;
    else
      return cublasDgemmStridedBatched_64;
  }();
  const cublasOperation_t as_b = p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t as_a = p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const real one = 1;
  cublasHandle_t handle;
  APF_TRY(blas(ctx, &handle));
  for (int64_t k = 0; k < p.depth; k += DEPTH) {
    const real *a_from = a + (p.a_transposed ? k * p.a_row : k);
    const real *b_from = b + (p.b_transposed ? k : k * p.b_row);
    const real keep = k == 0 ? beta : one;
    APF_CUDA_TRY(ctx, call(handle, as_b, as_a, p.columns, p.rows, std::min(DEPTH, p.depth - k),
                           &one, b_from, p.b_row, p.b_next, a_from, p.a_row, p.a_next, &keep, c,
                           p.c_row, p.c_next, p.batch));
  }
  return APF_OK;
}

}  // namespace apf_cuda

#endif
