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
 * - taps, for orders above: a warp per sequence.
 * - sequences, for many or short ones: a thread per sequence. Takes the time of T samples.
 * - scan: a thread per span of time. Takes the time of all waves of tiles, whatever T is.
 *
 * A wave is what runs at once: four tiles of 2048 samples on each multiprocessor. It takes as long
 * as 200 samples of one thread, counted in instructions (8000 cycles to 40), not measured.
 */
inline AllpoleStrategy choose_allpole_strategy(const apf_context *ctx, int64_t B, int64_t T,
                                               int64_t M, int64_t largest)
{
  enum { TILE = 2048, TILES_AT_ONCE = 4, SAMPLES_OF_A_WAVE = 200 };
  if (M > largest) return AllpoleStrategy::taps;
  const int64_t at_once = static_cast<int64_t>(device(ctx)->multiprocessors) * TILES_AT_ONCE;
  const int64_t waves = divide_up(B * divide_up(T, TILE), at_once);
  return T <= SAMPLES_OF_A_WAVE * waves ? AllpoleStrategy::sequences : AllpoleStrategy::scan;
}

enum class BallisticsStrategy { sequences, policy };

/**
 * How attack and release smoothing runs forward:
 *
 *   policy     a block per sequence, which guesses branches and corrects them: while the sequences
 *              are few and fill a tile. A lane alone takes some ten times as long over a sample
 *   sequences  a lane per sequence: a multiprocessor holds those of hundreds of sequences at once,
 *              but only a few blocks
 */
inline BallisticsStrategy choose_ballistics_strategy(const apf_context *ctx, int64_t B, int64_t T)
{
  enum { SHORT = 2048, SEQUENCES_A_MULTIPROCESSOR = 8 };
  const int64_t few =
      static_cast<int64_t>(device(ctx)->multiprocessors) * SEQUENCES_A_MULTIPROCESSOR;
  return T >= SHORT && B <= few ? BallisticsStrategy::policy : BallisticsStrategy::sequences;
}

}  // namespace apf_cuda

#endif
