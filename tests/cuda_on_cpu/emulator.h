/** What tests may ask of the emulation, and set. */
#ifndef CUDA_ON_CPU_EMULATOR_H
#define CUDA_ON_CPU_EMULATOR_H

#include <cstdint>
#include <string>

namespace cuda_on_cpu {

/** Decides the order of blocks and threads from the next launch on. At first it is what the
 *  environment variable APF_CUDA_SEED says, or 1. */
void set_seed(uint64_t seed);

/** The last error in words: kernel's source line, block and thread. It stays after the error has
 *  been fetched. */
std::string last_message();

}  // namespace cuda_on_cpu

#endif
