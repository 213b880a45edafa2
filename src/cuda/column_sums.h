/**
 * Sums over the rows of matrices, as gradients of biases need them:
 *
 *   y[g,c] = sum_n x[g,n,c],   x (G, N, C)
 *
 * in double and in an order that depends on the sizes alone. A block adds up some rows of at most
 * 32 neighbouring columns; narrower matrices give each block more rows at a time, so that its
 * threads read without gaps either way. Long columns are cut into parts whose sums a second launch
 * of the same kernel adds up.
 */
#ifndef APF_CUDA_COLUMN_SUMS_H
#define APF_CUDA_COLUMN_SUMS_H

#include "cuda/reduce.h"

#include <algorithm>

namespace apf_cuda {

struct ColumnSums {
  enum { THREADS = 256, WIDTH = 32, ROWS_PER_THREAD = 16, MOST_PARTS = 512 };
  int64_t G, N, C;
  int64_t tiles, parts, part_rows;
  int width, lanes; /**< columns of a tile; rows that a block reads at a time */

  ColumnSums(int64_t groups, int64_t rows, int64_t columns) : G(groups), N(rows), C(columns)
  {
    width = static_cast<int>(std::min<int64_t>(C, WIDTH));
    lanes = THREADS / width;
    tiles = divide_up(C, width);
    parts = std::clamp<int64_t>(divide_up(N, lanes * ROWS_PER_THREAD), 1, MOST_PARTS);
    part_rows = divide_up(N, parts);
  }
  /** Scratch of column_sums(), in doubles; no less than for fewer rows. */
  int64_t scratch() const { return parts > 1 ? G * parts * C : 0; }
};

/** y[g,part,c] = sum of the part's rows, plus beta y. */
template <class from, class to>
__global__ void __launch_bounds__(ColumnSums::THREADS)
    column_sums_kernel(ColumnSums s, const from *x, to beta, to *y)
{
  APF_SHARED(sums, Table<double, ColumnSums::THREADS>);
  const int lane = threadIdx.x / s.width, column_of_tile = threadIdx.x % s.width;
  int half = 1; /* of the lanes, rounded up to a power of two */
  while (2 * half < s.lanes) half *= 2;
  for (int64_t item = blockIdx.x; item < s.G * s.parts * s.tiles; item += gridDim.x) {
    const int64_t c = item % s.tiles * s.width + column_of_tile;
    const int64_t part = item / s.tiles % s.parts, g = item / s.tiles / s.parts;
    const int64_t end = (part + 1) * s.part_rows < s.N ? (part + 1) * s.part_rows : s.N;
    double sum = 0;
    if (lane < s.lanes && c < s.C)
      for (int64_t n = part * s.part_rows + lane; n < end; n += s.lanes)
        sum += static_cast<double>(load_once(x + (g * s.N + n) * s.C + c));
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (int step = half; step > 0; step /= 2) {
      if (lane < step && lane + step < s.lanes)
        sums[threadIdx.x] += sums[threadIdx.x + step * s.width];
      __syncthreads();
    }
    if (lane == 0 && c < s.C) {
      to *out = y + (g * s.parts + part) * s.C + c;
      const double kept = beta == 0 ? 0 : static_cast<double>(beta * load(out));
      store(out, static_cast<to>(sums[threadIdx.x] + kept));
    }
  }
}

/** y (G, C) = sums + beta y. `scratch`: s.scratch() doubles. */
template <class from, class to>
apf_status column_sums(apf_context *ctx, const ColumnSums &s, const from *x, double *scratch,
                       to beta, to *y)
{
  const unsigned grid = grid_for(ctx, s.G * s.parts * s.tiles, 1);
  if (s.parts == 1)
    return APF_LAUNCH(ctx, (column_sums_kernel<from, to>), grid, s.THREADS, 0, s, x, beta, y);
  APF_TRY(
      APF_LAUNCH(ctx, (column_sums_kernel<from, double>), grid, s.THREADS, 0, s, x, 0.0, scratch));
  ColumnSums second(s.G, s.parts, s.C);
  second.part_rows = s.parts;
  second.parts = 1;
  return APF_LAUNCH(ctx, (column_sums_kernel<double, to>), grid_for(ctx, s.G * second.tiles, 1),
                    s.THREADS, 0, second, scratch, beta, y);
}

}  // namespace apf_cuda

#endif
