/**
 * Recording: what is enqueued on the context's stream between begin and end becomes one CUDA Graph,
 * which replays as one launch. The recorded work keeps the addresses and host numbers that it was
 * given; who replays sees to it that they still hold (ctx->generation tells of moved scratch
 * memory).
 */
#include "cuda/recording.h"

namespace apf_cuda {

apf_status record_begin(apf_context *ctx)
{
  const OnDevice scope(ctx);
  APF_CUDA_TRY(ctx, cudaStreamBeginCapture(stream(ctx), cudaStreamCaptureModeThreadLocal));
  return APF_OK;
}

apf_status record_end(apf_context *ctx, void **recording)
{
  const OnDevice scope(ctx);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  *recording = nullptr;
  APF_CUDA_TRY(ctx, cudaStreamEndCapture(stream(ctx), &graph));
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  if (error != cudaSuccess) return fail(ctx, error, __func__, "cudaGraphInstantiate");
  *recording = executable;
  return APF_OK;
}

void record_abandon(apf_context *ctx)
{
  const OnDevice scope(ctx);
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(stream(ctx), &graph);
  if (graph) cudaGraphDestroy(graph);
  cudaGetLastError(); /* the failure that led here has been reported */
}

apf_status replay(apf_context *ctx, void *recording)
{
  const OnDevice scope(ctx);
  APF_CUDA_TRY(ctx, cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording), stream(ctx)));
  return APF_OK;
}

void forget(apf_context *ctx, void *recording)
{
  const OnDevice scope(ctx);
  cudaStreamSynchronize(stream(ctx)); /* it may still run */
  cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(recording));
}

}  // namespace apf_cuda
