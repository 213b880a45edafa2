/** What tests may ask of the emulation, and set. */
#ifndef CUDA_ON_CPU_EMULATOR_H
#define CUDA_ON_CPU_EMULATOR_H

#include <cstdint>
#include <string>

namespace cuda_on_cpu {

/** Decides the order of blocks and threads from the next launch on. At first it is what the
 *  environment variable APF_CUDA_SEED says, or 1. */
void set_seed(uint64_t seed);

/** Whether the host faults where it touches device memory. At first it does if the environment
 *  variable APF_CUDA_GUARD is set and not 0; every call that works on device memory then costs two
 *  changes of the protection of its pages. */
void set_guard(bool on);

/** The last error in words: kernel's source line, block and thread. It stays after the error has
 *  been fetched. */
std::string last_message();

/** What launches did to global memory, through load, store and the like. */
struct Counters {
  uint64_t launches, blocks, barriers;
  uint64_t load_bytes, store_bytes;
  uint64_t loads, stores;               /**< by a warp */
  uint64_t load_sectors, store_sectors; /**< of 32 bytes: what these touch */

  /** The part of the bytes in the touched sectors that was asked for: 1 when all is coalesced. */
  double coalescing() const
  {
    const uint64_t sectors = load_sectors + store_sectors;
    return sectors ? static_cast<double>(load_bytes + store_bytes) / (32.0 * sectors) : 1.0;
  }
};
void start_counting();
Counters stop_counting();

}  // namespace cuda_on_cpu

#endif
