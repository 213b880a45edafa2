/**
 * Adam and AdamW, as torch.optim.Adam and AdamW; t = step, from 1:
 *
 *   g' = g + weight_decay p (Adam)   or   p = p (1 - learning_rate weight_decay) (AdamW)
 *   m = beta1 m + (1-beta1) g',   v = beta2 v + (1-beta2) g'^2
 *   p = p - learning_rate / (1-beta1^t) m / (sqrt(v / (1-beta2^t)) + epsilon)
 *
 * A thread per value; one thread of a block works out the step's constants. Sets whose norm is not
 * finite stand still. In double, rounded once at each store.
 */
#include "cuda/moving_sets.h"

namespace apf_cuda {

enum { THREADS = 256 };

/** What is the same at every step. */
struct AdamOptions {
  double beta1, beta2, epsilon, weight_decay;
  bool decoupled;
};

/** The step's numbers as the update needs them. */
struct AdamConstants {
  double rate;       /* learning_rate / (1-beta1^t) */
  double correction; /* 1 / sqrt(1-beta2^t) */
  double keep;       /* AdamW's decay: a factor of p */
  double pull;       /* Adam's: a part of p in the gradient */
};

__device__ inline AdamConstants adam_constants(const AdamOptions &o, const double *schedule)
{
  const double learning_rate = load(schedule), step = load(schedule + 1);
  return {learning_rate / (1 - pow(o.beta1, step)), 1 / sqrt(1 - pow(o.beta2, step)),
          o.decoupled ? 1 - learning_rate * o.weight_decay : 1, o.decoupled ? 0 : o.weight_decay};
}

template <class real>
__global__ void adam_step_kernel(int64_t N, AdamOptions o, const double *schedule, MovingSets sets,
                                 const real *g, real *p, real *m, real *v)
{
  APF_SHARED(c, AdamConstants);
  if (threadIdx.x == 0) c = adam_constants(o, schedule);
  __syncthreads();
  APF_GRID_LOOP(i, N)
  {
    if (!sets.has(i)) continue;
    const double before = load(p + i);
    const double slope = load(g + i) + c.pull * before;
    const real mean = static_cast<real>(o.beta1 * load(m + i) + (1 - o.beta1) * slope);
    const real square = static_cast<real>(o.beta2 * load(v + i) + (1 - o.beta2) * slope * slope);
    store(m + i, mean);
    store(v + i, square);
    const double scale = sqrt(static_cast<double>(square)) * c.correction + o.epsilon;
    store(p + i, static_cast<real>(c.keep * before - c.rate * mean / scale));
  }
}

template <class real>
apf_status adam_step(apf_context *ctx, int64_t N, int64_t S, double beta1, double beta2,
                     double epsilon, double weight_decay, int decoupled, const double *schedule,
                     const int32_t *set, const double *norm, const real *g, real *p, real *m,
                     real *v)
{
  const AdamOptions options = {beta1, beta2, epsilon, weight_decay, decoupled != 0};
  return APF_LAUNCH(ctx, adam_step_kernel<real>, grid_for(ctx, N, THREADS), THREADS, 0, N, options,
                    schedule, (MovingSets{S, set, norm}), g, p, m, v);
}
APF_INSTANTIATE_REAL(adam_step);

}  // namespace apf_cuda
