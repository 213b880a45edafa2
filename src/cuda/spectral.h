/**
 * What the spectral kernels share: bins as pairs, sheets of rows and columns, cutting the
 * workspace.
 */
#ifndef APF_CUDA_SPECTRAL_H
#define APF_CUDA_SPECTRAL_H

#include "cuda/complex.h"

#include <algorithm>

namespace apf_cuda {

/* --- bins ------------------------------------------------------------------------------------- */

template <class real>
using Bin = std::conditional_t<std::is_same_v<real, float>, apf_c64, apf_c128>;

/** Bin k of interleaved parts, in one access. */
template <class real>
__device__ inline Bin<real> load_bin(const real *X, int64_t k)
{
  const Pack<real, 2> pair = load(reinterpret_cast<const Pack<real, 2> *>(X) + k);
  return {pair.v[0], pair.v[1]};
}
template <class real>
__device__ inline void store_bin(real *X, int64_t k, Bin<real> bin)
{
  store(reinterpret_cast<Pack<real, 2> *>(X) + k, Pack<real, 2>{{bin.re, bin.im}});
}

/** A first or last bin as a transform back wants it: real, whatever rounding left. */
template <class S>
__device__ inline S real_if(bool end, S bin)
{
  if (end) bin.im = 0;
  return bin;
}

/** a conj(b) */
template <class S>
__device__ inline S mul_conj(S a, S b)
{
  return mul(a, conj(b));
}
template <class S>
__device__ inline S reciprocal(S a)
{
  return scale(conj(a), 1 / (a.re * a.re + a.im * a.im));
}
template <class S>
__device__ inline auto square_of(S a)
{
  return a.re * a.re + a.im * a.im;
}

/* --- rows and columns ------------------------------------------------------------------------- */

/** Of a kernel whose x covers the columns of a row and whose y the rows; both stride. */
struct Sheet {
  dim3 grid;
  unsigned threads;
};

inline unsigned threads_for(int64_t columns)
{
  return columns > 128 ? 256 : columns > 64 ? 128 : columns > 32 ? 64 : 32;
}

/** A thread takes one to two columns, or more where that fills the device already. */
inline Sheet sheet_for(const apf_context *ctx, int64_t rows, int64_t columns)
{
  enum { MOST_ROWS = 65535 };
  const unsigned threads = threads_for(columns);
  const int64_t most = static_cast<int64_t>(device(ctx)->multiprocessors) * 64;
  const int64_t x = std::clamp<int64_t>(columns / threads, 1, most);
  const int64_t y = std::clamp<int64_t>(rows, 1, std::min<int64_t>(divide_up(most, x), MOST_ROWS));
  return {dim3(static_cast<unsigned>(x), static_cast<unsigned>(y)), threads};
}

#define APF_ROW_LOOP(row, rows) for (int64_t row = blockIdx.y; row < (rows); row += gridDim.y)

/** The first n values of each row, from rows that are from_stride apart to rows to_stride apart. */
template <class real>
apf_status copy_rows(apf_context *ctx, int64_t rows, int64_t n, const real *from,
                     int64_t from_stride, real *to, int64_t to_stride);

/* --- the workspace ---------------------------------------------------------------------------- */

/** The room that n values take, in values. */
inline int64_t room_for(int64_t n)
{
  return (n + 63) / 64 * 64;
}

/** The next n values; moves *cursor past them. */
template <class T>
T *take(T **cursor, int64_t n)
{
  T *taken = *cursor;
  *cursor += room_for(n);
  return taken;
}

template <class T>
apf_status workspace(apf_context *ctx, int64_t values, T **out)
{
  void *memory = nullptr;
  APF_TRY(apf_workspace(ctx, static_cast<size_t>(values) * sizeof(T), &memory));
  *out = static_cast<T *>(memory);
  return APF_OK;
}

}  // namespace apf_cuda

#endif
