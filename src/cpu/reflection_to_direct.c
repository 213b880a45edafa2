/**
 * Step-up recursion from reflection coefficients to the direct form, and its adjoint.
 *
 *   a^(m)[i] = a^(m-1)[i] + k[m] a^(m-1)[m-i]  for i = 1..m-1,   a^(m)[m] = k[m],   m = 1..M
 *
 * Adjoint, g^(M) = da, for m = M..1:
 *   dk[m] = g^(m)[m] + sum_i g^(m)[i] a^(m-1)[m-i]
 *   g^(m-1)[i] = g^(m)[i] + k[m] g^(m)[m-i]
 *
 * M^2 multiply-adds a row.
 *
 * Lanes are rows.
 */
#include "cpu/cpu.h"
#include "cpu/reflection.h"

apf_status APF_CPU(reflection_to_direct_forward)(apf_context *ctx, int64_t N, int64_t M,
                                                 const real *k, real *a)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n += SIMD_LANES) {
    vreal rows[APF_MAX_ORDER];
    simd_load_columns(k + n * M, M, reflection_rows(n, N), M, 0, rows);
    for (int64_t m = 1; m <= M; m++) reflection_mix(m - 1, rows[m - 1], simd_set(1), rows);
    simd_store_columns(a + n * M, M, reflection_rows(n, N), M, false, rows);
  }
  return APF_OK;
}

apf_status APF_CPU(reflection_to_direct_backward)(apf_context *ctx, int64_t N, int64_t M,
                                                  const real *da, const real *k, real *dk)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t n = 0; n < N; n += SIMD_LANES) {
    vreal levels[REFLECTION_LEVELS], rows[APF_MAX_ORDER], g[APF_MAX_ORDER];
    simd_load_columns(k + n * M, M, reflection_rows(n, N), M, 0, rows);
    simd_load_columns(da + n * M, M, reflection_rows(n, N), M, 0, g);
    reflection_levels(M, rows, levels);
    for (int64_t m = M; m >= 1; m--) {
      const vreal *below = levels + reflection_level(m - 1);
      for (int64_t i = 0; i < m - 1; i++) g[m - 1] += g[i] * below[m - 2 - i];
      reflection_mix(m - 1, rows[m - 1], simd_set(1), g);
    }
    simd_store_columns(dk + n * M, M, reflection_rows(n, N), M, false, g);
  }
  return APF_OK;
}
