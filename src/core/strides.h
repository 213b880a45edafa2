/**
 * Walking several arrays of up to APF_STRIDE_DIMS axes at once, each with its own strides (in
 * elements; 0 where it is broadcast).
 */
#ifndef APF_CORE_STRIDES_H
#define APF_CORE_STRIDES_H

#include <stdint.h>

enum { APF_STRIDE_DIMS = 6 };

/**
 * Drops axes of size 1 and merges neighbours that every array walks in one stride, in place. What
 * remains has at least one axis. Returns the number of axes.
 */
static inline int apf_merge_axes(int dims, int64_t *size, int arrays,
                                 int64_t strides[][APF_STRIDE_DIMS])
{
  int n = 0; /* axes kept so far */
  for (int d = 0; d < dims; d++) {
    if (size[d] == 1) continue;
    int mergeable = n > 0;
    for (int k = 0; k < arrays && mergeable; k++)
      mergeable = strides[k][n - 1] == strides[k][d] * size[d];
    if (!mergeable) n++;
    size[n - 1] = mergeable ? size[n - 1] * size[d] : size[d];
    for (int k = 0; k < arrays; k++) strides[k][n - 1] = strides[k][d];
  }
  if (n > 0) return n;
  size[0] = 1;
  for (int k = 0; k < arrays; k++) strides[k][0] = 1;
  return 1;
}

/** Strides of a dense array of shape `size` seen in `shape`: 0 where its size is 1. */
static inline void apf_broadcast_strides(int dims, const int64_t *size, int64_t *strides)
{
  int64_t step = 1;
  for (int d = dims - 1; d >= 0; d--) {
    strides[d] = size[d] == 1 ? 0 : step;
    step *= size[d];
  }
}

/** Offset of row number `row` (the index over all axes but the last). */
static inline int64_t apf_row_offset(int dims, const int64_t *size, const int64_t *strides,
                                     int64_t row)
{
  int64_t offset = 0;
  for (int d = dims - 2; d >= 0; d--) {
    offset += row % size[d] * strides[d];
    row /= size[d];
  }
  return offset;
}

#endif
