/**
 * SIMD whose lanes are sequences: rows of a (sequences, time) array become vectors, one per sample.
 *
 *   vreal      SIMD_LANES reals. 32 bytes wherever there is AVX, also with AVX-512: transposing is
 *              what costs, and 32-byte shuffles run on twice as many ports as 64-byte ones.
 *   vscalar    the same for `scalar`: a vreal, or two of them for complex numbers.
 *   columns    an array of vreal, columns[k][lane] = rows[lane * stride + k]. Complex rows count as
 *              rows of twice as many reals: vectors of real and of imaginary parts alternate.
 *
 * Rows a power of two apart fall into the same cache set, where a line does not survive until a
 * second visit: walk them all together, in blocks of one cache line (SIMD_STEPS samples).
 */
#ifndef APF_CPU_SIMD_H
#define APF_CPU_SIMD_H

#include "core/precision.h"

#include <stdbool.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define SIMD_INLINE static inline __attribute__((always_inline))
/* For loops over many squares: inlined everywhere they would cost far more code than calls cost
 * time. */
#define SIMD_SHARED static __attribute__((noinline, unused))

#if defined(__AVX__)
#define SIMD_BYTES 32
#else
#define SIMD_BYTES 16
#endif

enum {
  SIMD_LANES = SIMD_BYTES / sizeof(real),
  SIMD_LINE = 64 / sizeof(real),   /* reals in a cache line */
  SIMD_STEPS = 64 / sizeof(scalar) /* samples in a cache line */
};
enum { SIMD_PARTS = sizeof(scalar) / sizeof(real), SIMD_QUARTER = 16 / sizeof(real) };

/* may_alias: arrays of real are read and written through them. */
typedef real vreal __attribute__((vector_size(SIMD_BYTES), may_alias));
typedef real vreal_unaligned
    __attribute__((vector_size(SIMD_BYTES), aligned(sizeof(real)), may_alias));
typedef real vquarter_unaligned __attribute__((vector_size(16), aligned(sizeof(real)), may_alias));

SIMD_INLINE vreal simd_set(real value)
{
  return (vreal){0} + value;
}

SIMD_INLINE vreal simd_load(const real *from)
{
  return *(const vreal_unaligned *)from;
}

SIMD_INLINE void simd_store(real *to, vreal value)
{
  *(vreal_unaligned *)to = value;
}

/** Stores past the caches: for outputs too large to be found there again. `to` is aligned. */
SIMD_INLINE void simd_stream(real *to, vreal value)
{
#if defined(__AVX__) && APF_REAL_IS_FLOAT
  _mm256_stream_ps(to, (__m256)value);
#elif defined(__AVX__)
  _mm256_stream_pd(to, (__m256d)value);
#elif defined(__SSE2__) && APF_REAL_IS_FLOAT
  _mm_stream_ps(to, (__m128)value);
#elif defined(__SSE2__)
  _mm_stream_pd(to, (__m128d)value);
#else
  simd_store(to, value);
#endif
}

/** Makes streamed stores visible to other threads; each thread that streamed calls it at the end.
 */
