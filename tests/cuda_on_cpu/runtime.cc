/** Device, memory and launches of the CUDA runtime. */
#include "cuda_runtime.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "machine.h"
#include "memory.h"
#include "stream.h"

using namespace cuda_on_cpu;

typedef std::lock_guard<std::recursive_mutex> Guard;

/** Sets and returns an error of a call. */
#define REFUSE(error, ...) return set_error(error, __VA_ARGS__), error

/* Small, so that at the sizes of tests kernels stride over the grid, and operators that cut their
 * work into pieces of the cache's size have several. */
enum { MULTIPROCESSORS = 2, CACHE_BYTES = 32 * 1024 };

/* --- devices ---------------------------------------------------------------------------------- */

static thread_local int chosen_device = 0;

int cuda_on_cpu::current_device()
{
  return chosen_device;
}

static cudaError_t check_device(int device)
{
  if (device >= 0 && device < DEVICES) return cudaSuccess;
  REFUSE(cudaErrorInvalidDevice, "device %d, expected 0 to %d", device, DEVICES - 1);
}

cudaError_t cudaGetDeviceCount(int *count)
{
  *count = DEVICES;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
  const Guard guard(machine_lock());
  const cudaError_t error = check_device(device);
  if (error == cudaSuccess) chosen_device = device;
  return error;
}

cudaError_t cudaGetDevice(int *device)
{
  *device = chosen_device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device)
{
  const Guard guard(machine_lock());
  const cudaError_t error = check_device(device);
  if (error != cudaSuccess) return error;
  size_t free = 0;
  *properties = {"CUDA on a CPU", 0, 9, 0, MULTIPROCESSORS};
  device_memory(device, &free, &properties->totalGlobalMem);
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
  return cudaDriverGetVersion(version);
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
  const Guard guard(machine_lock());
  const cudaError_t error = check_device(device);
  if (error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = MOST_THREADS; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = SHARED_WITHOUT_ASKING; break;
    case cudaDevAttrWarpSize: *value = WARP; break;
    case cudaDevAttrMultiProcessorCount: *value = MULTIPROCESSORS; break;
    case cudaDevAttrL2CacheSize: *value = CACHE_BYTES; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = 2048; break;
    case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
    case cudaDevAttrComputeCapabilityMinor: *value = 0; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = 228 * 1024; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = MOST_SHARED; break;
    default: REFUSE(cudaErrorInvalidValue, "%s: attribute %d", __func__, attribute);
  }
  return cudaSuccess;
}

/* --- memory ----------------------------------------------------------------------------------- */

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
  const Guard guard(machine_lock());
  const cudaError_t error = check_not_capturing(__func__);
  if (error != cudaSuccess) return error;
  *memory = bytes ? allocate_device(bytes, chosen_device) : nullptr;
  if (bytes && !*memory) REFUSE(cudaErrorMemoryAllocation, "out of memory");
  return cudaSuccess;
}

cudaError_t cudaFree(void *memory)
{
  const Guard guard(machine_lock());
  const cudaError_t error = check_not_capturing(__func__);
  if (error != cudaSuccess) return error;
  if (memory && !free_device(memory))
    REFUSE(cudaErrorInvalidValue, "%s: %p was not allocated by cudaMalloc", __func__, memory);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void **memory, size_t bytes)
{
  *memory = std::malloc(bytes);
  return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void *memory)
{
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total)
{
  const Guard guard(machine_lock());
  device_memory(chosen_device, free, total);
  return cudaSuccess;
}

/** Whether the pointers are on the sides that `kind` says. */
static cudaError_t check_sides(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
  const bool to_device = is_device_memory(to, bytes), from_device = is_device_memory(from, bytes);
  if (in_arena(to) && !to_device)
    REFUSE(cudaErrorInvalidValue, "memcpy writes %zu bytes at %p, beyond its allocation", bytes,
           to);
  if (in_arena(from) && !from_device)
    REFUSE(cudaErrorInvalidValue, "memcpy reads %zu bytes at %p, beyond its allocation", bytes,
           from);
  const cudaMemcpyKind is = to_device
                                ? from_device ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
                            : from_device ? cudaMemcpyDeviceToHost
                                          : cudaMemcpyHostToHost;
  if (kind != cudaMemcpyDefault && kind != is)
    REFUSE(cudaErrorInvalidValue, "memcpy of kind %d between pointers of kind %d", kind, is);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream)
{
  const Guard guard(machine_lock());
  if (width == 0 || height == 0) return cudaSuccess;
  if (width > to_pitch || width > from_pitch)
    REFUSE(cudaErrorInvalidValue, "memcpy of rows longer than their pitch");
  for (size_t y = 0; y<height; y += height> 1 ? height - 1 : 1) {
    const cudaError_t error =
        check_sides(static_cast<char *>(to) + y * to_pitch,
                    static_cast<const char *>(from) + y * from_pitch, width, kind);
    if (error != cudaSuccess) return error;
  }
  return enqueue(stream, [=] {
    for (size_t y = 0; y < height; y++)
      std::memcpy(static_cast<char *>(to) + y * to_pitch,
                  static_cast<const char *>(from) + y * from_pitch, width);
  });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream)
{
  const Guard guard(machine_lock());
  if (bytes == 0) return cudaSuccess;
  if (!is_device_memory(memory, bytes))
    REFUSE(cudaErrorInvalidValue, "memset of %zu bytes at %p, which is not device memory", bytes,
           memory);
  return enqueue(stream, [=] { std::memset(memory, value, bytes); });
}

