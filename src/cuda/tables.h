/** Tables on the device that every call of the same sizes reads; made at the first. */
#ifndef APF_CUDA_TABLES_H
#define APF_CUDA_TABLES_H

#include "cuda/cuda.h"

namespace apf_cuda {

/** The periodic Hann window: sin^2(pi i / window), i < window. */
template <class real>
apf_status hann_window(apf_context *ctx, int64_t window, const real **out);

/** Points of a half circle: e^{-2 pi j k / n}, k <= n/2, as pairs; n is even. */
template <class real>
apf_status half_circle(apf_context *ctx, int64_t n, const real **out);

}  // namespace apf_cuda

#endif
