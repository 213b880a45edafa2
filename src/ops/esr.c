/** Shapes, checks and dispatch of the error-to-signal ratio; equations in <allpole/ops.h>. */
#include "ops/check.h"

apf_status APF_FN(apf_esr_forward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                   double epsilon, const real *pred, const real *target, real *loss,
                                   real *denominator)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_TARGETS(ctx, B, R, T);
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, loss);
  if (T > 0) {
    APF_CHECK_POINTER(ctx, pred);
    APF_CHECK_POINTER(ctx, target);
  }
  APF_CHECK_OPTIONAL(ctx, denominator);
  return APF_OPS(ctx)->esr_forward(ctx, B, R, T, epsilon, pred, target, loss, denominator);
}

apf_status APF_FN(apf_esr_backward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                    const real *dloss, const real *pred, const real *target,
                                    const real *loss, const real *denominator, real *dpred,
                                    real *dtarget)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_TARGETS(ctx, B, R, T);
  if (T == 0 || (!dpred && !dtarget)) return APF_OK;
  if (B == 0)
    return dtarget ? ctx->table->zero(ctx, dtarget, (size_t)(R * T) * sizeof(real)) : APF_OK;
  APF_CHECK_POINTER(ctx, dloss);
  APF_CHECK_POINTER(ctx, pred);
  APF_CHECK_POINTER(ctx, target);
  APF_CHECK_POINTER(ctx, denominator);
  if (dtarget) APF_CHECK_POINTER(ctx, loss);
  APF_CHECK_OPTIONAL(ctx, dpred);
  APF_CHECK_OPTIONAL(ctx, dtarget);
  return APF_OPS(ctx)->esr_backward(ctx, B, R, T, dloss, pred, target, loss, denominator, dpred,
                                    dtarget);
}
