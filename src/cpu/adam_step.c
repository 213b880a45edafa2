/**
 * Adam and AdamW, as torch.optim.Adam and AdamW; t = step, from 1:
 *
 *   g' = g + weight_decay p (Adam)   or   p = p (1 - learning_rate weight_decay) (AdamW)
 *   m = beta1 m + (1-beta1) g',   v = beta2 v + (1-beta2) g'^2
 *   p = p - learning_rate / (1-beta1^t) m / (sqrt(v / (1-beta2^t)) + epsilon)
 *
 * In double, rounded once at each store. Threads for the hundreds of thousands of a network.
 */
#include "cpu/cpu.h"

#include <math.h>

apf_status APF_CPU(adam_step)(apf_context *ctx, int64_t N, int64_t step, double learning_rate,
                              double beta1, double beta2, double epsilon, double weight_decay,
                              int decoupled, const real *g, real *p, real *m, real *v)
{
  enum { PARALLEL_FROM = 1 << 14 };
  const double rate = learning_rate / (1 - pow(beta1, (double)step));
  const double correction = 1 / sqrt(1 - pow(beta2, (double)step));
  const double keep = decoupled ? 1 - learning_rate * weight_decay : 1;
  const double pull = decoupled ? 0 : weight_decay;
#pragma omp parallel for simd num_threads(ctx->threads) schedule(static) if (N >= PARALLEL_FROM)
  for (int64_t i = 0; i < N; i++) {
    const double slope = (double)g[i] + pull * (double)p[i];
    m[i] = (real)(beta1 * (double)m[i] + (1 - beta1) * slope);
    v[i] = (real)(beta2 * (double)v[i] + (1 - beta2) * slope * slope);
    p[i] = (real)(keep * (double)p[i] -
                  rate * (double)m[i] / (sqrt((double)v[i]) * correction + epsilon));
  }
  return APF_OK;
}
