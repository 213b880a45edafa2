/**
 * Step-down recursion from the direct form to reflection coefficients, and its adjoint.
 *
 *   k[m] = a^(m)[m],   a^(m-1)[i] = (a^(m)[i] - k[m] a^(m)[m-i]) / (1 - k[m]^2),   m = M..1
 *
 * Adjoint, with c = 1 / (1 - k[m]^2) and g^(0) empty, for m = 1..M:
 *   g^(m)[m] = dk[m] + c sum_i g^(m-1)[i] (k[m] a^(m-1)[i] - a^(m-1)[m-i])
 *   g^(m)[i] = c (g^(m-1)[i] - k[m] g^(m-1)[m-i]);   da = g^(M)
 *
 * M^2 multiply-adds a row.
 */
#include "cpu/cpu.h"
#include "cpu/reflection.h"

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

apf_status APF_CPU(direct_to_reflection_forward)(apf_context *ctx, int64_t N, int64_t M,
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

apf_status APF_CPU(direct_to_reflection_backward)(apf_context *ctx, int64_t N, int64_t M,
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
