/** The backend table's functions for recorded work; see recording.cu and src/core/backend.h. */
#ifndef APF_CUDA_RECORDING_H
#define APF_CUDA_RECORDING_H

#include "cuda/cuda.h"

namespace apf_cuda {

apf_status record_begin(apf_context *ctx);
apf_status record_end(apf_context *ctx, void **recording);
void record_abandon(apf_context *ctx);
apf_status replay(apf_context *ctx, void *recording);
void forget(apf_context *ctx, void *recording);

}  // namespace apf_cuda

#endif
