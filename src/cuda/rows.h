/**
 * Signals that are functions of time with a few parameters per row, and the gradients of these.
 * A signal is a small struct that is passed to the kernels by value:
 *
 *   template <class real>
 *   struct Decay {
 *     const real *rate;
 *     real *drate;                        // NULL: not wanted
 *     struct Row { real rate; };          // what its samples share
 *     __device__ Row row(int64_t b) const;
 *     __device__ real sample(const Row &row, int64_t n) const;
 *     enum { SUMS = 1 };                  // over time, that the gradients are made of
 *     __device__ void add(const Row &row, int64_t n, real dy, double *sums) const;
 *     __device__ void finish(int64_t b, const double *sums) const;
 *   };
 *
 * A block takes ROW_CHUNK samples of one row; its first thread prepares the row's parameters for
 * all. Sums over time are made in double, as reduce.h does: in an order that depends on T alone.
 */
#ifndef APF_CUDA_ROWS_H
#define APF_CUDA_ROWS_H

#include "cuda/cuda.h"
#include "cuda/reduce.h"

namespace apf_cuda {

enum { ROW_THREADS = 256, ROW_CHUNK = 4096 };

/** Samples first..end-1 of row b. */
struct RowChunk {
  int64_t b, first, end;
};

__device__ inline RowChunk row_chunk(int64_t item, int64_t chunks, int64_t T)
{
  const int64_t first = item % chunks * ROW_CHUNK, end = first + ROW_CHUNK;
  return {item / chunks, first, end < T ? end : T};
}

/** The row's parameters, for every thread of the block. */
template <class Signal>
__device__ inline typename Signal::Row shared_row(const Signal &signal, int64_t b)
{
  APF_SHARED(row, typename Signal::Row);
  __syncthreads(); /* all have read the row before */
  if (threadIdx.x == 0) row = signal.row(b);
  __syncthreads();
  return row;
}

template <class Signal, class real>
__global__ void __launch_bounds__(ROW_THREADS)
    row_samples_kernel(Signal signal, int64_t B, int64_t T, int64_t chunks, real *y)
{
  for (int64_t item = blockIdx.x; item < B * chunks; item += gridDim.x) {
    const RowChunk c = row_chunk(item, chunks, T);
    const typename Signal::Row row = shared_row(signal, c.b);
    for (int64_t n = c.first + threadIdx.x; n < c.end; n += ROW_THREADS)
      store(y + c.b * T + n, signal.sample(row, n));
  }
}

/** y (B, T) */
template <class Signal, class real>
apf_status row_samples(apf_context *ctx, const Signal &signal, int64_t B, int64_t T, real *y)
{
  const int64_t chunks = divide_up(T, ROW_CHUNK);
  return APF_LAUNCH(ctx, (row_samples_kernel<Signal, real>), grid_for(ctx, B * chunks, 1),
                    ROW_THREADS, 0, signal, B, T, chunks, y);
}

template <class Signal, class real>
__global__ void __launch_bounds__(ROW_THREADS)
    row_gradients_kernel(Signal signal, int64_t T, RowSums rows, const real *dy)
{
  for (int64_t item = blockIdx.x; item < rows.rows * rows.pieces; item += gridDim.x) {
    const RowChunk c = row_chunk(item, rows.pieces, T);
    const typename Signal::Row row = shared_row(signal, c.b);
    double sums[Signal::SUMS] = {};
    for (int64_t n = c.first + threadIdx.x; n < c.end; n += ROW_THREADS)
      signal.add(row, n, load_once(dy + c.b * T + n), sums);
    const bool complete = finish_row<ROW_THREADS>(rows, c.b, item % rows.pieces, sums);
    if (complete && threadIdx.x == 0) signal.finish(c.b, sums);
  }
}

/** The signal's gradients from dy (B, T); for T = 0 those of no sample. */
template <class Signal, class real>
apf_status row_gradients(apf_context *ctx, const Signal &signal, int64_t B, int64_t T,
                         const real *dy)
{
  const int64_t chunks = T > 0 ? divide_up(T, ROW_CHUNK) : 1;
  RowSums rows;
  APF_TRY(new_row_sums(ctx, B, chunks, Signal::SUMS, &rows));
  return APF_LAUNCH(ctx, (row_gradients_kernel<Signal, real>), grid_for(ctx, B * chunks, 1),
                    ROW_THREADS, 0, signal, T, rows, dy);
}

}  // namespace apf_cuda

#endif
