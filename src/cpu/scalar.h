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

#endif
