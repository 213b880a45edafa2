/**
 * The machine that runs kernels: blocks in flight, their threads as fibers, and who is next.
 *
 * Inside the emulation only; tests use emulator.h, kernels what cuda_runtime.h and apf_device.h
 * declare.
 */
#ifndef CUDA_ON_CPU_MACHINE_H
#define CUDA_ON_CPU_MACHINE_H

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_types.h"
#include "device.h"
#include "fiber.h"

namespace cuda_on_cpu {

enum {
  WARP = 32,
  MOST_THREADS = 1024,
  SHARED_WITHOUT_ASKING = 48 * 1024,
  MOST_SHARED = 227 * 1024
};

enum class State : uint8_t { FRESH, READY, AT_BARRIER, AT_WARP, DONE };

struct Block;

struct PendingCopy {
  void *to;
  const void *from;
  unsigned bytes;
  unsigned group;
};

struct Thread {
  uint3 index;
  unsigned linear; /**< in its block */
  Block *block;
  Fiber *fiber; /**< NULL until it starts */
  State state;
  Site site;       /**< where it waits */
  unsigned groups; /**< of asynchronous copies committed so far */
  std::vector<PendingCopy> copies;
};

/** What the lanes of a warp exchange. */
struct Warp {
  uint32_t exists;  /**< lanes that have not returned */
  uint32_t arrived; /**< lanes that wait in an exchange */
  uint32_t mask[WARP];
  WarpOp op[WARP];
  uint64_t brought[WARP]; /**< what an arrived lane gives */
  uint64_t given[WARP];   /**< what the lanes gave in the last complete exchange */
  uint32_t givers[WARP];  /**< the lanes of that exchange */
};

/** For each block of the launch, the latest epoch that is ordered before. */
typedef std::vector<uint32_t> Clock;

struct Block {
  uint3 index;
  uint32_t number; /**< among the blocks of all launches, from 1 */
  uint32_t epoch;
  Clock clock;
  Clock unfenced;                      /**< what relaxed loads would have acquired */
  std::shared_ptr<const Clock> fenced; /**< what relaxed stores release since the last fence */
  unsigned alive, returned;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<uint16_t> ready;   /**< threads that may run */
  std::vector<uint16_t> waiting; /**< threads at the barrier */
  Site barrier;
  int votes, result;     /**< predicates counted at the barrier; at the one before */
  unsigned char *shared; /**< MOST_SHARED bytes and redzones */
};

struct Launch {
  dim3 grid, block;
  size_t shared_bytes;
  void (*invoke)(const void *arguments);
  const void *arguments;
};

/** Every call into the emulation holds it: the host may have several threads. */
std::recursive_mutex &machine_lock();

/** Runs all blocks to the end or to the first error, which is then the last error. */
void run_launch(const Launch &launch);

extern Thread *current;
extern Launch running;
/** Number of the launch, from 1; it identifies what belongs to the present one. */
extern uint64_t launch_number;

/** Makes another thread, or the same, the current one; its fiber, which the caller switches to. */
Fiber *next_fiber();
/** Lets others run, until it is the turn of `self`, the current fiber, again. */
inline void go_on(Fiber *self)
{
  Fiber *next = next_fiber();
  if (next != self) switch_fiber(self, next);
}
/** The same, for a current thread that must be made READY before. */
inline void wait_as(State state, const Site &site)
{
  Fiber *self = current->fiber;
  current->state = state;
  current->site = site;
  go_on(self);
}
/** Lets others run; the current thread stays READY. */
void yield();
/** As yield, for a thread that waits for another block: fails when all threads do so for ever. */
void poll(const Site &site);
/** A word changed, so that polls make sense again. */
void note_progress();
void make_ready(Thread *thread);
/** To the host's stack, for good. */
[[noreturn]] void leave_launch();

/** 0 to bound-1, from the seed. */
uint32_t random_below(uint32_t bound);
inline bool chance(unsigned one_in)
{
  return random_below(one_in) == 0;
}

/* warp.cc */
void start_warps(Block *block);
void leave_warp(Thread *thread);

/* shared.cc */
void start_shared(Block *block);
void forget_shared();

/* ordering.cc */
void forget_words();

/* count.cc */
extern struct Counters totals;
void close_accesses();

/* errors.cc */
/** cudaSuccess, or the error that still waits for cudaGetLastError. */
cudaError_t check_fetched();
void set_error(cudaError_t error, const char *format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace cuda_on_cpu

#endif
