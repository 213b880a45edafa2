/**
 * What kernels need beyond CUDA C++ itself, for a GPU. tests/cuda_on_cpu/apf_device.h has the same
 * names for a CPU, where each access is counted and checked.
 */
#ifndef APF_DEVICE_H
#define APF_DEVICE_H

#include <cuda_pipeline_primitives.h>

#include <cstddef>
#include <cstdint>

/** APF_SHARED(name, Type): a variable of the block, uninitialised; Type may contain commas and has
 *  no constructors. */
#define APF_SHARED(name, ...) __shared__ __VA_ARGS__ name
/** The launch's dynamic shared memory, 16-byte aligned. */
#define APF_DYNAMIC_SHARED(name, ...)                                 \
  extern __shared__ __align__(16) unsigned char apf_dynamic_shared[]; \
  __VA_ARGS__ *const name = reinterpret_cast<__VA_ARGS__ *>(apf_dynamic_shared)

namespace apf_cuda {

/** N values that are moved by one instruction where the address allows: 16 bytes at most. */
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T v[N];
};

/* --- global memory ---------------------------------------------------------------------------- */
/* `once`: nobody will read that line again soon, so it need not push others out of the cache. */

template <class T>
__device__ inline T load(const T *p)
{
  return *p;
}
template <class T>
__device__ inline void store(T *p, const T &v)
{
  *p = v;
}
template <class T>
__device__ inline T load_once(const T *p)
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  union {
    T value;
    int i;
    int2 i2;
    int4 i4;
  } u = {};
  if constexpr (sizeof(T) == 4) u.i = __ldcs(reinterpret_cast<const int *>(p));
  if constexpr (sizeof(T) == 8) u.i2 = __ldcs(reinterpret_cast<const int2 *>(p));
  if constexpr (sizeof(T) == 16) u.i4 = __ldcs(reinterpret_cast<const int4 *>(p));
  return u.value;
}
template <class T>
__device__ inline void store_once(T *p, const T &v)
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  if constexpr (sizeof(T) == 4)
    __stcs(reinterpret_cast<int *>(p), reinterpret_cast<const int &>(v));
  if constexpr (sizeof(T) == 8)
    __stcs(reinterpret_cast<int2 *>(p), reinterpret_cast<const int2 &>(v));
  if constexpr (sizeof(T) == 16)
    __stcs(reinterpret_cast<int4 *>(p), reinterpret_cast<const int4 &>(v));
}

/** Global to shared memory without registers in between; both 4, 8 or 16 bytes and aligned to
 *  that. The values are there after commit, wait (all but the newest N groups) and a barrier. */
template <class T>
__device__ inline void async_copy(T *to_shared, const T *from)
{
  __pipeline_memcpy_async(to_shared, from, sizeof(T));
}
__device__ inline void async_commit()
{
  __pipeline_commit();
}
template <int N>
__device__ inline void async_wait()
{
  __pipeline_wait_prior(N);
}

/* --- words through which blocks talk ---------------------------------------------------------- */
/* What one block publishes for others goes through store_relaxed, then one store_release of a flag;
 * readers load_acquire the flag, then load_relaxed. Nothing else orders memory between blocks. */

template <class T>
__device__ inline void store_relaxed(T *p, T v)
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  if constexpr (sizeof(T) == 4)
    asm volatile("st.relaxed.gpu.global.b32 [%0], %1;" ::"l"(p),
                 "r"(reinterpret_cast<const unsigned &>(v))
                 : "memory");
  else
    asm volatile("st.relaxed.gpu.global.b64 [%0], %1;" ::"l"(p),
                 "l"(reinterpret_cast<const unsigned long long &>(v))
                 : "memory");
}
template <class T>
__device__ inline T load_relaxed(const T *p)
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  if constexpr (sizeof(T) == 4) {
    unsigned bits;
    asm volatile("ld.relaxed.gpu.global.b32 %0, [%1];" : "=r"(bits) : "l"(p) : "memory");
    return reinterpret_cast<const T &>(bits);
  } else {
    unsigned long long bits;
    asm volatile("ld.relaxed.gpu.global.b64 %0, [%1];" : "=l"(bits) : "l"(p) : "memory");
    return reinterpret_cast<const T &>(bits);
  }
}
__device__ inline void store_release(uint32_t *p, uint32_t v)
{
  asm volatile("st.release.gpu.global.b32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
__device__ inline uint32_t load_acquire(const uint32_t *p)
{
  uint32_t v;
  asm volatile("ld.acquire.gpu.global.b32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
/** The counter's old value: a ticket. Orders memory as release and acquire together do. */
__device__ inline uint32_t take_ticket(uint32_t *counter)
{
  uint32_t old;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;"
               : "=r"(old)
               : "l"(counter)
               : "memory");
  return old;
}
/** Inside a loop that waits for another block. */
__device__ inline void spin_wait()
{
  __nanosleep(20);
}

}  // namespace apf_cuda

#endif
