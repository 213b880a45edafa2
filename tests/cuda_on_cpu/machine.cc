#include "machine.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "access.h"
#include "emulator.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace cuda_on_cpu {

Thread *current;
Launch running;
uint64_t launch_number;

namespace {

/* Threads in flight at once, at most: a block, or several small ones. */
constexpr unsigned kThreadsInFlight = 2048;
constexpr unsigned kBlocksInFlight = 6;
/* Between two threads, one time in this many another block goes on. */
constexpr unsigned kFairStay = 16, kUnfairStay = 256;
/* Of an unfair launch's turns, one in this many goes to a random thread all the same. */
constexpr unsigned kUnfairness = 64;
/* Every poll is a turn of the scheduler: after this many without any change nothing will come. */
constexpr uint64_t kFruitlessPolls = 300000;

Fiber host;
uint64_t random_state = 1;
uint64_t seeded_launches;
uint64_t fruitless_polls;
uint32_t next_number = 1; /**< of a block */

/** A permutation of the grid's blocks, so that large grids need no table: start + i stride mod n.
 */
struct Order {
  uint64_t count, next, start, stride;
};
Order order;

std::vector<Block *> &slots = *new std::vector<Block *>(); /**< all that were ever made */
std::vector<Block *> &in_flight = *new std::vector<Block *>();
size_t turn; /**< whose block of in_flight runs */
/* In half of the launches the thread that became ready last goes on, so that a warp runs as far as
 * it can before the others move; a fair choice would let no warp get ahead by more than an
 * exchange. */
bool unfair;

uint64_t &base_seed()
{
  static const char *const given = std::getenv("APF_CUDA_SEED");
  static uint64_t seed = given ? std::strtoull(given, nullptr, 10) : 1;
  return seed;
}

void mix_seed()
{
  uint64_t z = base_seed() + 0x9e3779b97f4a7c15u * ++seeded_launches;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  random_state = (z ^ (z >> 31)) | 1;
}

void order_blocks(uint64_t count)
{
  const uint32_t range = static_cast<uint32_t>(std::min<uint64_t>(count, UINT32_MAX));
  order = {count, 0, random_below(range), random_below(range) + uint64_t(1)};
  while (std::gcd(order.stride, count) != 1) order.stride++;
}

uint3 next_block()
{
  const uint64_t step = order.next++;
  const auto product = static_cast<unsigned __int128>(step) * order.stride + order.start;
  const uint64_t b = static_cast<uint64_t>(product % order.count);
  const uint64_t row = b / running.grid.x;
  return {static_cast<unsigned>(b % running.grid.x), static_cast<unsigned>(row % running.grid.y),
          static_cast<unsigned>(row / running.grid.y)};
}

void start_thread(Block *block, unsigned linear, uint3 index)
{
  Thread &t = block->threads[linear];
  t.index = index;
  t.linear = linear;
  t.block = block;
  t.fiber = nullptr;
  t.state = State::FRESH;
  t.groups = 0;
  t.copies.clear();
}

void start_block(Block *block)
{
  const dim3 &d = running.block;
  const unsigned count = d.x * d.y * d.z;
  block->index = next_block();
  block->number = next_number++;
  block->epoch = 1;
  block->clock.clear();
  block->unfenced.clear();
  block->fenced.reset();
  block->alive = count;
  block->returned = 0;
  block->votes = block->result = 0;
  block->threads.resize(count);
  block->waiting.clear();
  block->ready.resize(count);
  std::iota(block->ready.begin(), block->ready.end(), uint16_t(0));
  if (unfair)
    std::rotate(block->ready.begin(), block->ready.begin() + random_below(count),
                block->ready.end());
  unsigned linear = 0;
  for (unsigned z = 0; z < d.z; z++)
    for (unsigned y = 0; y < d.y; y++)
      for (unsigned x = 0; x < d.x; x++) start_thread(block, linear++, {x, y, z});
  start_warps(block);
  start_shared(block);
}

/** Takes a ready thread of the block out of its list. */
Thread *take_ready(Block *block)
{
  std::vector<uint16_t> &ready = block->ready;
  const bool last = unfair && !chance(kUnfairness);
  const size_t i = last ? ready.size() - 1 : random_below(static_cast<uint32_t>(ready.size()));
  Thread *t = &block->threads[ready[i]];
  ready[i] = ready.back();
  ready.pop_back();
  return t;
}

/** Who runs next, or NULL if nobody can. */
Thread *pick()
{
  if (in_flight.empty()) return nullptr;
  const size_t count = in_flight.size();
  if (count > 1 && chance(unfair ? kUnfairStay : kFairStay))
    turn = random_below(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; i++, turn++) {
    if (turn >= count) turn = 0;
    if (!in_flight[turn]->ready.empty()) return take_ready(in_flight[turn]);
  }
  return nullptr;
}

void make_current(Thread *t)
{
  current = t;
  threadIdx = t->index;
  blockIdx = t->block->index;
  own_tag = make_tag(t->block->number, t->block->epoch);
}

const char *what_it_waits_for(const Thread &t)
{
  return t.state == State::AT_BARRIER ? "a barrier" : "the lanes of its warp";
}

/** Everybody waits: names the first who does. */
void report_deadlock()
{
  for (const Block *block : in_flight)
    for (const Thread &t : block->threads)
      if (t.state == State::AT_BARRIER || t.state == State::AT_WARP) {
        set_error(cudaErrorLaunchTimeout,
                  "%s:%d: thread (%u,%u,%u) of block (%u,%u,%u) waits for ever for %s: %u threads "
                  "of its block are at a barrier, %u have returned, %u are elsewhere",
                  t.site.file, t.site.line, t.index.x, t.index.y, t.index.z, block->index.x,
                  block->index.y, block->index.z, what_it_waits_for(t),
                  static_cast<unsigned>(block->waiting.size()), block->returned,
                  block->alive - static_cast<unsigned>(block->waiting.size()));
        return;
      }
}

void run_threads();

/** Makes `next` the current thread; its fiber, or the host's if there is none. */
Fiber *fiber_of(Thread *next)
{
  if (!next) {
    if (!in_flight.empty()) report_deadlock();
    current = nullptr;
    return &host;
  }
  make_current(next);
  if (!next->fiber) next->fiber = take_fiber(run_threads);
  next->state = State::READY;
  return next->fiber;
}

void retire(Block *block)
{
  if (order.next < order.count) {
    start_block(block);
    return;
  }
  in_flight.erase(std::find(in_flight.begin(), in_flight.end(), block));
}

/** The current thread has returned from the kernel. */
void finish_current()
{
  Block *block = current->block;
  if (!block->waiting.empty()) {
    const Site &s = block->barrier;
    const uint3 at = block->threads[block->waiting[0]].index;
    fail(cudaErrorLaunchFailure, s,
         "it returns, but thread (%u,%u,%u) waits for it at this barrier", at.x, at.y, at.z);
  }
  leave_warp(current);
  current->state = State::DONE;
  current->fiber = nullptr;
  block->returned++;
  fruitless_polls = 0;
  if (--block->alive == 0) retire(block);
}

/** The life of a fiber: one thread after the other, for as long as they do not wait. */
void run_threads()
{
  for (;;) {
    Fiber *self = current->fiber;
    running.invoke(running.arguments);
    finish_current();
    Thread *next = pick();
    if (next && !next->fiber) {
      make_current(next);
      next->fiber = self;
      next->state = State::READY;
    } else {
      give_fiber(self);
      switch_fiber(self, fiber_of(next));
    }
  }
}

void fill_slots()
{
  const unsigned threads = running.block.x * running.block.y * running.block.z;
  const uint64_t most = std::min<uint64_t>(kThreadsInFlight / threads, kBlocksInFlight);
  uint64_t count = std::min<uint64_t>(order.count, 2 + random_below(5));
  count = std::min(count, std::max<uint64_t>(most, 1));
  while (slots.size() < count) slots.push_back(new Block());
  in_flight.assign(slots.begin(), slots.begin() + static_cast<ptrdiff_t>(count));
  turn = 0;
  for (Block *block : in_flight) start_block(block);
}

void abandon_all()
{
  for (Block *block : in_flight)
    for (Thread &t : block->threads)
      if (t.fiber) abandon_fiber(t.fiber);
  in_flight.clear();
}

}  // namespace

