/** Checks and dispatch of stochastic gradient descent; docs/sgd_step.md. */
#include "ops/check.h"

apf_status APF_FN(apf_sgd_step)(apf_context *ctx, int64_t N, double learning_rate, double momentum,
                                double weight_decay, const real *g, real *p, real *m)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_SIZE(ctx, "p", N);
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, g);
  APF_CHECK_POINTER(ctx, p);
  if (momentum != 0) APF_CHECK_POINTER(ctx, m);
  return APF_OPS(ctx)->sgd_step(ctx, N, learning_rate, momentum, weight_decay, g, p, m);
}
