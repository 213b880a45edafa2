#include "access.h"

#include "machine.h"
#include "poison.h"

namespace cuda_on_cpu {

Tag *writers = static_cast<Tag *>(reserve_addresses(kArenaBytes / 4 * sizeof(Tag)));
Tag own_tag, first_tag;

void bad_access(const void *p, size_t bytes, size_t alignment, const Site &site)
{
  if (!in_arena(p))
    fail(cudaErrorIllegalAddress, site, "accesses %zu bytes at %p, which is not device memory",
         bytes, p);
  fail(cudaErrorMisalignedAddress, site, "accesses %zu bytes at %p, which is no multiple of %zu",
       bytes, p, alignment);
}

void start_copy(void *to_shared, const void *from, unsigned bytes, const Site &site)
{
  note_load(from, bytes, bytes, site);
  if (reinterpret_cast<uintptr_t>(to_shared) % bytes) bad_access(from, bytes, bytes, site);
  fill_with_nan(to_shared, bytes);
  current->copies.push_back({to_shared, from, bytes, current->groups});
}

void commit_copies()
{
  current->groups++;
}

void finish_copies(unsigned newest)
{
  std::vector<PendingCopy> &copies = current->copies;
  size_t kept = 0;
  for (const PendingCopy &c : copies) {
    if (c.group + newest < current->groups)
      std::memcpy(c.to, c.from, c.bytes);
    else
      copies[kept++] = c;
  }
  copies.resize(kept);
}

}  // namespace cuda_on_cpu
