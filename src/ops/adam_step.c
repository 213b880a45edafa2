/** Checks and dispatch of Adam; docs/adam_step.md. */
#include "ops/check.h"

apf_status APF_FN(apf_adam_step)(apf_context *ctx, int64_t N, int64_t S, double beta1, double beta2,
                                 double epsilon, double weight_decay, int decoupled,
                                 const double *schedule, const int32_t *set, const double *norm,
                                 const real *g, real *p, real *m, real *v)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_AT_LEAST(ctx, S, 1);
  APF_CHECK_SIZE(ctx, "p", N);
  if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "beta1 is %g and beta2 %g, expected 0 to 1",
                    beta1, beta2);
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, schedule);
  if (S > 1) APF_CHECK_POINTER(ctx, set);
  APF_CHECK_POINTER(ctx, g);
  APF_CHECK_POINTER(ctx, p);
  APF_CHECK_POINTER(ctx, m);
  APF_CHECK_POINTER(ctx, v);
  APF_CHECK_OPTIONAL(ctx, set);
  APF_CHECK_OPTIONAL(ctx, norm);
  return APF_OPS(ctx)->adam_step(ctx, N, S, beta1, beta2, epsilon, weight_decay, decoupled,
                                 schedule, set, norm, g, p, m, v);
}
