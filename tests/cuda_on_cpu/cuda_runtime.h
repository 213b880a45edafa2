/**
 * The part of the CUDA runtime that the project uses, for a CPU: see README.md. Kernels are
 * launched by cudaLaunchKernelEx, since <<<>>> is no C++.
 */
#ifndef CUDA_ON_CPU_CUDA_RUNTIME_H
#define CUDA_ON_CPU_CUDA_RUNTIME_H

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cuda_types.h"
#include "device.h"
#include "device_bits.h"
#include "device_functions.h"
#include "device_math.h"

/* --- devices ---------------------------------------------------------------------------------- */
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);

/* --- errors ----------------------------------------------------------------------------------- */
/** Errors of kernels come with the source line, block and thread in cudaGetErrorString. */
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);

/* --- memory ----------------------------------------------------------------------------------- */
cudaError_t cudaMalloc(void **memory, size_t bytes);
template <class T>
cudaError_t cudaMalloc(T **memory, size_t bytes)
{
  return cudaMalloc(reinterpret_cast<void **>(memory), bytes);
}
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void *memory, int value, size_t bytes);
cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream = nullptr);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer);

/* --- streams and events ----------------------------------------------------------------------- */
cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end);

/* --- capture ---------------------------------------------------------------------------------- */
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
/** Only counts: `nodes` must be NULL. */
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count);

/* --- launches --------------------------------------------------------------------------------- */
cudaError_t cudaFuncSetAttribute(const void *kernel, cudaFuncAttribute attribute, int value);

namespace cuda_on_cpu {

/** A kernel and its arguments, with their types forgotten. */
struct ErasedKernel {
  const void *kernel;
  void (*invoke)(const void *arguments);
  std::shared_ptr<const void> arguments;
};
cudaError_t launch(const cudaLaunchConfig_t &config, const ErasedKernel &kernel);
/** Whether the pointer that is argument `index` may be given to a kernel. */
cudaError_t check_argument(int index, const void *pointer);

template <class T>
cudaError_t check_one(int index, const T &argument)
{
  if constexpr (std::is_pointer_v<T>)
    return check_argument(index, argument);
  else
    return cudaSuccess;
}

template <class Arguments, size_t... I>
cudaError_t check_arguments(const Arguments &arguments, std::index_sequence<I...>)
{
  cudaError_t error = cudaSuccess;
  ((error = error == cudaSuccess ? check_one(I, std::get<I>(arguments)) : error), ...);
  return error;
}

template <class... Parameters>
struct Call {
  void (*kernel)(Parameters...);
  std::tuple<std::decay_t<Parameters>...> arguments;
  static void invoke(const void *self)
  {
    const Call *call = static_cast<const Call *>(self);
    std::apply(call->kernel, call->arguments);
  }
};

}  // namespace cuda_on_cpu

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...),
                               Arguments &&...arguments)
{
  using namespace cuda_on_cpu;
  auto call = std::make_shared<Call<Parameters...>>(
      Call<Parameters...>{kernel, {std::forward<Arguments>(arguments)...}});
  const cudaError_t error =
      check_arguments(call->arguments, std::index_sequence_for<Parameters...>());
  if (error != cudaSuccess) return error;
  return launch(*config,
                {reinterpret_cast<const void *>(kernel), Call<Parameters...>::invoke, call});
}

#endif
