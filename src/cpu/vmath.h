/**
 * Elementary functions that compilers vectorise: straight-line code without tables, calls or
 * branches, so a loop under `#pragma omp simd` runs them on whole vectors, with gcc and clang alike
 * and on every instruction set. libm's functions are called once per element instead.
 *
 * Each exists as vm_X_f32 and vm_X_f64; typed code writes APF_FN(vm_X)(x). Errors against libm in
 * units in the last place, measured by tests/vmath_test.cc:
 *
 *   vm_exp, vm_expm1, vm_log, vm_tanh, vm_sigmoid   at most 4
 *   vm_log_normal                                   the same, of positive normal numbers only
 *   vm_sin, vm_cos                                  at most 2 of 1.0, |x| <= VM_TRIG_LIMIT_F32/_F64
 *
 * Overflow gives infinity and underflow zero (or a subnormal) as in libm; NaN stays NaN.
 *
 * How: exp takes x = n ln 2 + r with |r| <= ln 2 / 2, sums the Taylor series of e^r - 1 and
 * multiplies by 2^n in two factors, so that neither overflows early. Integers are read from the
 * mantissa of a float to which 1.5 2^23 (1.5 2^52) was added: no conversion instruction is needed,
 * which AVX2 lacks for 64 bits.
 */
#ifndef APF_CPU_VMATH_H
#define APF_CPU_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define VM_TRIG_LIMIT_F32 8192.0f
#define VM_TRIG_LIMIT_F64 1048576.0

#define VM_ROUND_F32 12582912.0f        /* 1.5 2^23 */
#define VM_ROUND_F64 6755399441055744.0 /* 1.5 2^52 */

