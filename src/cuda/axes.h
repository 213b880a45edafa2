/**
 * Walking arrays of up to APF_STRIDE_DIMS axes from a flat index: kernels get sizes and strides by
 * value, and divide by multiplying wherever the count fits in 31 bits.
 */
#ifndef APF_CUDA_AXES_H
#define APF_CUDA_AXES_H

#include "cuda/cuda.h"

extern "C" {
#include "core/strides.h"
}

namespace apf_cuda {

/** Quotients by one divisor: int64_t divides; uint32_t (n < 2^31, divisor < 2^31) multiplies by
 *  2^(31 + shift) / divisor, rounded up (Granlund & Montgomery, PLDI 1994). */
template <class Index>
struct Divider {
  int64_t divisor;

  __device__ int64_t quotient(int64_t n) const { return n / divisor; }
};

template <>
struct Divider<uint32_t> {
  uint32_t divisor, multiplier;
  int shift;

  __device__ uint32_t quotient(uint32_t n) const
  {
    return static_cast<uint32_t>(static_cast<uint64_t>(n) * multiplier >> (31 + shift));
  }
};

inline void set_divisor(Divider<int64_t> *d, int64_t divisor)
{
  d->divisor = divisor;
}
inline void set_divisor(Divider<uint32_t> *d, int64_t divisor)
{
  int shift = 0;
  while (INT64_C(1) << shift < divisor) shift++;
  const uint64_t power = UINT64_C(1) << (31 + shift);
  const uint64_t divisor_bits = static_cast<uint64_t>(divisor);
  *d = {static_cast<uint32_t>(divisor),
        static_cast<uint32_t>((power + divisor_bits - 1) / divisor_bits), shift};
}

/** Where an element lies in each of several arrays. */
template <int ARRAYS>
struct Offsets {
  int64_t of[ARRAYS] = {};
};

/** Axes, the last (fastest) one first, with the strides of each array. */
template <class Index, int ARRAYS>
struct Walk {
  int dims;
  Divider<Index> size[APF_STRIDE_DIMS];
  int64_t strides[ARRAYS][APF_STRIDE_DIMS];

  __device__ Offsets<ARRAYS> at(Index i) const
  {
    Offsets<ARRAYS> offsets;
#pragma unroll
    for (int d = 0; d < APF_STRIDE_DIMS; d++) {
      if (d >= dims) break;
      const Index rest = d + 1 < dims ? size[d].quotient(i) : Index(0); /* nothing is left over */
      const int64_t index = i - rest * static_cast<Index>(size[d].divisor);
      for (int k = 0; k < ARRAYS; k++) offsets.of[k] += index * strides[k][d];
      i = rest;
    }
    return offsets;
  }
};

/** Axes in the order of the operators' arguments. */
template <class Index, int ARRAYS>
Walk<Index, ARRAYS> new_walk(int dims, const int64_t *size,
                             const int64_t (&strides)[ARRAYS][APF_STRIDE_DIMS])
{
  Walk<Index, ARRAYS> walk = {};
  walk.dims = dims;
  for (int d = 0; d < dims; d++) {
    set_divisor(&walk.size[d], size[dims - 1 - d]);
    for (int k = 0; k < ARRAYS; k++) walk.strides[k][d] = strides[k][dims - 1 - d];
  }
  return walk;
}

inline int64_t count_of(int dims, const int64_t *size)
{
  int64_t count = 1;
  for (int d = 0; d < dims; d++) count *= size[d];
  return count;
}

/** Whether indices below `count` may be uint32_t. */
inline bool is_short(int64_t count)
{
  return count <= INT32_MAX;
}

}  // namespace apf_cuda

#endif
