/**
 * Stochastic gradient descent with momentum, as torch.optim.SGD (no dampening, no Nesterov):
 *
 *   g' = g + weight_decay p;   m = momentum m + g';   p = p - learning_rate m
 *
 * A thread per value; sets whose norm is not finite stand still. In double, rounded once.
 */
#include "cuda/moving_sets.h"

namespace apf_cuda {

enum { THREADS = 256 };

template <class real>
__global__ void sgd_step_kernel(int64_t N, double momentum, double weight_decay,
                                const double *schedule, MovingSets sets, const real *g, real *p,
                                real *m)
{
  const double learning_rate = load(schedule);
  APF_GRID_LOOP(i, N)
  {
    if (!sets.has(i)) continue;
    const double before = load(p + i);
    double step = load(g + i) + weight_decay * before;
    if (momentum != 0) {
      const real velocity = static_cast<real>(momentum * load(m + i) + step);
      store(m + i, velocity);
      step = velocity;
    }
    store(p + i, static_cast<real>(before - learning_rate * step));
  }
}

template <class real>
apf_status sgd_step(apf_context *ctx, int64_t N, int64_t S, double momentum, double weight_decay,
                    const double *schedule, const int32_t *set, const double *norm, const real *g,
                    real *p, real *m)
{
  return APF_LAUNCH(ctx, sgd_step_kernel<real>, grid_for(ctx, N, THREADS), THREADS, 0, N, momentum,
                    weight_decay, schedule, (MovingSets{S, set, norm}), g, p, m);
}
APF_INSTANTIATE_REAL(sgd_step);

}  // namespace apf_cuda
