/** Shapes, checks and dispatch of the L1 loss after pre-emphasis; equations in <allpole/ops.h>. */
#include "ops/check.h"

apf_status APF_FN(apf_preemphasis_l1_forward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                              const real *pred, const real *target, real *loss)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_TARGETS(ctx, B, R, T);
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, loss);
  if (T == 0) return ctx->table->zero(ctx, loss, (size_t)B * sizeof(real));
  APF_CHECK_POINTER(ctx, pred);
  APF_CHECK_POINTER(ctx, target);
  return APF_OPS(ctx)->preemphasis_l1_forward(ctx, B, R, T, pred, target, loss);
}

apf_status APF_FN(apf_preemphasis_l1_backward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                               const real *dloss, const real *pred,
                                               const real *target, real *dpred, real *dtarget)
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
  APF_CHECK_OPTIONAL(ctx, dpred);
  APF_CHECK_OPTIONAL(ctx, dtarget);
  return APF_OPS(ctx)->preemphasis_l1_backward(ctx, B, R, T, dloss, pred, target, dpred, dtarget);
}
