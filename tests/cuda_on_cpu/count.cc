/**
 * Counts what the launches do to global memory.
 *
 * A warp's access is the k-th at its line of source of each lane: it costs as many transactions as
 * it touches sectors of 32 bytes.
 */
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "access.h"
#include "emulator.h"
#include "machine.h"

namespace cuda_on_cpu {

bool counting;
Counters totals;

namespace {

constexpr uintptr_t kSector = 32;

/** Line, store or load, how many of the lane's accesses there came before, width. */
typedef std::tuple<const char *, int, bool, unsigned> Line;
struct Access {
  uint32_t lanes;
  std::set<uintptr_t> sectors;
};
struct WarpAccesses {
  std::map<Line, unsigned> before[WARP];
  std::map<std::pair<Line, unsigned>, Access> open;
};

/** By block and warp; an access leaves when all of its lanes have made it. */
typedef std::map<std::pair<uint64_t, unsigned>, WarpAccesses> Accesses;
Accesses &accesses = *new Accesses();

void close(const Line &line, const Access &access)
{
  (std::get<2>(line) ? totals.store_sectors : totals.load_sectors) += access.sectors.size();
  (std::get<2>(line) ? totals.stores : totals.loads)++;
}

}  // namespace

void count_access(const void *p, unsigned bytes, bool is_store, const Site &site)
{
  (is_store ? totals.store_bytes : totals.load_bytes) += bytes;
  const unsigned lane = current->linear % WARP, number = current->linear / WARP;
  WarpAccesses &warp = accesses[{current->block->number, number}];
  const Line line(site.file, site.line, is_store, bytes);
  const auto key = std::make_pair(line, warp.before[lane][line]++);
  Access &access = warp.open[key];
  const uintptr_t address = reinterpret_cast<uintptr_t>(p);
  for (uintptr_t s = address / kSector; s <= (address + bytes - 1) / kSector; s++)
    access.sectors.insert(s);
  access.lanes |= 1u << lane;
  const uint32_t all = current->block->warps[number].exists;
  if ((access.lanes & all) != all) return;
  close(line, access);
  warp.open.erase(key);
}

void close_accesses()
{
  for (const auto &warp : accesses)
    for (const auto &[key, access] : warp.second.open) close(key.first, access);
  accesses.clear();
}

void start_counting()
{
  const std::lock_guard<std::recursive_mutex> guard(machine_lock());
  totals = {};
  counting = true;
}

Counters stop_counting()
{
  const std::lock_guard<std::recursive_mutex> guard(machine_lock());
  counting = false;
  return totals;
}

}  // namespace cuda_on_cpu
