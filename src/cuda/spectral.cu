/** Copies between rows of different strides; see spectral.h. */
#include "cuda/spectral.h"

namespace apf_cuda {

template <class real>
__global__ void copy_rows_kernel(int64_t rows, int64_t n, const real *from, int64_t from_stride,
                                 real *to, int64_t to_stride)
{
  APF_ROW_LOOP(row, rows)
  {
    APF_GRID_LOOP(i, n) store(to + row * to_stride + i, load(from + row * from_stride + i));
  }
}

template <class real>
apf_status copy_rows(apf_context *ctx, int64_t rows, int64_t n, const real *from,
                     int64_t from_stride, real *to, int64_t to_stride)
{
  const Sheet sheet = sheet_for(ctx, rows, n);
  return APF_LAUNCH(ctx, copy_rows_kernel<real>, sheet.grid, sheet.threads, 0, rows, n, from,
                    from_stride, to, to_stride);
}
APF_INSTANTIATE_REAL(copy_rows);

}  // namespace apf_cuda
