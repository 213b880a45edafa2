/**
 * Shapes, checks and dispatch of the linear layer, for G sets of parameters at once.
 *
 *   y[g,n,o] = bias[g,o] + sum_i x[g,n,i] w[g,o,i]
 *
 * x (G, N, I), w (G, O, I), bias (G, O) or NULL, y (G, N, O). Any of dx, dw, dbias may be NULL; x
 * is needed for dw, w for dx.
 */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t G, int64_t N,
                              int64_t I, int64_t O)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, G, 0);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_RANGE(ctx, I, 1, INT32_MAX);
  APF_CHECK_RANGE(ctx, O, 1, INT32_MAX);
  APF_CHECK_SIZE(ctx, "x", G, N, I);
  APF_CHECK_SIZE(ctx, "y", G, N, O);
  APF_CHECK_SIZE(ctx, "w", G, O, I);
  return APF_OK;
}

apf_status APF_FN(apf_linear_forward)(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                                      const real *x, const real *w, const real *bias, real *y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, G, N, I, O));
  if (G == 0 || N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, w);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->linear_forward(ctx, G, N, I, O, x, w, bias, y);
}

apf_status APF_FN(apf_linear_backward)(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                                       const real *dy, const real *x, const real *w, real *dx,
                                       real *dw, real *dbias)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, G, N, I, O));
  if (G == 0) return APF_OK;
  if (N == 0) {
    if (dw) APF_TRY(ctx->table->zero(ctx, dw, (size_t)(G * O * I) * sizeof(real)));
    if (dbias) APF_TRY(ctx->table->zero(ctx, dbias, (size_t)(G * O) * sizeof(real)));
    return APF_OK;
  }
  APF_CHECK_POINTER(ctx, dy);
  if (dw) APF_CHECK_POINTER(ctx, x);
  if (dx) APF_CHECK_POINTER(ctx, w);
  return APF_OPS(ctx)->linear_backward(ctx, G, N, I, O, dy, x, w, dx, dw, dbias);
}