std::recursive_mutex &machine_lock()
{
  static std::recursive_mutex lock;
  return lock;
}

uint32_t random_below(uint32_t bound)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return static_cast<uint32_t>((random_state >> 32) * bound >> 32);
}

void set_seed(uint64_t seed)
{
  const std::lock_guard<std::recursive_mutex> guard(machine_lock());
  base_seed() = seed;
  seeded_launches = 0;
}

void run_launch(const Launch &launch)
{
  running = launch;
  blockDim = launch.block;
  gridDim = launch.grid;
  launch_number++;
  first_tag = make_tag(next_number, 0);
  fruitless_polls = 0;
  mix_seed();
  unfair = chance(2);
  forget_shared();
  order_blocks(static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z);
  fill_slots();
  switch_fiber(&host, next_fiber());
  abandon_all();
  forget_words();
  if (counting) close_accesses();
  totals.launches++;
  totals.blocks += order.next;
}

void make_ready(Thread *thread)
{
  thread->state = State::READY;
  thread->block->ready.push_back(static_cast<uint16_t>(thread->linear));
}

Fiber *next_fiber()
{
  return fiber_of(pick());
}

void yield()
{
  Fiber *self = current->fiber;
  make_ready(current);
  /* not last in the list, or an unfair launch would choose it again and again */
  std::vector<uint16_t> &ready = current->block->ready;
  std::swap(ready.back(), ready[random_below(static_cast<uint32_t>(ready.size()))]);
  turn = random_below(static_cast<uint32_t>(in_flight.size()));
  go_on(self);
}

void poll(const Site &site)
{
  if (++fruitless_polls > kFruitlessPolls)
    fail(cudaErrorLaunchTimeout, site, "waits for ever for another block");
  yield();
}

void note_progress()
{
  fruitless_polls = 0;
}

void leave_launch()
{
  Fiber *self = current->fiber;
  current = nullptr;
  switch_fiber(self, &host);
  __builtin_unreachable();
}

}  // namespace cuda_on_cpu
