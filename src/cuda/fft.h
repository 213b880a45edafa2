/**
 * Real Fourier transforms of rows, in place, by cuFFT; plans are kept in the context.
 *
 *   forward   X[k] = sum_i x[i] e^{-2 pi j i k / n},  k = 0..n/2
 *   inverse   x[i] = sum_k X[k] e^{+2 pi j i k / n} over the whole spectrum that X[0..n/2] implies;
 *             not normalised; the imaginary parts of X[0] and, for even n, X[n/2] must be zero
 *
 * A row is fft_row(n) reals: n samples and padding, or n/2 + 1 bins (re, im). It must be aligned to
 * a bin. Adjoints as in src/cpu/fft.h.
 */
#ifndef APF_CUDA_FFT_H
#define APF_CUDA_FFT_H

#include "cuda/cuda.h"

#include <cufft.h>

namespace apf_cuda {

constexpr int64_t fft_row(int64_t n)
{
  return 2 * (n / 2 + 1);
}

/** Refuses lengths that cuFFT cannot count. */
apf_status check_length(apf_context *ctx, const char *function, int64_t n);

template <class real>
apf_status fft_forward(apf_context *ctx, int64_t n, int64_t rows, real *data);
template <class real>
apf_status fft_inverse(apf_context *ctx, int64_t n, int64_t rows, real *data);

/** Refuses the address of bins that no transform can work on. */
template <class real>
apf_status check_bins(apf_context *ctx, const char *function, const char *name, const real *X)
{
  if (reinterpret_cast<uintptr_t>(X) % (2 * sizeof(real)) == 0) return APF_OK;
  return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                  "%s is not aligned to %zu bytes, a pair of real and imaginary part", name,
                  2 * sizeof(real));
}

apf_status fail(apf_context *ctx, cufftResult error, const char *function, const char *what);

}  // namespace apf_cuda

#endif
