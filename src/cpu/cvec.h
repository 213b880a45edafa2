/** Complex arithmetic of SIMD_LANES numbers at a time, for code compiled for real types. */
#ifndef APF_CPU_CVEC_H
#define APF_CPU_CVEC_H

#include "cpu/simd.h"

typedef struct cvec {
  vreal re, im;
} cvec;

SIMD_INLINE cvec cvec_add(cvec u, cvec v)
{
  return (cvec){u.re + v.re, u.im + v.im};
}

SIMD_INLINE cvec cvec_subtract(cvec u, cvec v)
{
  return (cvec){u.re - v.re, u.im - v.im};
}

SIMD_INLINE cvec cvec_multiply(cvec u, cvec v)
{
  return (cvec){u.re * v.re - u.im * v.im, u.re * v.im + u.im * v.re};
}

/** u conj(v) */
SIMD_INLINE cvec cvec_multiply_conj(cvec u, cvec v)
{
  return (cvec){u.re * v.re + u.im * v.im, u.im * v.re - u.re * v.im};
}

SIMD_INLINE cvec cvec_reciprocal(cvec u)
{
  const vreal scale = 1 / (u.re * u.re + u.im * u.im);
  return (cvec){u.re * scale, -u.im * scale};
}

/** Numbers whose real and imaginary parts alternate in memory. */
SIMD_INLINE cvec cvec_load(const real *pairs)
{
  const vreal low = simd_load(pairs), high = simd_load(pairs + SIMD_LANES);
  return (cvec){SIMD_EVEN(low, high), SIMD_ODD(low, high)};
}

SIMD_INLINE void cvec_store(real *pairs, cvec u)
{
  simd_store(pairs, SIMD_ZIP_LOW(u.re, u.im));
  simd_store(pairs + SIMD_LANES, SIMD_ZIP_HIGH(u.re, u.im));
}

/** The first `count` of them, zeros behind. */
SIMD_INLINE cvec cvec_load_some(const real *pairs, int64_t count)
{
  if (count >= SIMD_LANES) return cvec_load(pairs);
  real padded[2 * SIMD_LANES] = {0};
  memcpy(padded, pairs, (size_t)count * 2 * sizeof(real));
  return cvec_load(padded);
}

SIMD_INLINE void cvec_store_some(real *pairs, int64_t count, cvec u)
{
  if (count >= SIMD_LANES) {
    cvec_store(pairs, u);
    return;
  }
  real padded[2 * SIMD_LANES];
  cvec_store(padded, u);
  memcpy(pairs, padded, (size_t)count * 2 * sizeof(real));
}

#endif
