/**
 * Normalisation of rows to mean 0 and variance 1, without affine parameters.
 *
 *   y = (x - mean) scale,   scale = 1 / sqrt(variance + epsilon)
 *   dx = scale (dy - mean(dy) - y mean(dy y))
 *
 * Two passes over a row for the moments (the mean first: squares of what is left of it do not
 * cancel), one to write; rows usually stay in cache meanwhile. Sums run in vectors of `real` over
 * short blocks and in double from block to block.
 */
#include "cpu/cpu.h"

#include <math.h>

enum { BLOCK = 1024 };

static int64_t block_end(int64_t start, int64_t N)
{
  return start + BLOCK < N ? start + BLOCK : N;
}

static double mean_of(const real *x, int64_t N)
{
  double sum = 0;
  for (int64_t start = 0; start < N; start += BLOCK) {
    real part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t n = start; n < block_end(start, N); n++) part += x[n];
    sum += part;
  }
  return sum / (double)N;
}

/** Mean of (x - shift) (y - shift). */
static double mean_product(const real *x, const real *y, real shift, int64_t N)
{
  double sum = 0;
  for (int64_t start = 0; start < N; start += BLOCK) {
    real part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t n = start; n < block_end(start, N); n++) part += (x[n] - shift) * (y[n] - shift);
    sum += part;
  }
  return sum / (double)N;
}

apf_status APF_CPU(layer_norm_forward)(apf_context *ctx, int64_t R, int64_t N, double epsilon,
                                       const real *x, real *y, real *scale)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t r = 0; r < R; r++) {
    const real *from = x + r * N;
    real *to = y + r * N;
    const real mean = (real)mean_of(from, N);
    const real factor = (real)(1 / sqrt(mean_product(from, from, mean, N) + epsilon));
#pragma omp simd
    for (int64_t n = 0; n < N; n++) to[n] = (from[n] - mean) * factor;
    if (scale) scale[r] = factor;
  }
  return APF_OK;
}

apf_status APF_CPU(layer_norm_backward)(apf_context *ctx, int64_t R, int64_t N, const real *dy,
                                        const real *y, const real *scale, real *dx)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t r = 0; r < R; r++) {
    const real *upstream = dy + r * N, *out = y + r * N;
    real *to = dx + r * N;
    const real factor = scale[r];
    const real offset = (real)mean_of(upstream, N);
    const real slope = (real)mean_product(upstream, out, 0, N);
#pragma omp simd
    for (int64_t n = 0; n < N; n++) to[n] = factor * (upstream[n] - offset - out[n] * slope);
  }
  return APF_OK;
}
