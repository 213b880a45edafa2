/** Checks and dispatch of y = f(a, b) with broadcasting; the functions are in core/maps.h. */
#include "core/maps.h"
#include "ops/broadcast.h"

/**
 * a and b have `dims` axes; sizes agree or are 1. y has the larger of each. Where a (or b) is as
 * large as y, y may equal it.
 */
apf_status APF_FN(apf_map_binary_forward)(apf_context *ctx, int map, int dims,
                                          const int64_t *a_size, const int64_t *b_size,
                                          const real *a, const real *b, real *y)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_RANGE(ctx, map, 0, APF_BINARY_MAPS - 1);
  broadcast s;
  APF_TRY(broadcast_axes(ctx, function, dims, a_size, b_size, &s));
  if (s.count == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, a);
  APF_CHECK_POINTER(ctx, b);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->map_binary_forward(ctx, map, s.dims, s.a, s.b, a, b, y);
}

/**
 * da, db: optional; summed over the axes along which a (or b) was broadcast. a and b may be NULL
 * for sums and differences. Where a (or b) is as large as y, its gradient may equal dy.
 */
apf_status APF_FN(apf_map_binary_backward)(apf_context *ctx, int map, int dims,
                                           const int64_t *a_size, const int64_t *b_size,
                                           const real *dy, const real *a, const real *b, real *da,
                                           real *db)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_RANGE(ctx, map, 0, APF_BINARY_MAPS - 1);
  broadcast s;
  APF_TRY(broadcast_axes(ctx, function, dims, a_size, b_size, &s));
  if (s.count == 0) {
    if (da) APF_TRY(ctx->table->zero(ctx, da, (size_t)s.a_count * sizeof(real)));
    if (db) APF_TRY(ctx->table->zero(ctx, db, (size_t)s.b_count * sizeof(real)));
    return APF_OK;
  }
  APF_CHECK_POINTER(ctx, dy);
  if (map != APF_MAP_ADD && map != APF_MAP_SUB) {
    APF_CHECK_POINTER(ctx, a);
    APF_CHECK_POINTER(ctx, b);
  }
  APF_CHECK_OPTIONAL(ctx, a);
  APF_CHECK_OPTIONAL(ctx, b);
  APF_CHECK_OPTIONAL(ctx, da);
  APF_CHECK_OPTIONAL(ctx, db);
  if (!da && !db) return APF_OK;
  return APF_OPS(ctx)->map_binary_backward(ctx, map, s.dims, s.a, s.b, dy, a, b, da, db);
}
