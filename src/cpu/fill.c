/** y[i] = value. */
#include "cpu/cpu.h"

enum { PARALLEL_FROM = 1 << 15 };

apf_status APF_CPU(fill)(apf_context *ctx, int64_t n, double value, real *y)
{
  const real v = (real)value;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n >= PARALLEL_FROM)
  for (int64_t i = 0; i < n; i++) y[i] = v;
  return APF_OK;
}
