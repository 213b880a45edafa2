/**
 * Power of the channels that a compressor listens to, and its adjoint.
 *
 *   p[b,t] = mean over c of max(x[b,c,t]^2, 1e-8);   dx[b,c,t] = dp[b,t] 2 x[b,c,t]/C, 0 below the
 * floor
 *
 * Memory bound: one pass. Work is cut in time too, so that one long row uses every thread.
 */
#include "cpu/cpu.h"

enum { SPAN = 4096 };

static const real floor_power = (real)1e-8;

static inline real power_of(real x)
{
  const real square = x * x;
  return square > floor_power ? square : floor_power;
}

apf_status APF_CPU(compressor_level_forward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                             const real *x, real *p)
{
  const int64_t spans = (T + SPAN - 1) / SPAN;
  const real weight = 1 / (real)C;
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t span = 0; span < spans; span++) {
      const int64_t start = span * SPAN, end = start + SPAN < T ? start + SPAN : T;
      const real *first = x + b * C * T;
      real *out = p + b * T;
      for (int64_t t = start; t < end; t++) out[t] = weight * power_of(first[t]);
      for (int64_t c = 1; c < C; c++)
        for (int64_t t = start; t < end; t++) out[t] += weight * power_of(first[c * T + t]);
    }
  }
  return APF_OK;
}

apf_status APF_CPU(compressor_level_backward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                              const real *dp, const real *x, real *dx)
{
  const int64_t spans = (T + SPAN - 1) / SPAN;
  const real scale = 2 / (real)C;
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t row = 0; row < B * C; row++) {
    for (int64_t span = 0; span < spans; span++) {
      const int64_t start = span * SPAN, end = start + SPAN < T ? start + SPAN : T;
      const real *in = x + row * T, *up = dp + row / C * T;
      real *out = dx + row * T;
      for (int64_t t = start; t < end; t++)
        out[t] = in[t] * in[t] >= floor_power ? scale * up[t] * in[t] : 0;
    }
  }
  return APF_OK;
}
