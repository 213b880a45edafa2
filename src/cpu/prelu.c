/**
 * Rectifier with a learned slope per channel.
 *
 *   y = x if x > 0, else a[c] x;   dx = dy if x > 0, else a[c] dy
 *   da[c] = sum of dy x over all batches and positions where x <= 0
 *
 * One pass over memory. Each row (batch, channel) has its own sum, in double from block to block;
 * rows are added in order, so da does not depend on the number of threads.
 */
#include "cpu/cpu.h"

enum { BLOCK = 1024 };

apf_status APF_CPU(prelu_forward)(apf_context *ctx, int64_t B, int64_t C, int64_t N, const real *x,
                                  const real *a, real *y)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t row = 0; row < B * C; row++) {
    const real slope = a[row % C];
    const real *from = x + row * N;
    real *to = y + row * N;
#pragma omp simd
    for (int64_t n = 0; n < N; n++) to[n] = from[n] > 0 ? from[n] : slope * from[n];
  }
  return APF_OK;
}

/** dx of one row, if wanted; returns the row's part of da. */
static double row_backward(int64_t N, const real *dy, const real *x, real slope, real *dx)
{
  double sum = 0;
  for (int64_t start = 0; start < N; start += BLOCK) {
    const int64_t end = start + BLOCK < N ? start + BLOCK : N;
    real part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t n = start; n < end; n++) part += x[n] > 0 ? 0 : dy[n] * x[n];
    sum += part;
    if (!dx) continue;
#pragma omp simd
    for (int64_t n = start; n < end; n++) dx[n] = x[n] > 0 ? dy[n] : slope * dy[n];
  }
  return sum;
}

apf_status APF_CPU(prelu_backward)(apf_context *ctx, int64_t B, int64_t C, int64_t N,
                                   const real *dy, const real *x, const real *a, real *dx, real *da)
{
  void *memory;
  APF_TRY(apf_workspace(ctx, (size_t)(B * C) * sizeof(double), &memory));
  double *sums = memory;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t row = 0; row < B * C; row++)
    sums[row] = row_backward(N, dy + row * N, x + row * N, a[row % C], dx ? dx + row * N : NULL);
  if (!da) return APF_OK;
  for (int64_t c = 0; c < C; c++) {
    double sum = 0;
    for (int64_t b = 0; b < B; b++) sum += sums[b * C + c];
    da[c] = (real)sum;
  }
  return APF_OK;
}
