/** CUDA's conversions of numbers and functions of their bits. */
#ifndef CUDA_ON_CPU_DEVICE_BITS_H
#define CUDA_ON_CPU_DEVICE_BITS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace cuda_on_cpu {
template <class To, class From>
inline To bit_cast(From from)
{
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
}  // namespace cuda_on_cpu

inline int __float_as_int(float x)
{
  return cuda_on_cpu::bit_cast<int>(x);
}
inline unsigned __float_as_uint(float x)
{
  return cuda_on_cpu::bit_cast<unsigned>(x);
}
inline float __int_as_float(int x)
{
  return cuda_on_cpu::bit_cast<float>(x);
}
inline float __uint_as_float(unsigned x)
{
  return cuda_on_cpu::bit_cast<float>(x);
}
inline long long __double_as_longlong(double x)
{
  return cuda_on_cpu::bit_cast<long long>(x);
}
inline double __longlong_as_double(long long x)
{
  return cuda_on_cpu::bit_cast<double>(x);
}
inline int __double2hiint(double x)
{
  return static_cast<int>(__double_as_longlong(x) >> 32);
}
inline int __double2loint(double x)
{
  return static_cast<int>(__double_as_longlong(x));
}
inline double __hiloint2double(int hi, int lo)
{
  return __longlong_as_double(
      static_cast<long long>(static_cast<uint64_t>(unsigned(hi)) << 32 | unsigned(lo)));
}
inline int __float2int_rn(float x)
{
  return static_cast<int>(lrintf(x));
}
inline int __float2int_rz(float x)
{
  return static_cast<int>(x);
}
inline int __float2int_rd(float x)
{
  return static_cast<int>(floorf(x));
}
inline int __double2int_rn(double x)
{
  return static_cast<int>(std::lrint(x));
}
inline int __double2int_rz(double x)
{
  return static_cast<int>(x);
}
inline int __double2int_rd(double x)
{
  return static_cast<int>(std::floor(x));
}
inline long long __double2ll_rn(double x)
{
  return std::llrint(x);
}
inline float __int2float_rn(int x)
{
  return static_cast<float>(x);
}
inline float __double2float_rn(double x)
{
  return static_cast<float>(x);
}

inline int __popc(unsigned x)
{
  return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x)
{
  return __builtin_popcountll(x);
}
inline int __clz(int x)
{
  return x ? __builtin_clz(static_cast<unsigned>(x)) : 32;
}
inline int __clzll(long long x)
{
  return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64;
}
inline int __ffs(int x)
{
  return __builtin_ffs(x);
}
inline int __ffsll(long long x)
{
  return __builtin_ffsll(x);
}
inline unsigned __brev(unsigned x)
{
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; bit++) reversed |= (x >> bit & 1) << (31 - bit);
  return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b)
{
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}

#endif
