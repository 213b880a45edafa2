/** What the kernels of the FIR filter share: sizes, signals with their history, tiles of taps. */
#ifndef APF_CUDA_FIR_H
#define APF_CUDA_FIR_H

#include "cuda/cuda.h"

namespace apf_cuda {

enum { FIR_THREADS = 256 };
enum { FIR_TAPS = 16 }; /* that are worked on at a time */

struct FirSizes {
  int64_t B, T, F, K;
  int64_t tiles; /* a sequence */
  int64_t lead;  /* samples before the sequence with which the first tile begins */
};

/** The tile of a block: samples from `begin` on of sequence b. */
struct FirTile {
  int64_t b, index, begin;

  __device__ FirTile(const FirSizes &sizes, int size)
  {
    const unsigned tiles = static_cast<unsigned>(sizes.tiles); /* the grid has more of them */
    b = blockIdx.x / tiles;
    index = blockIdx.x % tiles;
    begin = index * size - sizes.lead;
  }
};

/** A signal with what came before it; either may be NULL: zeros. */
template <class real>
struct FirSignal {
  const real *x, *zi;

  __device__ FirSignal of_sequence(const FirSizes &sizes, int64_t b) const
  {
    return {x ? x + b * sizes.T : nullptr, zi ? zi + b * (sizes.K - 1) : nullptr};
  }
  /** Zero outside -(K-1) .. T-1. */
  __device__ real at(const FirSizes &sizes, int64_t t) const
  {
    if (t >= 0) return x && t < sizes.T ? load(x + t) : real(0);
    return zi && t >= 1 - sizes.K ? load(zi + sizes.K - 1 + t) : real(0);
  }
};

/** A product of taps and signal; forward mode adds two of them. */
template <class real>
struct FirTerm {
  const real *b;
  FirSignal<real> signal;
};

template <class real>
struct FirTerms {
  FirTerm<real> first, second;
  int count;

  __device__ FirTerm<real> at(int i) const { return i == 0 ? first : second; }
};

template <class real>
struct FirGradients {
  const real *dy, *dzf, *b;
  FirSignal<real> signal; /* for db only */
  real *dx, *db, *dzi;    /* NULL: not wanted */

  /** `sum` is what the outputs say of sample s; of those before -(K-1) nobody wants to know. */
  __device__ void store_input(const FirSizes &sizes, int64_t b, int64_t s, real sum) const
  {
    const int64_t H = sizes.K - 1, kept = s - (sizes.T - H); /* where it lies in zf */
    if (s < -H || s >= sizes.T) return;
    if (dzf && kept >= 0) sum += load(dzf + b * H + kept);
    if (s >= 0 && dx) store(dx + b * sizes.T + s, sum);
    if (s < 0 && dzi) store(dzi + b * H + H + s, sum);
  }
};

/** Samples `first` .. of a signal into shared memory. */
template <class real>
__device__ inline void load_window(const FirSizes &sizes, const FirSignal<real> &signal,
                                   int64_t first, int n, real *shared)
{
  for (int i = threadIdx.x; i < n; i += FIR_THREADS) shared[i] = signal.at(sizes, first + i);
}

/** The last K-1 samples, by one block a sequence. */
template <class real>
__device__ inline void store_state(const FirSizes &sizes, const FirSignal<real> &signal, real *zf)
{
  const int64_t H = sizes.K - 1;
  for (int64_t j = threadIdx.x; j < H; j += FIR_THREADS)
    store(zf + j, signal.at(sizes, sizes.T - H + j));
}

/** Walks over the entries (row, tap) of rows of `taps` taps, a thread every FIR_THREADS-th, without
 *  a division each. */
struct TapWalk {
  int row, tap, taps, rows_on, taps_on;

  __device__ explicit TapWalk(int taps_) : taps(taps_)
  {
    row = static_cast<int>(threadIdx.x) / taps;
    tap = static_cast<int>(threadIdx.x) - row * taps;
    rows_on = FIR_THREADS / taps;
    taps_on = FIR_THREADS - rows_on * taps;
  }
  __device__ void next()
  {
    row += rows_on;
    tap += taps_on;
    if (tap < taps) return;
    tap -= taps;
    row++;
  }
};

__host__ __device__ inline int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

}  // namespace apf_cuda

#endif
