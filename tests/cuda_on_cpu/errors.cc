/** The last error and its words. */
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "cuda_runtime.h"
#include "emulator.h"
#include "machine.h"

namespace cuda_on_cpu {

namespace {

cudaError_t pending = cudaSuccess; /**< not fetched yet */
cudaError_t described = cudaSuccess;
/* Of `described`. No std::string: the fiber of a thread that fails is never unwound. */
char words[800];

const char kNotFetched[] = "an earlier error was not fetched by cudaGetLastError: ";

/** An error that nobody looked at is the program's failure. */
void complain_at_exit()
{
  if (pending == cudaSuccess) return;
  std::fprintf(stderr, "cuda_on_cpu: the program ends with an error that was not fetched: %s\n",
               words);
  std::_Exit(EXIT_FAILURE);
}

struct Name {
  cudaError_t error;
  const char *name, *text;
};
const Name names[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInvalidDevicePointer, "cudaErrorInvalidDevicePointer", "invalid device pointer"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
     "invalid copy direction for memcpy"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState",
     "the operation cannot be performed in the "
     "present state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "an illegal memory access was encountered"},
    {cudaErrorLaunchTimeout, "cudaErrorLaunchTimeout", "the launch timed out and was terminated"},
    {cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
};

const Name &name_of(cudaError_t error)
{
  static const Name unknown = {cudaSuccess, "cudaErrorUnknown", "unrecognized error code"};
  for (const Name &n : names)
    if (n.error == error) return n;
  return unknown;
}

}  // namespace

cudaError_t check_fetched()
{
  if (pending == cudaSuccess) return cudaSuccess;
  if (std::strncmp(words, kNotFetched, std::strlen(kNotFetched)) == 0) return pending;
  const std::string earlier = words;
  set_error(pending, "%s%s", kNotFetched, earlier.c_str());
  return pending;
}

void set_error(cudaError_t error, const char *format, ...)
{
  static const int registered = std::atexit(complain_at_exit);
  (void)registered;
  pending = described = error;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
}

void fail(cudaError_t error, const Site &site, const char *format, ...)
{
  char text[600];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  set_error(error, "%s:%d: thread (%u,%u,%u) of block (%u,%u,%u): %s", site.file, site.line,
            threadIdx.x, threadIdx.y, threadIdx.z, blockIdx.x, blockIdx.y, blockIdx.z, text);
  leave_launch();
}

std::string last_message()
{
  const std::lock_guard<std::recursive_mutex> guard(machine_lock());
  return words;
}

}  // namespace cuda_on_cpu

using namespace cuda_on_cpu;

cudaError_t cudaGetLastError()
{
  const std::lock_guard<std::recursive_mutex> guard(machine_lock());
  const cudaError_t error = pending;
  pending = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError()
{
  const std::lock_guard<std::recursive_mutex> guard(machine_lock());
  return pending;
}

const char *cudaGetErrorName(cudaError_t error)
{
  return name_of(error).name;
}

const char *cudaGetErrorString(cudaError_t error)
{
  const std::lock_guard<std::recursive_mutex> guard(machine_lock());
  return error == described && error != cudaSuccess ? words : name_of(error).text;
}
