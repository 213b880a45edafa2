/** The plain form of cpu/preemphasis_l1.c: one loop over time per row. */
#include "cpu/cpu.h"

#include <math.h>

apf_status APF_CPU(preemphasis_l1_forward_reference)(apf_context *ctx, int64_t B, int64_t R,
                                                     int64_t T, const real *pred,
                                                     const real *target, real *loss)
{
  (void)ctx;
  for (int64_t b = 0; b < B; b++) {
    double sum = 0, v = 0, before = 0;
    for (int64_t t = 0; t < T; t++) {
      const double e = (double)pred[b * T + t] - (double)target[b % R * T + t];
      v = e - before + 0.995 * v;
      before = e;
      sum += fabs(v);
    }
    loss[b] = (real)(sum / (double)T);
  }
  return APF_OK;
}

apf_status APF_CPU(preemphasis_l1_backward_reference)(apf_context *ctx, int64_t B, int64_t R,
                                                      int64_t T, const real *dloss,
                                                      const real *pred, const real *target,
                                                      real *dpred, real *dtarget)
{
  (void)ctx;
  for (int64_t i = 0; dtarget && i < R * T; i++) dtarget[i] = 0;
  for (int64_t b = 0; b < B; b++) {
    real *signs = dpred + b * T;
    double v = 0, before = 0, u = 0;
    for (int64_t t = 0; t < T; t++) {
      const double e = (double)pred[b * T + t] - (double)target[b % R * T + t];
      v = e - before + 0.995 * v;
      before = e;
      signs[t] = (real)((v > 0) - (v < 0));
    }
    for (int64_t t = T - 1; t >= 0; t--) {
      const double later = u;
      u = (double)dloss[b] / (double)T * (double)signs[t] + 0.995 * later;
      dpred[b * T + t] = (real)(u - later);
      if (dtarget) dtarget[b % R * T + t] -= (real)(u - later);
    }
  }
  return APF_OK;
}
