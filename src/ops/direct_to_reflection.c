/** Shapes, checks and dispatch of the step-down recursion; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t N, int64_t M)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_RANGE(ctx, M, 1, APF_MAX_ORDER);
  APF_CHECK_SIZE(ctx, "a", N, M);
  return APF_OK;
}

apf_status APF_FN(apf_direct_to_reflection_forward)(apf_context *ctx, int64_t N, int64_t M,
                                                    const real *a, real *k)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, N, M));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, a);
  APF_CHECK_POINTER(ctx, k);
  return APF_OPS(ctx)->direct_to_reflection_forward(ctx, N, M, a, k);
}

apf_status APF_FN(apf_direct_to_reflection_backward)(apf_context *ctx, int64_t N, int64_t M,
                                                     const real *dk, const real *k, real *da)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, N, M));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dk);
  APF_CHECK_POINTER(ctx, k);
  APF_CHECK_POINTER(ctx, da);
  return APF_OPS(ctx)->direct_to_reflection_backward(ctx, N, M, dk, k, da);
}
