/**
 * The FIR filter whose taps change from sample to sample: rows of K taps. SIMD_LANES samples are
 * worked on at once; a few taps of theirs are transposed in registers, so that lanes run along
 * time, and results that are per tap are transposed on their way back.
 */
#ifndef APF_CPU_FIR_SAMPLES_H
#define APF_CPU_FIR_SAMPLES_H

#include "cpu/simd.h"

/** How many of n samples the vectors may take, where arrays of rows end after `limit` samples: rows
 *  shorter than a quarter are read and written a little beyond their end. */
SIMD_INLINE int64_t samples_in_vectors(const int64_t K, int64_t n, int64_t limit)
{
  const int64_t beyond = K > 1 && K < SIMD_QUARTER ? (SIMD_QUARTER - 1) / K : 0;
  const int64_t most = n < limit - beyond ? n : limit - beyond;
  return most > 0 ? most / SIMD_LANES * SIMD_LANES : 0;
}

/** Calls USE(k, square[c]) with the vector of tap k of SIMD_LANES rows, for every k. */
#define FOR_EACH_TAP(K, rows, USE)                                             \
  do {                                                                         \
    vreal square[SIMD_QUARTER];                                                \
    int64_t done = 0;                                                          \
    if (K == 1) {                                                              \
      square[0] = simd_load(rows);                                             \
      USE(0, square[0]);                                                       \
      break;                                                                   \
    }                                                                          \
    for (; done + SIMD_QUARTER <= K; done += SIMD_QUARTER) {                   \
      simd_load_quarter((rows) + done, K, square);                             \
      for (int c = 0; c < SIMD_QUARTER; c++) USE(done + c, square[c]);         \
    }                                                                          \
    if (done == K) break;                                                      \
    /* The last few together with taps before them, or with the next row's. */ \
    const int64_t first = K < SIMD_QUARTER ? 0 : K - SIMD_QUARTER;             \
    simd_load_quarter((rows) + first, K, square);                              \
    for (int c = 0; c < SIMD_QUARTER; c++)                                     \
      if (first + c >= done && first + c < K) USE(first + c, square[c]);       \
  } while (0)

/** out[i] = sum_k rows[i,k] x[i-k]. */
SIMD_INLINE void samples_filter(const int64_t K, int64_t n, int64_t limit, const real *rows,
                                const real *x, real *out)
{
  const int64_t vectors = samples_in_vectors(K, n, limit);
  int64_t i = 0;
  for (; i < vectors; i += SIMD_LANES) {
    vreal sum = simd_set(0);
#define ADD(k, taps) sum += (taps)*simd_load(x + i - (k))
    FOR_EACH_TAP(K, rows + i * K, ADD);
#undef ADD
    simd_store(out + i, sum);
  }
  for (; i < n; i++) {
    real sum = 0;
    for (int64_t k = 0; k < K; k++) sum += rows[i * K + k] * x[i - k];
    out[i] = sum;
  }
}

/** products[k * stride + i] = rows[i,k] dy[i]. */
SIMD_INLINE void samples_products(const int64_t K, int64_t n, int64_t limit, const real *rows,
                                  const real *dy, real *products, int64_t stride)
{
  const int64_t vectors = samples_in_vectors(K, n, limit);
  int64_t i = 0;
  for (; i < vectors; i += SIMD_LANES) {
    const vreal upstream = simd_load(dy + i);
#define STORE(k, taps) simd_store(products + (k)*stride + i, (taps)*upstream)
    FOR_EACH_TAP(K, rows + i * K, STORE);
#undef STORE
  }
  for (; i < n; i++)
    for (int64_t k = 0; k < K; k++) products[k * stride + i] = rows[i * K + k] * dy[i];
}

/** rows[i,k] = dy[i] x[i-k]. The arrays of rows are written in order, up to `limit` samples. */
SIMD_INLINE void samples_gradient(const int64_t K, int64_t n, int64_t limit, const real *dy,
                                  const real *x, real *rows)
{
  const int64_t vectors = samples_in_vectors(K, n, limit);
  int64_t i = 0;
  for (; i < vectors; i += SIMD_LANES) {
    const vreal upstream = simd_load(dy + i);
    if (K == 1) simd_store(rows + i, upstream * simd_load(x + i));
    for (int64_t k = 0; k < K && K > 1; k += SIMD_QUARTER) {
      const int64_t first = k + SIMD_QUARTER <= K || K < SIMD_QUARTER ? k : K - SIMD_QUARTER;
      vreal square[SIMD_QUARTER];
      for (int c = 0; c < SIMD_QUARTER; c++)
        square[c] = upstream * simd_load(x + i - (first + c < K ? first + c : 0));
      simd_store_quarter(rows + i * K + first, K, square);
    }
  }
  for (; i < n; i++)
    for (int64_t k = 0; k < K; k++) rows[i * K + k] = dy[i] * x[i - k];
}

/** Calls function(K, ...) with K known to the compiler where it is small. */
#define FOR_TAPS(K, function, ...)           \
  switch (K) {                               \
    case 1: function(1, __VA_ARGS__); break; \
    case 2: function(2, __VA_ARGS__); break; \
    case 3: function(3, __VA_ARGS__); break; \
    case 5: function(5, __VA_ARGS__); break; \
    case 7: function(7, __VA_ARGS__); break; \
    default: function(K, __VA_ARGS__);       \
  }

#endif