static inline int32_t vm_bits_f32(float x)
{
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline int64_t vm_bits_f64(double x)
{
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float vm_from_bits_f32(int32_t bits)
{
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline double vm_from_bits_f64(int64_t bits)
{
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/** 2^(n - half), 2^half from n, an integer held in a float: both are normal for |n| <= 250. */
static inline void vm_two_powers_f32(float n, float *first, float *second)
{
  float shifted = n * 0.5f + VM_ROUND_F32;
  float half = shifted - VM_ROUND_F32;
  int32_t low = vm_bits_f32(shifted) - vm_bits_f32(VM_ROUND_F32);
  int32_t high = vm_bits_f32(n - half + VM_ROUND_F32) - vm_bits_f32(VM_ROUND_F32);
  *first = vm_from_bits_f32((int32_t)((uint32_t)(high + 127) << 23));
  *second = vm_from_bits_f32((int32_t)((uint32_t)(low + 127) << 23));
}

static inline void vm_two_powers_f64(double n, double *first, double *second)
{
  double shifted = n * 0.5 + VM_ROUND_F64;
  double half = shifted - VM_ROUND_F64;
  int64_t low = vm_bits_f64(shifted) - vm_bits_f64(VM_ROUND_F64);
  int64_t high = vm_bits_f64(n - half + VM_ROUND_F64) - vm_bits_f64(VM_ROUND_F64);
  *first = vm_from_bits_f64((int64_t)((uint64_t)(high + 1023) << 52));
  *second = vm_from_bits_f64((int64_t)((uint64_t)(low + 1023) << 52));
}

/** x = n ln 2 + r; returns e^r - 1. */
static inline float vm_reduce_exp_f32(float x, float *n)
{
  *n = (x * 1.44269504f + VM_ROUND_F32) - VM_ROUND_F32;
  float r = x - *n * 0.693359375f; /* exact: nine bits times n */
  r = r + *n * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  return p * (r * r) + r;
}

static inline double vm_reduce_exp_f64(double x, double *n)
{
  *n = (x * 1.44269504088896340736 + VM_ROUND_F64) - VM_ROUND_F64;
  double r = x - *n * 6.93147180369123816490e-01; /* exact: 33 bits times n */
  r = r - *n * 1.90821492927058770002e-10;
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  return p * (r * r) + r;
}

static inline float vm_exp_f32(float x)
{
  x = x > 90.0f ? 90.0f : x;
  x = x < -105.0f ? -105.0f : x;
  float n, first, second;
  float p = vm_reduce_exp_f32(x, &n);
  vm_two_powers_f32(n, &first, &second);
  return (p * first + first) * second;
}

static inline double vm_exp_f64(double x)
{
  x = x > 710.0 ? 710.0 : x;
  x = x < -746.0 ? -746.0 : x;
  double n, first, second;
  double p = vm_reduce_exp_f64(x, &n);
  vm_two_powers_f64(n, &first, &second);
  return (p * first + first) * second;
}

/** e^x - 1 without cancellation near 0. */
static inline float vm_expm1_f32(float x)
{
  x = x > 90.0f ? 90.0f : x;
  x = x < -25.0f ? -25.0f : x;
  float n, first, second;
  float p = vm_reduce_exp_f32(x, &n);
  vm_two_powers_f32(n, &first, &second);
  float scaled =
      n > 100.0f ? (p * first + first) * second : p * (first * second) + (first * second - 1.0f);
  return scaled;
}

static inline double vm_expm1_f64(double x)
{
  x = x > 710.0 ? 710.0 : x;
  x = x < -50.0 ? -50.0 : x;
  double n, first, second;
  double p = vm_reduce_exp_f64(x, &n);
  vm_two_powers_f64(n, &first, &second);
  double scaled =
      n > 1000.0 ? (p * first + first) * second : p * (first * second) + (first * second - 1.0);
  return scaled;
}

/** tanh x = e / (e + 2), e = e^(2|x|) - 1, with the sign of x. */
static inline float vm_tanh_f32(float x)
{
  float magnitude = fabsf(x);
  magnitude = magnitude > 10.0f ? 10.0f : magnitude;
  float e = vm_expm1_f32(2.0f * magnitude);
  return copysignf(e / (e + 2.0f), x);
}

static inline double vm_tanh_f64(double x)
{
  double magnitude = fabs(x);
  magnitude = magnitude > 20.0 ? 20.0 : magnitude;
  double e = vm_expm1_f64(2.0 * magnitude);
  return copysign(e / (e + 2.0), x);
}

/** 1 / (1 + e^-x). */
static inline float vm_sigmoid_f32(float x)
{
  x = x < -88.0f ? -88.0f : x; /* keeps e^-x finite; the result is a subnormal's neighbour */
  return 1.0f / (1.0f + vm_exp_f32(-x));
}

static inline double vm_sigmoid_f64(double x)
{
  x = x < -709.0 ? -709.0 : x;
  return 1.0 / (1.0 + vm_exp_f64(-x));
}

/**
 * Natural logarithm of normal numbers: x = 2^n m, sqrt(1/2) <= m < sqrt(2), f = m - 1.
 *
 * Float: ln m = f - f^2/2 + f^3 P(f), P of least relative error (6e-9), without a division, which
 * costs vectors as much as all the rest. Double: s = f / (2 + f), and
 * ln m = 2 artanh s = f - s (f - R), R = 2 (s^2/3 + s^4/5 + ...).
 */
static inline float vm_log_normal_f32(float x)
{
  /* sqrt(1/2): its exponent is that of m. Unsigned, for negative x, whose result is not used. */
  int32_t bits = (int32_t)((uint32_t)vm_bits_f32(x) - 0x3f3504f3u);
  float m = vm_from_bits_f32((bits & 0x007fffff) + 0x3f3504f3);
  float n = (float)(bits >> 23);
  float f = m - 1.0f, z = f * f;
  float P = -0.0763448775f;
  P = P * f + 0.127615735f;
  P = P * f - 0.13160184f;
  P = P * f + 0.142017588f;
  P = P * f - 0.166233569f;
  P = P * f + 0.200012267f;
  P = P * f - 0.250008196f;
  P = P * f + 0.333333313f;
  float tail = z * (P * f - 0.5f) - n * 2.12194440e-4f;
  return n * 0.693359375f + (f + tail);
}

static inline double vm_log_normal_f64(double x)
{
  int64_t bits = (int64_t)((uint64_t)vm_bits_f64(x) - 0x3fe6a09e667f3bcdu);
  /* Biased, so that the logical shift, the only one that AVX2 has for 64 bits, will do. */
  int64_t exponent = (int64_t)(((uint64_t)bits + ((uint64_t)1 << 63)) >> 52) - 2048;
  double m = vm_from_bits_f64((bits & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
  double n = vm_from_bits_f64(exponent + vm_bits_f64(VM_ROUND_F64)) - VM_ROUND_F64;
  double f = m - 1.0, s = f / (2.0 + f), z = s * s;
  double R = 2.0 / 21;
  R = R * z + 2.0 / 19;
  R = R * z + 2.0 / 17;
  R = R * z + 2.0 / 15;
  R = R * z + 2.0 / 13;
  R = R * z + 2.0 / 11;
  R = R * z + 2.0 / 9;
  R = R * z + 2.0 / 7;
  R = R * z + 2.0 / 5;
  R = R * z + 2.0 / 3;
  return n * 6.93147180369123816490e-01 + (f - (s * (f - R * z) - n * 1.90821492927058770002e-10));
}

/** Of any number: subnormal ones are scaled first. */
static inline float vm_log_f32(float x)
{
  float scaled = x < 1.17549435e-38f ? x * 33554432.0f : x; /* 2^25 */
  float y = vm_log_normal_f32(scaled);
  y = x < 1.17549435e-38f ? y - 17.3286795f : y;
  y = x == INFINITY ? INFINITY : y;
  y = x == 0.0f ? -INFINITY : y;
  return x >= 0.0f ? y : NAN;
}

static inline double vm_log_f64(double x)
{
  double scaled = x < 2.2250738585072014e-308 ? x * 18014398509481984.0 : x; /* 2^54 */
  double y = vm_log_normal_f64(scaled);
  y = x < 2.2250738585072014e-308 ? y - 37.429947750237047899 : y;
  y = x == INFINITY ? INFINITY : y;
  y = x == 0.0 ? -INFINITY : y;
  return x >= 0.0 ? y : NAN;
}

/** Reduces x = n pi/2 + r, |r| <= pi/4, and returns sin r and cos r by their Taylor series. */
static inline int32_t vm_reduce_trig_f32(float x, float *sine, float *cosine)
{
  float shifted = x * 0.636619772f + VM_ROUND_F32;
  float n = shifted - VM_ROUND_F32;
  float r = x - n * 1.5703125f; /* pi/2 in parts short enough for exact products */
  r = r - n * 4.837512969970703e-4f;
  r = r - n * 7.549533620476723e-8f;
  r = r - n * 2.5633440682570896e-12f;
  float z = r * r;
  float s = 1.0f / 362880;
  s = s * z - 1.0f / 5040;
  s = s * z + 1.0f / 120;
  s = s * z - 1.0f / 6;
  float c = -1.0f / 3628800;
  c = c * z + 1.0f / 40320;
  c = c * z - 1.0f / 720;
  c = c * z + 1.0f / 24;
  *sine = r + r * (s * z);
  *cosine = 1.0f + (z * (c * z - 0.5f));
  return vm_bits_f32(shifted);
}

static inline int64_t vm_reduce_trig_f64(double x, double *sine, double *cosine)
{
  double shifted = x * 6.36619772367581382433e-01 + VM_ROUND_F64;
  double n = shifted - VM_ROUND_F64;
  double r = x - n * 1.57079632673412561417e+00; /* 33 bits each: exact for |n| < 2^20 */
  r = r - n * 6.07710050630396597660e-11;
  r = r - n * 2.0222662487959506e-21;
  double z = r * r;
  double s = -1.0 / 1307674368000;
  s = s * z + 1.0 / 6227020800;
  s = s * z - 1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  double c = 1.0 / 20922789888000;
  c = c * z - 1.0 / 87178291200;
  c = c * z + 1.0 / 479001600;
  c = c * z - 1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  *sine = r + r * (s * z);
  *cosine = 1.0 + (z * (c * z - 0.5));
  return vm_bits_f64(shifted);
}

/** sin (quarter_turns = 0) or cos (1): the quadrant n + quarter_turns picks series and sign. */
static inline float vm_quadrant_f32(float x, int32_t quarter_turns)
{
  float s, c;
  int32_t n = vm_reduce_trig_f32(x, &s, &c) + quarter_turns;
  float value = n & 1 ? c : s;
  return n & 2 ? -value : value;
}

static inline double vm_quadrant_f64(double x, int64_t quarter_turns)
{
  double s, c;
  int64_t n = vm_reduce_trig_f64(x, &s, &c) + quarter_turns;
  double value = n & 1 ? c : s;
  return n & 2 ? -value : value;
}

static inline float vm_sin_f32(float x)
{
  return vm_quadrant_f32(x, 0);
}

static inline double vm_sin_f64(double x)
{
  return vm_quadrant_f64(x, 0);
}

static inline float vm_cos_f32(float x)
{
  return vm_quadrant_f32(x, 1);
}

static inline double vm_cos_f64(double x)
{
  return vm_quadrant_f64(x, 1);
}

#endif
