/** The sum over axes and its adjoint; cpu/reduce.h does the summing. */
#include "cpu/reduce.h"

typedef struct source {
  const real *x;
  int64_t length;
} source;

static const real *terms_of(const void *state, int64_t row, int64_t start, int64_t n, real *buffer)
{
  (void)n;
  (void)buffer;
  const source *s = state;
  return s->x + row * s->length + start;
}

apf_status APF_CPU(reduce_sum_forward)(apf_context *ctx, int dims, const int64_t *size,
                                       const int64_t *y_size, double scale, const real *x, real *y)
{
  const source s = {x, size[dims - 1]};
  return reduce(ctx, &(reduction){dims, size, y_size, scale, terms_of, &s}, y);
}

apf_status APF_CPU(reduce_sum_backward)(apf_context *ctx, int dims, const int64_t *size,
                                        const int64_t *y_size, double scale, const real *dy,
                                        real *dx)
{
  enum { BLOCK = 4096, PARALLEL_FROM = 1 << 14 };
  const int64_t length = size[dims - 1], rows = reduce_outer_count(dims, size);
  const int64_t segments = (length + BLOCK - 1) / BLOCK;
  const real factor = (real)scale;
  int64_t strides[APF_STRIDE_DIMS];
  apf_broadcast_strides(dims, y_size, strides);
#pragma omp parallel for num_threads(ctx->threads) \
    schedule(static) if (rows * length >= PARALLEL_FROM)
  for (int64_t piece = 0; piece < rows * segments; piece++) {
    const int64_t row = piece / segments, start = piece % segments * BLOCK;
    const int64_t n = reduce_least(BLOCK, length - start);
    const real *from = dy + apf_row_offset(dims, size, strides, row);
    real *to = dx + row * length + start;
    if (strides[dims - 1] == 0) {
      for (int64_t i = 0; i < n; i++) to[i] = factor * *from;
    } else {
      for (int64_t i = 0; i < n; i++) to[i] = factor * from[start + i];
    }
  }
  return APF_OK;
}
