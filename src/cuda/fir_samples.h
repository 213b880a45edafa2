/**
 * The FIR filter whose taps change from sample to sample: rows of K taps.
 *
 * A thread computes a sample; a block's tile of taps, at most FIR_TAPS of each row at a time, goes
 * through shared memory, since it lies in memory row after row. Backward, tiles cover the samples
 * before the sequence too, whose gradients are dzi: the block reads the K-1 rows behind its own as
 * well, which its neighbour has just brought into the cache, and writes db of its own.
 */
#ifndef APF_CUDA_FIR_SAMPLES_H
#define APF_CUDA_FIR_SAMPLES_H

#include "cuda/fir.h"

namespace apf_cuda {

enum { SAMPLES_TILE = FIR_THREADS, SAMPLES_WINDOW = SAMPLES_TILE + FIR_TAPS - 1 };

/** Taps of consecutive rows; one more than FIR_TAPS, so that threads use all banks. */
template <class real>
struct TapRows {
  real v[SAMPLES_WINDOW][FIR_TAPS + 1];
};

/** Taps [k, k + taps) of `count` rows of a sequence from row t on; zeros outside it. */
template <class real>
__device__ inline void load_taps(const FirSizes &sizes, const real *b, int64_t t, int count,
                                 int64_t k, int taps, TapRows<real> &rows)
{
  for (TapWalk at(taps); at.row < count; at.next()) {
    real *const to = &rows.v[at.row][at.tap];
    const int64_t row = t + at.row;
    if (row >= 0 && row < sizes.T)
      async_copy(to, b + row * sizes.K + k + at.tap);
    else
      *to = 0;
  }
  async_commit();
}

template <class real>
struct FilterSamplesShared {
  real window[SAMPLES_WINDOW];
  TapRows<real> rows;
};

template <class real>
__global__ void __launch_bounds__(FIR_THREADS)
    fir_filter_samples_kernel(FirSizes sizes, FirTerms<real> terms, real *y, FirSignal<real> state,
                              real *zf)
{
  APF_SHARED(shared, FilterSamplesShared<real>);
  const FirTile tile(sizes, SAMPLES_TILE);
  const int n = static_cast<int>(smaller(sizes.T - tile.begin, SAMPLES_TILE));
  const int me = threadIdx.x;
  real sum = 0;
  for (int i = 0; i < terms.count; i++) {
    const FirTerm<real> term = terms.at(i);
    const FirSignal<real> signal = term.signal.of_sequence(sizes, tile.b);
    const real *b = term.b + tile.b * sizes.F * sizes.K;
    for (int64_t k = 0; k < sizes.K; k += FIR_TAPS) {
      const int taps = static_cast<int>(smaller(sizes.K - k, FIR_TAPS));
      load_taps(sizes, b, tile.begin, n, k, taps, shared.rows);
      load_window(sizes, signal, tile.begin - k - (taps - 1), n + taps - 1, shared.window);
      async_wait<0>();
      __syncthreads();
      for (int j = 0; j < taps && me < n; j++)
        sum += shared.rows.v[me][j] * shared.window[me + taps - 1 - j];
      __syncthreads();
    }
  }
  if (me < n) store(y + tile.b * sizes.T + tile.begin + me, sum);
  if (zf && tile.index == sizes.tiles - 1)
    store_state(sizes, state.of_sequence(sizes, tile.b), zf + tile.b * (sizes.K - 1));
}

template <class real>
struct GradientsSamplesShared {
  real dy[SAMPLES_WINDOW];     /* of the rows that the tile's inputs enter by the taps in hand */
  real own[SAMPLES_TILE];      /* dy of the tile itself */
  real window[SAMPLES_WINDOW]; /* inputs, for db */
  TapRows<real> rows;
};

/** db[t,k] = dy[t] x[t-k] of the tile, for `taps` taps from k on. */
template <class real>
__device__ inline void store_tap_gradients(const FirSizes &sizes, int64_t first, int64_t k,
                                           int taps, GradientsSamplesShared<real> &shared, real *db)
{
  for (TapWalk at(taps); at.row < SAMPLES_TILE; at.next()) {
    const int64_t t = first + at.row;
    if (t >= 0 && t < sizes.T)
      store(db + t * sizes.K + k + at.tap,
            shared.own[at.row] * shared.window[at.row + taps - 1 - at.tap]);
  }
}

template <class real>
__global__ void __launch_bounds__(FIR_THREADS)
    fir_gradients_samples_kernel(FirSizes sizes, FirGradients<real> p)
{
  APF_SHARED(shared, GradientsSamplesShared<real>);
  const FirTile tile(sizes, SAMPLES_TILE);
  const int64_t first = tile.begin, taps_before = tile.b * sizes.F * sizes.K;
  const FirSignal<real> upstream = {p.dy + tile.b * sizes.T, nullptr};
  const FirSignal<real> signal = p.signal.of_sequence(sizes, tile.b);
  const bool wants_input = p.dx || p.dzi;
  const int me = threadIdx.x;
  real sum = 0;
  load_window(sizes, upstream, first, SAMPLES_TILE, shared.own);
  for (int64_t k = 0; k < sizes.K; k += FIR_TAPS) {
    const int taps = static_cast<int>(smaller(sizes.K - k, FIR_TAPS));
    const int count = SAMPLES_TILE + taps - 1;
    if (wants_input) {
      load_taps(sizes, p.b + taps_before, first + k, count, k, taps, shared.rows);
      load_window(sizes, upstream, first + k, count, shared.dy);
    }
    if (p.db) load_window(sizes, signal, first - k - (taps - 1), count, shared.window);
    async_wait<0>();
    __syncthreads();
    for (int j = 0; j < taps && wants_input; j++)
      sum += shared.rows.v[me + j][j] * shared.dy[me + j];
    if (p.db) store_tap_gradients(sizes, first, k, taps, shared, p.db + taps_before);
    __syncthreads();
  }
  if (wants_input) p.store_input(sizes, tile.b, first + me, sum);
}

}  // namespace apf_cuda

#endif
