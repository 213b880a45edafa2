/**
 * Memory between blocks is weak: what one block stores, another sees late, and in any order, unless
 * a release and an acquire order it.
 *
 * Each block counts its epochs, a new one after each release, and keeps for every other block the
 * latest epoch that is ordered before its own present (a vector clock). A store through store_word
 * joins the history of its word; a load may return the newest value or, as often, the oldest one
 * that is still allowed: the latest that is ordered before the reader, or that the reader's block
 * saw already. Clocks belong to blocks, not to threads: what barriers do inside a block is the
 * scheduler's to test.
 */
#ifndef CUDA_ON_CPU_ORDERING_H
#define CUDA_ON_CPU_ORDERING_H

#include "device.h"

namespace cuda_on_cpu {

/** RELAXED, or as the instruction does: a store releases, a load acquires. */
enum class Order { RELAXED, ORDERED };

void store_word(void *p, uint64_t value, unsigned bytes, Order order, const Site &site);
uint64_t load_word(const void *p, unsigned bytes, Order order, const Site &site);

/** A read-modify-write, between whose halves nobody else runs. ORDERED: acquires and releases. */
uint64_t begin_update(const void *p, unsigned bytes, Order order, const Site &site);
void end_update(void *p, uint64_t value, unsigned bytes, Order order);

/** Orders what comes before against relaxed stores after, and relaxed loads before against what
 *  comes after. */
void fence();
/** Inside a loop that waits for another block. */
void wait_for_others(const Site &site);

}  // namespace cuda_on_cpu

#endif
