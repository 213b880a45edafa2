/**
 * Complex transforms whose length is a power of two, on vectors: what frames are made of. KissFFT
 * computes one complex number at a time.
 *
 * A vector's lanes hold interleaved samples, so that each lane transforms a sequence of its own by
 * Stockham's algorithm: steps of radix 8, 4 or 2 read as many parts of the array and write their
 * results sorted. A last step turns lanes into registers and joins the lanes' transforms, LANES
 * outputs at a time:
 *
 *   Z_v[k] = sum_l z[l LANES + v] e^{-2 pi j l k / (m / LANES)}
 *   Z[k + (m / LANES) u] = sum_v e^{-2 pi j u v / LANES} (e^{-2 pi j v k / m} Z_v[k])
 */
#ifndef APF_CPU_FFT_POW2_H
#define APF_CPU_FFT_POW2_H

#include "core/context.h"
#include "core/precision.h"

/** Below, there is no square of vectors to turn; above, the steps leave the cache. */
enum { FFT_POW2_LEAST = 1024 / (int)(sizeof(real) * sizeof(real)), FFT_POW2_MOST = 1 << 16 };
/** Values between real and imaginary parts: powers of two apart, all streams of a step would meet
 * in the same lines of the cache. */
enum { FFT_POW2_GAP = 128 / (int)sizeof(real) };

/** Values of the table of twiddle factors for length m. */
int64_t APF_CPU(fft_pow2_room)(int64_t m);
void APF_CPU(fft_pow2_table)(int64_t m, real *table);

/**
 * Transforms m values re + j im; im is NULL where pairs of parts begin at re. a and b are work
 * arrays of 2 (m + FFT_POW2_GAP) values each, 64-byte aligned. Returns whichever holds the result:
 * m real parts, a gap, m imaginary parts. With re and im (and the parts of the result) exchanged it
 * is the inverse.
 */
const real *APF_CPU(fft_pow2_run)(int64_t m, const real *table, const real *re, const real *im,
                                  real *a, real *b);

#endif