SIMD_INLINE void simd_stream_end(void)
{
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

/**
 * Whether an output of B rows of `length` scalars should be streamed: whole lines only, and only
 * what exceeds the usual share of the last cache.
 */
static inline bool simd_should_stream(const void *array, int64_t B, int64_t length)
{
  const int64_t large = 4 << 20, row = length * (int64_t)sizeof(scalar);
  return row % 64 == 0 && (uintptr_t)array % 64 == 0 && row >= large / B;
}

/** Sum of the lanes, in order. */
SIMD_INLINE real simd_sum(vreal v)
{
  real sum = v[0];
  for (int lane = 1; lane < SIMD_LANES; lane++) sum += v[lane];
  return sum;
}

/* --- transposition --------------------------------------------------------------------------- */

#define SIMD_PICK __builtin_shufflevector

#if SIMD_BYTES == 32 && APF_REAL_IS_FLOAT
#define SIMD_LOW(u, v)       SIMD_PICK(u, v, 0, 8, 1, 9, 4, 12, 5, 13)
#define SIMD_HIGH(u, v)      SIMD_PICK(u, v, 2, 10, 3, 11, 6, 14, 7, 15)
#define SIMD_LOW_PAIR(u, v)  SIMD_PICK(u, v, 0, 1, 8, 9, 4, 5, 12, 13)
#define SIMD_HIGH_PAIR(u, v) SIMD_PICK(u, v, 2, 3, 10, 11, 6, 7, 14, 15)
#define SIMD_LEFT(u, v)      SIMD_PICK(u, v, 0, 1, 2, 3, 8, 9, 10, 11)
#define SIMD_RIGHT(u, v)     SIMD_PICK(u, v, 4, 5, 6, 7, 12, 13, 14, 15)
#define SIMD_NEAR(u)         SIMD_PICK(u, u, 0, 1, 2, 3)
#define SIMD_FAR(u)          SIMD_PICK(u, u, 4, 5, 6, 7)
#define SIMD_EVEN(u, v)      SIMD_PICK(u, v, 0, 2, 4, 6, 8, 10, 12, 14)
#define SIMD_ODD(u, v)       SIMD_PICK(u, v, 1, 3, 5, 7, 9, 11, 13, 15)
#define SIMD_ZIP_LOW(u, v)   SIMD_PICK(u, v, 0, 8, 1, 9, 2, 10, 3, 11)
#define SIMD_ZIP_HIGH(u, v)  SIMD_PICK(u, v, 4, 12, 5, 13, 6, 14, 7, 15)
#elif SIMD_BYTES == 32
#define SIMD_LOW(u, v)      SIMD_PICK(u, v, 0, 4, 2, 6)
#define SIMD_HIGH(u, v)     SIMD_PICK(u, v, 1, 5, 3, 7)
#define SIMD_LEFT(u, v)     SIMD_PICK(u, v, 0, 1, 4, 5)
#define SIMD_RIGHT(u, v)    SIMD_PICK(u, v, 2, 3, 6, 7)
#define SIMD_NEAR(u)        SIMD_PICK(u, u, 0, 1)
#define SIMD_FAR(u)         SIMD_PICK(u, u, 2, 3)
#define SIMD_EVEN(u, v)     SIMD_PICK(u, v, 0, 2, 4, 6)
#define SIMD_ODD(u, v)      SIMD_PICK(u, v, 1, 3, 5, 7)
#define SIMD_ZIP_LOW(u, v)  SIMD_PICK(u, v, 0, 4, 1, 5)
#define SIMD_ZIP_HIGH(u, v) SIMD_PICK(u, v, 2, 6, 3, 7)
#elif APF_REAL_IS_FLOAT
#define SIMD_LOW(u, v)       SIMD_PICK(u, v, 0, 4, 1, 5)
#define SIMD_HIGH(u, v)      SIMD_PICK(u, v, 2, 6, 3, 7)
#define SIMD_LOW_PAIR(u, v)  SIMD_PICK(u, v, 0, 1, 4, 5)
#define SIMD_HIGH_PAIR(u, v) SIMD_PICK(u, v, 2, 3, 6, 7)
#define SIMD_EVEN(u, v)      SIMD_PICK(u, v, 0, 2, 4, 6)
#define SIMD_ODD(u, v)       SIMD_PICK(u, v, 1, 3, 5, 7)
#define SIMD_ZIP_LOW         SIMD_LOW
#define SIMD_ZIP_HIGH        SIMD_HIGH
#else
#define SIMD_LOW(u, v)  SIMD_PICK(u, v, 0, 2)
#define SIMD_HIGH(u, v) SIMD_PICK(u, v, 1, 3)
#define SIMD_EVEN       SIMD_LOW
#define SIMD_ODD        SIMD_HIGH
#define SIMD_ZIP_LOW    SIMD_LOW
#define SIMD_ZIP_HIGH   SIMD_HIGH
#endif

/** Transposes the 16-byte quarters of SIMD_QUARTER vectors, each quarter for itself. */
SIMD_INLINE void simd_transpose_quarters(const vreal *in, vreal *out)
{
#if APF_REAL_IS_FLOAT
  const vreal low0 = SIMD_LOW(in[0], in[1]), high0 = SIMD_HIGH(in[0], in[1]);
  const vreal low1 = SIMD_LOW(in[2], in[3]), high1 = SIMD_HIGH(in[2], in[3]);
  out[0] = SIMD_LOW_PAIR(low0, low1);
  out[1] = SIMD_HIGH_PAIR(low0, low1);
  out[2] = SIMD_LOW_PAIR(high0, high1);
  out[3] = SIMD_HIGH_PAIR(high0, high1);
#else
  const vreal first = in[0];
  out[0] = SIMD_LOW(first, in[1]);
  out[1] = SIMD_HIGH(first, in[1]);
#endif
}

#if SIMD_BYTES == 32
/** 16 bytes from each of two places. Written out: compilers make a shuffle of it otherwise. */
SIMD_INLINE vreal simd_load_halves(const real *near, const real *far)
{
#if APF_REAL_IS_FLOAT
  return (vreal)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(near)), _mm_loadu_ps(far),
                                     1);
#else
  return (vreal)_mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(near)), _mm_loadu_pd(far),
                                     1);
#endif
}
#endif

