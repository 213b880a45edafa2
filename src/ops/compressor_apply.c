/**
 * Shapes, checks and dispatch of the compressor's output.
 *   y[b,c,t] = 10^(make_up[b]/20) x[b,c,t] g[t],  g[t] = gain[b,t+delay], or 1 in the last `delay`
 * samples x, y (B, C, T), gain (B, T), make_up (B) dB or NULL for 0 dB
 */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t C,
                              int64_t T, int64_t delay)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, C, 1);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_AT_LEAST(ctx, delay, 0);
  APF_CHECK_SIZE(ctx, "x", B, C, T);
  return APF_OK;
}

apf_status APF_FN(apf_compressor_apply_forward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                                int64_t delay, const real *x, const real *gain,
                                                const real *make_up, real *y)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, C, T, delay));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, gain);
  APF_CHECK_POINTER(ctx, y);
  APF_CHECK_OPTIONAL(ctx, make_up);
  return APF_OPS(ctx)->compressor_apply_forward(ctx, B, C, T, delay, x, gain, make_up, y);
}

apf_status APF_FN(apf_compressor_apply_backward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                                 int64_t delay, const real *dy, const real *x,
                                                 const real *gain, const real *make_up, real *dx,
                                                 real *dgain, real *dmake_up)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, C, T, delay));
  if (B == 0) return APF_OK;
  if (dmake_up) APF_CHECK_POINTER(ctx, make_up);
  if (T == 0) return dmake_up ? ctx->table->zero(ctx, dmake_up, (size_t)B * sizeof(real)) : APF_OK;
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, gain);
  APF_CHECK_OPTIONAL(ctx, make_up);
  APF_CHECK_OPTIONAL(ctx, dx);
  APF_CHECK_OPTIONAL(ctx, dgain);
  APF_CHECK_OPTIONAL(ctx, dmake_up);
  return APF_OPS(ctx)->compressor_apply_backward(ctx, B, C, T, delay, dy, x, gain, make_up, dx,
                                                 dgain, dmake_up);
}
