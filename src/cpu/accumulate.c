/** y[i] += x[i]. */
#include "cpu/cpu.h"

enum { PARALLEL_FROM = 1 << 15 };

apf_status APF_CPU(accumulate)(apf_context *ctx, int64_t n, const real *x, real *y)
{
#pragma omp parallel for simd num_threads(ctx->threads) schedule(static) if (n >= PARALLEL_FROM)
  for (int64_t i = 0; i < n; i++) y[i] += x[i];
  return APF_OK;
}
