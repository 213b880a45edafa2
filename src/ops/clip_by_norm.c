/** Checks and dispatch of gradient clipping; docs/clip_by_norm.md. */
#include "ops/check.h"

apf_status APF_FN(apf_clip_by_norm)(apf_context *ctx, int64_t N, int64_t S, const int32_t *set,
                                    double max_norm, real *g, double *norm)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_AT_LEAST(ctx, S, 1);
  APF_CHECK_SIZE(ctx, "g", N);
  APF_CHECK_POINTER(ctx, norm);
  if (!(max_norm > 0))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "max_norm is %g, expected a positive number or infinity", max_norm);
  if (S > 1) APF_CHECK_POINTER(ctx, set);
  APF_CHECK_OPTIONAL(ctx, set);
  if (N == 0) return ctx->table->zero(ctx, norm, (size_t)S * sizeof *norm);
  APF_CHECK_POINTER(ctx, g);
  return APF_OPS(ctx)->clip_by_norm(ctx, N, S, set, max_norm, g, norm);
}
