/**
 * Coefficients of a stable second-order all-pole filter from two free numbers: (a1, a2) fills the
 * triangle |a1| < 1 + a2, a2 < 1.
 *
 *   a1 = 2 s tanh l0,   a2 = ((2 - |a1|) s tanh l1 + |a1|) / 2
 *
 *   da1 += sign(a1) (1 - s tanh l1) / 2 da2;   dl0 = 2 s (1 - tanh^2 l0) da1
 *   dl1 = (2 - |a1|) / 2 s (1 - tanh^2 l1) da2
 *
 * One thread per filter.
 */
#include "cuda/cuda.h"

namespace apf_cuda {

enum { THREADS = 256 };

template <class real>
__global__ void triangle_coefficients_forward_kernel(int64_t N, real s, const real *logits, real *a)
{
  const real half = static_cast<real>(0.5);
  APF_GRID_LOOP(n, N)
  {
    const real a1 = 2 * s * tanh(load(logits + 2 * n)), size = fabs(a1);
    store(a + 2 * n, a1);
    store(a + 2 * n + 1, half * ((2 - size) * s * tanh(load(logits + 2 * n + 1)) + size));
  }
}

template <class real>
apf_status triangle_coefficients_forward(apf_context *ctx, int64_t N, double scale,
                                         const real *logits, real *a)
{
  return APF_LAUNCH(ctx, triangle_coefficients_forward_kernel<real>, grid_for(ctx, N, THREADS),
                    THREADS, 0, N, static_cast<real>(scale), logits, a);
}
APF_INSTANTIATE_REAL(triangle_coefficients_forward);

template <class real>
__global__ void triangle_coefficients_backward_kernel(int64_t N, real s, const real *da,
                                                      const real *logits, real *dlogits)
{
  const real half = static_cast<real>(0.5);
  APF_GRID_LOOP(n, N)
  {
    const real t0 = tanh(load(logits + 2 * n)), t1 = tanh(load(logits + 2 * n + 1));
    const real upstream1 = load(da + 2 * n), upstream2 = load(da + 2 * n + 1);
    const real a1 = 2 * s * t0, sign = static_cast<real>((a1 > 0) - (a1 < 0));
    const real da1 = upstream1 + sign * half * (1 - s * t1) * upstream2;
    const real da2 = upstream2 * half * (2 - fabs(a1));
    store(dlogits + 2 * n, 2 * s * (1 - t0 * t0) * da1);
    store(dlogits + 2 * n + 1, s * (1 - t1 * t1) * da2);
  }
}

template <class real>
apf_status triangle_coefficients_backward(apf_context *ctx, int64_t N, double scale, const real *da,
                                          const real *logits, real *dlogits)
{
  return APF_LAUNCH(ctx, triangle_coefficients_backward_kernel<real>, grid_for(ctx, N, THREADS),
                    THREADS, 0, N, static_cast<real>(scale), da, logits, dlogits);
}
APF_INSTANTIATE_REAL(triangle_coefficients_backward);

}  // namespace apf_cuda
