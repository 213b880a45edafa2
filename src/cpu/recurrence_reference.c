/** First-order recurrence, its adjoint and its derivative, plainly; equations in recurrence.c. */
#include "cpu/cpu.h"
#include "cpu/scalar.h"

apf_status APF_CPU(recurrence_forward_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                                 const scalar *x, const scalar *a, const scalar *zi,
                                                 scalar *y, scalar *zf)
{
  const int64_t step = F == 1 ? 0 : 1;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    scalar state = zi ? zi[b] : scalar_of(0);
    for (int64_t t = 0; t < T; t++) {
      state = scalar_mul_add(a[b * F + t * step], state, x[b * T + t]);
      y[b * T + t] = state;
    }
    if (zf) zf[b] = state;
  }
  return APF_OK;
}

apf_status APF_CPU(recurrence_backward_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                                  const scalar *dy, const scalar *dzf,
                                                  const scalar *a, const scalar *zi,
                                                  const scalar *y, scalar *dx, scalar *da,
                                                  scalar *dzi)
{
  const int64_t step = F == 1 ? 0 : 1;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    scalar later = dzf ? dzf[b] : scalar_of(0); /* the gradient that y[t] gets from later samples */
    wide da_sum = wide_zero();
    for (int64_t t = T - 1; t >= 0; t--) {
      const scalar dxt = scalar_add(dy[b * T + t], later);
      later = scalar_mul(scalar_conj(a[b * F + t * step]), dxt);
      if (dx) dx[b * T + t] = dxt;
      if (!da) continue;
      const scalar before = t > 0 ? y[b * T + t - 1] : zi ? zi[b] : scalar_of(0);
      const scalar dat = scalar_mul(scalar_conj(before), dxt);
      if (F == 1)
        da_sum = wide_add(da_sum, dat);
      else
        da[b * F + t] = dat;
    }
    if (da && F == 1) da[b] = wide_round(da_sum);
    if (dzi) dzi[b] = later;
  }
  return APF_OK;
}

apf_status APF_CPU(recurrence_jvp_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                             const scalar *x_dot, const scalar *a_dot,
                                             const scalar *zi_dot, const scalar *a,
                                             const scalar *zi, const scalar *y, scalar *y_dot,
                                             scalar *zf_dot)
{
  const int64_t step = F == 1 ? 0 : 1;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    scalar state_dot = zi_dot ? zi_dot[b] : scalar_of(0);
    for (int64_t t = 0; t < T; t++) {
      scalar drive = x_dot ? x_dot[b * T + t] : scalar_of(0);
      if (a_dot) {
        const scalar before = t > 0 ? y[b * T + t - 1] : zi ? zi[b] : scalar_of(0);
        drive = scalar_mul_add(a_dot[b * F + t * step], before, drive);
      }
      state_dot = scalar_mul_add(a[b * F + t * step], state_dot, drive);
      y_dot[b * T + t] = state_dot;
    }
    if (zf_dot) zf_dot[b] = state_dot;
  }
  return APF_OK;
}
