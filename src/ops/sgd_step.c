/** Checks and dispatch of stochastic gradient descent; docs/sgd_step.md. */
#include "ops/check.h"

apf_status APF_FN(apf_sgd_step)(apf_context *ctx, int64_t N, int64_t S, double momentum,
                                double weight_decay, const double *schedule, const int32_t *set,
                                const double *norm, const real *g, real *p, real *m)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_AT_LEAST(ctx, S, 1);
  APF_CHECK_SIZE(ctx, "p", N);
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, schedule);
  if (S > 1) APF_CHECK_POINTER(ctx, set);
  APF_CHECK_POINTER(ctx, g);
  APF_CHECK_POINTER(ctx, p);
  if (momentum != 0) APF_CHECK_POINTER(ctx, m);
  APF_CHECK_OPTIONAL(ctx, set);
  APF_CHECK_OPTIONAL(ctx, norm);
  APF_CHECK_OPTIONAL(ctx, m);
  return APF_OPS(ctx)->sgd_step(ctx, N, S, momentum, weight_decay, schedule, set, norm, g, p, m);
}
