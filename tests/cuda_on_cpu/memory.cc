#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "access.h"
#include "emulator.h"
#include "machine.h"
#include "poison.h"

namespace cuda_on_cpu {

namespace {

/* As cudaMalloc aligns; the redzone is at least as wide. */
constexpr size_t kAlignment = 256;
/* What the device has; more is refused. */
constexpr size_t kDeviceBytes = size_t(8) << 30;

/* Scratch memory of this size costs more to fill than that finds: it starts as pages of zeros. */
constexpr size_t kTooLargeToFill = size_t(16) << 20;

size_t next_free = kAlignment; /**< nothing was ever allocated from here on */
size_t in_use[DEVICES];

struct Allocation {
  size_t bytes;
  int device;
};
typedef std::map<const unsigned char *, Allocation> Allocations;
typedef std::map<size_t, std::vector<unsigned char *>> Pool;
/* Never destroyed, as what runs last at exit may still free memory. */
Allocations &live = *new Allocations(); /**< by address */
Pool &freed = *new Pool();              /**< by rounded size */

bool is_set(const char *variable)
{
  const char *value = std::getenv(variable);
  return value && *value && std::strcmp(value, "0") != 0;
}

size_t rounded(size_t bytes)
{
  return (bytes / kAlignment + 2) * kAlignment; /* at least kAlignment of redzone behind it */
}

unsigned char *take(size_t bytes)
{
  std::vector<unsigned char *> &same = freed[rounded(bytes)];
  if (!same.empty()) {
    unsigned char *p = same.back();
    same.pop_back();
    return p;
  }
  if (rounded(bytes) > kArenaBytes - next_free) return nullptr;
  unsigned char *p = arena + next_free;
  next_free += rounded(bytes);
  return p;
}

void mark(unsigned char *from, size_t bytes, Tag writer)
{
  std::fill_n(&writer_of(from), bytes / 4, writer);
}

/** The rest of the last word, which the allocation shares with the redzone, stays the former's. */
void lay_out(unsigned char *p, size_t bytes)
{
  const size_t words = (bytes + 3) / 4 * 4;
  const DeviceAccess scope;
  unpoison(p, rounded(bytes));
  if (bytes < kTooLargeToFill) {
    fill_with_nan(p, rounded(bytes));
    mark(p, words, 0);
  }
  mark(p + words, rounded(bytes) - words, kNobodys);
  poison(p + bytes, rounded(bytes) - bytes);
}

/** Makes the pages inside zeros again. */
void discard(void *from, size_t bytes)
{
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(from) + kPage - 1) / kPage * kPage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(from) + bytes) / kPage * kPage;
  madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

/** Nobody may use it until it is allocated again. */
void retire(unsigned char *p, size_t bytes)
{
  if (bytes < kTooLargeToFill) {
    mark(p, rounded(bytes), kNobodys);
  } else {
    discard(p, bytes);
    discard(&writer_of(p), bytes / 4 * sizeof(Tag));
  }
  poison(p, bytes);
}

bool guarded = is_set("APF_CUDA_GUARD");
int accesses; /**< scopes that are open */

void protect(int protection)
{
  if (mprotect(arena, kArenaBytes, protection) != 0) std::perror("cuda_on_cpu: mprotect");
}

}  // namespace

DeviceAccess::DeviceAccess()
{
  if (accesses++ == 0 && guarded) protect(PROT_READ | PROT_WRITE);
}

DeviceAccess::~DeviceAccess()
{
  if (--accesses == 0 && guarded) protect(PROT_NONE);
}

void set_guard(bool on)
{
  const std::lock_guard<std::recursive_mutex> lock(machine_lock());
  guarded = on;
  protect(on ? PROT_NONE : PROT_READ | PROT_WRITE);
}

unsigned char *arena = static_cast<unsigned char *>(reserve_addresses(kArenaBytes));

void *reserve_addresses(size_t bytes)
{
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory != MAP_FAILED) return memory;
  std::perror("cuda_on_cpu: device memory");
  std::abort();
}

void *allocate_device(size_t bytes, int device)
{
  if (bytes > kDeviceBytes - in_use[device]) return nullptr;
  unsigned char *p = take(bytes);
  if (!p) return nullptr;
  lay_out(p, bytes);
  in_use[device] += bytes;
  live[p] = {bytes, device};
  return p;
}

bool free_device(void *p)
{
  const auto found = live.find(static_cast<unsigned char *>(p));
  if (found == live.end()) return false;
  const Allocation a = found->second;
  retire(static_cast<unsigned char *>(p), a.bytes);
  in_use[a.device] -= a.bytes;
  freed[rounded(a.bytes)].push_back(static_cast<unsigned char *>(p));
  live.erase(found);
  return true;
}

/** The allocation that p..p+bytes lies in, or NULL. */
static const Allocation *find(const void *p, size_t bytes)
{
  const unsigned char *begin = static_cast<const unsigned char *>(p);
  auto after = live.upper_bound(begin);
  if (after == live.begin()) return nullptr;
  const auto &[start, allocation] = *--after;
  const size_t offset = static_cast<size_t>(begin - start);
  if (offset > allocation.bytes || bytes > allocation.bytes - offset) return nullptr;
  return &allocation;
}

bool is_device_memory(const void *p, size_t bytes)
{
  return find(p, bytes);
}

int device_of(const void *p)
{
  const Allocation *allocation = find(p, 0);
  return allocation ? allocation->device : -1;
}

void device_memory(int device, size_t *free, size_t *total)
{
  *free = kDeviceBytes - in_use[device];
  *total = kDeviceBytes;
}

}  // namespace cuda_on_cpu
