/** Which values an optimiser's step moves: those of parameter sets whose gradient has a finite
 *  norm. */
#ifndef APF_CUDA_MOVING_SETS_H
#define APF_CUDA_MOVING_SETS_H

#include "cuda/cuda.h"

namespace apf_cuda {

struct MovingSets {
  int64_t S;
  const int32_t *set; /**< of each value; NULL: 0 */
  const double *norm; /**< of each set; NULL: all move */

  __device__ bool has(int64_t i) const
  {
    const int64_t s = set ? load(set + i) : 0;
    return s >= 0 && s < S && (!norm || isfinite(load(norm + s)));
  }
};

}  // namespace apf_cuda

#endif
