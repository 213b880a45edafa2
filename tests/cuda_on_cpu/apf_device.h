/** The twin of src/cuda/hardware/apf_device.h for a CPU: same names, each access checked. */
#ifndef APF_DEVICE_H
#define APF_DEVICE_H

#include <cuda_runtime.h>

#include "access.h"
#include "ordering.h"

#define APF_SHARED(name, ...)                                                            \
  static cuda_on_cpu::SharedSite name##_site(sizeof(__VA_ARGS__), alignof(__VA_ARGS__)); \
  __VA_ARGS__ &name = *static_cast<__VA_ARGS__ *>(name##_site.address())
#define APF_DYNAMIC_SHARED(name, ...) \
  __VA_ARGS__ *const name = static_cast<__VA_ARGS__ *>(cuda_on_cpu::dynamic_shared())

namespace apf_cuda {

template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T v[N];
};

/* --- global memory ---------------------------------------------------------------------------- */

template <class T>
inline T load(const T *p, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::note_load(p, sizeof(T), alignof(T), site);
  return *p;
}
template <class T>
inline void store(T *p, const T &v, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::note_store(p, sizeof(T), alignof(T), site);
  *p = v;
}
template <class T>
inline T load_once(const T *p, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  cuda_on_cpu::note_load(p, sizeof(T), sizeof(T), site);
  return *p;
}
template <class T>
inline void store_once(T *p, const T &v, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  cuda_on_cpu::note_store(p, sizeof(T), sizeof(T), site);
  *p = v;
}

template <class T>
inline void async_copy(T *to_shared, const T *from,
                       cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  cuda_on_cpu::start_copy(to_shared, from, sizeof(T), site);
}
inline void async_commit()
{
  cuda_on_cpu::commit_copies();
}
template <int N>
inline void async_wait()
{
  cuda_on_cpu::finish_copies(N);
}

/* --- words through which blocks talk ---------------------------------------------------------- */

template <class T>
inline void store_relaxed(T *p, T v, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  cuda_on_cpu::store_word(p, cuda_on_cpu::to_bits(v), sizeof(T), cuda_on_cpu::Order::RELAXED, site);
}
template <class T>
inline T load_relaxed(const T *p, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  return cuda_on_cpu::from_bits<T>(
      cuda_on_cpu::load_word(p, sizeof(T), cuda_on_cpu::Order::RELAXED, site));
}
inline void store_release(uint32_t *p, uint32_t v,
                          cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::store_word(p, v, sizeof v, cuda_on_cpu::Order::ORDERED, site);
}
inline uint32_t load_acquire(const uint32_t *p, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  return static_cast<uint32_t>(
      cuda_on_cpu::load_word(p, sizeof *p, cuda_on_cpu::Order::ORDERED, site));
}
inline uint32_t take_ticket(uint32_t *counter, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  using namespace cuda_on_cpu;
  const uint64_t old = begin_update(counter, sizeof *counter, Order::ORDERED, site);
  end_update(counter, static_cast<uint32_t>(old + 1), sizeof *counter, Order::ORDERED);
  return static_cast<uint32_t>(old);
}
inline void spin_wait(cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::wait_for_others(site);
}

}  // namespace apf_cuda

#endif
