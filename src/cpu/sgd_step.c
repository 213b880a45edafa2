/**
 * Stochastic gradient descent with momentum, as torch.optim.SGD (no dampening, no Nesterov):
 *
 *   g' = g + weight_decay p;   m = momentum m + g';   p = p - learning_rate m
 *
 * Sets whose norm is not finite stand still. Few values, so one thread; in double, rounded once.
 */
#include "cpu/cpu.h"
#include "cpu/moving_sets.h"

apf_status APF_CPU(sgd_step)(apf_context *ctx, int64_t N, int64_t S, double momentum,
                             double weight_decay, const double *schedule, const int32_t *set,
                             const double *norm, const real *g, real *p, real *m)
{
  const moving_sets sets = {S, set, norm};
  const double learning_rate = schedule[0];
  (void)ctx;
  for (int64_t i = 0; i < N; i++) {
    if (!moving_sets_has(&sets, i)) continue;
    double step = (double)g[i] + weight_decay * (double)p[i];
    if (momentum != 0) {
      m[i] = (real)(momentum * (double)m[i] + step);
      step = (double)m[i];
    }
    p[i] = (real)((double)p[i] - learning_rate * step);
  }
  return APF_OK;
}
