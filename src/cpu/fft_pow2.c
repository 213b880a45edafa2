/** Power-of-two transforms; definitions in fft_pow2.h. */
#include "cpu/fft_pow2.h"

#include <math.h>

#include "cpu/cvec.h"

enum { LANES = SIMD_LANES };

/** Radix of the next step of a transform of n values. Two steps of 4 beat one of 8 and one of 2. */
static int radix_of(int64_t n)
{
  if (n == 16) return 4;
  return n % 8 == 0 ? 8 : (int)n;
}

/* --- twiddle factors -------------------------------------------------------------------------- */

int64_t APF_CPU(fft_pow2_room)(int64_t m)
{
  int64_t room = 2 * m;
  for (int64_t n = m / LANES; n > 1; n /= radix_of(n)) room += 2 * n;
  return room;
}

static void set_turn(int64_t numerator, int64_t n, real *re, real *im)
{
  const double angle = 2 * 3.14159265358979323846 * (double)numerator / (double)n;
  *re = (real)cos(angle);
  *im = (real)-sin(angle);
}

/* Per step: e^{-2 pi j p k / n} for p < n / radix and 0 < k < radix, parts side by side. For the
 * last: e^{-2 pi j v k / m} by vectors of LANES values of k, parts side by side. */
void APF_CPU(fft_pow2_table)(int64_t m, real *table)
{
  const int64_t length = m / LANES;
  for (int64_t n = length; n > 1; n /= radix_of(n))
    for (int64_t p = 0; p < n / radix_of(n); p++)
      for (int k = 1; k < radix_of(n); k++, table += 2) set_turn(p * k, n, table, table + 1);
  for (int64_t k = 0; k < length; k += LANES)
    for (int v = 1; v < LANES; v++, table += 2 * LANES)
      for (int i = 0; i < LANES; i++) set_turn(v * (k + i), m, table + i, table + LANES + i);
}

/* --- transforms of 2, 4 and 8 values, all in registers ---------------------------------------- */

/** -j u */
SIMD_INLINE cvec quarter_turn(cvec u)
{
  return (cvec){u.im, -u.re};
}

/** e^{-j pi / 4} u */
SIMD_INLINE cvec eighth_turn(cvec u)
{
  const real c = (real)0.70710678118654752440;
  return (cvec){c * (u.re + u.im), c * (u.im - u.re)};
}

SIMD_INLINE void dft2(cvec *a, cvec *b)
{
  const cvec sum = cvec_add(*a, *b);
  *b = cvec_subtract(*a, *b);
  *a = sum;
}

SIMD_INLINE void dft4(cvec *a, cvec *b, cvec *c, cvec *d)
{
  dft2(a, c);
  dft2(b, d);
  const cvec turned = quarter_turn(*d), second = *c;
  dft2(a, b);
  *d = cvec_subtract(second, turned);
  *c = *b;
  *b = cvec_add(second, turned);
}

SIMD_INLINE void dft8(cvec *z)
{
  dft4(z, z + 2, z + 4, z + 6);
  dft4(z + 1, z + 3, z + 5, z + 7);
  const cvec odd[4] = {z[1], eighth_turn(z[3]), quarter_turn(z[5]),
                       eighth_turn(quarter_turn(z[7]))};
  const cvec even[4] = {z[0], z[2], z[4], z[6]};
  for (int k = 0; k < 4; k++) {
    z[k] = cvec_add(even[k], odd[k]);
    z[k + 4] = cvec_subtract(even[k], odd[k]);
  }
}

/** z[k] becomes sum_n z[n] e^{-2 pi j k n / radix}. */
SIMD_INLINE void dft(int radix, cvec *z)
{
  if (radix == 8)
    dft8(z);
  else if (radix == 4)
    dft4(z, z + 1, z + 2, z + 3);
  else
    dft2(z, z + 1);
}

/* --- steps ------------------------------------------------------------------------------------ */

/** A step's values: vectors, or on entry real and imaginary parts, alternating or apart. */
typedef struct values {
  const cvec *vectors;
  const real *pairs, *re, *im;
} values;

