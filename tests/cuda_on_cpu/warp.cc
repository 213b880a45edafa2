/** Barriers of a block and exchanges of a warp. */
#include "emulator.h"
#include "machine.h"

namespace cuda_on_cpu {

namespace {

Warp &warp_of(const Thread *t)
{
  return t->block->warps[t->linear / WARP];
}

/** The lanes of `mask`, all of which are here, give what they brought and go on. */
void complete(Warp *warp, Block *block, size_t first_thread, uint32_t lanes)
{
  for (unsigned lane = 0; lane < WARP; lane++) {
    if (!(lanes >> lane & 1)) continue;
    warp->given[lane] = warp->brought[lane];
    warp->givers[lane] = lanes;
    Thread *t = &block->threads[first_thread + lane];
    if (t != current) make_ready(t);
  }
  warp->arrived &= ~lanes;
}

/** All lanes of the exchange say the same. */
void check_agreement(const Warp &warp, unsigned mine, uint32_t lanes, const Site &site)
{
  for (unsigned lane = 0; lane < WARP; lane++) {
    if (!(lanes >> lane & 1)) continue;
    if (warp.mask[lane] != warp.mask[mine])
      fail(cudaErrorLaunchFailure, site, "lane %u has the mask %08x, lane %u the mask %08x", mine,
           warp.mask[mine], lane, warp.mask[lane]);
    if (warp.op[lane] != warp.op[mine])
      fail(cudaErrorLaunchFailure, site, "lanes %u and %u meet in different instructions", mine,
           lane);
  }
}

/** Whether the exchange that `lane` waits in can be completed; completes it. */
bool try_complete(Warp *warp, Block *block, size_t first_thread, unsigned lane, const Site &site)
{
  const uint32_t lanes = warp->mask[lane] & warp->exists;
  if ((warp->arrived & lanes) != lanes) return false;
  check_agreement(*warp, lane, lanes, site);
  complete(warp, block, first_thread, lanes);
  return true;
}

bool is_same(const Site &a, const Site &b)
{
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

}  // namespace

void start_warps(Block *block)
{
  const size_t threads = block->threads.size();
  block->warps.resize((threads + WARP - 1) / WARP);
  for (size_t w = 0; w < block->warps.size(); w++) {
    const size_t lanes = threads - w * WARP;
    block->warps[w].exists = lanes >= WARP ? ~0u : (1u << lanes) - 1;
    block->warps[w].arrived = 0;
  }
}

void leave_warp(Thread *thread)
{
  Warp &warp = warp_of(thread);
  warp.exists &= ~(1u << thread->linear % WARP);
  const size_t first = thread->linear / WARP * WARP;
  for (unsigned lane = 0; lane < WARP && warp.arrived; lane++)
    if (warp.arrived >> lane & 1)
      try_complete(&warp, thread->block, first, lane, thread->block->threads[first + lane].site);
}

Exchange exchange(WarpOp op, uint32_t mask, uint64_t value, const Site &site)
{
  Thread *t = current;
  Warp &warp = warp_of(t);
  const unsigned lane = t->linear % WARP;
  if (!(mask >> lane & 1))
    fail(cudaErrorLaunchFailure, site, "lane %u calls with a mask %08x that lacks it", lane, mask);
  warp.brought[lane] = value;
  warp.mask[lane] = mask;
  warp.op[lane] = op;
  warp.arrived |= 1u << lane;
  if (!try_complete(&warp, t->block, t->linear - lane, lane, site)) wait_as(State::AT_WARP, site);
  return {warp.given, warp.givers[lane], lane};
}

uint32_t live_lanes()
{
  return warp_of(current).exists;
}

int barrier(bool predicate, const Site &site)
{
  Block *block = current->block;
  if (block->returned)
    fail(cudaErrorLaunchFailure, site,
         "waits at a barrier that %u threads of its block never reach: they have returned",
         block->returned);
  if (block->waiting.empty()) block->barrier = site;
  if (!is_same(block->barrier, site))
    fail(cudaErrorLaunchFailure, site, "waits at this barrier while others wait at that of %s:%d",
         block->barrier.file, block->barrier.line);
  block->votes += predicate;
  if (block->waiting.size() + 1 < block->threads.size()) {
    block->waiting.push_back(static_cast<uint16_t>(current->linear));
    wait_as(State::AT_BARRIER, site);
    return block->result;
  }
  totals.barriers++;
  block->result = block->votes;
  block->votes = 0;
  block->ready.swap(block->waiting); /* everybody waited, so nobody was ready */
  yield();
  return block->result;
}

}  // namespace cuda_on_cpu
