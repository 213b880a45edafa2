/** Checks and dispatch of y[i] = value. */
#include "ops/check.h"

apf_status APF_FN(apf_fill)(apf_context *ctx, int64_t n, double value, real *y)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, n, 0);
  if (n == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->fill(ctx, n, value, y);
}
