/** The sum over axes and its adjoint; cuda/axes_sum.h does the summing. */
#include "cuda/axes_sum.h"

namespace apf_cuda {

enum { THREADS = 256 };

template <class real>
struct ElementOf {
  const real *x;
  __device__ real operator()(const Offsets<1> &at) const { return load(x + at.of[0]); }
};

template <class real>
apf_status reduce_sum_forward(apf_context *ctx, int dims, const int64_t *size,
                              const int64_t *y_size, double scale, const real *x, real *y)
{
  Summation<1> what = {dims, size, y_size, {}, scale};
  apf_broadcast_strides(dims, size, what.strides[0]);
  return axes_sum(ctx, what, ElementOf<real>{x}, y);
}
APF_INSTANTIATE_REAL(reduce_sum_forward);

template <class real, class Index>
__global__ void spread_kernel(int64_t n, Walk<Index, 1> walk, real factor, const real *dy, real *dx)
{
  APF_GRID_LOOP(i, n)
  store(dx + i, factor * load(dy + walk.at(static_cast<Index>(i)).of[0]));
}

template <class real, class Index>
apf_status spread(apf_context *ctx, int dims, const int64_t *size,
                  const int64_t (&strides)[1][APF_STRIDE_DIMS], double scale, const real *dy,
                  real *dx)
{
  const int64_t n = count_of(dims, size);
  return APF_LAUNCH(ctx, (spread_kernel<real, Index>), grid_for(ctx, n, THREADS), THREADS, 0, n,
                    (new_walk<Index>(dims, size, strides)), static_cast<real>(scale), dy, dx);
}

template <class real>
apf_status reduce_sum_backward(apf_context *ctx, int dims, const int64_t *size,
                               const int64_t *y_size, double scale, const real *dy, real *dx)
{
  int64_t strides[1][APF_STRIDE_DIMS] = {};
  apf_broadcast_strides(dims, y_size, strides[0]);
  return is_short(count_of(dims, size))
             ? spread<real, uint32_t>(ctx, dims, size, strides, scale, dy, dx)
             : spread<real, int64_t>(ctx, dims, size, strides, scale, dy, dx);
}
APF_INSTANTIATE_REAL(reduce_sum_backward);

}  // namespace apf_cuda
