/**
 * Dropout: each value is zeroed with probability `rate`, the others are divided by 1 - rate.
 *
 *   y[i] = x[i] m[i],  m[i] = 0 if word i of the sequence < rate 2^32, else 1 / (1 - rate)
 *   dx = dy m
 *
 * The mask is made again in the backward pass instead of being kept: it is a function of seed,
 * stream, step and i alone (core/philox.h), the same on every backend. A thread per four values,
 * which are one block of the generator, moved in packs where the addresses allow.
 */
#include "cuda/elementwise.h"

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

/** The first n of four values; `packed`: in packs where there are four. */
template <class real>
__device__ inline void load_words(bool packed, int64_t n, const real *from, real (&v)[WORDS])
{
  if (packed && n >= WORDS) {
    for (int j = 0; j < WORDS; j += PACKED<real>) {
      const Pack<real, PACKED<real>> pack = load_pack(from, j / PACKED<real>);
      for (int i = 0; i < PACKED<real>; i++) v[j + i] = pack.v[i];
    }
  } else {
    for (int j = 0; j < WORDS; j++) v[j] = j < n ? load(from + j) : real(0);
  }
}

template <class real>
__device__ inline void store_words(bool packed, int64_t n, const real (&v)[WORDS], real *to)
{
  if (packed && n >= WORDS) {
    for (int j = 0; j < WORDS; j += PACKED<real>) {
      Pack<real, PACKED<real>> pack;
      for (int i = 0; i < PACKED<real>; i++) pack.v[i] = v[j + i];
      store_pack(to, j / PACKED<real>, pack);
    }
  } else {
    for (int j = 0; j < WORDS; j++)
      if (j < n) store(to + j, v[j]);
  }
}

template <class real>
__global__ void dropout_kernel(int64_t N, bool packed, Mask<real> mask, const real *step,
                               const real *from, real *to)
{
  const uint32_t now = static_cast<uint32_t>(static_cast<int64_t>(load(step)));
  APF_GRID_LOOP(k, (N + WORDS - 1) / WORDS)
  {
    const int64_t start = k * WORDS, left = N - start;
    const apf_philox block =
        apf_philox_block(mask.seed, static_cast<uint64_t>(k), mask.stream, now);
    real v[WORDS];
    load_words(packed, left, from + start, v);
    for (int j = 0; j < WORDS; j++) v[j] = block.word[j] < mask.limit ? real(0) : v[j] * mask.kept;
    store_words(packed, left, v, to + start);
  }
}

template <class real>
apf_status apply_mask(apf_context *ctx, int64_t N, double rate, uint64_t seed, uint32_t stream,
                      const real *step, const real *from, real *to)
{
  const Mask<real> mask = {seed, static_cast<uint64_t>(rate * 4294967296.0), stream,
                           static_cast<real>(1 / (1 - rate))};
  const bool packed = packs_of<real>(N, from, to) > 0;
  return APF_LAUNCH(ctx, dropout_kernel<real>, grid_for(ctx, divide_up(N, WORDS), THREADS), THREADS,
                    0, N, packed, mask, step, from, to);
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
