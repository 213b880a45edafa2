/**
 * Checks and dispatch of copying between two strided arrays:
 *
 *   y[sum_d i_d y_strides[d]] = x[sum_d i_d x_strides[d]]   for all 0 <= i_d < size[d]
 *
 * Strides are in elements; negative ones walk backwards from the given pointer, and those of x may
 * be 0 (broadcasting). No two indices may meet in y, and x and y may not overlap.
 */
#include "core/strides.h"
#include "ops/check.h"

apf_status APF_FN(apf_copy_strided)(apf_context *ctx, int dims, const int64_t *size,
                                    const int64_t *x_strides, const int64_t *y_strides,
                                    const real *x, real *y)
{
  const char *function = __func__;
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_RANGE(ctx, dims, 0, APF_STRIDE_DIMS);
  if (dims > 0) {
    APF_CHECK_HOST_POINTER(ctx, size);
    APF_CHECK_HOST_POINTER(ctx, x_strides);
    APF_CHECK_HOST_POINTER(ctx, y_strides);
  }
  for (int d = 0; d < dims; d++) {
    APF_CHECK_AT_LEAST(ctx, size[d], 0);
    if (size[d] > 1 && y_strides[d] == 0)
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                      "y_strides[%d] is 0 for size %" PRId64 ": elements would meet", d, size[d]);
  }
  const int64_t count = apf_product(dims, size);
  if (count < 0) return apf_fail(ctx, APF_ERR_ARGUMENT, function, "the size overflows 64 bits");
  if (count == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  int64_t merged[APF_STRIDE_DIMS], strides[2][APF_STRIDE_DIMS];
  for (int d = 0; d < dims; d++) {
    merged[d] = size[d];
    strides[0][d] = x_strides[d];
    strides[1][d] = y_strides[d];
  }
  const int axes = apf_merge_axes(dims, merged, 2, strides);
  return APF_OPS(ctx)->copy_strided(ctx, axes, merged, strides[0], strides[1], x, y);
}
