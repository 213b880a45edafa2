/**
 * Stochastic gradient descent with momentum, as torch.optim.SGD (no dampening, no Nesterov):
 *
 *   g' = g + weight_decay p;   m = momentum m + g';   p = p - learning_rate m
 *
 * Few values, so one thread; in double, rounded once.
 */
#include "cpu/cpu.h"

apf_status APF_CPU(sgd_step)(apf_context *ctx, int64_t N, double learning_rate, double momentum,
                             double weight_decay, const real *g, real *p, real *m)
{
  (void)ctx;
  for (int64_t i = 0; i < N; i++) {
    double step = (double)g[i] + weight_decay * (double)p[i];
    if (momentum != 0) {
      m[i] = (real)(momentum * (double)m[i] + step);
      step = (double)m[i];
    }
    p[i] = (real)((double)p[i] - learning_rate * step);
  }
  return APF_OK;
}
