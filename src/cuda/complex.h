/**
 * Arithmetic of the linear recursions, over real and complex numbers alike: a scalar S is float,
 * double, apf_c64 or apf_c128.
 */
#ifndef APF_CUDA_COMPLEX_H
#define APF_CUDA_COMPLEX_H

#include "cuda/cuda.h"

#include <type_traits>

namespace apf_cuda {

template <class S>
inline constexpr bool is_complex = std::is_same_v<S, apf_c64> || std::is_same_v<S, apf_c128>;

/** The type of the parts of S. */
template <class S>
using Real =
    std::conditional_t<std::is_same_v<S, float> || std::is_same_v<S, apf_c64>, float, double>;

template <class S>
__host__ __device__ inline S make_scalar(double re, double im = 0)
{
  if constexpr (is_complex<S>)
    return S{static_cast<Real<S>>(re), static_cast<Real<S>>(im)};
  else
    return static_cast<S>(re);
}

template <class S>
__device__ inline S conj(S a)
{
  if constexpr (is_complex<S>)
    return S{a.re, -a.im};
  else
    return a;
}

template <class S>
__device__ inline S add(S a, S b)
{
  if constexpr (is_complex<S>)
    return S{a.re + b.re, a.im + b.im};
  else
    return a + b;
}

template <class S>
__device__ inline S scale(S a, Real<S> by)
{
  if constexpr (is_complex<S>)
    return S{a.re * by, a.im * by};
  else
    return a * by;
}

template <class S>
__device__ inline S negate(S a)
{
  return scale(a, Real<S>(-1));
}

template <class S>
__device__ inline S mul(S a, S b)
{
  if constexpr (is_complex<S>)
    return S{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  else
    return a * b;
}

/** a * b + c */
template <class S>
__device__ inline S mul_add(S a, S b, S c)
{
  if constexpr (is_complex<S>)
    return S{fma(a.re, b.re, fma(-a.im, b.im, c.re)), fma(a.re, b.im, fma(a.im, b.re, c.im))};
  else
    return fma(a, b, c);
}

/** c - a * b */
template <class S>
__device__ inline S mul_sub(S a, S b, S c)
{
  return mul_add(negate(a), b, c);
}

}  // namespace apf_cuda

#endif
