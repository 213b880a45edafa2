/** CUDA's intrinsics of warps, blocks and single words, under their own names. */
#ifndef CUDA_ON_CPU_DEVICE_FUNCTIONS_H
#define CUDA_ON_CPU_DEVICE_FUNCTIONS_H

#include <type_traits>

#include "access.h"
#include "device.h"
#include "ordering.h"

constexpr int warpSize = 32;

/* --- barriers --------------------------------------------------------------------------------- */

inline void __syncthreads(cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::barrier(false, site);
}
inline int __syncthreads_count(int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  return cuda_on_cpu::barrier(predicate != 0, site);
}
inline int __syncthreads_or(int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  return cuda_on_cpu::barrier(predicate != 0, site) != 0;
}
inline int __syncthreads_and(int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  return cuda_on_cpu::barrier(predicate == 0, site) == 0;
}
inline void __syncwarp(unsigned mask = 0xffffffffu,
                       cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::exchange(cuda_on_cpu::WarpOp::SYNC, mask, 0, site);
}
inline unsigned __activemask()
{
  return cuda_on_cpu::live_lanes();
}

/* --- shuffles --------------------------------------------------------------------------------- */

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32,
              cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  using namespace cuda_on_cpu;
  const Exchange e = exchange(WarpOp::SHUFFLE, mask, to_bits(value), site);
  const unsigned w = static_cast<unsigned>(width);
  return value_of<T>(e, (e.lane & ~(w - 1)) | (static_cast<unsigned>(from) & (w - 1)), site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  using namespace cuda_on_cpu;
  const Exchange e = exchange(WarpOp::SHUFFLE, mask, to_bits(value), site);
  const unsigned inside = e.lane & (static_cast<unsigned>(width) - 1);
  return inside < delta ? value : value_of<T>(e, e.lane - delta, site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  using namespace cuda_on_cpu;
  const Exchange e = exchange(WarpOp::SHUFFLE, mask, to_bits(value), site);
  const unsigned w = static_cast<unsigned>(width), inside = e.lane & (w - 1);
  return inside + delta >= w ? value : value_of<T>(e, e.lane + delta, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                  cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  using namespace cuda_on_cpu;
  const Exchange e = exchange(WarpOp::SHUFFLE, mask, to_bits(value), site);
  const unsigned from = e.lane ^ static_cast<unsigned>(lanes);
  const unsigned last = e.lane | (static_cast<unsigned>(width) - 1);
  return from > last ? value : value_of<T>(e, from, site);
}

/* --- votes and reductions --------------------------------------------------------------------- */

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  using namespace cuda_on_cpu;
  const Exchange e = exchange(WarpOp::VOTE, mask, predicate != 0, site);
  unsigned votes = 0;
  for (unsigned lane = 0; lane < 32; lane++)
    if (e.lanes >> lane & 1) votes |= static_cast<unsigned>(e.values[lane]) << lane;
  return votes;
}
inline int __any_sync(unsigned mask, int predicate,
                      cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  return __ballot_sync(mask, predicate, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  return __ballot_sync(mask, predicate == 0, site) == 0;
}

namespace cuda_on_cpu {
template <class T, class Combine>
T reduce(unsigned mask, T value, const Combine &combine, const Site &site)
{
  const Exchange e = exchange(WarpOp::REDUCE, mask, to_bits(value), site);
  T result = value;
  for (unsigned lane = 0; lane < 32; lane++)
    if (lane != e.lane && (e.lanes >> lane & 1))
      result = combine(result, from_bits<T>(e.values[lane]));
  return result;
}
}  // namespace cuda_on_cpu

#define CUDA_ON_CPU_REDUCE(T, name, expression)                                       \
  inline T __reduce_##name##_sync(unsigned mask, T value,                             \
                                  cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) \
  {                                                                                   \
    return cuda_on_cpu::reduce(                                                       \
        mask, value, [](T a, T b) -> T { return expression; }, site);                 \
  }
CUDA_ON_CPU_REDUCE(unsigned, add, a + b)
CUDA_ON_CPU_REDUCE(unsigned, min, a < b ? a : b)
CUDA_ON_CPU_REDUCE(unsigned, max, a > b ? a : b)
CUDA_ON_CPU_REDUCE(unsigned, and, a &b)
CUDA_ON_CPU_REDUCE(unsigned, or, a | b)
CUDA_ON_CPU_REDUCE(unsigned, xor, a ^ b)
CUDA_ON_CPU_REDUCE(int, add, a + b)
CUDA_ON_CPU_REDUCE(int, min, a < b ? a : b)
CUDA_ON_CPU_REDUCE(int, max, a > b ? a : b)
#undef CUDA_ON_CPU_REDUCE

/* --- memory ----------------------------------------------------------------------------------- */

inline void __threadfence_block() {}
inline void __threadfence()
{
  cuda_on_cpu::fence();
}
inline void __threadfence_system()
{
  cuda_on_cpu::fence();
}
inline void __nanosleep(unsigned, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::wait_for_others(site);
}

template <class T>
T __ldg(const T *p, cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  cuda_on_cpu::note_load(p, sizeof(T), sizeof(T), site);
  return *p;
}

namespace cuda_on_cpu {
/** *p = change(*p), for a word in global or shared memory; returns the old value. */
template <class T, class Change>
T update(T *p, const Change &change, const Site &site)
{
  static_assert(std::is_integral_v<T>, "the order of floating-point atomics is not reproducible");
  if (!in_arena(p)) {
    const T old = *p;
    *p = change(old);
    return old;
  }
  const T old = from_bits<T>(begin_update(p, sizeof(T), Order::RELAXED, site));
  end_update(p, to_bits(static_cast<T>(change(old))), sizeof(T), Order::RELAXED);
  return old;
}
}  // namespace cuda_on_cpu

/* Value is a type of its own, so that literals convert as they do with CUDA's overloads. */
#define CUDA_ON_CPU_ATOMIC(name, expression)                                            \
  template <class T, class Value>                                                       \
  T atomic##name(T *p, Value value, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) \
  {                                                                                     \
    const T v = static_cast<T>(value);                                                  \
    return cuda_on_cpu::update(                                                         \
        p, [v](T old) -> T { return expression; }, site);                               \
  }
CUDA_ON_CPU_ATOMIC(Add, old + v)
CUDA_ON_CPU_ATOMIC(Sub, old - v)
CUDA_ON_CPU_ATOMIC(Exch, (void(old), v))
CUDA_ON_CPU_ATOMIC(Min, v < old ? v : old)
CUDA_ON_CPU_ATOMIC(Max, v > old ? v : old)
CUDA_ON_CPU_ATOMIC(And, old &v)
CUDA_ON_CPU_ATOMIC(Or, old | v)
CUDA_ON_CPU_ATOMIC(Xor, old ^ v)
#undef CUDA_ON_CPU_ATOMIC

template <class T, class Expected, class Value>
T atomicCAS(T *p, Expected expected, Value value,
            cuda_on_cpu::Site site = cuda_on_cpu::Site::here())
{
  const T e = static_cast<T>(expected), v = static_cast<T>(value);
  return cuda_on_cpu::update(
      p, [e, v](T old) -> T { return old == e ? v : old; }, site);
}

#endif
