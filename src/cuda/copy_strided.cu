/**
 * Copies between strided arrays; see src/ops/copy_strided.c. A thread per element, neighbours along
 * the last axis; two dense rows are copied in packs.
 */
#include "cuda/axes.h"
#include "cuda/elementwise.h"

namespace apf_cuda {

enum { THREADS = 256 };

template <class real, class Index>
__global__ void copy_strided_kernel(int64_t n, Walk<Index, 2> walk, const real *x, real *y)
{
  APF_GRID_LOOP(i, n)
  {
    const Offsets<2> at = walk.at(static_cast<Index>(i));
    store(y + at.of[1], load(x + at.of[0]));
  }
}

template <class real, class Index>
apf_status copy_walk(apf_context *ctx, int dims, const int64_t *size,
                     const int64_t (&strides)[2][APF_STRIDE_DIMS], const real *x, real *y)
{
  const int64_t n = count_of(dims, size);
  return APF_LAUNCH(ctx, (copy_strided_kernel<real, Index>), grid_for(ctx, n, THREADS), THREADS, 0,
                    n, (new_walk<Index>(dims, size, strides)), x, y);
}

struct Same {
  template <class real>
  __device__ real operator()(real x) const
  {
    return x;
  }
};

template <class real>
apf_status copy_strided(apf_context *ctx, int dims, const int64_t *size, const int64_t *x_strides,
                        const int64_t *y_strides, const real *x, real *y)
{
  if (dims == 1 && x_strides[0] == 1 && y_strides[0] == 1)
    return elementwise(ctx, size[0], Same(), y, x);
  int64_t strides[2][APF_STRIDE_DIMS] = {};
  for (int d = 0; d < dims; d++) {
    strides[0][d] = x_strides[d];
    strides[1][d] = y_strides[d];
  }
  return is_short(count_of(dims, size)) ? copy_walk<real, uint32_t>(ctx, dims, size, strides, x, y)
                                        : copy_walk<real, int64_t>(ctx, dims, size, strides, x, y);
}
APF_INSTANTIATE_REAL(copy_strided);

}  // namespace apf_cuda
