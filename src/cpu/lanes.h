/**
 * Work on the lanes of a vec, as the recursions need it: lanes run along time, or over sequences.
 *
 *   vec     LANES reals (vector.h)
 *   svec    LANES scalars: a vec, or for complex types a vec of real and one of imaginary parts,
 *           which svec_load and svec_store bring from and to their interleaved order
 */
#ifndef APF_CPU_LANES_H
#define APF_CPU_LANES_H

#include "cpu/scalar.h"
#include "cpu/vector.h"

/* VEC_LANES for the preprocessor. */
#if APF_REAL_IS_FLOAT
#define LANES (VEC_BYTES / 4)
typedef int32_t vec_integer;
#else
#define LANES (VEC_BYTES / 8)
typedef int64_t vec_integer;
#endif

typedef vec_integer vec_mask __attribute__((vector_size(VEC_BYTES))); /* all ones where true */
typedef real vec_unaligned
    __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));

/* Lane lists: LIST(f) is f(0), f(1), ... */
#if LANES == 2
#define LANE_LIST(f) f(0), f(1)
#elif LANES == 4
#define LANE_LIST(f) f(0), f(1), f(2), f(3)
#elif LANES == 8
#define LANE_LIST(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)
#else
#define LANE_LIST(f)                                                                             \
  f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), \
      f(15)
#endif
#define LANE_EVEN(i)   2 * (i)
#define LANE_ODD(i)    2 * (i) + 1
#define LANE_LOW(i)    (i) / 2 + (i) % 2 * LANES
#define LANE_HIGH(i)   LANES / 2 + (i) / 2 + (i) % 2 * LANES
#define LANE_FIRST(i)  0
#define LANE_LAST(i)   LANES - 1
#define LANE_UP(n, i)  LANES - (n) + (i)
#define LANE_UP_1(i)   LANE_UP(1, i)
#define LANE_UP_2(i)   LANE_UP(2, i)
#define LANE_UP_4(i)   LANE_UP(4, i)
#define LANE_UP_8(i)   LANE_UP(8, i)
#define LANE_DOWN_1(i) (i) + 1
#define LANE_DOWN_2(i) (i) + 2
#define LANE_DOWN_4(i) (i) + 4
#define LANE_DOWN_8(i) (i) + 8

#define LANE_ROUND_1(i) ((i) + 1) % LANES
#define LANE_ROUND_2(i) ((i) + 2) % LANES
#define LANE_ROUND_4(i) ((i) + 4) % LANES
#define LANE_ROUND_8(i) ((i) + 8) % LANES

static inline vec vec_load(const real *p)
{
  return *(const vec_unaligned *)p;
}

static inline void vec_store(real *p, vec v)
{
  *(vec_unaligned *)p = v;
}

static inline vec vec_of(real value)
{
  return value - (vec){0};
}

static inline vec vec_select(vec_mask where, vec a, vec b)
{
  return (vec)(((vec_mask)a & where) | ((vec_mask)b & ~where));
}

#define VEC_FOLD(v, n) ((v) + __builtin_shufflevector(v, v, LANE_LIST(LANE_ROUND_##n)))

/** Sum of the lanes: halves are folded onto each other. */
static inline real vec_sum(vec v)
{
#if LANES > 8
  v = VEC_FOLD(v, 8);
#endif
#if LANES > 4
  v = VEC_FOLD(v, 4);
#endif
#if LANES > 2
  v = VEC_FOLD(v, 2);
#endif
  v = VEC_FOLD(v, 1);
  return v[0];
}

#if APF_IS_COMPLEX
typedef struct svec {
  vec re, im;
} svec;

static inline svec svec_load(const scalar *p)
{
  const real *parts = &p->re;
  const vec low = vec_load(parts), high = vec_load(parts + LANES);
  return (svec){__builtin_shufflevector(low, high, LANE_LIST(LANE_EVEN)),
                __builtin_shufflevector(low, high, LANE_LIST(LANE_ODD))};
}

static inline void svec_store(scalar *p, svec v)
{
  real *parts = &p->re;
  vec_store(parts, __builtin_shufflevector(v.re, v.im, LANE_LIST(LANE_LOW)));
  vec_store(parts + LANES, __builtin_shufflevector(v.re, v.im, LANE_LIST(LANE_HIGH)));
}

static inline svec svec_of(scalar value)
{
  return (svec){vec_of(value.re), vec_of(value.im)};
}

static inline svec svec_add(svec a, svec b)
{
  return (svec){a.re + b.re, a.im + b.im};
}

static inline svec svec_mul(svec a, svec b)
{
  return (svec){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/** c + a b */
static inline svec svec_mul_add(svec a, svec b, svec c)
{
  return (svec){c.re + a.re * b.re - a.im * b.im, c.im + a.re * b.im + a.im * b.re};
}

static inline svec svec_conj(svec a)
{
  return (svec){a.re, -a.im};
}

static inline svec svec_scale(svec a, real factor)
{
  return (svec){a.re * factor, a.im * factor};
}

static inline scalar svec_lane(svec v, int i)
{
  return (scalar){v.re[i], v.im[i]};
}

static inline wide svec_sum(svec v)
{
  return (wide){(double)vec_sum(v.re), (double)vec_sum(v.im)};
}

/** The lanes that LIST picks from a and b laid end to end. */
#define SVEC_SHUFFLE(a, b, LIST)                                    \
  ((svec){__builtin_shufflevector((a).re, (b).re, LANE_LIST(LIST)), \
          __builtin_shufflevector((a).im, (b).im, LANE_LIST(LIST))})
#else
typedef vec svec;

static inline svec svec_load(const scalar *p)
{
  return vec_load(p);
}

static inline void svec_store(scalar *p, svec v)
{
  vec_store(p, v);
}

static inline svec svec_of(scalar value)
{
  return vec_of(value);
}

static inline svec svec_add(svec a, svec b)
{
  return a + b;
}

static inline svec svec_mul(svec a, svec b)
{
  return a * b;
}

static inline svec svec_mul_add(svec a, svec b, svec c)
{
  return c + a * b;
}

static inline svec svec_conj(svec a)
{
  return a;
}

static inline svec svec_scale(svec a, real factor)
{
  return a * factor;
}

static inline scalar svec_lane(svec v, int i)
{
  return v[i];
}

static inline wide svec_sum(svec v)
{
  return (double)vec_sum(v);
}

#define SVEC_SHUFFLE(a, b, LIST) __builtin_shufflevector(a, b, LANE_LIST(LIST))
#endif

/** Lane i of the result is lane i-n of v, or for i < n a lane of fill. n: 1, 2, 4, 8. */
#define SVEC_UP(v, fill, n) SVEC_SHUFFLE(fill, v, LANE_UP_##n)
/** Lane i of the result is lane i+n of v, or a lane of fill beyond the end. */
#define SVEC_DOWN(v, fill, n) SVEC_SHUFFLE(v, fill, LANE_DOWN_##n)

/** Every lane the first (last) lane of v. */
static inline svec svec_first(svec v)
{
  return SVEC_SHUFFLE(v, v, LANE_FIRST);
}

static inline svec svec_last(svec v)
{
  return SVEC_SHUFFLE(v, v, LANE_LAST);
}

#endif
