/** Device memory: one stretch of addresses, so that a pointer says which side it belongs to. */
#ifndef CUDA_ON_CPU_MEMORY_H
#define CUDA_ON_CPU_MEMORY_H

#include <cstddef>
#include <cstdint>

namespace cuda_on_cpu {

/** Where device memory begins, and how many addresses it has. */
extern unsigned char *arena;
constexpr size_t kArenaBytes = size_t(1) << 36;

inline bool in_arena(const void *p)
{
  return static_cast<size_t>(static_cast<const unsigned char *>(p) - arena) < kArenaBytes;
}

/** NULL if there is none left. */
void *allocate_device(size_t bytes);
/** False if no allocation begins at p. */
bool free_device(void *p);
/** Whether p..p+bytes lies in one live allocation. */
bool is_device_memory(const void *p, size_t bytes);
void device_memory(size_t *free, size_t *total);

}  // namespace cuda_on_cpu

#endif