SIMD_INLINE cvec load(values from, int64_t i)
{
  if (from.vectors) return from.vectors[i];
  if (!from.pairs) return (cvec){simd_load(from.re + i * LANES), simd_load(from.im + i * LANES)};
  return cvec_load(from.pairs + 2 * i * LANES);
}

/** Butterflies of s neighbours, which share their twiddle factors. */
SIMD_INLINE void butterflies(int radix, bool turn, int64_t n, int64_t s, const real *w, values from,
                             int64_t first, cvec *to)
{
  for (int64_t q = 0; q < s; q++) {
    cvec z[8];
    for (int k = 0; k < radix; k++) z[k] = load(from, first + q + k * n * s);
    dft(radix, z);
    to[q] = z[0];
    for (int k = 1; k < radix; k++) {
      const cvec factor = {simd_set(w[2 * k - 2]), simd_set(w[2 * k - 1])};
      to[q + k * s] = turn ? cvec_multiply(z[k], factor) : z[k];
    }
  }
}

/** A step on s transforms of n * radix values each; inlined with constants. */
SIMD_INLINE void step(int radix, int64_t n, int64_t s, const real *w, values from, cvec *to)
{
  butterflies(radix, false, n, s, w, from, 0, to);
  for (int64_t p = 1; p < n; p++)
    butterflies(radix, true, n, s, w + 2 * (radix - 1) * p, from, s * p, to + s * radix * p);
}

SIMD_INLINE void step_of(int radix, int64_t n, int64_t s, const real *w, values from, cvec *to)
{
  if (radix == 8)
    step(8, n, s, w, from, to);
  else if (radix == 4)
    step(4, n, s, w, from, to);
  else
    step(2, n, s, w, from, to);
}

static void first_step(int radix, int64_t n, const real *w, values from, cvec *to)
{
  if (from.pairs)
    step_of(radix, n, 1, w, (values){.pairs = from.pairs}, to);
  else
    step_of(radix, n, 1, w, (values){.re = from.re, .im = from.im}, to);
}

static void later_step(int radix, int64_t n, int64_t s, const real *w, const cvec *from, cvec *to)
{
  step_of(radix, n, s, w, (values){.vectors = from}, to);
}

/** The lanes' transforms become one: lanes turn into registers, LANES values of k at a time. */
static void join_lanes(int64_t length, const real *w, const cvec *from, real *re, real *im)
{
  for (int64_t k = 0; k < length; k += LANES) {
    vreal part[2][LANES], turned[2][LANES];
    cvec z[LANES];
    for (int i = 0; i < LANES; i++) {
      part[0][i] = from[k + i].re;
      part[1][i] = from[k + i].im;
    }
    simd_transpose_square(part[0], turned[0]);
    simd_transpose_square(part[1], turned[1]);
    z[0] = (cvec){turned[0][0], turned[1][0]};
    for (int v = 1; v < LANES; v++, w += 2 * LANES)
      z[v] = cvec_multiply((cvec){turned[0][v], turned[1][v]},
                           (cvec){simd_load(w), simd_load(w + LANES)});
    dft(LANES, z);
    for (int v = 0; v < LANES; v++) {
      simd_store(re + k + length * v, z[v].re);
      simd_store(im + k + length * v, z[v].im);
    }
  }
}

const real *APF_CPU(fft_pow2_run)(int64_t m, const real *table, const real *re, const real *im,
                                  real *a, real *b)
{
  const int64_t length = m / LANES;
  int64_t n = length, s = 1;
  cvec *from = (cvec *)(void *)a, *to = (cvec *)(void *)b;
  for (int radix; n > 1; s *= radix, n /= radix) {
    radix = radix_of(n);
    if (s == 1)
      first_step(radix, n / radix, table, im ? (values){.re = re, .im = im} : (values){.pairs = re},
                 to);
    else
      later_step(radix, n / radix, s, table, from, to);
    table += 2 * (n / radix) * (radix - 1);
    cvec *swap = from;
    from = to;
    to = swap;
  }
  real *out = (real *)(void *)to;
  join_lanes(length, table, from, out, out + m + FFT_POW2_GAP);
  return out;
}
