#include "fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#ifdef CUDA_ON_CPU_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace cuda_on_cpu {

namespace {

using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

/* Only the pages that are used cost memory. */
constexpr size_t kStackBytes = 256 * 1024;
constexpr size_t kStagger = 7 * 64;
constexpr size_t kStaggerSpan = 16 * 1024;

/* Never destroyed, as what runs last at exit may still use it. */
std::vector<Fiber *> &pool = *new std::vector<Fiber *>();
size_t created;
void (*first_call)();

void enter(transfer_t came)
{
  arrive(came, nullptr);
  first_call();
}

Fiber *create()
{
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void *memory = mmap(nullptr, page + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
    std::perror("cuda_on_cpu: a fiber's stack");
    std::abort();
  }
  Fiber *fiber = new Fiber();
  fiber->stack = static_cast<char *>(memory) + page;
  fiber->stack_bytes = kStackBytes;
  const size_t stagger = created++ * kStagger % kStaggerSpan;
  fiber->top = static_cast<char *>(memory) + page + kStackBytes - stagger;
  return fiber;
}

}  // namespace

Fiber *take_fiber(void (*body)())
{
  first_call = body;
  if (pool.empty()) {
    Fiber *fiber = create();
    fiber->context = make_fcontext(fiber->top, kStackBytes - kStaggerSpan, enter);
    return fiber;
  }
  Fiber *fiber = pool.back();
  pool.pop_back();
  return fiber;
}

void give_fiber(Fiber *fiber)
{
  pool.push_back(fiber);
}

void abandon_fiber(Fiber *fiber)
{
#ifdef CUDA_ON_CPU_ASAN
  __asan_unpoison_memory_region(fiber->stack, fiber->stack_bytes);
#endif
  fiber->fake_stack = nullptr;
  fiber->context = make_fcontext(fiber->top, kStackBytes - kStaggerSpan, enter);
  pool.push_back(fiber);
}

}  // namespace cuda_on_cpu
