/** Phases that grow with time, reduced in double: a float loses them after some thousand samples.
 */
#ifndef APF_CUDA_TURNS_H
#define APF_CUDA_TURNS_H

#include "cuda/cuda.h"

#define APF_TWO_PI 6.28318530717958647693

namespace apf_cuda {

template <class real>
struct SineCosine {
  real sine, cosine;
};

/** Of an angle in turns, below 2^51 in size. */
template <class real>
__device__ inline SineCosine<real> sine_cosine_of_turns(double turns)
{
  SineCosine<real> out;
  sincospi(static_cast<real>(2 * (turns - rint(turns))), &out.sine, &out.cosine);
  return out;
}

}  // namespace apf_cuda

#endif
