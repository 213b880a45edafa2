/** Streams: work runs when it is enqueued, or is kept while the stream is being captured. */
#ifndef CUDA_ON_CPU_STREAM_H
#define CUDA_ON_CPU_STREAM_H

#include <functional>

#include "cuda_types.h"

namespace cuda_on_cpu {

/** The error of the last work that failed is the last error; this one is of enqueueing itself. */
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);
/** The host thread's current device. */
int current_device();
/** The stream's device; the default stream is every device's. */
int device_of_stream(cudaStream_t stream);
/** cudaSuccess, or why the host may not wait or allocate now: a stream is being captured. */
cudaError_t check_not_capturing(const char *call);

}  // namespace cuda_on_cpu

#endif
