/** Memory that nobody wrote yet is NaN; memory that nobody may touch is AddressSanitizer's. */
#ifndef CUDA_ON_CPU_POISON_H
#define CUDA_ON_CPU_POISON_H

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef CUDA_ON_CPU_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace cuda_on_cpu {

/** As float a NaN, as double a signalling one, as an index far out of every bound. */
constexpr uint32_t kNan = 0x7ff4dead;

inline void fill_with_nan(void *memory, size_t bytes)
{
  unsigned char *p = static_cast<unsigned char *>(memory);
  for (; bytes >= sizeof kNan; bytes -= sizeof kNan, p += sizeof kNan)
    std::memcpy(p, &kNan, sizeof kNan);
  std::memset(p, 0xde, bytes);
}

inline void poison(void *memory, size_t bytes)
{
#ifdef CUDA_ON_CPU_ASAN
  __asan_poison_memory_region(memory, bytes);
#else
  (void)memory, (void)bytes;
#endif
}
inline void unpoison(void *memory, size_t bytes)
{
#ifdef CUDA_ON_CPU_ASAN
  __asan_unpoison_memory_region(memory, bytes);
#else
  (void)memory, (void)bytes;
#endif
}

}  // namespace cuda_on_cpu

#endif
