/**
 * Maximum over groups of P neighbouring rows; rows that do not fill a group are left out.
 *
 *   y[b,h,w] = max_p x[b, h P + p, w];   dx is dy where the first such maximum stands, else 0
 *
 * A thread per group, neighbours along w; backward's threads also write the zeros of those rows
 * that are left out.
 */
#include "cuda/axes.h"

namespace apf_cuda {

enum { THREADS = 256 };

/** Groups (B, groups of an image, W), and where each begins: in y (or dy), and in x (or dx). */
template <class Index>
struct PoolGroups {
  int64_t count;
  Walk<Index, 2> walk;
};

template <class Index>
PoolGroups<Index> new_groups(int64_t B, int64_t H, int64_t W, int64_t P, int64_t groups)
{
  const int64_t size[] = {B, groups, W};
  const int64_t strides[2][APF_STRIDE_DIMS] = {{H / P * W, W, 1}, {H * W, P * W, 1}};
  return {B * groups * W, new_walk<Index>(3, size, strides)};
}

template <class real, class Index>
__global__ void max_pool_forward_kernel(PoolGroups<Index> groups, int64_t W, int64_t P,
                                        const real *x, real *y)
{
  APF_GRID_LOOP(i, groups.count)
  {
    const real *from = x + groups.walk.at(static_cast<Index>(i)).of[1];
    real largest = load(from);
    for (int64_t p = 1; p < P; p++) {
      const real next = load(from + p * W);
      if (next > largest) largest = next;
    }
    store(y + i, largest);
  }
}

template <class real, class Index>
apf_status run_forward(apf_context *ctx, int64_t B, int64_t H, int64_t W, int64_t P, const real *x,
                       real *y)
{
  const PoolGroups<Index> groups = new_groups<Index>(B, H, W, P, H / P);
  return APF_LAUNCH(ctx, (max_pool_forward_kernel<real, Index>),
                    grid_for(ctx, groups.count, THREADS), THREADS, 0, groups, W, P, x, y);
}

template <class real>
apf_status max_pool_forward(apf_context *ctx, int64_t B, int64_t H, int64_t W, int64_t P,
                            const real *x, real *y)
{
  return is_short(B * H * W) ? run_forward<real, uint32_t>(ctx, B, H, W, P, x, y)
                             : run_forward<real, int64_t>(ctx, B, H, W, P, x, y);
}
APF_INSTANTIATE_REAL(max_pool_forward);

/** The gradient goes to the first of the largest values, and nothing to the others. */
template <class real>
__device__ inline void spread_to_first(int64_t W, int64_t P, real dy, const real *x, real *dx)
{
  real largest = load(x);
  int64_t first = 0;
  for (int64_t p = 1; p < P; p++) {
    const real next = load(x + p * W);
    if (!(next > largest)) continue;
    largest = next;
    first = p;
  }
  for (int64_t p = 0; p < P; p++) store(dx + p * W, p == first ? dy : real(0));
}

template <class real, class Index>
__global__ void max_pool_backward_kernel(PoolGroups<Index> groups, int64_t H, int64_t W, int64_t P,
                                         const real *dy, const real *x, real *dx)
{
  const int64_t image = H * W, used = H / P * P * W;
  APF_GRID_LOOP(i, groups.count)
  {
    const Offsets<2> at = groups.walk.at(static_cast<Index>(i));
    const int64_t inside = at.of[1] % image;
    if (inside < used)
      spread_to_first(W, P, load(dy + at.of[0]), x + at.of[1], dx + at.of[1]);
    else
      for (int64_t k = inside; k < image; k += W) store(dx + at.of[1] - inside + k, real(0));
  }
}

template <class real, class Index>
apf_status run_backward(apf_context *ctx, int64_t B, int64_t H, int64_t W, int64_t P,
                        const real *dy, const real *x, real *dx)
{
  const PoolGroups<Index> groups = new_groups<Index>(B, H, W, P, divide_up(H, P));
  return APF_LAUNCH(ctx, (max_pool_backward_kernel<real, Index>),
                    grid_for(ctx, groups.count, THREADS), THREADS, 0, groups, H, W, P, dy, x, dx);
}

template <class real>
apf_status max_pool_backward(apf_context *ctx, int64_t B, int64_t H, int64_t W, int64_t P,
                             const real *dy, const real *x, real *dx)
{
  return is_short(B * H * W) ? run_backward<real, uint32_t>(ctx, B, H, W, P, dy, x, dx)
                             : run_backward<real, int64_t>(ctx, B, H, W, P, dy, x, dx);
}
APF_INSTANTIATE_REAL(max_pool_backward);

}  // namespace apf_cuda
