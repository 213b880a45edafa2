/** Shapes, checks and dispatch of the step-up recursion; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t N, int64_t M)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_RANGE(ctx, M, 1, APF_MAX_ORDER);
  APF_CHECK_SIZE(ctx, "k", N, M);
  return APF_OK;
}

apf_status APF_FN(apf_reflection_to_direct_forward)(apf_context *ctx, int64_t N, int64_t M,
                                                    const real *k, real *a)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, N, M));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, k);
  APF_CHECK_POINTER(ctx, a);
  return APF_OPS(ctx)->reflection_to_direct_forward(ctx, N, M, k, a);
}

apf_status APF_FN(apf_reflection_to_direct_backward)(apf_context *ctx, int64_t N, int64_t M,
                                                     const real *da, const real *k, real *dk)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, N, M));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, da);
  APF_CHECK_POINTER(ctx, k);
  APF_CHECK_POINTER(ctx, dk);
  return APF_OPS(ctx)->reflection_to_direct_backward(ctx, N, M, da, k, dk);
}
