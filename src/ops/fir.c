/** Shapes, checks and dispatch of the time-varying FIR filter; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t T,
                              int64_t F, int64_t K)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  if (F != T) APF_CHECK_AT_LEAST(ctx, F, 1);
  APF_CHECK_AT_LEAST(ctx, K, 1);
  APF_CHECK_SIZE(ctx, "x", B, T);
  APF_CHECK_SIZE(ctx, "b", B, F, K);
  APF_CHECK_SIZE(ctx, "zi", B, K);
  return APF_OK;
}

apf_status APF_FN(apf_fir_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                                   const real *x, const real *b, const real *zi, real *y, real *zf)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F, K));
  if (B == 0) return APF_OK;
  if (T > 0) {
    APF_CHECK_POINTER(ctx, x);
    APF_CHECK_POINTER(ctx, b);
    APF_CHECK_POINTER(ctx, y);
  }
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, zf);
  return APF_OPS(ctx)->fir_forward(ctx, B, T, F, K, x, b, zi, y, zf);
}

apf_status APF_FN(apf_fir_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                                    const real *dy, const real *dzf, const real *x, const real *b,
                                    const real *zi, real *dx, real *db, real *dzi)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F, K));
  if (B == 0) return APF_OK;
  if (T > 0) {
    APF_CHECK_POINTER(ctx, dy);
    APF_CHECK_POINTER(ctx, b);
    if (db) APF_CHECK_POINTER(ctx, x);
  }
  APF_CHECK_OPTIONAL(ctx, dzf);
  APF_CHECK_OPTIONAL(ctx, x);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, dx);
  APF_CHECK_OPTIONAL(ctx, db);
  APF_CHECK_OPTIONAL(ctx, dzi);
  return APF_OPS(ctx)->fir_backward(ctx, B, T, F, K, dy, dzf, x, b, zi, dx, db, dzi);
}

apf_status APF_FN(apf_fir_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                               const real *x_dot, const real *b_dot, const real *zi_dot,
                               const real *x, const real *b, const real *zi, real *y_dot,
                               real *zf_dot)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F, K));
  if (B == 0) return APF_OK;
  if (T > 0) {
    if (b_dot) APF_CHECK_POINTER(ctx, x);
    if (x_dot || zi_dot) APF_CHECK_POINTER(ctx, b);
    APF_CHECK_POINTER(ctx, y_dot);
  }
  APF_CHECK_OPTIONAL(ctx, x_dot);
  APF_CHECK_OPTIONAL(ctx, b_dot);
  APF_CHECK_OPTIONAL(ctx, zi_dot);
  APF_CHECK_OPTIONAL(ctx, x);
  APF_CHECK_OPTIONAL(ctx, b);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, zf_dot);
  return APF_OPS(ctx)->fir_jvp(ctx, B, T, F, K, x_dot, b_dot, zi_dot, x, b, zi, y_dot, zf_dot);
}
