/** Shapes, checks and dispatch of the one-pole average; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t T)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "x", B, T);
  return APF_OK;
}

/** The state after no samples is the state before them: to = from, or zero. */
static apf_status pass_on(apf_context *ctx, int64_t B, const real *from, real *to)
{
  const size_t bytes = (size_t)B * sizeof(real);
  if (!to) return APF_OK;
  return from ? ctx->table->copy(ctx, to, from, bytes) : ctx->table->zero(ctx, to, bytes);
}

apf_status APF_FN(apf_one_pole_forward)(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                        const real *c, const real *zi, real *y, real *zf)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, c);
  if (T == 0) return pass_on(ctx, B, zi, zf);
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, zf);
  return APF_OPS(ctx)->one_pole_forward(ctx, B, T, x, c, zi, y, zf);
}

apf_status APF_FN(apf_one_pole_backward)(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                         const real *dzf, const real *x, const real *c,
                                         const real *zi, const real *y, real *dx, real *dc,
                                         real *dzi)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, c);
  if (T == 0) {
    APF_TRY(pass_on(ctx, B, NULL, dc));
    return pass_on(ctx, B, dzf, dzi);
  }
  APF_CHECK_POINTER(ctx, dy);
  if (dc) {
    APF_CHECK_POINTER(ctx, x);
    APF_CHECK_POINTER(ctx, y);
  }
  APF_CHECK_OPTIONAL(ctx, dzf);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, dx);
  APF_CHECK_OPTIONAL(ctx, dc);
  APF_CHECK_OPTIONAL(ctx, dzi);
  return APF_OPS(ctx)->one_pole_backward(ctx, B, T, dy, dzf, x, c, zi, y, dx, dc, dzi);
}

apf_status APF_FN(apf_one_pole_jvp)(apf_context *ctx, int64_t B, int64_t T, const real *x_dot,
                                    const real *c_dot, const real *zi_dot, const real *x,
                                    const real *c, const real *zi, const real *y, real *y_dot,
                                    real *zf_dot)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T));
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, c);
  if (T == 0) return pass_on(ctx, B, zi_dot, zf_dot);
  if (c_dot) {
    APF_CHECK_POINTER(ctx, x);
    APF_CHECK_POINTER(ctx, y);
  }
  APF_CHECK_POINTER(ctx, y_dot);
  APF_CHECK_OPTIONAL(ctx, x_dot);
  APF_CHECK_OPTIONAL(ctx, c_dot);
  APF_CHECK_OPTIONAL(ctx, zi_dot);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, zf_dot);
  return APF_OPS(ctx)->one_pole_jvp(ctx, B, T, x_dot, c_dot, zi_dot, x, c, zi, y, y_dot, zf_dot);
}
