/**
 * Real Fourier transforms of any length >= 1 in O(n log n), plans kept in the context.
 *
 *   forward   X[k] = sum_i x[i] e^{-2 pi j i k / n},  k = 0..n/2
 *   inverse   x[i] = sum_k X[k] e^{+2 pi j i k / n} over the whole spectrum that X[0..n/2] implies;
 *             not normalised; the imaginary parts of X[0] and, for even n, X[n/2] are ignored
 *
 * Even lengths take one complex transform of half the length, powers of two on vectors. Lengths
 * with a large prime factor go through Bluestein's algorithm. Adjoints, for gradients dL/d(re) + j
 * dL/d(im): the adjoint of forward is inverse of dX with the bins between the first and the last
 * halved; the adjoint of inverse is forward with those bins doubled.
 */
#ifndef APF_CPU_FFT_H
#define APF_CPU_FFT_H

#include "core/context.h"
#include "core/precision.h"

#if APF_REAL_IS_FLOAT
typedef apf_c64 bin; /**< one complex value of a spectrum */
#else
typedef apf_c128 bin;
#endif

typedef struct fft_plan {
  struct fft_plan *next; /* in the cache */
  int64_t n;             /* real length */
  int64_t bins;          /* n/2 + 1 */
  int64_t scratch;       /* reals that forward and inverse need */
  int64_t m;             /* length of the complex transform: n/2 or n */
  int64_t padded;        /* 0, or the length of Bluestein's convolution */
  int threads;
  void *engine;      /* of length m, or padded */
  bin *twiddle;      /* e^{-pi j k / m}, k = 0..m/2, for even n */
  bin *chirp;        /* e^{-pi j k^2 / m}, k < m, for Bluestein */
  bin *chirp_filter; /* transform of the conjugate chirp, wrapped; divided by padded */
  real *pow2;        /* for fft_pow2.h: its table; NULL for other lengths */
  real *turn;        /* for it: e^{-pi j k / m}, k < m: real parts, then imaginary parts */
} fft_plan;

/** The plan for length n, made on first use and kept until the context closes. */
apf_status APF_CPU(fft_plan_for)(apf_context *ctx, int64_t n, const fft_plan **plan);

/** x and scratch are 64-byte aligned and apart; `thread` is 0..ctx->threads-1. X[n/2+1]. */
void APF_CPU(fft_forward)(const fft_plan *plan, int thread, const real *x, bin *X, real *scratch);
void APF_CPU(fft_inverse)(const fft_plan *plan, int thread, const bin *X, real *x, real *scratch);

#endif
