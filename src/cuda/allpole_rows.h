/**
 * Tiles of rows in shared memory. A row is a run of samples of one sequence, which one thread
 * filters: the next samples of its own sequence, or its span of a longer tile. Global memory is
 * read and written by all threads together, neighbours next to each other; rows are an odd number
 * of scalars apart, so that threads that walk along their rows side by side meet no bank twice.
 * Copies go by the parts of complex numbers, whose arrays promise no more alignment.
 */
#ifndef APF_CUDA_ALLPOLE_ROWS_H
#define APF_CUDA_ALLPOLE_ROWS_H

#include "cuda/complex.h"

namespace apf_cuda {

/** Row r: samples first .. of sequence r. Arrays are (sequences, T, ...). */
struct SequenceRows {
  int64_t first, step; /* sample of row 0, counted through all sequences; from a row to the next */
  int rows, samples;
  __device__ int count(int row) const { return row < rows ? samples : 0; }
};

/** Row r: samples r L .. r L + L - 1 of the tile that begins at first. */
template <int L>
struct SpanRows {
  static constexpr int64_t step = L;
  int64_t first;
  int samples; /* of all rows */
  __device__ int count(int row) const
  {
    const int left = samples - row * L;
    return left < 0 ? 0 : left < L ? left : L;
  }
};

/** Scalars from one row to the next, where a row holds `width`. */
__host__ __device__ constexpr int row_stride(int width)
{
  return width | 1;
}

/** Calls f(row, k) over the `width` words of each of ROWS rows, blockDim.x = ROWS of them at once.
 */
template <int ROWS, int WIDTH, class Function>
__device__ inline void for_words(const Function &f)
{
  for (int e = static_cast<int>(threadIdx.x); e < ROWS * WIDTH; e += ROWS) f(e / WIDTH, e % WIDTH);
}

/** Begins copies of C scalars a sample; LEAD scalars of each row stay free in front. */
template <int ROWS, int L, int C, int LEAD = 0, class S, class Rows>
__device__ inline void load_rows(const Rows &rows, const S *from, S *tile)
{
  constexpr int PARTS = sizeof(S) / sizeof(Real<S>);
  const Real<S> *source = reinterpret_cast<const Real<S> *>(from + rows.first * C);
  Real<S> *words = reinterpret_cast<Real<S> *>(tile);
  for_words<ROWS, L * C * PARTS>([&](int row, int k) {
    if (k < rows.count(row) * C * PARTS)
      async_copy(words + (row * row_stride(LEAD + L * C) + LEAD) * PARTS + k,
                 source + row * rows.step * C * PARTS + k);
  });
}

template <int ROWS, int L, int C, class S, class Rows>
__device__ inline void store_rows(const Rows &rows, const S *tile, S *to)
{
  constexpr int PARTS = sizeof(S) / sizeof(Real<S>);
  Real<S> *target = reinterpret_cast<Real<S> *>(to + rows.first * C);
  const Real<S> *words = reinterpret_cast<const Real<S> *>(tile);
  for_words<ROWS, L * C * PARTS>([&](int row, int k) {
    if (k < rows.count(row) * C * PARTS)
      store(target + row * rows.step * C * PARTS + k, words[row * row_stride(L * C) * PARTS + k]);
  });
}

/** Begins the copy of one scalar. */
template <class S>
__device__ inline void copy_scalar(S *to, const S *from)
{
  constexpr int PARTS = sizeof(S) / sizeof(Real<S>);
  for (int part = 0; part < PARTS; part++)
    async_copy(reinterpret_cast<Real<S> *>(to) + part,
               reinterpret_cast<const Real<S> *>(from) + part);
}

template <class S>
__device__ inline S load_or_zero(const S *array, int64_t index)
{
  return array ? load(array + index) : make_scalar<S>(0);
}

}  // namespace apf_cuda

#endif
