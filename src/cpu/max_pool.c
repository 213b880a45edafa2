/**
 * Maximum over groups of P neighbouring rows; rows that do not fill a group are left out.
 *
 *   y[b,h,w] = max_p x[b, h P + p, w];   dx is dy where the first such maximum stands, else 0
 */
#include "cpu/cpu.h"

#include <string.h>

apf_status APF_CPU(max_pool_forward)(apf_context *ctx, int64_t B, int64_t H, int64_t W, int64_t P,
                                     const real *x, real *y)
{
  const int64_t out = H / P;
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t h = 0; h < out; h++) {
      const real *from = x + (b * H + h * P) * W;
      real *to = y + (b * out + h) * W;
      memcpy(to, from, (size_t)W * sizeof(real));
      for (int64_t p = 1; p < P; p++) {
        const real *next = from + p * W;
#pragma omp simd
        for (int64_t w = 0; w < W; w++) to[w] = next[w] > to[w] ? next[w] : to[w];
      }
    }
  }
  return APF_OK;
}

/** The usual P = 2, which vectorises. */
static void pair_backward(int64_t W, const real *dy, const real *x, real *dx)
{
#pragma omp simd
  for (int64_t w = 0; w < W; w++) {
    const real upstream = dy[w];
    const int second = x[W + w] > x[w];
    dx[w] = second ? 0 : upstream;
    dx[W + w] = second ? upstream : 0;
  }
}

static void group_backward(int64_t W, int64_t P, const real *dy, const real *x, real *dx)
{
  if (P == 2) {
    pair_backward(W, dy, x, dx);
    return;
  }
#pragma omp simd
  for (int64_t w = 0; w < W; w++) {
    real largest = x[w];
    for (int64_t p = 1; p < P; p++) largest = x[p * W + w] > largest ? x[p * W + w] : largest;
    real left = dy[w]; /* goes to the first maximum, and nothing to those after it */
    for (int64_t p = 0; p < P; p++) {
      const int here = x[p * W + w] == largest;
      dx[p * W + w] = here ? left : 0;
      left = here ? 0 : left;
    }
  }
}

apf_status APF_CPU(max_pool_backward)(apf_context *ctx, int64_t B, int64_t H, int64_t W, int64_t P,
                                      const real *dy, const real *x, real *dx)
{
  const int64_t out = H / P;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t h = 0; h < out; h++)
      group_backward(W, P, dy + (b * out + h) * W, x + (b * H + h * P) * W,
                     dx + (b * H + h * P) * W);
    memset(dx + (b * H + out * P) * W, 0, (size_t)((H - out * P) * W) * sizeof(real));
  }
  return APF_OK;
}
