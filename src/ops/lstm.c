/**
 * Shapes, checks and dispatch of the LSTM layer, with PyTorch's order of gates (i, f, g, o).
 *
 *   a = b_ih + b_hh + w_ih x[t] + w_hh h[t-1],   i, f, o = sigmoid(a_i, a_f, a_o),  g = tanh(a_g)
 *   c[t] = f c[t-1] + i g,   y[t] = h[t] = o tanh c[t]
 *
 * x (B, T, I), w_ih (4H, I), w_hh (4H, H), b_ih and b_hh (4H) or NULL, h0 and c0 (B, H) or NULL for
 * zero, y (B, T, H), cn (B, H) the last cell or NULL. gates (B, T, 4H) and cells (B, T, H) are what
 * backward needs; both may be NULL.
 *
 * Backward: dy (B, T, H) or NULL for zero; dhn and dcn (B, H), gradients of the last h and c, or
 * NULL; db is the gradient of b_ih and of b_hh. Every output may be NULL.
 */
#include "ops/check.h"

static apf_status check_sizes(apf_context *ctx, const char *function, int64_t B, int64_t T,
                              int64_t I, int64_t H)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, B, 0);
  APF_CHECK_AT_LEAST(ctx, T, 0);
  APF_CHECK_RANGE(ctx, I, 1, INT32_MAX);
  APF_CHECK_RANGE(ctx, H, 1, INT32_MAX / 4);
  APF_CHECK_SIZE(ctx, "x", B, T, I);
  APF_CHECK_SIZE(ctx, "gates", B, T, 4, H);
  APF_CHECK_SIZE(ctx, "w_ih", 4, H, I);
  APF_CHECK_SIZE(ctx, "w_hh", 4, H, H);
  return APF_OK;
}

/** to = from, or zero where `from` is NULL; nothing where `to` is. */
static apf_status carry(apf_context *ctx, real *to, const real *from, int64_t n)
{
  const size_t bytes = (size_t)n * sizeof(real);
  if (!to || to == from) return APF_OK;
  return from ? ctx->table->copy(ctx, to, from, bytes) : ctx->table->zero(ctx, to, bytes);
}

apf_status APF_FN(apf_lstm_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t I, int64_t H,
                                    const real *x, const real *w_ih, const real *w_hh,
                                    const real *b_ih, const real *b_hh, const real *h0,
                                    const real *c0, real *y, real *cn, real *gates, real *cells)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, I, H));
  if (B == 0) return APF_OK;
  if (T == 0) return carry(ctx, cn, c0, B * H);
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, w_ih);
  APF_CHECK_POINTER(ctx, w_hh);
  APF_CHECK_POINTER(ctx, y);
  if (gates) APF_CHECK_POINTER(ctx, cells);
  if (cells) APF_CHECK_POINTER(ctx, gates);
  return APF_OPS(ctx)->lstm_forward(ctx, B, T, I, H, x, w_ih, w_hh, b_ih, b_hh, h0, c0, y, cn,
                                    gates, cells);
}

apf_status APF_FN(apf_lstm_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t I, int64_t H,
                                     const real *dy, const real *dhn, const real *dcn,
                                     const real *x, const real *w_ih, const real *w_hh,
                                     const real *h0, const real *c0, const real *y,
                                     const real *gates, const real *cells, real *dx, real *dw_ih,
                                     real *dw_hh, real *db, real *dh0, real *dc0)
{
  const char *function = __func__;
  APF_TRY(check_sizes(ctx, function, B, T, I, H));
  if (B == 0 || T == 0) {
    APF_TRY(carry(ctx, dw_ih, NULL, 4 * H * I));
    APF_TRY(carry(ctx, dw_hh, NULL, 4 * H * H));
    APF_TRY(carry(ctx, db, NULL, 4 * H));
    if (B == 0) return APF_OK;
    APF_TRY(carry(ctx, dh0, dhn, B * H));
    return carry(ctx, dc0, dcn, B * H);
  }
  APF_CHECK_POINTER(ctx, w_hh);
  APF_CHECK_POINTER(ctx, y);
  APF_CHECK_POINTER(ctx, gates);
  APF_CHECK_POINTER(ctx, cells);
  if (dx) APF_CHECK_POINTER(ctx, w_ih);
  if (dw_ih) APF_CHECK_POINTER(ctx, x);
  return APF_OPS(ctx)->lstm_backward(ctx, B, T, I, H, dy, dhn, dcn, x, w_ih, w_hh, h0, c0, y, gates,
                                     cells, dx, dw_ih, dw_hh, db, dh0, dc0);
}
