/**
 * Shared memory of a block: dynamic first, then the variables in the order in which the launch
 * meets them, with a redzone after each. It starts as NaN in every block.
 */
#include <algorithm>
#include <cstdlib>

#include "machine.h"
#include "poison.h"

namespace cuda_on_cpu {

namespace {

constexpr size_t kRedzone = 64;
constexpr size_t kBytes = 128 * 4096;

/** What the launch has placed so far: the same places in all of its blocks. */
struct Placed {
  size_t offset, bytes;
};
std::vector<Placed> &placed = *new std::vector<Placed>();
size_t used, payload;
std::vector<Block *> &blocks = *new std::vector<Block *>(); /**< of this launch */

void show(Block *block, const Placed &p)
{
  unpoison(block->shared + p.offset, p.bytes + kRedzone);
  fill_with_nan(block->shared + p.offset, p.bytes + kRedzone);
  poison(block->shared + p.offset + p.bytes, kRedzone);
}

/** Reserves a place. */
size_t place(size_t bytes, size_t alignment)
{
  const size_t offset = (used + alignment - 1) / alignment * alignment;
  placed.push_back({offset, bytes});
  used = offset + bytes + kRedzone;
  payload += bytes;
  return offset;
}

}  // namespace

void forget_shared()
{
  placed.clear();
  blocks.clear();
  used = kRedzone;
  payload = 0;
  place(running.shared_bytes, 128);
}

void start_shared(Block *block)
{
  if (!block->shared) {
    block->shared = static_cast<unsigned char *>(std::aligned_alloc(4096, kBytes));
    if (!block->shared) std::abort();
  }
  if (std::find(blocks.begin(), blocks.end(), block) == blocks.end()) {
    blocks.push_back(block);
    poison(block->shared, kBytes);
  }
  for (const Placed &p : placed) show(block, p);
}

void *place_shared(SharedSite *site)
{
  if (payload - running.shared_bytes + site->bytes_ > SHARED_WITHOUT_ASKING)
    fail(cudaErrorInvalidConfiguration, cuda_on_cpu::Site::here(),
         "the kernel's variables in shared memory take more than %d bytes", SHARED_WITHOUT_ASKING);
  site->offset_ = place(site->bytes_, site->alignment_);
  site->launch_ = launch_number;
  if (payload > MOST_SHARED)
    fail(cudaErrorInvalidConfiguration, cuda_on_cpu::Site::here(),
         "the block's shared memory takes %zu bytes, at most %d are there", payload, MOST_SHARED);
  for (Block *block : blocks) show(block, placed.back());
  return current->block->shared + site->offset_;
}

void *SharedSite::address()
{
  if (launch_ != launch_number) return place_shared(this);
  return current->block->shared + offset_;
}

void *dynamic_shared()
{
  return current->block->shared + placed[0].offset;
}

}  // namespace cuda_on_cpu
