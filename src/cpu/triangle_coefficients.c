/**
 * Coefficients of a stable second-order all-pole filter from two free numbers: (a1, a2) fills the
 * triangle |a1| < 1 + a2, a2 < 1.
 *
 *   a1 = 2 s tanh l0,   a2 = ((2 - |a1|) s tanh l1 + |a1|) / 2
 *
 *   da1 += sign(a1) (1 - s tanh l1) / 2 da2;   dl0 = 2 s (1 - tanh^2 l0) da1
 *   dl1 = (2 - |a1|) / 2 s (1 - tanh^2 l1) da2
 */
#include "cpu/cpu.h"
#include "cpu/vmath.h"

apf_status APF_CPU(triangle_coefficients_forward)(apf_context *ctx, int64_t N, double scale,
                                                  const real *logits, real *a)
{
  const real s = (real)scale, half = (real)0.5;
#pragma omp parallel for simd num_threads(ctx->threads) schedule(static) if (parallel : N >= 4096)
  for (int64_t n = 0; n < N; n++) {
    const real a1 = 2 * s * APF_FN(vm_tanh)(logits[2 * n]), size = APF_MATH(fabs)(a1);
    a[2 * n] = a1;
    a[2 * n + 1] = half * ((2 - size) * s * APF_FN(vm_tanh)(logits[2 * n + 1]) + size);
  }
  return APF_OK;
}

apf_status APF_CPU(triangle_coefficients_backward)(apf_context *ctx, int64_t N, double scale,
                                                   const real *da, const real *logits,
                                                   real *dlogits)
{
  const real s = (real)scale, half = (real)0.5;
#pragma omp parallel for simd num_threads(ctx->threads) schedule(static) if (parallel : N >= 4096)
  for (int64_t n = 0; n < N; n++) {
    const real t0 = APF_FN(vm_tanh)(logits[2 * n]), t1 = APF_FN(vm_tanh)(logits[2 * n + 1]);
    const real a1 = 2 * s * t0, sign = (real)((a1 > 0) - (a1 < 0));
    const real da1 = da[2 * n] + sign * half * (1 - s * t1) * da[2 * n + 1];
    const real da2 = da[2 * n + 1] * half * (2 - APF_MATH(fabs)(a1));
    dlogits[2 * n] = 2 * s * (1 - t0 * t0) * da1;
    dlogits[2 * n + 1] = s * (1 - t1 * t1) * da2;
  }
  return APF_OK;
}
