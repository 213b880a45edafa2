/** Step-down recursion and its adjoint, plainly; equations in direct_to_reflection.c. */
#include "cpu/cpu.h"
#include "cpu/reflection_reference.h"

#include <string.h>

/** v[i] = (v[i] - k v[n-1-i]) / (1 - k^2) for the first n. */
static void remove_reversed(int64_t n, real k, real *v)
{
  const real scale = 1 / ((1 - k) * (1 + k));
  for (int64_t i = 0, j = n - 1; i <= j; i++, j--) {
    const real vi = v[i], vj = v[j];
    v[i] = scale * (vi - k * vj);
    v[j] = scale * (vj - k * vi);
  }
}

apf_status APF_CPU(direct_to_reflection_forward_reference)(apf_context *ctx, int64_t N, int64_t M,
                                                           const real *a, real *k)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n++) {
    real row[APF_MAX_ORDER];
    memcpy(row, a + n * M, (size_t)M * sizeof(real));
    for (int64_t m = M; m >= 1; m--) remove_reversed(m - 1, row[m - 1], row);
    memcpy(k + n * M, row, (size_t)M * sizeof(real));
  }
  return APF_OK;
}

apf_status APF_CPU(direct_to_reflection_backward_reference)(apf_context *ctx, int64_t N, int64_t M,
                                                            const real *dk, const real *k, real *da)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n++) {
    real levels[REFLECTION_LEVELS], g[APF_MAX_ORDER];
    reflection_levels(M, k + n * M, levels);
    for (int64_t m = 1; m <= M; m++) {
      const real km = k[n * M + m - 1];
      const real *below = levels + reflection_level(m - 1);
      real sum = 0;
      for (int64_t i = 0; i < m - 1; i++) sum += g[i] * (km * below[i] - below[m - 2 - i]);
      g[m - 1] = dk[n * M + m - 1] + sum / ((1 - km) * (1 + km));
      remove_reversed(m - 1, km, g);
    }
    memcpy(da + n * M, g, (size_t)M * sizeof(real));
  }
  return APF_OK;
}
