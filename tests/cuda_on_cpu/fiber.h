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

#include <boost/context/detail/fcontext.hpp>

#ifdef CUDA_ON_CPU_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

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
/** After a switch: notes where the one who was left goes on. */
inline void arrive(boost::context::detail::transfer_t came, void *fake_stack)
{
  Fiber *from = static_cast<Fiber *>(came.data);
  from->context = came.fctx;
#ifdef CUDA_ON_CPU_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, &from->stack, &from->stack_bytes);
#else
  (void)fake_stack;
#endif
}

/**
 * Leaves `from`, which is running, until somebody switches to it. `from` may be the host's. Inline,
 * like its callers: the processor mispredicts each return of a call that began on another stack.
 */
inline void switch_fiber(Fiber *from, Fiber *to)
{
#ifdef CUDA_ON_CPU_ASAN
  __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
  arrive(boost::context::detail::jump_fcontext(to->context, from), from->fake_stack);
}

}  // namespace cuda_on_cpu

#endif