cudaError_t cudaMemset(void *memory, int value, size_t bytes)
{
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer)
{
  const Guard guard(machine_lock());
  const int device = device_of(pointer);
  void *p = const_cast<void *>(pointer);
  if (device >= 0)
    *attributes = {cudaMemoryTypeDevice, device, p, nullptr};
  else
    *attributes = {cudaMemoryTypeUnregistered, -1, nullptr, p};
  return cudaSuccess;
}

/* --- launches --------------------------------------------------------------------------------- */

/** Dynamic shared memory that a kernel may have, where it asked for more than every kernel has. */
static std::map<const void *, size_t> &shared_limits()
{
  static auto &limits = *new std::map<const void *, size_t>();
  return limits;
}

cudaError_t cudaFuncSetAttribute(const void *kernel, cudaFuncAttribute attribute, int value)
{
  const Guard guard(machine_lock());
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || value > MOST_SHARED)
    REFUSE(cudaErrorInvalidValue, "%s: %d bytes of shared memory, at most %d are there", __func__,
           value, MOST_SHARED);
  shared_limits()[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

static cudaError_t check_shape(const cudaLaunchConfig_t &c, const void *kernel)
{
  const dim3 &g = c.gridDim, &b = c.blockDim;
  const uint64_t threads = static_cast<uint64_t>(b.x) * b.y * b.z;
  if (threads == 0 || threads > MOST_THREADS || b.x > 1024 || b.y > 1024 || b.z > 64)
    REFUSE(cudaErrorInvalidConfiguration, "a block of %ux%ux%u threads, at most %d are possible",
           b.x, b.y, b.z, MOST_THREADS);
  if (g.x == 0 || g.y == 0 || g.z == 0 || g.x > 0x7fffffffu || g.y > 65535 || g.z > 65535)
    REFUSE(cudaErrorInvalidConfiguration,
           "a grid of %ux%ux%u blocks, expected 1x1x1 to 2147483647x65535x65535", g.x, g.y, g.z);
  const auto limit = shared_limits().find(kernel);
  const size_t most = limit == shared_limits().end()
                          ? size_t(SHARED_WITHOUT_ASKING)
                          : std::max(limit->second, size_t(SHARED_WITHOUT_ASKING));
  if (c.dynamicSmemBytes > most)
    REFUSE(cudaErrorInvalidValue, "%zu bytes of dynamic shared memory, the kernel has %zu",
           c.dynamicSmemBytes, most);
  return cudaSuccess;
}

cudaError_t cuda_on_cpu::check_argument(int index, const void *pointer)
{
  const Guard guard(machine_lock());
  if (!pointer) return cudaSuccess;
  const int device = device_of(pointer);
  if (device < 0)
    REFUSE(cudaErrorInvalidDevicePointer, "argument %d of the kernel, %p, is not device memory",
           index, pointer);
  if (device != chosen_device)
    REFUSE(cudaErrorInvalidDevicePointer,
           "argument %d of the kernel is memory of device %d, the kernel runs on device %d", index,
           device, chosen_device);
  return cudaSuccess;
}

cudaError_t cuda_on_cpu::launch(const cudaLaunchConfig_t &config, const ErasedKernel &kernel)
{
  const Guard guard(machine_lock());
  cudaError_t error = check_fetched();
  if (error == cudaSuccess) error = check_shape(config, kernel.kernel);
  if (error != cudaSuccess) return error;
  if (device_of_stream(config.stream) != chosen_device)
    REFUSE(cudaErrorInvalidResourceHandle, "a stream of device %d, the current device is %d",
           device_of_stream(config.stream), chosen_device);
  const Launch shape = {config.gridDim, config.blockDim, config.dynamicSmemBytes, kernel.invoke,
                        nullptr};
  return enqueue(config.stream, [shape, arguments = kernel.arguments] {
    Launch l = shape;
    l.arguments = arguments.get();
    run_launch(l);
  });
}
