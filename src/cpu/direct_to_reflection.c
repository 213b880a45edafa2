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
 *
 * Lanes are rows.
 */
#include "cpu/cpu.h"
#include "cpu/reflection.h"

static inline vreal inverse_of_loss(vreal k)
{
  return 1 / ((1 - k) * (1 + k));
}

apf_status APF_CPU(direct_to_reflection_forward)(apf_context *ctx, int64_t N, int64_t M,
                                                 const real *a, real *k)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n += SIMD_LANES) {
    vreal rows[APF_MAX_ORDER];
    simd_load_columns(a + n * M, M, reflection_rows(n, N), M, 0, rows);
    for (int64_t m = M; m >= 1; m--)
      reflection_mix(m - 1, -rows[m - 1], inverse_of_loss(rows[m - 1]), rows);
    simd_store_columns(k + n * M, M, reflection_rows(n, N), M, false, rows);
  }
  return APF_OK;
}

apf_status APF_CPU(direct_to_reflection_backward)(apf_context *ctx, int64_t N, int64_t M,
                                                  const real *dk, const real *k, real *da)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n += SIMD_LANES) {
    vreal levels[REFLECTION_LEVELS], rows[APF_MAX_ORDER], g[APF_MAX_ORDER];
    simd_load_columns(k + n * M, M, reflection_rows(n, N), M, 0, rows);
    simd_load_columns(dk + n * M, M, reflection_rows(n, N), M, 0, g);
    reflection_levels(M, rows, levels);
    for (int64_t m = 1; m <= M; m++) {
      const vreal km = rows[m - 1], inverse = inverse_of_loss(km);
      const vreal *below = levels + reflection_level(m - 1);
      vreal sum = simd_set(0);
      for (int64_t i = 0; i < m - 1; i++) sum += g[i] * (km * below[i] - below[m - 2 - i]);
      g[m - 1] += inverse * sum;
      reflection_mix(m - 1, -km, inverse, g);
    }
    simd_store_columns(da + n * M, M, reflection_rows(n, N), M, false, g);
  }
  return APF_OK;
}
