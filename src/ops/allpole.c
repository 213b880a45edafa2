/** Shapes, checks and dispatch of the all-pole filter; equations in <allpole/ops.h>. */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t T,
                              int64_t F, int64_t M)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  if (F != T) APF_CHECK_AT_LEAST(ctx, F, 1);
  APF_CHECK_RANGE(ctx, M, 1, APF_MAX_ORDER);
  APF_CHECK_SIZE(ctx, "x", B, T);
  APF_CHECK_SIZE(ctx, "a", B, F, M);
  APF_CHECK_SIZE(ctx, "zi", B, M);
  return APF_OK;
}

/** A state after no samples is the state before them; an absent one is zero. */
static apf_status keep_state(apf_context *ctx, int64_t B, int64_t M, const scalar *from, scalar *to)
{
  const size_t bytes = (size_t)(B * M) * sizeof(scalar);
  if (!to || to == from) return APF_OK;
  return from ? ctx->table->copy(ctx, to, from, bytes) : ctx->table->zero(ctx, to, bytes);
}

apf_status APF_FN(apf_allpole_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                       const scalar *x, const scalar *a, const scalar *zi,
                                       scalar *y, scalar *zf)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F, M));
  if (B == 0) return APF_OK;
  if (T == 0) return keep_state(ctx, B, M, zi, zf);
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, a);
  APF_CHECK_POINTER(ctx, y);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, zf);
  return APF_OPS(ctx)->allpole_forward(ctx, B, T, F, M, x, a, zi, y, zf);
}

apf_status APF_FN(apf_allpole_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                        int64_t M, const scalar *dy, const scalar *dzf,
                                        const scalar *a, const scalar *zi, const scalar *y,
                                        scalar *dx, scalar *da, scalar *dzi)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F, M));
  if (B == 0) return APF_OK;
  if (T == 0) {
    APF_TRY(keep_state(ctx, B, M, dzf, dzi));
    return keep_state(ctx, B * F, M, NULL, da);
  }
  if (!dx && !da && !dzi) return APF_OK;
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, a);
  if (da) APF_CHECK_POINTER(ctx, y);
  APF_CHECK_OPTIONAL(ctx, dzf);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, y);
  APF_CHECK_OPTIONAL(ctx, dx);
  APF_CHECK_OPTIONAL(ctx, da);
  APF_CHECK_OPTIONAL(ctx, dzi);
  return APF_OPS(ctx)->allpole_backward(ctx, B, T, F, M, dy, dzf, a, zi, y, dx, da, dzi);
}

apf_status APF_FN(apf_allpole_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                   const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,
                                   const scalar *a, const scalar *zi, const scalar *y,
                                   scalar *y_dot, scalar *zf_dot)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, F, M));
  if (B == 0) return APF_OK;
  if (T == 0) return keep_state(ctx, B, M, zi_dot, zf_dot);
  APF_CHECK_POINTER(ctx, a);
  if (a_dot) APF_CHECK_POINTER(ctx, y);
  APF_CHECK_POINTER(ctx, y_dot);
  APF_CHECK_OPTIONAL(ctx, x_dot);
  APF_CHECK_OPTIONAL(ctx, a_dot);
  APF_CHECK_OPTIONAL(ctx, zi_dot);
  APF_CHECK_OPTIONAL(ctx, zi);
  APF_CHECK_OPTIONAL(ctx, y);
  APF_CHECK_OPTIONAL(ctx, zf_dot);
  return APF_OPS(ctx)->allpole_jvp(ctx, B, T, F, M, x_dot, a_dot, zi_dot, a, zi, y, y_dot, zf_dot);
}
