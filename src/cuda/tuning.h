/** What is chosen by size, and from which numbers: see the rule at each. */
#ifndef APF_CUDA_TUNING_H
#define APF_CUDA_TUNING_H

#include "cuda/cuda.h"

namespace apf_cuda {

enum class AllpoleStrategy { sequences, scan, taps, taps_scan };

/**
 * How an all-pole filter of a higher order runs than threads keep in their registers; `tile` is
 * allpole_taps_scan_tile().
 *
 * - taps, for many or short sequences: a warp per sequence. Takes the time of T samples.
 * - taps_scan: a warp per span of time. Takes the time of all waves of tiles, and of the tiles of a
 *   sequence waiting for each other.
 *
 * A wave is a tile on each multiprocessor. Compared with the samples of a warp that has a sequence,
 * at 40 cycles each, a tile takes one for every 80 bytes of its coefficients (96000 cycles for 190
 * KiB), twice that where a warp makes a map in two turns, and its link to the tile before 64: the
 * latency of global memory and a product with a map. Counted in instructions and accesses to shared
 * memory, not measured.
 */
inline AllpoleStrategy choose_allpole_taps_strategy(const apf_context *ctx, int64_t B, int64_t T,
                                                    int64_t M, size_t scalar_bytes, int64_t tile)
{
  enum { BYTES_TO_A_SAMPLE = 80, ROWS_OF_A_TURN = 32, SAMPLES_OF_A_LINK = 64 };
  if (tile == 0) return AllpoleStrategy::taps;
  const int64_t tiles = divide_up(T, tile);
  const int64_t waves = divide_up(B * tiles, device(ctx)->multiprocessors);
  const int64_t bytes = tile * (M + 1) * static_cast<int64_t>(scalar_bytes);
  const int64_t wave = bytes / BYTES_TO_A_SAMPLE * divide_up(M, ROWS_OF_A_TURN);
  return T <= waves * wave + tiles * SAMPLES_OF_A_LINK ? AllpoleStrategy::taps
                                                       : AllpoleStrategy::taps_scan;
}

/**
 * How an all-pole filter runs whose order threads keep in their registers:
 *
 * - sequences, for many or short ones: a thread per sequence. Takes the time of T samples.
 * - scan: a thread per span of time. Takes the time of all waves of tiles, whatever T is.
 *
 * A wave is what runs at once: four tiles of 2048 samples on each multiprocessor. It takes as long
 * as 200 samples of one thread, counted in instructions (8000 cycles to 40), not measured.
 */
inline AllpoleStrategy choose_allpole_strategy(const apf_context *ctx, int64_t B, int64_t T)
{
  enum { TILE = 2048, TILES_AT_ONCE = 4, SAMPLES_OF_A_WAVE = 200 };
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
