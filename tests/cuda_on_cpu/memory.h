/** Device memory: one stretch of addresses, so that a pointer says which side it belongs to. */
#ifndef CUDA_ON_CPU_MEMORY_H
#define CUDA_ON_CPU_MEMORY_H

#include <cstddef>
#include <cstdint>

namespace cuda_on_cpu {

/* Two, so that a pointer of the wrong one can be told. */
enum { DEVICES = 2 };

/** Where device memory begins, and how many addresses it has. */
extern unsigned char *arena;
constexpr size_t kArenaBytes = size_t(1) << 35;

inline bool in_arena(const void *p)
{
  return static_cast<size_t>(static_cast<const unsigned char *>(p) - arena) < kArenaBytes;
}

/**
 * While one of these lives, device memory may be touched: kernels and copies run inside its scope.
 * Outside of it the host's code faults there, as with a GPU, while set_guard(true) holds.
 */
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess &) = delete;
  DeviceAccess &operator=(const DeviceAccess &) = delete;
};

/** Memory of zeros, of which only what is used costs anything. */
void *reserve_addresses(size_t bytes);
/** NULL if the device has none left. */
void *allocate_device(size_t bytes, int device);
/** False if no allocation begins at p. */
bool free_device(void *p);
/** Whether p..p+bytes lies in one live allocation. */
bool is_device_memory(const void *p, size_t bytes);
/** Whose memory p points into, or just behind; -1 if no device's. */
int device_of(const void *p);
void device_memory(int device, size_t *free, size_t *total);

}  // namespace cuda_on_cpu

#endif
