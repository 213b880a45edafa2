/**
 * Dropout: each value is zeroed with probability `rate`, the others are divided by 1 - rate.
 *
 *   y[i] = x[i] m[i],  m[i] = 0 if word i of the sequence < rate 2^32, else 1 / (1 - rate)
 *   dx = dy m
 *
 * The mask is made again in the backward pass instead of being kept: it is a function of seed,
 * stream, step and i alone (core/philox.h), the same on every backend. A thread per four values,
 * which are one block of the generator.
 */
#include "cuda/cuda.h"

extern "C" {
#include "core/philox.h"
}

namespace apf_cuda {

enum { THREADS = 256, WORDS = 4 };

template <class real>
struct Mask {
  uint64_t seed, limit;
  uint32_t stream;
  real kept; /* factor of the values that stay */
};

template <class real>
__global__ void dropout_kernel(int64_t N, Mask<real> mask, const real *step, const real *from,
                               real *to)
{
  const uint32_t now = static_cast<uint32_t>(static_cast<int64_t>(load(step)));
  APF_GRID_LOOP(k, (N + WORDS - 1) / WORDS)
  {
    const apf_philox block =
        apf_philox_block(mask.seed, static_cast<uint64_t>(k), mask.stream, now);
#pragma unroll
    for (int j = 0; j < WORDS; j++) {
      const int64_t i = k * WORDS + j;
      if (i < N) store(to + i, block.word[j] < mask.limit ? real(0) : load(from + i) * mask.kept);
    }
  }
}

template <class real>
apf_status apply_mask(apf_context *ctx, int64_t N, double rate, uint64_t seed, uint32_t stream,
                      const real *step, const real *from, real *to)
{
  const Mask<real> mask = {seed, static_cast<uint64_t>(rate * 4294967296.0), stream,
                           static_cast<real>(1 / (1 - rate))};
  return APF_LAUNCH(ctx, dropout_kernel<real>, grid_for(ctx, divide_up(N, WORDS), THREADS), THREADS,
                    0, N, mask, step, from, to);
}

template <class real>
apf_status dropout_forward(apf_context *ctx, int64_t N, double rate, uint64_t seed, uint32_t stream,
                           const real *step, const real *x, real *y)
{
  return apply_mask(ctx, N, rate, seed, stream, step, x, y);
}
APF_INSTANTIATE_REAL(dropout_forward);

template <class real>
apf_status dropout_backward(apf_context *ctx, int64_t N, double rate, uint64_t seed,
                            uint32_t stream, const real *step, const real *dy, real *dx)
{
  return apply_mask(ctx, N, rate, seed, stream, step, dy, dx);
}
APF_INSTANTIATE_REAL(dropout_backward);

}  // namespace apf_cuda
