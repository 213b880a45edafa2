/**
 * Stackful fibers: what a CUDA thread of a block that is in flight runs on.
 *
 * Stacks are pooled and never given back; each is followed below by a page that faults. Their tops
 * are staggered, because stacks that all begin at the same offset of a page fall into the same few
 * sets of the cache.
 */
#ifndef CUDA_ON_CPU_FIBER_H
#define CUDA_ON_CPU_FIBER_H

#include <cstddef>

namespace cuda_on_cpu {

struct Fiber {
  void *context;     /**< where it goes on, while it is not running */
  const void *stack; /**< lowest address */
  size_t stack_bytes;
  void *top;        /**< where its first frame begins */
  void *fake_stack; /**< AddressSanitizer's */
};

/** A fiber that, once switched to, calls `body`, which never returns. */
Fiber *take_fiber(void (*body)());
/** Back to the pool. It goes on where it left off when it is switched to, inside `body`. */
void give_fiber(Fiber *fiber);
/** Back to the pool, its frames forgotten without unwinding: it starts anew. */
void abandon_fiber(Fiber *fiber);
/** Leaves `from`, which is running, until somebody switches to it. `from` may be the host's. */
void switch_fiber(Fiber *from, Fiber *to);

}  // namespace cuda_on_cpu

#endif
