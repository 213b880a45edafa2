#include "ordering.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "access.h"
#include "machine.h"

namespace cuda_on_cpu {

namespace {

typedef std::shared_ptr<const Clock> Published;

struct Write {
  uint64_t value;
  Tag tag;
  Published released; /**< what an acquire that reads this write learns; may be NULL */
};
struct Word {
  std::vector<Write> writes; /**< oldest first; [0] is the value from before the launch */
  std::unordered_map<const Block *, size_t> seen; /**< what a block read last */
};

/** Of the running launch. Never destroyed: a launch may be abandoned at any point. */
std::unordered_map<const void *, Word> &words = *new std::unordered_map<const void *, Word>();

uint32_t index_of(Tag tag)
{
  return block_of(tag) - block_of(first_tag);
}

/** Whether the write is ordered before the block's present. */
bool is_before(Tag tag, const Block *block)
{
  if (tag < first_tag || block_of(tag) == block->number) return true;
  const uint32_t i = index_of(tag);
  return i < block->clock.size() && block->clock[i] >= static_cast<uint32_t>(tag);
}

void join(Clock *into, const Clock &other)
{
  if (into->size() < other.size()) into->resize(other.size());
  for (size_t i = 0; i < other.size(); i++) (*into)[i] = std::max((*into)[i], other[i]);
}

/** What the block did and knows so far; it then begins a new epoch. */
Published release(Block *block)
{
  const uint32_t i = index_of(own_tag);
  if (block->clock.size() <= i) block->clock.resize(i + 1);
  block->clock[i] = block->epoch;
  own_tag = make_tag(block->number, ++block->epoch);
  return std::make_shared<const Clock>(block->clock);
}

void acquire(Block *block, const Published &released)
{
  if (released) join(&block->clock, *released);
}

uint64_t read_memory(const void *p, unsigned bytes)
{
  uint64_t value = 0;
  std::memcpy(&value, p, bytes);
  return value;
}

/** The word's history, up to date with plain stores; NULL if it has none in this launch. */
Word *history(const void *p, unsigned bytes)
{
  const auto found = words.find(p);
  if (found == words.end()) return nullptr;
  Word *word = &found->second;
  const uint64_t value = read_memory(p, bytes);
  if (word->writes.back().value != value) word->writes.push_back({value, writer_of(p), nullptr});
  return word;
}

/** The oldest write that the block may still read. */
size_t oldest_allowed(const Word &word, const Block *block)
{
  size_t i = word.writes.size() - 1;
  while (i > 0 && !is_before(word.writes[i].tag, block)) i--;
  const auto seen = word.seen.find(block);
  return seen == word.seen.end() ? i : std::max(i, seen->second);
}

/** Everybody may read it from now on, in any order against other words. */
void append(void *p, uint64_t value, unsigned bytes, Published released)
{
  Word *word = history(p, bytes);
  if (!word) {
    word = &words[p];
    word->writes.push_back({read_memory(p, bytes), 0, nullptr});
  }
  std::memcpy(p, &value, bytes);
  for (unsigned i = 0; i < bytes; i += 4) (&writer_of(p))[i / 4] = own_tag;
  word->writes.push_back({value, own_tag, std::move(released)});
  word->seen[current->block] = word->writes.size() - 1;
  note_progress();
}

void note_word(const void *p, unsigned bytes, bool is_store, const Site &site)
{
  check_place(p, bytes, bytes, site);
  if (counting) count_access(p, bytes, is_store, site);
}

/** A word without history may have been written by another block's plain store. */
void check_plain(const void *p, unsigned bytes, const char *does, const Site &site)
{
  if (!history(p, bytes) && is_others(writer_of(p))) check_order(p, writer_of(p), does, site);
}

}  // namespace

void forget_words()
{
  words.clear();
}

void check_order(const void *p, Tag tag, const char *does, const Site &site)
{
  if (tag == kNobodys)
    fail(cudaErrorIllegalAddress, site, "%s %p, which is outside every allocation", does, p);
  if (!is_before(tag, current->block))
    fail(cudaErrorIllegalAddress, site,
         "%s what another block of the launch wrote at %p, and nothing orders the two", does, p);
}

void store_word(void *p, uint64_t value, unsigned bytes, Order order, const Site &site)
{
  Block *block = current->block;
  note_word(p, bytes, true, site);
  if (chance(4)) yield();
  check_plain(p, bytes, "overwrites", site);
  if (order == Order::RELAXED) {
    append(p, value, bytes, block->fenced);
    return;
  }
  append(p, value, bytes, nullptr);
  words[p].writes.back().released = release(block);
}

uint64_t load_word(const void *p, unsigned bytes, Order order, const Site &site)
{
  Block *block = current->block;
  note_word(p, bytes, false, site);
  if (chance(4)) poll(site);
  check_plain(p, bytes, "reads", site);
  Word *word = history(p, bytes);
  if (!word) return read_memory(p, bytes);
  const size_t i = chance(2) ? word->writes.size() - 1 : oldest_allowed(*word, block);
  word->seen[block] = i;
  const Write &write = word->writes[i];
  if (order == Order::ORDERED)
    acquire(block, write.released);
  else if (write.released)
    join(&block->unfenced, *write.released);
  return write.value;
}

uint64_t begin_update(const void *p, unsigned bytes, Order order, const Site &site)
{
  note_word(p, bytes, false, site);
  if (chance(4)) yield();
  check_plain(p, bytes, "changes", site);
  const Word *word = history(p, bytes);
  if (!word) return read_memory(p, bytes);
  const Write &write = word->writes.back();
  if (order == Order::ORDERED)
    acquire(current->block, write.released);
  else if (write.released)
    join(&current->block->unfenced, *write.released);
  return write.value;
}

void end_update(void *p, uint64_t value, unsigned bytes, Order order)
{
  Block *block = current->block;
  /* whoever acquires the new value also learns what those before released */
  const Word *word = history(p, bytes);
  Published earlier = word ? word->writes.back().released : nullptr;
  if (order == Order::ORDERED) {
    append(p, value, bytes, nullptr);
    words[p].writes.back().released = release(block);
  } else if (earlier && block->fenced) {
    Clock both = *earlier;
    join(&both, *block->fenced);
    append(p, value, bytes, std::make_shared<const Clock>(std::move(both)));
  } else {
    append(p, value, bytes, earlier ? earlier : block->fenced);
  }
}

void fence()
{
  Block *block = current->block;
  join(&block->clock, block->unfenced);
  block->fenced = release(block);
}

void wait_for_others(const Site &site)
{
  poll(site);
}

}  // namespace cuda_on_cpu