/** columns[k][lane] = rows[lane * stride + k] for SIMD_QUARTER values of k. */
SIMD_INLINE void simd_load_quarter(const real *rows, int64_t stride, vreal *columns)
{
  vreal in[SIMD_QUARTER];
  for (int r = 0; r < SIMD_QUARTER; r++) {
#if SIMD_BYTES == 32
    /* Halves of two rows are joined by the load: half of the shuffles less. */
    in[r] = simd_load_halves(rows + r * stride, rows + (r + SIMD_QUARTER) * stride);
#else
    in[r] = simd_load(rows + r * stride);
#endif
  }
  simd_transpose_quarters(in, columns);
}

/** rows[lane * stride + k] = columns[k][lane] for SIMD_QUARTER values of k, in order of rows. */
SIMD_INLINE void simd_store_quarter(real *rows, int64_t stride, const vreal *columns)
{
  vreal out[SIMD_QUARTER];
  simd_transpose_quarters(columns, out);
  for (int r = 0; r < SIMD_QUARTER; r++) {
#if SIMD_BYTES == 32
    *(vquarter_unaligned *)(rows + r * stride) = SIMD_NEAR(out[r]);
#else
    simd_store(rows + r * stride, out[r]);
#endif
  }
#if SIMD_BYTES == 32
  for (int r = 0; r < SIMD_QUARTER; r++)
    *(vquarter_unaligned *)(rows + (r + SIMD_QUARTER) * stride) = SIMD_FAR(out[r]);
#endif
}

/** Row `lane` or, for lanes that are not active, zeros. */
SIMD_INLINE const real *simd_row(const real *rows, int64_t stride, int active, int lane)
{
  static const real zeros[SIMD_LANES];
  return lane < active ? rows + lane * stride : zeros;
}

SIMD_INLINE void simd_load_active(const real *rows, int64_t stride, int active, vreal *columns)
{
  vreal in[SIMD_QUARTER];
#if SIMD_BYTES == 32
  /* Halves of two rows are joined by the load: half of the shuffles less. */
  for (int k = 0; k < SIMD_LANES; k += SIMD_QUARTER) {
    for (int r = 0; r < SIMD_QUARTER; r++)
      in[r] = simd_load_halves(simd_row(rows, stride, active, r) + k,
                               simd_row(rows, stride, active, r + SIMD_QUARTER) + k);
    simd_transpose_quarters(in, columns + k);
  }
#else
  for (int r = 0; r < SIMD_QUARTER; r++) in[r] = simd_load(simd_row(rows, stride, active, r));
  simd_transpose_quarters(in, columns);
#endif
}

/** columns[k][lane] = rows[lane * stride + k] for SIMD_LANES values of k. */
SIMD_INLINE void simd_load_square(const real *rows, int64_t stride, vreal *columns)
{
  simd_load_active(rows, stride, SIMD_LANES, columns);
}

/** rows[lane][k] = columns[k][lane], both SIMD_LANES x SIMD_LANES. */
SIMD_INLINE void simd_transpose_square(const vreal *columns, vreal *rows)
{
#if SIMD_BYTES == 32
  vreal near[SIMD_QUARTER], far[SIMD_QUARTER];
  simd_transpose_quarters(columns, near);
  simd_transpose_quarters(columns + SIMD_QUARTER, far);
  for (int r = 0; r < SIMD_QUARTER; r++) {
    rows[r] = SIMD_LEFT(near[r], far[r]);
    rows[r + SIMD_QUARTER] = SIMD_RIGHT(near[r], far[r]);
  }
#else
  simd_transpose_quarters(columns, rows);
#endif
}

/** rows[lane * stride + k] = columns[k][lane] for SIMD_LINE values of k. */
SIMD_INLINE void simd_store_line(real *rows, int64_t stride, const vreal *columns, bool stream)
{
  enum { SQUARES = SIMD_LINE / SIMD_LANES };
  vreal out[SQUARES][SIMD_LANES];
  for (int k = 0; k < SQUARES; k++) simd_transpose_square(columns + k * SIMD_LANES, out[k]);
  for (int lane = 0; lane < SIMD_LANES; lane++) {
    for (int k = 0; k < SQUARES; k++) {
      real *to = rows + lane * stride + k * SIMD_LANES;
      if (stream)
        simd_stream(to, out[k][lane]);
      else
        simd_store(to, out[k][lane]);
    }
  }
}

/* --- rows of any number and length ------------------------------------------------------------ */

/**
 * columns[k][lane] = rows[lane * stride + k], k < count; lanes from `active` on are zero.
 * `direction` says where the next call will read: +1 further on in the rows, -1 before, 0
 * elsewhere. So many rows, and all the more those read backwards, are too many streams for the
 * processor to foresee: lines are fetched into the second cache long before they are needed, and
 * into the first shortly before.
 */
