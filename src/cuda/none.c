/** Stands in for the CUDA backend in builds without it: same symbols, a clear refusal. */
#include "core/context.h"

apf_status apf_cuda_open(apf_context *ctx, const apf_context_options *options)
{
  (void)options;
  return apf_fail(
      ctx, APF_ERR_NOT_COMPILED, "apf_context_create",
      "options.backend is APF_CUDA, but this library was built without CUDA (APF_CUDA=OFF)");
}
