/**
 * What code in kernels calls: the current thread's indices, barriers, exchanges of a warp, shared
 * memory, failure. cuda_runtime.h and apf_device.h dress it in CUDA's and the project's names.
 */
#ifndef CUDA_ON_CPU_DEVICE_H
#define CUDA_ON_CPU_DEVICE_H

#include <cstring>

#include "cuda_types.h"

/* Set at every switch of threads. */
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace cuda_on_cpu {

/** A place in a kernel's source; as a default argument Site::here() is the place of the call. */
struct Site {
  const char *file;
  int line;
  static constexpr Site here(const char *file = __builtin_FILE(), int line = __builtin_LINE())
  {
    return {file, line};
  }
};

/** The current thread's launch ends with this error. */
[[noreturn]] void fail(cudaError_t error, const Site &site, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Returns, when all threads of the block are here, how many of them gave a predicate that holds.
 */
int barrier(bool predicate, const Site &site);

enum class WarpOp : uint8_t { SYNC, SHUFFLE, VOTE, REDUCE };

/** What the lanes of `mask` gave, when all of them are here; [lane] counts for those in `lanes`. */
struct Exchange {
  const uint64_t *values;
  uint32_t lanes;
  unsigned lane; /**< of the caller */
};
Exchange exchange(WarpOp op, uint32_t mask, uint64_t value, const Site &site);
/** Lanes of the warp that have not returned. */
uint32_t live_lanes();

template <class T>
inline uint64_t to_bits(T value)
{
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <class T>
inline T from_bits(uint64_t bits)
{
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/** The value of lane `from`, or an error if that lane takes no part. */
template <class T>
T value_of(const Exchange &e, unsigned from, const Site &site)
{
  if (!(e.lanes >> from & 1))
    fail(cudaErrorLaunchFailure, site, "a shuffle reads lane %u, which takes no part in it", from);
  return from_bits<T>(e.values[from]);
}

/** One variable in shared memory: a static object at its declaration in the kernel. */
class SharedSite {
 public:
  constexpr SharedSite(size_t bytes, size_t alignment) : bytes_(bytes), alignment_(alignment) {}
  void *address();

 private:
  friend void *place_shared(SharedSite *site);
  size_t bytes_, alignment_;
  uint64_t launch_ = 0; /**< for which offset_ holds */
  size_t offset_ = 0;
};
void *dynamic_shared();

}  // namespace cuda_on_cpu

#endif
