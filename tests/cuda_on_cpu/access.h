/**
 * Accesses of kernels to global memory: checked, counted, and ordered between blocks.
 *
 * Every word remembers which block wrote it last. To read or overwrite what another block of the
 * same launch wrote is an error, unless that block's write is ordered before by a release and an
 * acquire: see ordering.h.
 */
#ifndef CUDA_ON_CPU_ACCESS_H
#define CUDA_ON_CPU_ACCESS_H

#include "device.h"
#include "memory.h"

namespace cuda_on_cpu {

/** Who wrote: the block's number, counted over all launches, and its epoch. */
typedef uint64_t Tag;
constexpr Tag make_tag(uint32_t block, uint32_t epoch)
{
  return static_cast<Tag>(block) << 32 | epoch;
}
constexpr uint32_t block_of(Tag tag)
{
  return static_cast<uint32_t>(tag >> 32);
}

/** Not a writer: memory that belongs to no allocation. */
constexpr Tag kNobodys = ~Tag(0);

/** The last writer of each 4 bytes of the arena. Narrower accesses are not followed: they share
 *  their word with those of others. */
extern Tag *writers;
/** What the current thread writes under; the first tag of the running launch. */
extern Tag own_tag, first_tag;
extern bool counting;

inline Tag &writer_of(const void *p)
{
  return writers[(static_cast<const unsigned char *>(p) - arena) / 4];
}
/** Whether the word was written by another block of this launch. */
inline bool is_others(Tag tag)
{
  return tag >= first_tag && block_of(tag) != block_of(own_tag);
}

[[noreturn]] void bad_access(const void *p, size_t bytes, size_t alignment, const Site &site);
/** Fails unless the other block's write is ordered before what the current thread does now. */
void check_order(const void *p, Tag tag, const char *does, const Site &site);
void count_access(const void *p, unsigned bytes, bool is_store, const Site &site);

inline void check_place(const void *p, size_t bytes, size_t alignment, const Site &site)
{
  if (!in_arena(p) || reinterpret_cast<uintptr_t>(p) % alignment)
    bad_access(p, bytes, alignment, site);
}
inline void note_load(const void *p, unsigned bytes, size_t alignment, const Site &site)
{
  check_place(p, bytes, alignment, site);
  const Tag *w = &writer_of(p);
  for (unsigned i = 4; i <= bytes; i += 4, w++)
    if (is_others(*w)) check_order(p, *w, "reads", site);
  if (counting) count_access(p, bytes, false, site);
}
inline void note_store(const void *p, unsigned bytes, size_t alignment, const Site &site)
{
  check_place(p, bytes, alignment, site);
  Tag *w = &writer_of(p);
  for (unsigned i = 4; i <= bytes; i += 4, w++) {
    if (is_others(*w)) check_order(p, *w, "overwrites", site);
    *w = own_tag;
  }
  if (counting) count_access(p, bytes, true, site);
}

/* cp.async: what was copied is there after finish_copies; until then it is NaN. */
void start_copy(void *to_shared, const void *from, unsigned bytes, const Site &site);
void commit_copies();
/** Waits for all groups but the newest `newest`. */
void finish_copies(unsigned newest);

}  // namespace cuda_on_cpu

#endif
