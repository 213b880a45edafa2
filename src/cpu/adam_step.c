/**
 * Adam and AdamW, as torch.optim.Adam and AdamW; t = step, from 1:
 *
 *   g' = g + weight_decay p (Adam)   or   p = p (1 - learning_rate weight_decay) (AdamW)
 *   m = beta1 m + (1-beta1) g',   v = beta2 v + (1-beta2) g'^2
 *   p = p - learning_rate / (1-beta1^t) m / (sqrt(v / (1-beta2^t)) + epsilon)
 *
 * Sets whose norm is not finite stand still. In double, rounded once at each store. Threads for the
 * hundreds of thousands of a network.
 */
#include "cpu/cpu.h"
#include "cpu/moving_sets.h"

enum { BLOCK = 4096 };

/** The step's numbers as the update needs them. */
typedef struct constants {
  double beta1, beta2, epsilon;
  double rate;       /* learning_rate / (1-beta1^t) */
  double correction; /* 1 / sqrt(1-beta2^t) */
  double keep;       /* AdamW's decay: a factor of p */
  double pull;       /* Adam's: a part of p in the gradient */
} constants;

static void move_run(const constants *c, int64_t n, const real *g, real *p, real *m, real *v)
{
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const double slope = (double)g[i] + c->pull * (double)p[i];
    m[i] = (real)(c->beta1 * (double)m[i] + (1 - c->beta1) * slope);
    v[i] = (real)(c->beta2 * (double)v[i] + (1 - c->beta2) * slope * slope);
    p[i] = (real)(c->keep * (double)p[i] -
                  c->rate * (double)m[i] / (sqrt((double)v[i]) * c->correction + c->epsilon));
  }
}

apf_status APF_CPU(adam_step)(apf_context *ctx, int64_t N, int64_t S, double beta1, double beta2,
                              double epsilon, double weight_decay, int decoupled,
                              const double *schedule, const int32_t *set, const double *norm,
                              const real *g, real *p, real *m, real *v)
{
  const moving_sets sets = {S, set, norm};
  const double learning_rate = schedule[0], step = schedule[1];
  const constants c = {.beta1 = beta1,
                       .beta2 = beta2,
                       .epsilon = epsilon,
                       .rate = learning_rate / (1 - pow(beta1, step)),
                       .correction = 1 / sqrt(1 - pow(beta2, step)),
                       .keep = decoupled ? 1 - learning_rate * weight_decay : 1,
                       .pull = decoupled ? 0 : weight_decay};
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (N > BLOCK)
  for (int64_t start = 0; start < N; start += BLOCK) {
    const int64_t end = N - start < BLOCK ? N : start + BLOCK;
    for (int64_t i = start, stop; i < end; i = stop) {
      stop = moving_sets_run_end(&sets, i, end);
      if (moving_sets_has(&sets, i)) move_run(&c, stop - i, g + i, p + i, m + i, v + i);
    }
  }
  return APF_OK;
}
