/** Accesses of kernels to global memory: checked and counted. */
#ifndef CUDA_ON_CPU_ACCESS_H
#define CUDA_ON_CPU_ACCESS_H

#include "device.h"
#include "memory.h"

namespace cuda_on_cpu {

[[noreturn]] void bad_access(const void *p, size_t bytes, size_t alignment, const Site &site);

inline void check_access(const void *p, size_t bytes, size_t alignment, const Site &site)
{
  if (!in_arena(p) || reinterpret_cast<uintptr_t>(p) % alignment)
    bad_access(p, bytes, alignment, site);
}
inline void note_load(const void *p, size_t bytes, size_t alignment, const Site &site)
{
  check_access(p, bytes, alignment, site);
}
inline void note_store(const void *p, size_t bytes, size_t alignment, const Site &site)
{
  check_access(p, bytes, alignment, site);
}

/* cp.async: what was copied is there after finish_copies; until then it is NaN. */
void start_copy(void *to_shared, const void *from, unsigned bytes, const Site &site);
void commit_copies();
/** Waits for all groups but the newest `newest`. */
void finish_copies(unsigned newest);

/** RELAXED, or as the instruction does: a store releases, a load acquires. */
enum class Order { RELAXED, ORDERED };
void store_word(void *p, uint64_t value, size_t bytes, Order order, const Site &site);
uint64_t load_word(const void *p, size_t bytes, Order order, const Site &site);
/** Acquires and releases; returns the old value. */
uint32_t add_to_word(uint32_t *p, uint32_t value, const Site &site);
void wait_for_others(const Site &site);

}  // namespace cuda_on_cpu

#endif
