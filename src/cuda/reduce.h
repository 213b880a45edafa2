/**
 * Sums in a fixed order: the same bits at every run, whatever the order in which blocks finish.
 *
 * A warp adds by exchanging halves, a block adds its warps in order. Sums over the grid are those
 * of rows cut into pieces, a block each: a piece's sum goes to memory, and the last block of the
 * row to finish adds the pieces up in order. The cut depends on the row's length alone.
 */
#ifndef APF_CUDA_REDUCE_H
#define APF_CUDA_REDUCE_H

#include "cuda/cuda.h"

namespace apf_cuda {

enum { WARP = 32 };
inline constexpr unsigned ALL_LANES = 0xffffffffu;

/** An array as a type, for APF_SHARED. */
template <class T, int N>
struct Table {
  T v[N];
  __device__ T &operator[](int i) { return v[i]; }
};

/** The sum over the lanes of a warp, in every lane. */
template <class T>
__device__ inline T warp_sum(T v)
{
  for (int distance = WARP / 2; distance > 0; distance /= 2)
    v += __shfl_xor_sync(ALL_LANES, v, distance);
  return v;
}

/** Replaces each of the N numbers by its sum over the block, in every thread. */
template <int THREADS, int N, class T>
__device__ inline void block_sums(T (&v)[N])
{
  static_assert(THREADS % WARP == 0);
  constexpr int WARPS = THREADS / WARP;
#pragma unroll
  for (T &number : v) number = warp_sum(number);
  if constexpr (WARPS > 1) {
    APF_SHARED(part, Table<Table<T, WARPS>, N>);
    const int warp = threadIdx.x / WARP;
    if (threadIdx.x % WARP == 0)
#pragma unroll
      for (int n = 0; n < N; n++) part[n][warp] = v[n];
    __syncthreads();
#pragma unroll
    for (int n = 0; n < N; n++) {
      v[n] = 0;
      for (int w = 0; w < WARPS; w++) v[n] += part[n][w];
    }
    __syncthreads(); /* the next sums may overwrite part */
  }
}

template <int THREADS>
__device__ inline double block_sum(double v)
{
  double sum[1] = {v};
  block_sums<THREADS>(sum);
  return sum[0];
}

/* --- sums over rows --------------------------------------------------------------------------- */

/** `rows` rows cut into `pieces` pieces each. */
struct RowSums {
  int64_t rows, pieces;
  double *partial;    /**< of each piece; not used where a row is one piece */
  uint32_t *finished; /**< pieces of each row that are done; zero between kernels */
};

/** For sums of `numbers` numbers at once. The workspace is taken. */
inline apf_status new_row_sums(apf_context *ctx, int64_t rows, int64_t pieces, int numbers,
                               RowSums *out)
{
  *out = RowSums{rows, pieces, nullptr, nullptr};
  if (pieces == 1) return APF_OK;
  void *memory = nullptr;
  APF_TRY(
      apf_workspace(ctx, static_cast<size_t>(rows * pieces) * numbers * sizeof(double), &memory));
  out->partial = static_cast<double *>(memory);
  return flags(ctx, static_cast<size_t>(rows), &out->finished);
}

/**
 * Called by all threads of a block with what each has of a piece. True for the row's last block to
 * get here, whose threads then have the row's sums in v.
 */
template <int THREADS, int N>
__device__ inline bool finish_row(const RowSums &s, int64_t row, int64_t piece, double (&v)[N])
{
  block_sums<THREADS>(v);
  if (s.pieces == 1) return true;
  APF_SHARED(last, bool);
  double *partial = s.partial + row * s.pieces * N;
  if (threadIdx.x == 0) {
    for (int n = 0; n < N; n++) store_relaxed(partial + piece * N + n, v[n]);
    last = take_ticket(s.finished + row) + 1 == s.pieces;
  }
  __syncthreads();
  const bool is_last = last;
  __syncthreads(); /* the next piece may overwrite last */
  if (!is_last) return false;
  for (double &number : v) number = 0;
  for (int64_t i = threadIdx.x; i < s.pieces; i += THREADS)
    for (int n = 0; n < N; n++) v[n] += load_relaxed(partial + i * N + n);
  block_sums<THREADS>(v);
  if (threadIdx.x == 0) store_relaxed(s.finished + row, 0u);
  return true;
}

}  // namespace apf_cuda

#endif
