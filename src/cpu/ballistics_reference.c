/** Attack and release smoothing and its adjoint, plainly; equations in ballistics.c. */
#include "cpu/cpu.h"

apf_status APF_CPU(ballistics_forward_reference)(apf_context *ctx, int64_t B, int64_t T,
                                                 const real *x, const real *zi, const real *at,
                                                 const real *rt, real *y, real *zf)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    real state = zi ? zi[b] : 0;
    for (int64_t t = 0; t < T; t++) {
      const real u = x[b * T + t];
      const real c = u < state ? at[b] : rt[b];
      state = (1 - c) * state + c * u;
      y[b * T + t] = state;
    }
    if (zf) zf[b] = state;
  }
  return APF_OK;
}

apf_status APF_CPU(ballistics_backward_reference)(apf_context *ctx, int64_t B, int64_t T,
                                                  const real *dy, const real *dzf, const real *x,
                                                  const real *zi, const real *at, const real *rt,
                                                  const real *y, real *dx, real *dzi, real *dat,
                                                  real *drt)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    real later = dzf ? dzf[b] : 0; /* the gradient that y[t] gets from later samples */
    double at_sum = 0, rt_sum = 0;
    for (int64_t t = T - 1; t >= 0; t--) {
      const real before = t > 0 ? y[b * T + t - 1] : zi ? zi[b] : 0;
      const real u = x[b * T + t];
      const int attack = u < before;
      const real c = attack ? at[b] : rt[b];
      const real ds = dy[b * T + t] + later;
      if (attack)
        at_sum += (double)(ds * (u - before));
      else
        rt_sum += (double)(ds * (u - before));
      if (dx) dx[b * T + t] = c * ds;
      later = (1 - c) * ds;
    }
    if (dzi) dzi[b] = later;
    if (dat) dat[b] = (real)at_sum;
    if (drt) drt[b] = (real)rt_sum;
  }
  return APF_OK;
}
