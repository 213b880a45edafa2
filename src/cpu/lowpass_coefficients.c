/**
 * Coefficients of a second-order low-pass filter (R. Bristow-Johnson's audio equaliser cookbook).
 *
 *   p = sin w / (2 q),  a0 = 1 + p
 *   a1 = -2 s cos w / a0,  a2 = s (1 - p) / a0          (s = `scale` keeps the poles inside)
 *   b0 = b2 = (1 - cos w) / (2 a0),  b1 = (1 - cos w) / a0
 *
 * Backward: with D = da1 a1 + da2 a2 + db0 b0 + db1 b1 + db2 b2 the gradient of a0 is -D / a0, so
 *
 *   dp = -(D + s da2) / a0,   dcos = -(2 s da1 + db0/2 + db1 + db2/2) / a0
 *   dw = dp cos w / (2 q) - dcos sin w,   dq = -dp p / q
 */
#include "cpu/cpu.h"
#include "cpu/vmath.h"

apf_status APF_CPU(lowpass_coefficients_forward)(apf_context *ctx, int64_t N, double scale,
                                                 const real *w, const real *q, real *a, real *b)
{
  const real s = (real)scale;
#pragma omp parallel for simd num_threads(ctx->threads) schedule(static) if (parallel : N >= 4096)
  for (int64_t n = 0; n < N; n++) {
    const real cosine = APF_FN(vm_cos)(w[n]), p = APF_FN(vm_sin)(w[n]) / (2 * q[n]);
    const real inverse = 1 / (1 + p), open = (1 - cosine) * inverse;
    a[2 * n] = -2 * s * cosine * inverse;
    a[2 * n + 1] = s * (1 - p) * inverse;
    b[3 * n] = b[3 * n + 2] = open * (real)0.5;
    b[3 * n + 1] = open;
  }
  return APF_OK;
}

apf_status APF_CPU(lowpass_coefficients_backward)(apf_context *ctx, int64_t N, double scale,
                                                  const real *da, const real *db, const real *w,
                                                  const real *q, real *dw, real *dq)
{
  const real s = (real)scale;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (N >= 4096)
  for (int64_t n = 0; n < N; n++) {
    const real sine = APF_FN(vm_sin)(w[n]), cosine = APF_FN(vm_cos)(w[n]);
    const real p = sine / (2 * q[n]), inverse = 1 / (1 + p), open = (1 - cosine) * inverse;
    const real da1 = da ? da[2 * n] : 0, da2 = da ? da[2 * n + 1] : 0;
    const real ends = db ? (db[3 * n] + db[3 * n + 2]) * (real)0.5 : 0;
    const real dopen = ends + (db ? db[3 * n + 1] : 0);
    const real D = -2 * s * cosine * inverse * da1 + s * (1 - p) * inverse * da2 + open * dopen;
    const real dp = -(D + s * da2) * inverse, dcosine = -(2 * s * da1 + dopen) * inverse;
    if (dw) dw[n] = dp * cosine / (2 * q[n]) - dcosine * sine;
    if (dq) dq[n] = -dp * p / q[n];
  }
  return APF_OK;
}
