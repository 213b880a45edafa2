/**
 * Dropout: each value is zeroed with probability `rate`, the others are divided by 1 - rate.
 *
 *   y[i] = x[i] m[i],  m[i] = 0 if word i of the sequence < rate 2^32, else 1 / (1 - rate)
 *   dx = dy m
 *
 * The mask is made again in the backward pass instead of being kept: it is a function of seed,
 * stream, step and i alone (core/philox.h), the same on every backend and for any number of
 * threads.
 */
#include "cpu/cpu.h"

#include "core/philox.h"

static void apply_mask(const apf_context *ctx, int64_t N, double rate, uint64_t seed,
                       uint32_t stream, uint32_t step, const real *from, real *to)
{
  const uint64_t limit = (uint64_t)(rate * 4294967296.0);
  const real kept = (real)(1 / (1 - rate));
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (N >= 4096)
  for (int64_t i = 0; i < N; i += 4) {
    const apf_philox block = apf_philox_block(seed, (uint64_t)(i / 4), stream, step);
    for (int64_t j = i; j < i + 4 && j < N; j++)
      to[j] = block.word[j - i] < limit ? 0 : from[j] * kept;
  }
}

apf_status APF_CPU(dropout_forward)(apf_context *ctx, int64_t N, double rate, uint64_t seed,
                                    uint32_t stream, const real *step, const real *x, real *y)
{
  apply_mask(ctx, N, rate, seed, stream, (uint32_t)(int64_t)step[0], x, y);
  return APF_OK;
}

apf_status APF_CPU(dropout_backward)(apf_context *ctx, int64_t N, double rate, uint64_t seed,
                                     uint32_t stream, const real *step, const real *dy, real *dx)
{
  apply_mask(ctx, N, rate, seed, stream, (uint32_t)(int64_t)step[0], dy, dx);
  return APF_OK;
}
