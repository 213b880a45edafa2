/** Copies between strided arrays, row by row of the last axis; see src/ops/copy_strided.c. */
#include "core/strides.h"
#include "cpu/cpu.h"

#include <string.h>

enum { PARALLEL_FROM = 1 << 15, SEGMENT = 1 << 14 };

static void copy_row(int64_t n, const real *x, int64_t x_step, real *y, int64_t y_step)
{
  if (x_step == 1 && y_step == 1) {
    memcpy(y, x, (size_t)n * sizeof(real));
  } else if (y_step == 1 && x_step == 0) {
    for (int64_t i = 0; i < n; i++) y[i] = *x;
  } else {
    for (int64_t i = 0; i < n; i++) y[i * y_step] = x[i * x_step];
  }
}

/** Rows along the last axis; long ones are cut so that one row can use all threads. */
apf_status APF_CPU(copy_strided)(apf_context *ctx, int dims, const int64_t *size,
                                 const int64_t *x_strides, const int64_t *y_strides, const real *x,
                                 real *y)
{
  const int64_t length = size[dims - 1], segments = (length + SEGMENT - 1) / SEGMENT;
  const int64_t x_step = x_strides[dims - 1], y_step = y_strides[dims - 1];
  int64_t rows = 1;
  for (int d = 0; d < dims - 1; d++) rows *= size[d];
  const int64_t pieces = rows * segments;
#pragma omp parallel for num_threads(ctx->threads) \
    schedule(static) if (rows * length >= PARALLEL_FROM)
  for (int64_t piece = 0; piece < pieces; piece++) {
    const int64_t row = piece / segments, start = piece % segments * SEGMENT;
    const int64_t n = length - start < SEGMENT ? length - start : SEGMENT;
    const real *from = x + apf_row_offset(dims, size, x_strides, row) + start * x_step;
    real *to = y + apf_row_offset(dims, size, y_strides, row) + start * y_step;
    copy_row(n, from, x_step, to, y_step);
  }
  return APF_OK;
}
