/** y[i] = value. */
#include "cuda/cuda.h"

namespace apf_cuda {

enum { THREADS = 256 };

template <class real>
__global__ void fill_kernel(int64_t n, real value, real *y)
{
  APF_GRID_LOOP(i, n) store(y + i, value);
}

template <class real>
apf_status fill(apf_context *ctx, int64_t n, double value, real *y)
{
  return APF_LAUNCH(ctx, fill_kernel<real>, grid_for(ctx, n, THREADS), THREADS, 0, n,
                    static_cast<real>(value), y);
}
APF_INSTANTIATE_REAL(fill);

}  // namespace apf_cuda
