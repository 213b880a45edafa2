/** Two dense arrays broadcast against each other: checks, and axes merged for the kernels. */
#ifndef APF_OPS_BROADCAST_H
#define APF_OPS_BROADCAST_H

#include "core/strides.h"
#include "ops/check.h"

typedef struct broadcast {
  int dims;
  int64_t a[APF_STRIDE_DIMS], b[APF_STRIDE_DIMS]; /**< sizes, 1 where broadcast */
  int64_t count, a_count, b_count;                /**< elements of the result and of each */
} broadcast;

/** Sizes must agree or be 1, axis by axis. */
static inline apf_status broadcast_axes(apf_context *ctx, const char *function, int dims,
                                        const int64_t *a_size, const int64_t *b_size,
                                        broadcast *out)
{
  APF_CHECK_RANGE(ctx, dims, 0, APF_STRIDE_DIMS);
  if (dims > 0) {
    APF_CHECK_HOST_POINTER(ctx, a_size);
    APF_CHECK_HOST_POINTER(ctx, b_size);
  }
  int64_t size[APF_STRIDE_DIMS], strides[2][APF_STRIDE_DIMS];
  for (int d = 0; d < dims; d++) {
    if (a_size[d] < 0 || b_size[d] < 0 ||
        (a_size[d] != b_size[d] && a_size[d] != 1 && b_size[d] != 1))
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                      "axis %d has sizes %" PRId64 " and %" PRId64
                      ", expected equal ones or one of them 1",
                      d, a_size[d], b_size[d]);
    size[d] = a_size[d] == 1 ? b_size[d] : a_size[d];
  }
  out->count = apf_product(dims, size);
  out->a_count = apf_product(dims, a_size);
  out->b_count = apf_product(dims, b_size);
  if (out->count < 0 || out->count > INT64_MAX / (int64_t)sizeof(real))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "the size of the result overflows 64 bits");
  if (out->count == 0) return APF_OK;
  apf_broadcast_strides(dims, a_size, strides[0]);
  apf_broadcast_strides(dims, b_size, strides[1]);
  out->dims = apf_merge_axes(dims, size, 2, strides);
  for (int d = 0; d < out->dims; d++) {
    out->a[d] = strides[0][d] == 0 ? 1 : size[d];
    out->b[d] = strides[1][d] == 0 ? 1 : size[d];
  }
  return APF_OK;
}

#endif
