#include "stream.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "cuda_runtime.h"
#include "machine.h"
#include "memory.h"

using namespace cuda_on_cpu;

typedef std::lock_guard<std::recursive_mutex> Guard;
typedef std::vector<std::function<void()>> Work;

struct CUstream_st {
  int device;
  bool capturing, invalid;
  Work work;
};
struct CUevent_st {
  std::chrono::steady_clock::time_point when;
};
struct CUgraph_st {
  Work work;
};
struct CUgraphExec_st {
  Work work;
};

namespace {

/** Under either of its names. */
bool is_default(cudaStream_t stream)
{
  return !stream || stream == cudaStreamLegacy;
}

CUstream_st *resolve(cudaStream_t stream)
{
  static CUstream_st *const default_stream = new CUstream_st();
  return is_default(stream) ? default_stream : stream;
}

/** Those of every host thread: the strictest of CUDA's modes, whichever was asked for. */
std::vector<CUstream_st *> &capturing_streams = *new std::vector<CUstream_st *>();

cudaError_t refuse(cudaError_t error, const char *call)
{
  set_error(error, "%s: not permitted while a stream is being captured", call);
  for (CUstream_st *s : capturing_streams) s->invalid = true;
  return error;
}

}  // namespace

namespace cuda_on_cpu {

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work)
{
  CUstream_st *s = resolve(stream);
  if (s->capturing) {
    s->work.push_back(std::move(work));
    return cudaSuccess;
  }
  if (is_default(stream) && !capturing_streams.empty())
    return refuse(cudaErrorStreamCaptureUnsupported, "work on the default stream");
  const DeviceAccess scope;
  work();
  return cudaSuccess;
}

int device_of_stream(cudaStream_t stream)
{
  return is_default(stream) ? current_device() : stream->device;
}

cudaError_t check_not_capturing(const char *call)
{
  return capturing_streams.empty() ? cudaSuccess : refuse(cudaErrorStreamCaptureUnsupported, call);
}

}  // namespace cuda_on_cpu

/* --- streams ---------------------------------------------------------------------------------- */

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
  *stream = new CUstream_st{current_device(), false, false, {}};
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
  return cudaStreamCreate(stream);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
  const Guard guard(machine_lock());
  const cudaError_t error = check_not_capturing(__func__);
  return error != cudaSuccess ? error : cudaPeekAtLastError();
}

cudaError_t cudaDeviceSynchronize()
{
  return cudaStreamSynchronize(nullptr);
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
  return cudaStreamSynchronize(stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned)
{
  return cudaSuccess; /* work runs when it is enqueued */
}

/* --- events ----------------------------------------------------------------------------------- */

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
  *event = new CUevent_st();
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
  return cudaEventCreate(event);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
  const Guard guard(machine_lock());
  return enqueue(stream, [event] { event->when = std::chrono::steady_clock::now(); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t)
{
  return cudaStreamSynchronize(nullptr);
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end)
{
  *milliseconds = std::chrono::duration<float, std::milli>(end->when - start->when).count();
  return cudaSuccess;
}

/* --- capture ---------------------------------------------------------------------------------- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode)
{
  const Guard guard(machine_lock());
  if (is_default(stream) || stream->capturing) {
    set_error(cudaErrorStreamCaptureUnsupported, "%s: %s", __func__,
              is_default(stream) ? "the default stream" : "the stream is being captured already");
    return cudaErrorStreamCaptureUnsupported;
  }
  stream->capturing = true;
  stream->invalid = false;
  stream->work.clear();
  capturing_streams.push_back(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
  const Guard guard(machine_lock());
  *graph = nullptr;
  if (is_default(stream) || !stream->capturing) {
    set_error(cudaErrorIllegalState, "%s: the stream is not being captured", __func__);
    return cudaErrorIllegalState;
  }
  stream->capturing = false;
  auto &all = capturing_streams;
  all.erase(std::find(all.begin(), all.end(), stream));
  if (stream->invalid) {
    set_error(cudaErrorStreamCaptureInvalidated, "%s: a call that cannot be captured was made",
              __func__);
    return cudaErrorStreamCaptureInvalidated;
  }
  *graph = new CUgraph_st{std::move(stream->work)};
  stream->work.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status)
{
  const Guard guard(machine_lock());
  const CUstream_st *s = resolve(stream);
  *status = !s->capturing ? cudaStreamCaptureStatusNone
            : s->invalid  ? cudaStreamCaptureStatusInvalidated
                          : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
  *exec = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
  const Guard guard(machine_lock());
  for (const std::function<void()> &work : exec->work) {
    const cudaError_t error = enqueue(stream, work);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
  delete exec;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
  if (nodes) return cudaErrorInvalidValue;
  *count = graph->work.size();
  return cudaSuccess;
}
