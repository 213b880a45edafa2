/**
 * Coefficients of a second-order low-pass filter (R. Bristow-Johnson's audio equaliser cookbook).
 *
 *   p = sin w / (2 q),  a0 = 1 + p
 *   a1 = -2 s cos w / a0,  a2 = s (1 - p) / a0          (s = `scale` keeps the poles inside)
 *   b0 = b2 = (1 - cos w) / (2 a0),  b1 = (1 - cos w) / a0
 *
 * Backward: with D = da1 a1 + da2 a2 + db0 b0 + db1 b1 + db2 b2 the gradient of a0 is -D / a0, so
 *
 *   dp = -(D + s da2) / a0,   dcos = -(2 s da1 + db0/2 + db1 + db2/2) / a0
 *   dw = dp cos w / (2 q) - dcos sin w,   dq = -dp p / q
 *
 * One thread per filter.
 */
#include "cuda/cuda.h"

namespace apf_cuda {

enum { THREADS = 256 };

template <class real>
struct Lowpass {
  real sine, cosine, p, inverse; /**< 1 / a0 */
  real open;                     /**< (1 - cos w) / a0 */
};

/** sincospi() has no path for huge arguments, as sincos() has, that would need local memory. */
template <class real>
__device__ inline Lowpass<real> lowpass_of(real w, real q)
{
  Lowpass<real> f;
  sincospi(w * static_cast<real>(0.31830988618379067154), &f.sine, &f.cosine);
  f.p = f.sine / (2 * q);
  f.inverse = 1 / (1 + f.p);
  f.open = (1 - f.cosine) * f.inverse;
  return f;
}

template <class real>
__global__ void lowpass_coefficients_forward_kernel(int64_t N, real s, const real *w, const real *q,
                                                    real *a, real *b)
{
  APF_GRID_LOOP(n, N)
  {
    const Lowpass<real> f = lowpass_of(load(w + n), load(q + n));
    const real half = f.open * static_cast<real>(0.5);
    store(a + 2 * n, -2 * s * f.cosine * f.inverse);
    store(a + 2 * n + 1, s * (1 - f.p) * f.inverse);
    store(b + 3 * n, half);
    store(b + 3 * n + 1, f.open);
    store(b + 3 * n + 2, half);
  }
}

template <class real>
apf_status lowpass_coefficients_forward(apf_context *ctx, int64_t N, double scale, const real *w,
                                        const real *q, real *a, real *b)
{
  return APF_LAUNCH(ctx, lowpass_coefficients_forward_kernel<real>, grid_for(ctx, N, THREADS),
                    THREADS, 0, N, static_cast<real>(scale), w, q, a, b);
}
APF_INSTANTIATE_REAL(lowpass_coefficients_forward);

template <class real>
__global__ void lowpass_coefficients_backward_kernel(int64_t N, real s, const real *da,
                                                     const real *db, const real *w, const real *q,
                                                     real *dw, real *dq)
{
  APF_GRID_LOOP(n, N)
  {
    const real resonance = load(q + n);
    const Lowpass<real> f = lowpass_of(load(w + n), resonance);
    const real da1 = da ? load(da + 2 * n) : 0, da2 = da ? load(da + 2 * n + 1) : 0;
    real dopen = 0;
    if (db)
      dopen =
          (load(db + 3 * n) + load(db + 3 * n + 2)) * static_cast<real>(0.5) + load(db + 3 * n + 1);
    const real D =
        -2 * s * f.cosine * f.inverse * da1 + s * (1 - f.p) * f.inverse * da2 + f.open * dopen;
    const real dp = -(D + s * da2) * f.inverse, dcosine = -(2 * s * da1 + dopen) * f.inverse;
    if (dw) store(dw + n, dp * f.cosine / (2 * resonance) - dcosine * f.sine);
    if (dq) store(dq + n, -dp * f.p / resonance);
  }
}

template <class real>
apf_status lowpass_coefficients_backward(apf_context *ctx, int64_t N, double scale, const real *da,
                                         const real *db, const real *w, const real *q, real *dw,
                                         real *dq)
{
  return APF_LAUNCH(ctx, lowpass_coefficients_backward_kernel<real>, grid_for(ctx, N, THREADS),
                    THREADS, 0, N, static_cast<real>(scale), da, db, w, q, dw, dq);
}
APF_INSTANTIATE_REAL(lowpass_coefficients_backward);

}  // namespace apf_cuda
