/**
 * Arithmetic on `scalar`, real or complex, for code that is written once. Real types compile to the
 * plain operators. Products of complex numbers are the textbook ones, without the recovery of
 * infinities that C's _Complex performs.
 */
#ifndef APF_CPU_SCALAR_H
#define APF_CPU_SCALAR_H

#include "core/precision.h"

#if APF_IS_COMPLEX

static inline scalar scalar_of(real re)
{
  return (scalar){re, 0};
}

static inline scalar scalar_add(scalar a, scalar b)
{
  return (scalar){a.re + b.re, a.im + b.im};
}

static inline scalar scalar_sub(scalar a, scalar b)
{
  return (scalar){a.re - b.re, a.im - b.im};
}

static inline scalar scalar_mul(scalar a, scalar b)
{
  return (scalar){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline scalar scalar_neg(scalar a)
{
  return (scalar){-a.re, -a.im};
}

static inline scalar scalar_conj(scalar a)
{
  return (scalar){a.re, -a.im};
}

static inline scalar scalar_scale(scalar a, real factor)
{
  return (scalar){a.re * factor, a.im * factor};
}

#else

static inline scalar scalar_of(real re)
{
  return re;
}

static inline scalar scalar_add(scalar a, scalar b)
{
  return a + b;
}

static inline scalar scalar_sub(scalar a, scalar b)
{
  return a - b;
}

static inline scalar scalar_mul(scalar a, scalar b)
{
  return a * b;
}

static inline scalar scalar_neg(scalar a)
{
  return -a;
}

static inline scalar scalar_conj(scalar a)
{
  return a;
}

static inline scalar scalar_scale(scalar a, real factor)
{
  return a * factor;
}

#endif

/** c + a b */
static inline scalar scalar_mul_add(scalar a, scalar b, scalar c)
{
  return scalar_add(c, scalar_mul(a, b));
}

/** c - a b */
static inline scalar scalar_mul_sub(scalar a, scalar b, scalar c)
{
  return scalar_sub(c, scalar_mul(a, b));
}

/** The accumulator of long sums: double, whatever the type of the terms. */
#if APF_IS_COMPLEX
typedef apf_c128 wide;

static inline wide wide_zero(void)
{
  return (wide){0, 0};
}

static inline wide wide_add(wide sum, scalar a)
{
  return (wide){sum.re + (double)a.re, sum.im + (double)a.im};
}

static inline wide wide_join(wide a, wide b)
{
  return (wide){a.re + b.re, a.im + b.im};
}

static inline scalar wide_round(wide sum)
{
  return (scalar){(real)sum.re, (real)sum.im};
}
#else
typedef double wide;

static inline wide wide_zero(void)
{
  return 0;
}

static inline wide wide_add(wide sum, scalar a)
{
  return sum + (double)a;
}

static inline wide wide_join(wide a, wide b)
{
  return a + b;
}

static inline scalar wide_round(wide sum)
{
  return (scalar)sum;
}
#endif

#endif
