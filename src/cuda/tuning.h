/** What is chosen by size, and from which numbers: see the rule at each. */
#ifndef APF_CUDA_TUNING_H
#define APF_CUDA_TUNING_H

#include "cuda/cuda.h"

namespace apf_cuda {

enum class AllpoleStrategy { sequences, scan, taps };

/**
 * How an all-pole filter of order M runs, `largest` being the largest order that threads keep in
 * their registers:
 *
 *   taps       orders above: a warp per sequence
 *   sequences  a thread per sequence, 32 in a block: once there is a block for every
 * multiprocessor, or where a sequence is too short to be worth cutting scan       a thread per span
 * of time: M times the arithmetic, but any number of sequences
 */
inline AllpoleStrategy choose_allpole_strategy(const apf_context *ctx, int64_t B, int64_t T,
                                               int64_t M, int64_t largest)
{
  enum { SEQUENCES_A_BLOCK = 32, SHORT = 256 };
  if (M > largest) return AllpoleStrategy::taps;
  if (T <= SHORT || B >= static_cast<int64_t>(device(ctx)->multiprocessors) * SEQUENCES_A_BLOCK)
    return AllpoleStrategy::sequences;
  return AllpoleStrategy::scan;
}

}  // namespace apf_cuda

#endif
