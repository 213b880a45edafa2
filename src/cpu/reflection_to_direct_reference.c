/** Step-up recursion and its adjoint, plainly; equations in reflection_to_direct.c. */
#include "cpu/cpu.h"
#include "cpu/reflection_reference.h"

#include <string.h>

/** One level up (or, for the adjoint, down) in place: v[i] += k v[n-1-i] for the first n. */
static void add_reversed(int64_t n, real k, real *v)
{
  for (int64_t i = 0, j = n - 1; i <= j; i++, j--) {
    const real vi = v[i], vj = v[j];
    v[i] = vi + k * vj;
    v[j] = vj + k * vi;
  }
}

apf_status APF_CPU(reflection_to_direct_forward_reference)(apf_context *ctx, int64_t N, int64_t M,
                                                           const real *k, real *a)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n++) {
    real row[APF_MAX_ORDER];
    for (int64_t m = 1; m <= M; m++) {
      row[m - 1] = k[n * M + m - 1];
      add_reversed(m - 1, row[m - 1], row);
    }
    memcpy(a + n * M, row, (size_t)M * sizeof(real));
  }
  return APF_OK;
}

apf_status APF_CPU(reflection_to_direct_backward_reference)(apf_context *ctx, int64_t N, int64_t M,
                                                            const real *da, const real *k, real *dk)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n++) {
    real levels[REFLECTION_LEVELS], g[APF_MAX_ORDER];
    reflection_levels(M, k + n * M, levels);
    memcpy(g, da + n * M, (size_t)M * sizeof(real));
    for (int64_t m = M; m >= 1; m--) {
      const real *below = levels + reflection_level(m - 1);
      real sum = g[m - 1];
      for (int64_t i = 0; i < m - 1; i++) sum += g[i] * below[m - 2 - i];
      add_reversed(m - 1, k[n * M + m - 1], g);
      g[m - 1] = sum;
    }
    memcpy(dk + n * M, g, (size_t)M * sizeof(real));
  }
  return APF_OK;
}
