/**
 * Shapes, checks and dispatch of a compressor's normal equations.
 *   r = pre(y - target), J = dr/d(sets[p]);  cost[p] = r'r, gradient[p] = J'r, hessian[p] = J'J
 *   x, target (B, C, T);  sets (P, 6): threshold dB, ratio, attack, release and average
 * coefficients, make-up dB;  cost (P), gradient (P, 6), hessian (P, 6, 6), in double for both types
 * The expander's threshold (dB) and ratio are fixed; ratio 1 leaves it out.
 */
#include "ops/check.h"

apf_status APF_FN(apf_compressor_normal)(apf_context *ctx, int64_t P, int64_t B, int64_t C,
                                         int64_t T, int64_t delay, const real *x,
                                         const real *target, const real *sets, double exp_threshold,
                                         double exp_ratio, double *cost, double *gradient,
                                         double *hessian)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, P, 0);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, C, 1);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_AT_LEAST(ctx, delay, 0);
  APF_CHECK_SIZE(ctx, "x", B, C, T);
  APF_CHECK_SIZE(ctx, "hessian", P, 36, 2);
  if (P == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, cost);
  APF_CHECK_POINTER(ctx, gradient);
  APF_CHECK_POINTER(ctx, hessian);
  if (B == 0 || T == 0) {
    const size_t bytes = (size_t)P * sizeof(double);
    APF_TRY(ctx->table->zero(ctx, cost, bytes));
    APF_TRY(ctx->table->zero(ctx, gradient, 6 * bytes));
    return ctx->table->zero(ctx, hessian, 36 * bytes);
  }
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, target);
  APF_CHECK_POINTER(ctx, sets);
  return APF_OPS(ctx)->compressor_normal(ctx, P, B, C, T, delay, x, target, sets, exp_threshold,
                                         exp_ratio, cost, gradient, hessian);
}
