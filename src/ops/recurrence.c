/** Shapes, checks and dispatch of the first-order recurrence; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t T,
                              int64_t F)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  if (F != 1 && F != T)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "F is %" PRId64 ", expected 1 or T, which is %" PRId64, F, T);
  APF_CHECK_SIZE(ctx, "x", B, T);
  APF_CHECK_SIZE(ctx, "a", B, F);
  return APF_OK;
}

apf_status APF_FN(apf_recurrence_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                          const scalar *x, const scalar *a, const scalar *zi,
                                          scalar *y, scalar *zf)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F));
  if (B == 0) return APF_OK;
  if (T > 0) {
    APF_CHECK_POINTER(ctx, x);
    APF_CHECK_POINTER(ctx, a);
    APF_CHECK_POINTER(ctx, y);
  }
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, zf);
  return APF_OPS(ctx)->recurrence_forward(ctx, B, T, F, x, a, zi, y, zf);
}

apf_status APF_FN(apf_recurrence_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                           const scalar *dy, const scalar *dzf, const scalar *a,
                                           const scalar *zi, const scalar *y, scalar *dx,
                                           scalar *da, scalar *dzi)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F));
  if (B == 0) return APF_OK;
  if (T > 0) {
    APF_CHECK_POINTER(ctx, dy);
    APF_CHECK_POINTER(ctx, a);
    if (da) APF_CHECK_POINTER(ctx, y);
  }
  APF_CHECK_OPTIONAL(ctx, dzf);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, y);
  APF_CHECK_OPTIONAL(ctx, dx);
  APF_CHECK_OPTIONAL(ctx, da);
  APF_CHECK_OPTIONAL(ctx, dzi);
  return APF_OPS(ctx)->recurrence_backward(ctx, B, T, F, dy, dzf, a, zi, y, dx, da, dzi);
}

apf_status APF_FN(apf_recurrence_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                      const scalar *x_dot, const scalar *a_dot,
                                      const scalar *zi_dot, const scalar *a, const scalar *zi,
                                      const scalar *y, scalar *y_dot, scalar *zf_dot)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F));
  if (B == 0) return APF_OK;
  if (T > 0) {
    APF_CHECK_POINTER(ctx, a);
    if (a_dot) APF_CHECK_POINTER(ctx, y);
    APF_CHECK_POINTER(ctx, y_dot);
  }
  APF_CHECK_OPTIONAL(ctx, x_dot);
  APF_CHECK_OPTIONAL(ctx, a_dot);
  APF_CHECK_OPTIONAL(ctx, zi_dot);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, y);
  APF_CHECK_OPTIONAL(ctx, zf_dot);
  return APF_OPS(ctx)->recurrence_jvp(ctx, B, T, F, x_dot, a_dot, zi_dot, a, zi, y, y_dot, zf_dot);
}
