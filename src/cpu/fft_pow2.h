/**
 * Complex transforms whose length is a power of two, on vectors: what frames are made of. KissFFT
 * computes one complex number at a time.
 *
 * Stockham's algorithm in steps of radix 4: every step reads four quarters of the array and writes
 * the results sorted, so that loops run over neighbours. Real and imaginary parts lie in arrays of
 * their own.
 */
#ifndef APF_CPU_FFT_POW2_H
#define APF_CPU_FFT_POW2_H

#include "core/context.h"
#include "core/precision.h"

/** Below, too few neighbours; above, the steps leave the cache. */
enum { FFT_POW2_LEAST = 16, FFT_POW2_MOST = 1 << 16 };
/** Values between real and imaginary parts: powers of two apart, all streams of a step would meet
 * in the same lines of the cache. */
enum { FFT_POW2_GAP = 128 / (int)sizeof(real) };

/** Values of the table of twiddle factors for length m. */
int64_t APF_CPU(fft_pow2_room)(int64_t m);
void APF_CPU(fft_pow2_table)(int64_t m, real *table);

/**
 * Transforms m values re + j im; `step` apart (1, or 2 for pairs). a and b are work arrays of
 * 2 (m + FFT_POW2_GAP) values each. Returns whichever holds the result: m real parts, a gap, m
 * imaginary parts. With re
 * and im (and the parts of the result) exchanged it is the inverse.
 */
const real *APF_CPU(fft_pow2_run)(int64_t m, const real *table, const real *re, const real *im,
                                  int step, real *a, real *b);

#endif
