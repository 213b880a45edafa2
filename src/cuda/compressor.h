/** The static curve of a compressor, as compressor_curve and compressor_normal compute it. */
#ifndef APF_CUDA_COMPRESSOR_H
#define APF_CUDA_COMPRESSOR_H

#include "cuda/cuda.h"

namespace apf_cuda {

inline constexpr double NEPER_PER_DB = 0.11512925464970228420;

/** Digital silence: below any level that matters, yet with a finite logarithm. */
template <class real>
__host__ __device__ constexpr real least_power()
{
  return static_cast<real>(sizeof(real) == sizeof(float) ? 1e-30 : 1e-200);
}

/** In nepers. */
template <class real>
__device__ inline real curve_level(real power)
{
  return real(0.5) * log(power > least_power<real>() ? power : least_power<real>());
}

/** A straight line that bends the curve: threshold (nepers) and slope (nepers/neper). */
template <class real>
struct CurveLine {
  real threshold, slope;

  __device__ real at(real level) const { return slope * (threshold - level); }
};

template <class real>
__host__ __device__ inline CurveLine<real> curve_line(double threshold_db, double ratio)
{
  return {static_cast<real>(NEPER_PER_DB * threshold_db), static_cast<real>(1 - 1 / ratio)};
}

}  // namespace apf_cuda

#endif
