#include "access.h"

#include "machine.h"
#include "poison.h"

namespace cuda_on_cpu {

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

void store_word(void *p, uint64_t value, size_t bytes, Order, const Site &site)
{
  note_store(p, bytes, bytes, site);
  std::memcpy(p, &value, bytes);
  note_progress();
}

uint64_t load_word(const void *p, size_t bytes, Order, const Site &site)
{
  note_load(p, bytes, bytes, site);
  if (chance(4)) poll(site);
  uint64_t value = 0;
  std::memcpy(&value, p, bytes);
  return value;
}

uint32_t add_to_word(uint32_t *p, uint32_t value, const Site &site)
{
  note_store(p, sizeof *p, sizeof *p, site);
  const uint32_t old = *p;
  *p = old + value;
  note_progress();
  return old;
}

void wait_for_others(const Site &site)
{
  poll(site);
}

}  // namespace cuda_on_cpu
