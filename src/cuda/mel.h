/**
 * Triangular filters on a mel scale, as tables on the device that are made once.
 *
 * Corners cut the frequencies into segments: segment i lies between corners i and i + 1, where band
 * i rises and band i - 1 falls. A band's sum is taken by MEL_LANES neighbouring threads in a fixed
 * order; a bin's gradient comes from its two bands.
 */
#ifndef APF_CUDA_MEL_H
#define APF_CUDA_MEL_H

#include "cuda/cuda.h"

namespace apf_cuda {

enum MelKind {
  MEL_HTK,   /* 2595 log10(1 + f/700); filters peak at 1 */
  MEL_SLANEY /* linear below 1 kHz, logarithmic above; filters of equal area */
};

enum { MEL_LANES = 8 };

template <class real>
struct MelBank {
  int64_t bands;
  const int32_t *begin;   /* bands + 2: the first bin at or above corner i */
  const int32_t *segment; /* K: where the bin lies; bands + 1 if in no band */
  const real *rise;       /* K: weight in band `segment` */
  const real *fall;       /* K: weight in the band below */
};

/** Filters between low and high (Hz) for bins 0..K-1 from 0 Hz to rate / 2. */
template <class real>
apf_status mel_bank(apf_context *ctx, MelKind kind, int64_t K, int64_t bands, double rate,
                    double low, double high, MelBank<real> *bank);

/** sum_k weight[band,k] value(k), for all the lanes of a band, which call this together with the
 *  rest of their warp. A band beyond the last has the sum 0. */
template <class real, class Value>
__device__ inline real mel_sum(const MelBank<real> &bank, int64_t band, Value value)
{
  real sum = 0;
  if (band < bank.bands) {
    const int32_t middle = load(bank.begin + band + 1), end = load(bank.begin + band + 2);
    for (int32_t k = load(bank.begin + band) + threadIdx.x % MEL_LANES; k < end; k += MEL_LANES)
      sum = fma(load((k < middle ? bank.rise : bank.fall) + k), value(k), sum);
  }
  for (int offset = 1; offset < MEL_LANES; offset *= 2) sum += __shfl_xor_sync(~0u, sum, offset);
  return sum;
}

/** sum_m weight[m,k] value(m). */
template <class real, class Value>
__device__ inline real mel_adjoint(const MelBank<real> &bank, int64_t k, Value value)
{
  const int32_t i = load(bank.segment + k);
  real sum = 0;
  if (i > 0 && i <= bank.bands) sum = load(bank.fall + k) * value(i - 1);
  if (i < bank.bands) sum = fma(load(bank.rise + k), value(i), sum);
  return sum;
}

}  // namespace apf_cuda

#endif
