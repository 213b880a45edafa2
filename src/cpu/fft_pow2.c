/** Power-of-two transforms; definitions in fft_pow2.h. */
#include "cpu/fft_pow2.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))

int64_t APF_CPU(fft_pow2_room)(int64_t m)
{
  int64_t room = 0;
  for (int64_t n = m; n >= 4; n /= 4) room += 6 * (n / 4);
  return room;
}

/* Per step: e^{-2 pi j p / n} for p < n/4, its square and its cube; real parts, imaginary parts. */
void APF_CPU(fft_pow2_table)(int64_t m, real *table)
{
  const double pi = 3.14159265358979323846;
  for (int64_t n = m; n >= 4; n /= 4) {
    const int64_t quarter = n / 4;
    for (int64_t p = 0; p < quarter; p++)
      for (int64_t power = 1; power <= 3; power++) {
        const double angle = 2 * pi * (double)(power * p) / (double)n;
        table[(2 * power - 2) * quarter + p] = (real)cos(angle);
        table[(2 * power - 1) * quarter + p] = (real)-sin(angle);
      }
    table += 6 * quarter;
  }
}

typedef struct pair {
  real re, im;
} pair;

INLINE pair mul(pair u, pair v)
{
  return (pair){u.re * v.re - u.im * v.im, u.re * v.im + u.im * v.re};
}

/** The four outputs of a butterfly, twiddled. */
INLINE void butterfly(pair a, pair b, pair c, pair d, pair w1, pair w2, pair w3, pair y[4])
{
  const pair ac = {a.re + c.re, a.im + c.im}, a_c = {a.re - c.re, a.im - c.im};
  const pair bd = {b.re + d.re, b.im + d.im}, j_bd = {d.im - b.im, b.re - d.re};
  y[0] = (pair){ac.re + bd.re, ac.im + bd.im};
  y[1] = mul(w1, (pair){a_c.re - j_bd.re, a_c.im - j_bd.im});
  y[2] = mul(w2, (pair){ac.re - bd.re, ac.im - bd.im});
  y[3] = mul(w3, (pair){a_c.re + j_bd.re, a_c.im + j_bd.im});
}

/** The first step, neighbours being different p. `step` is a constant where this is inlined. */
INLINE void first_step(int64_t m, const real *restrict w, const real *restrict re,
                       const real *restrict im, int step, real *restrict y_re, real *restrict y_im)
{
  const int64_t n = m / 4;
#pragma omp simd
  for (int64_t p = 0; p < n; p++) {
    const int64_t i = p * step, q = n * step;
    pair y[4];
    butterfly((pair){re[i], im[i]}, (pair){re[i + q], im[i + q]},
              (pair){re[i + 2 * q], im[i + 2 * q]}, (pair){re[i + 3 * q], im[i + 3 * q]},
              (pair){w[p], w[n + p]}, (pair){w[2 * n + p], w[3 * n + p]},
              (pair){w[4 * n + p], w[5 * n + p]}, y);
    for (int k = 0; k < 4; k++) {
      y_re[4 * p + k] = y[k].re;
      y_im[4 * p + k] = y[k].im;
    }
  }
}

/** A later step on sub-transforms of 4 n values: s neighbours share a twiddle factor. */
INLINE void later_step(int64_t n, int64_t s, const real *restrict w, const real *restrict re,
                       const real *restrict im, real *restrict y_re, real *restrict y_im)
{
  const int64_t quarter = n * s;
  for (int64_t p = 0; p < n; p++) {
    const pair w1 = {w[p], w[n + p]}, w2 = {w[2 * n + p], w[3 * n + p]},
               w3 = {w[4 * n + p], w[5 * n + p]};
#pragma omp simd
    for (int64_t q = 0; q < s; q++) {
      const int64_t i = q + s * p, o = q + s * 4 * p;
      pair y[4];
      butterfly((pair){re[i], im[i]}, (pair){re[i + quarter], im[i + quarter]},
                (pair){re[i + 2 * quarter], im[i + 2 * quarter]},
                (pair){re[i + 3 * quarter], im[i + 3 * quarter]}, w1, w2, w3, y);
      for (int k = 0; k < 4; k++) {
        y_re[o + k * s] = y[k].re;
        y_im[o + k * s] = y[k].im;
      }
    }
  }
}

/** The last step where m is not a power of four: pairs that are m/2 apart. */
static void last_pairs(int64_t m, const real *restrict x, real *restrict y)
{
  const int64_t half = m / 2;
  for (int part = 0; part < 2; part++, x += m + FFT_POW2_GAP, y += m + FFT_POW2_GAP) {
#pragma omp simd
    for (int64_t q = 0; q < half; q++) {
      y[q] = x[q] + x[q + half];
      y[q + half] = x[q] - x[q + half];
    }
  }
}

const real *APF_CPU(fft_pow2_run)(int64_t m, const real *table, const real *re, const real *im,
                                  int step, real *a, real *b)
{
  const int64_t imaginary = m + FFT_POW2_GAP;
  if (step == 2)
    first_step(m, table, re, im, 2, a, a + imaginary);
  else
    first_step(m, table, re, im, 1, a, a + imaginary);
  table += 6 * (m / 4);
  int64_t n = m / 4, s = 4;
  for (; n >= 4; n /= 4, s *= 4) {
    if (s == 4) /* a constant, so that four neighbours are one vector */
      later_step(n / 4, 4, table, a, a + imaginary, b, b + imaginary);
    else
      later_step(n / 4, s & -(int64_t)16, table, a, a + imaginary, b, b + imaginary);
    table += 6 * (n / 4);
    real *swap = a;
    a = b;
    b = swap;
  }
  if (n == 1) return a;
  last_pairs(m, a, b);
  return b;
}
