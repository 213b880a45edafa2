/** y[i] += x[i]; x may equal y. */
#include "cuda/elementwise.h"

namespace apf_cuda {

struct Add {
  template <class real>
  __device__ real operator()(real x, real y) const
  {
    return y + x;
  }
};

template <class real>
apf_status accumulate(apf_context *ctx, int64_t n, const real *x, real *y)
{
  const real *before = y;
  return elementwise(ctx, n, Add(), y, x, before);
}
APF_INSTANTIATE_REAL(accumulate);

}  // namespace apf_cuda
