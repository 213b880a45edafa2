/** Checks and dispatch of y[i] += x[i]; x may equal y. */
#include "ops/check.h"

apf_status APF_FN(apf_accumulate)(apf_context *ctx, int64_t n, const real *x, real *y)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, n, 0);
  if (n == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->accumulate(ctx, n, x, y);
}
