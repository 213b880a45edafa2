/** Checks and dispatch of the sum over axes. */
#include "ops/broadcast.h"

static apf_status check_axes(apf_context *ctx, const char *function, int dims, const int64_t *size,
                             const int64_t *y_size, broadcast *s)
{
  APF_CHECK_CONTEXT(ctx);
  APF_TRY(broadcast_axes(ctx, function, dims, size, y_size, s));
  for (int d = 0; d < dims; d++)
    if (y_size[d] != size[d] && y_size[d] != 1)
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                      "y_size[%d] is %" PRId64 ", expected %" PRId64 " or 1", d, y_size[d],
                      size[d]);
  return APF_OK;
}

/** y = scale * (x summed over the axes where y's size is 1). Sums are taken in double. */
apf_status APF_FN(apf_reduce_sum_forward)(apf_context *ctx, int dims, const int64_t *size,
                                          const int64_t *y_size, double scale, const real *x,
                                          real *y)
{
  const char *function = __func__;
  broadcast s;
  APF_TRY(check_axes(ctx, function, dims, size, y_size, &s));
  if (s.b_count == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, y);
  if (s.count == 0) return ctx->table->zero(ctx, y, (size_t)s.b_count * sizeof(real));
  APF_CHECK_POINTER(ctx, x);
  return APF_OPS(ctx)->reduce_sum_forward(ctx, s.dims, s.a, s.b, scale, x, y);
}

/** dx = scale * dy, broadcast. */
apf_status APF_FN(apf_reduce_sum_backward)(apf_context *ctx, int dims, const int64_t *size,
                                           const int64_t *y_size, double scale, const real *dy,
                                           real *dx)
{
  const char *function = __func__;
  broadcast s;
  APF_TRY(check_axes(ctx, function, dims, size, y_size, &s));
  if (s.count == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, dx);
  return APF_OPS(ctx)->reduce_sum_backward(ctx, s.dims, s.a, s.b, scale, dy, dx);
}
