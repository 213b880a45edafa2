/**
 * CUDA's mathematical functions: those of <cmath> are overloaded for float and double already, the
 * rest is here. Results agree with a GPU's to rounding, not to the bit.
 */
#ifndef CUDA_ON_CPU_DEVICE_MATH_H
#define CUDA_ON_CPU_DEVICE_MATH_H

#include <math.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

/* --- min and max ------------------------------------------------------------------------------ */

namespace cuda_on_cpu {
template <class T>
constexpr T smaller(T a, T b)
{
  return a < b ? a : b;
}
template <class T>
constexpr T larger(T a, T b)
{
  return a > b ? a : b;
}
}  // namespace cuda_on_cpu

#define CUDA_ON_CPU_MIN_MAX(A, B, R)      \
  inline R min(A a, B b)                  \
  {                                       \
    return cuda_on_cpu::smaller<R>(a, b); \
  }                                       \
  inline R max(A a, B b)                  \
  {                                       \
    return cuda_on_cpu::larger<R>(a, b);  \
  }
CUDA_ON_CPU_MIN_MAX(int, int, int)
CUDA_ON_CPU_MIN_MAX(unsigned, unsigned, unsigned)
CUDA_ON_CPU_MIN_MAX(int, unsigned, unsigned)
CUDA_ON_CPU_MIN_MAX(unsigned, int, unsigned)
CUDA_ON_CPU_MIN_MAX(long, long, long)
CUDA_ON_CPU_MIN_MAX(unsigned long, unsigned long, unsigned long)
CUDA_ON_CPU_MIN_MAX(long, unsigned long, unsigned long)
CUDA_ON_CPU_MIN_MAX(unsigned long, long, unsigned long)
CUDA_ON_CPU_MIN_MAX(long long, long long, long long)
CUDA_ON_CPU_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
CUDA_ON_CPU_MIN_MAX(long long, unsigned long long, unsigned long long)
CUDA_ON_CPU_MIN_MAX(unsigned long long, long long, unsigned long long)
#undef CUDA_ON_CPU_MIN_MAX

/* As on a GPU: a NaN loses. */
inline float min(float a, float b)
{
  return fminf(a, b);
}
inline float max(float a, float b)
{
  return fmaxf(a, b);
}
inline double min(double a, double b)
{
  return std::fmin(a, b);
}
inline double max(double a, double b)
{
  return std::fmax(a, b);
}
inline double min(float a, double b)
{
  return std::fmin(double(a), b);
}
inline double max(float a, double b)
{
  return std::fmax(double(a), b);
}
inline double min(double a, float b)
{
  return std::fmin(a, double(b));
}
inline double max(double a, float b)
{
  return std::fmax(a, double(b));
}

/* --- functions that <cmath> lacks ------------------------------------------------------------- */

inline double rsqrt(double x)
{
  return 1 / std::sqrt(x);
}
inline float rsqrt(float x)
{
  return 1 / sqrtf(x);
}
inline float rsqrtf(float x)
{
  return 1 / sqrtf(x);
}
inline double rcbrt(double x)
{
  return 1 / std::cbrt(x);
}
inline float exp10(float x)
{
  return exp10f(x);
}
inline void sincos(float x, float *s, float *c)
{
  sincosf(x, s, c);
}

/** sin(pi x), exact at multiples of a quarter as a GPU's is. */
inline double sinpi(double x)
{
  const double turns = x - 2 * std::nearbyint(x / 2); /* -1..1 */
  const double a = std::fabs(turns), folded = a > 0.5 ? 1 - a : a;
  const double s = folded <= 0.25 ? std::sin(M_PI * folded) : std::cos(M_PI * (0.5 - folded));
  return std::copysign(s, turns);
}
inline double cospi(double x)
{
  const double a = std::fabs(x - 2 * std::nearbyint(x / 2)); /* 0..1 */
  const double folded = a > 0.5 ? 1 - a : a;
  const double c = folded <= 0.25 ? std::cos(M_PI * folded) : std::sin(M_PI * (0.5 - folded));
  return a > 0.5 ? -c : c;
}
inline float sinpi(float x)
{
  return static_cast<float>(sinpi(double(x)));
}
inline float cospi(float x)
{
  return static_cast<float>(cospi(double(x)));
}
inline float sinpif(float x)
{
  return sinpi(x);
}
inline float cospif(float x)
{
  return cospi(x);
}
inline void sincospi(double x, double *s, double *c)
{
  *s = sinpi(x), *c = cospi(x);
}
inline void sincospi(float x, float *s, float *c)
{
  *s = sinpi(x), *c = cospi(x);
}
inline void sincospif(float x, float *s, float *c)
{
  sincospi(x, s, c);
}

inline float __expf(float x)
{
  return expf(x);
}
inline float __exp10f(float x)
{
  return exp10f(x);
}
inline float __logf(float x)
{
  return logf(x);
}
inline float __log2f(float x)
{
  return log2f(x);
}
inline float __log10f(float x)
{
  return log10f(x);
}
inline float __sinf(float x)
{
  return sinf(x);
}
inline float __cosf(float x)
{
  return cosf(x);
}
inline float __tanf(float x)
{
  return tanf(x);
}
inline void __sincosf(float x, float *s, float *c)
{
  sincosf(x, s, c);
}
inline float __powf(float x, float y)
{
  return powf(x, y);
}
inline float __fdividef(float a, float b)
{
  return a / b;
}
inline float __saturatef(float x)
{
  return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f;
}
inline float __frcp_rn(float x)
{
  return 1 / x;
}
inline float __fsqrt_rn(float x)
{
  return sqrtf(x);
}
inline float __frsqrt_rn(float x)
{
  return 1 / sqrtf(x);
}
inline float __fadd_rn(float a, float b)
{
  return a + b;
}
inline float __fsub_rn(float a, float b)
{
  return a - b;
}
inline float __fmul_rn(float a, float b)
{
  return a * b;
}
inline float __fdiv_rn(float a, float b)
{
  return a / b;
}
inline float __fmaf_rn(float a, float b, float c)
{
  return fmaf(a, b, c);
}
inline double __dadd_rn(double a, double b)
{
  return a + b;
}
inline double __dsub_rn(double a, double b)
{
  return a - b;
}
inline double __dmul_rn(double a, double b)
{
  return a * b;
}
inline double __ddiv_rn(double a, double b)
{
  return a / b;
}
inline double __drcp_rn(double x)
{
  return 1 / x;
}
inline double __dsqrt_rn(double x)
{
  return std::sqrt(x);
}
inline double __fma_rn(double a, double b, double c)
{
  return std::fma(a, b, c);
}

#endif
