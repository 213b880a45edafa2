/**
 * Sums over some axes of an array whose elements ("terms") are computed on the fly, a short row
 * segment at a time: what reduce_sum and the backward of map_binary share.
 *
 * Sums are taken in double, over pieces whose boundaries depend on the sizes alone, so the result
 * does not depend on the number of threads.
 */
#ifndef APF_CPU_REDUCE_H
#define APF_CPU_REDUCE_H

#include "core/strides.h"
#include "cpu/cpu.h"

enum { REDUCE_BLOCK = 512, REDUCE_SEGMENT = 1 << 14, REDUCE_MAX_CHUNKS = 32 };

/** `n` <= REDUCE_BLOCK terms of a row (the index over all axes but the last) from position `start`
 *  on: in `buffer`, or wherever they lie already. */
typedef const real *(*reduce_terms)(const void *state, int64_t row, int64_t start, int64_t n,
                                    real *buffer);

typedef struct reduction {
  int dims; /**< at least 1, axes merged */
  const int64_t *size;
  const int64_t *out_size; /**< 1 where summed */
  double scale;            /**< of the result */
  reduce_terms terms;
  const void *state;
} reduction;

static inline int64_t reduce_least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static inline int64_t reduce_outer_count(int dims, const int64_t *size)
{
  int64_t count = 1;
  for (int d = 0; d < dims - 1; d++) count *= size[d];
  return count;
}

static inline double reduce_segment(const reduction *r, int64_t row, int64_t start, int64_t end)
{
  real buffer[REDUCE_BLOCK];
  double sum = 0;
  for (int64_t t = start; t < end; t += REDUCE_BLOCK) {
    const int64_t n = reduce_least(REDUCE_BLOCK, end - t);
    const real *terms = r->terms(r->state, row, t, n, buffer);
    double part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = 0; i < n; i++) part += (double)terms[i];
    sum += part;
  }
  return sum;
}

/** The last axis is summed: one number per row segment, then those of each output element. */
static inline apf_status reduce_along_rows(apf_context *ctx, const reduction *r, real *out)
{
  const int64_t length = r->size[r->dims - 1], rows = reduce_outer_count(r->dims, r->size);
  const int64_t outputs = reduce_outer_count(r->dims, r->out_size);
  const int64_t segments = (length + REDUCE_SEGMENT - 1) / REDUCE_SEGMENT, pieces = rows * segments;
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)(pieces + outputs) * sizeof(double), &workspace));
  double *partial = workspace, *total = partial + pieces;
#pragma omp parallel for num_threads(ctx->threads) \
    schedule(static) if (rows * length >= REDUCE_SEGMENT)
  for (int64_t piece = 0; piece < pieces; piece++) {
    const int64_t start = piece % segments * REDUCE_SEGMENT;
    partial[piece] =
        reduce_segment(r, piece / segments, start, reduce_least(length, start + REDUCE_SEGMENT));
  }
  int64_t strides[APF_STRIDE_DIMS];
  apf_broadcast_strides(r->dims, r->out_size, strides);
  for (int64_t i = 0; i < outputs; i++) total[i] = 0;
  for (int64_t row = 0; row < rows; row++) {
    double *to = total + (rows == outputs ? row : apf_row_offset(r->dims, r->size, strides, row));
    for (int64_t s = 0; s < segments; s++) *to += partial[row * segments + s];
  }
  for (int64_t i = 0; i < outputs; i++) out[i] = (real)(r->scale * total[i]);
  return APF_OK;
}

/** Row number from the indices over kept and over summed outer axes. */
static inline int64_t reduce_row(const reduction *r, int64_t kept, int64_t summed)
{
  int64_t row = 0, step = 1;
  for (int d = r->dims - 2; d >= 0; d--) {
    int64_t *index = r->out_size[d] == 1 ? &summed : &kept;
    row += *index % r->size[d] * step;
    *index /= r->size[d];
    step *= r->size[d];
  }
  return row;
}

/** The last axis stays: rows are added into short segments of the output. */
static inline apf_status reduce_across_rows(apf_context *ctx, const reduction *r, real *out)
{
  const int64_t length = r->size[r->dims - 1];
  const int64_t kept = reduce_outer_count(r->dims, r->out_size);
  const int64_t summed = reduce_outer_count(r->dims, r->size) / kept;
  const int64_t segments = (length + REDUCE_BLOCK - 1) / REDUCE_BLOCK;
  int64_t chunks = summed * reduce_least(length, REDUCE_BLOCK) / REDUCE_SEGMENT;
  chunks = chunks < 1 ? 1 : reduce_least(chunks, REDUCE_MAX_CHUNKS);
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)(chunks * kept * length) * sizeof(double), &workspace));
  double *partial = workspace;
#pragma omp parallel for num_threads(ctx->threads) \
    schedule(static) if (kept * summed * length >= REDUCE_SEGMENT)
  for (int64_t piece = 0; piece < kept * segments * chunks; piece++) {
    const int64_t chunk = piece % chunks, start = piece / chunks % segments * REDUCE_BLOCK;
    const int64_t k = piece / chunks / segments, n = reduce_least(REDUCE_BLOCK, length - start);
    double *sum = partial + (chunk * kept + k) * length + start;
    real buffer[REDUCE_BLOCK];
    for (int64_t i = 0; i < n; i++) sum[i] = 0;
    for (int64_t s = summed * chunk / chunks; s < summed * (chunk + 1) / chunks; s++) {
      const real *terms = r->terms(r->state, reduce_row(r, k, s), start, n, buffer);
      for (int64_t i = 0; i < n; i++) sum[i] += (double)terms[i];
    }
  }
#pragma omp parallel for num_threads(ctx->threads) \
    schedule(static) if (kept * length >= REDUCE_SEGMENT)
  for (int64_t i = 0; i < kept * length; i++) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; chunk++) sum += partial[chunk * kept * length + i];
    out[i] = (real)(r->scale * sum);
  }
  return APF_OK;
}

/** Axes must be merged; sizes must not be 0. */
static inline apf_status reduce(apf_context *ctx, const reduction *r, real *out)
{
  return r->out_size[r->dims - 1] == 1 ? reduce_along_rows(ctx, r, out)
                                       : reduce_across_rows(ctx, r, out);
}

#endif
