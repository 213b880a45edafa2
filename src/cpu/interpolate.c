/**
 * Linear interpolation along time, end points aligned, and its adjoint; frames.h has the equation.
 * Memory bound: every value is read or written once.
 */
#include "cpu/cpu.h"

#include "cpu/frames.h"

#include <string.h>

apf_status APF_CPU(interpolate_forward)(apf_context *ctx, int64_t B, int64_t F, int64_t T,
                                        int64_t C, const real *x, real *y)
{
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t t = 0; t < T; t++) {
      frame_position at = frame_position_of(t, F, T);
      const real *x0 = x + (b * F + at.frame) * C;
      const real *x1 = F == 1 ? x0 : x0 + C;
      real *yt = y + (b * T + t) * C;
      for (int64_t c = 0; c < C; c++) yt[c] = (1 - at.weight) * x0[c] + at.weight * x1[c];
    }
  }
  return APF_OK;
}

apf_status APF_CPU(interpolate_backward)(apf_context *ctx, int64_t B, int64_t F, int64_t T,
                                         int64_t C, const real *dy, real *dx)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    memset(dx + b * F * C, 0, (size_t)(F * C) * sizeof(real));
    for (int64_t t = 0; t < T; t++) {
      frame_position at = frame_position_of(t, F, T);
      real *dx0 = dx + (b * F + at.frame) * C;
      real *dx1 = F == 1 ? dx0 : dx0 + C;
      const real *dyt = dy + (b * T + t) * C;
      for (int64_t c = 0; c < C; c++) {
        dx0[c] += (1 - at.weight) * dyt[c];
        dx1[c] += at.weight * dyt[c];
      }
    }
  }
  return APF_OK;
}