SIMD_SHARED void simd_load_columns(const real *rows, int64_t stride, int active, int count,
                                   int direction, vreal *columns)
{
  const int64_t soon = direction * (256 / (int)sizeof(real));
  const int64_t later = direction * (2048 / (int)sizeof(real));
  int k = 0;
  for (; k + SIMD_LANES <= count; k += SIMD_LANES) {
    for (int lane = 0; direction && k % SIMD_LINE == 0 && lane < active; lane++) {
      __builtin_prefetch(rows + lane * stride + k + soon, 0, 3);
      __builtin_prefetch(rows + lane * stride + k + later, 0, 2);
    }
    if (active == SIMD_LANES)
      simd_load_square(rows + k, stride, columns + k);
    else
      simd_load_active(rows + k, stride, active, columns + k);
  }
  for (; k < count; k++) {
    columns[k] = simd_set(0);
    for (int lane = 0; lane < active; lane++) columns[k][lane] = rows[lane * stride + k];
  }
}

/** The inverse; only active lanes are written. `stream`: see simd_should_stream. */
SIMD_SHARED void simd_store_columns(real *rows, int64_t stride, int active, int count, bool stream,
                                    const vreal *columns)
{
  vreal square[SIMD_LANES];
  int k = 0;
  if (active == SIMD_LANES) {
    for (; stream && k + SIMD_LINE <= count; k += SIMD_LINE)
      simd_store_line(rows + k, stride, columns + k, true);
    for (; k + SIMD_LINE <= count; k += SIMD_LINE)
      simd_store_line(rows + k, stride, columns + k, false);
  }
  for (; k + SIMD_LANES <= count; k += SIMD_LANES) {
    simd_transpose_square(columns + k, square);
    for (int lane = 0; lane < active; lane++) simd_store(rows + lane * stride + k, square[lane]);
  }
  for (; k < count; k++)
    for (int lane = 0; lane < active; lane++) rows[lane * stride + k] = columns[k][lane];
}

/* --- one scalar per lane ---------------------------------------------------------------------- */

#if APF_IS_COMPLEX

typedef struct vscalar {
  vreal re, im;
} vscalar;

/** Entry k of columns of scalars. */
SIMD_INLINE vscalar vs_load(const vreal *columns, int64_t k)
{
  return (vscalar){columns[2 * k], columns[2 * k + 1]};
}

SIMD_INLINE void vs_store(vreal *columns, int64_t k, vscalar value)
{
  columns[2 * k] = value.re;
  columns[2 * k + 1] = value.im;
}

SIMD_INLINE vscalar vs_add(vscalar u, vscalar v)
{
  return (vscalar){u.re + v.re, u.im + v.im};
}

SIMD_INLINE vscalar vs_neg(vscalar u)
{
  return (vscalar){-u.re, -u.im};
}

/** c - u v */
SIMD_INLINE vscalar vs_mul_sub(vscalar u, vscalar v, vscalar c)
{
  return (vscalar){c.re - u.re * v.re + u.im * v.im, c.im - u.re * v.im - u.im * v.re};
}

/** c - conj(u) v */
SIMD_INLINE vscalar vs_conj_mul_sub(vscalar u, vscalar v, vscalar c)
{
  return (vscalar){c.re - u.re * v.re - u.im * v.im, c.im - u.re * v.im + u.im * v.re};
}

/** conj(u) v */
SIMD_INLINE vscalar vs_conj_mul(vscalar u, vscalar v)
{
  return (vscalar){u.re * v.re + u.im * v.im, u.re * v.im - u.im * v.re};
}

#else

typedef vreal vscalar;

SIMD_INLINE vscalar vs_load(const vreal *columns, int64_t k)
{
  return columns[k];
}

SIMD_INLINE void vs_store(vreal *columns, int64_t k, vscalar value)
{
  columns[k] = value;
}

SIMD_INLINE vscalar vs_add(vscalar u, vscalar v)
{
  return u + v;
}

SIMD_INLINE vscalar vs_neg(vscalar u)
{
  return -u;
}

SIMD_INLINE vscalar vs_mul_sub(vscalar u, vscalar v, vscalar c)
{
  return c - u * v;
}

SIMD_INLINE vscalar vs_conj_mul_sub(vscalar u, vscalar v, vscalar c)
{
  return c - u * v;
}

SIMD_INLINE vscalar vs_conj_mul(vscalar u, vscalar v)
{
  return u * v;
}

#endif

SIMD_INLINE vscalar vs_zero(void)
{
  const vreal zero[2] = {{0}, {0}};
  return vs_load(zero, 0);
}

#endif
