/**
 * Shapes, checks and dispatch of the compressor's static curve.
 *   L = 10 log10 p;  g = min(0, (1 - 1/ratio)(threshold - L), (1 - 1/exp_ratio)(exp_threshold -
 * L)); gain = 10^(g/20);   p, gain (B, T); thresholds (dB) and ratios (B) exp_threshold and
 * exp_ratio are both NULL where there is no expander. A ratio of infinity limits.
 */
#include "ops/check.h"

static apf_status check_inputs(apf_context *ctx, const char *function, int64_t B, int64_t T,
                               const real *threshold, const real *ratio, const real *exp_threshold,
                               const real *exp_ratio)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_SIZE(ctx, "p", B, T);
  if (B == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, threshold);
  APF_CHECK_POINTER(ctx, ratio);
  if (exp_threshold) APF_CHECK_POINTER(ctx, exp_ratio);
  if (exp_ratio) APF_CHECK_POINTER(ctx, exp_threshold);
  return APF_OK;
}

apf_status APF_FN(apf_compressor_curve_forward)(apf_context *ctx, int64_t B, int64_t T,
                                                const real *p, const real *threshold,
                                                const real *ratio, const real *exp_threshold,
                                                const real *exp_ratio, real *gain)
{
  const char *function = __func__;
  APF_TRY(check_inputs(ctx, function, B, T, threshold, ratio, exp_threshold, exp_ratio));
  if (B == 0 || T == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, p);
  APF_CHECK_POINTER(ctx, gain);
  return APF_OPS(ctx)->compressor_curve_forward(ctx, B, T, p, threshold, ratio, exp_threshold,
                                                exp_ratio, gain);
}

static apf_status zero_rows(apf_context *ctx, int64_t B, real *row)
{
  return row ? ctx->table->zero(ctx, row, (size_t)B * sizeof(real)) : APF_OK;
}

apf_status APF_FN(apf_compressor_curve_backward)(
    apf_context *ctx, int64_t B, int64_t T, const real *dgain, const real *p, const real *threshold,
    const real *ratio, const real *exp_threshold, const real *exp_ratio, const real *gain, real *dp,
    real *dthreshold, real *dratio, real *dexp_threshold, real *dexp_ratio)
{
  const char *function = __func__;
  APF_TRY(check_inputs(ctx, function, B, T, threshold, ratio, exp_threshold, exp_ratio));
  if (B == 0) return APF_OK;
  if (dexp_threshold || dexp_ratio) APF_CHECK_POINTER(ctx, exp_threshold);
  if (T == 0) {
    APF_TRY(zero_rows(ctx, B, dthreshold));
    APF_TRY(zero_rows(ctx, B, dratio));
    APF_TRY(zero_rows(ctx, B, dexp_threshold));
    return zero_rows(ctx, B, dexp_ratio);
  }
  APF_CHECK_POINTER(ctx, dgain);
  APF_CHECK_POINTER(ctx, p);
  APF_CHECK_POINTER(ctx, gain);
  APF_CHECK_OPTIONAL(ctx, dp);
  APF_CHECK_OPTIONAL(ctx, dthreshold);
  APF_CHECK_OPTIONAL(ctx, dratio);
  APF_CHECK_OPTIONAL(ctx, dexp_threshold);
  APF_CHECK_OPTIONAL(ctx, dexp_ratio);
  return APF_OPS(ctx)->compressor_curve_backward(ctx, B, T, dgain, p, threshold, ratio,
                                                 exp_threshold, exp_ratio, gain, dp, dthreshold,
                                                 dratio, dexp_threshold, dexp_ratio);
}
