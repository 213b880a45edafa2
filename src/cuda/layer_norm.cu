/**
 * Normalisation of rows to mean 0 and variance 1, without affine parameters.
 *
 *   y = (x - mean) scale,   scale = 1 / sqrt(variance + epsilon)
 *   dx = scale (dy - mean(dy) - y mean(dy y))
 *
 * A block per row, of as many threads as the row fills. Two passes over a row for the moments (the
 * mean first: squares of what is left of it do not cancel), one to write; the row stays in the
 * second cache meanwhile. Sums are in double.
 */
#include "cuda/blocks.h"
#include "cuda/reduce.h"

namespace apf_cuda {

template <int THREADS, class real>
__global__ void layer_norm_forward_kernel(int64_t R, int64_t N, double epsilon, const real *x,
                                          real *y, real *scale)
{
  APF_BLOCK_LOOP(r, R)
  {
    const real *from = x + r * N;
    double sum = 0, squares = 0;
    for (int64_t n = threadIdx.x; n < N; n += THREADS) sum += load(from + n);
    const real mean = static_cast<real>(block_sum<THREADS>(sum) / static_cast<double>(N));
    for (int64_t n = threadIdx.x; n < N; n += THREADS) {
      const real distance = load(from + n) - mean;
      squares += distance * distance;
    }
    const double variance = block_sum<THREADS>(squares) / static_cast<double>(N);
    const real factor = static_cast<real>(1 / sqrt(variance + epsilon));
    for (int64_t n = threadIdx.x; n < N; n += THREADS)
      store(y + r * N + n, (load(from + n) - mean) * factor);
    if (scale && threadIdx.x == 0) store(scale + r, factor);
  }
}

template <int THREADS, class real>
__global__ void layer_norm_backward_kernel(int64_t R, int64_t N, const real *dy, const real *y,
                                           const real *scale, real *dx)
{
  APF_BLOCK_LOOP(r, R)
  {
    const real *upstream = dy + r * N, *out = y + r * N;
    double sums[2] = {}; /* of dy, and of dy y */
    for (int64_t n = threadIdx.x; n < N; n += THREADS) {
      const real d = load(upstream + n);
      sums[0] += d;
      sums[1] += d * load(out + n);
    }
    block_sums<THREADS>(sums);
    const real offset = static_cast<real>(sums[0] / static_cast<double>(N));
    const real slope = static_cast<real>(sums[1] / static_cast<double>(N));
    const real factor = load(scale + r);
    for (int64_t n = threadIdx.x; n < N; n += THREADS)
      store(dx + r * N + n, factor * (load(upstream + n) - offset - load(out + n) * slope));
  }
}

/* Rows up to these lengths take a warp, or a small block. */
enum { WARP_ROW = 512, SMALL_ROW = 8192, SMALL = 256, LARGE = 1024 };

template <int THREADS, class real>
apf_status run_forward(apf_context *ctx, int64_t R, int64_t N, double epsilon, const real *x,
                       real *y, real *scale)
{
  return APF_LAUNCH(ctx, (layer_norm_forward_kernel<THREADS, real>), block_each(R), THREADS, 0, R,
                    N, epsilon, x, y, scale);
}

template <class real>
apf_status layer_norm_forward(apf_context *ctx, int64_t R, int64_t N, double epsilon, const real *x,
                              real *y, real *scale)
{
  if (N <= WARP_ROW) return run_forward<WARP>(ctx, R, N, epsilon, x, y, scale);
  if (N <= SMALL_ROW) return run_forward<SMALL>(ctx, R, N, epsilon, x, y, scale);
  return run_forward<LARGE>(ctx, R, N, epsilon, x, y, scale);
}
APF_INSTANTIATE_REAL(layer_norm_forward);

template <int THREADS, class real>
apf_status run_backward(apf_context *ctx, int64_t R, int64_t N, const real *dy, const real *y,
                        const real *scale, real *dx)
{
  return APF_LAUNCH(ctx, (layer_norm_backward_kernel<THREADS, real>), block_each(R), THREADS, 0, R,
                    N, dy, y, scale, dx);
}

template <class real>
apf_status layer_norm_backward(apf_context *ctx, int64_t R, int64_t N, const real *dy,
                               const real *y, const real *scale, real *dx)
{
  if (N <= WARP_ROW) return run_backward<WARP>(ctx, R, N, dy, y, scale, dx);
  if (N <= SMALL_ROW) return run_backward<SMALL>(ctx, R, N, dy, y, scale, dx);
  return run_backward<LARGE>(ctx, R, N, dy, y, scale, dx);
}
APF_INSTANTIATE_REAL(layer_norm_backward);

}  // namespace apf_cuda
