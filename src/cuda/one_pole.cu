/**
 * One-pole average with a constant coefficient per row, its adjoint and its derivative.
 *
 *   y[t] = d y[t-1] + c x[t],   d = 1 - c,  y[-1] = zi
 *   u[t] = dy[t] + d u[t+1],    dx = c u,  dc = sum_t u[t] (x[t] - y[t-1]),  dzi = d u[0]
 *   y'[t] = d y'[t-1] + c x'[t] + c' (x[t] - y[t-1])
 *
 * One pass of first_order.h each. The state is double for float signals too, and d is computed in
 * double, so that slow averages keep their time constant.
 */
#include "cuda/smoother.h"

namespace apf_cuda {

namespace {

/** The filter, or with DOT its derivative, where x is x', c_dot is c', and `input` is x. */
template <class real, bool DOT>
struct OnePoleForward {
  using Signal = real;
  using Map = Affine<double>;
  static constexpr bool REVERSE = false;
  static constexpr int BLOCKS = 3;
  static constexpr int SUMS = 0;
  using Tile = ScanTile<real, REVERSE>;
  using Packs = typename Tile::Values[SCAN_PACKS];
  struct Values {
    Packs drive, c; /* the drive becomes the output */
  };

  const real *x, *c;                  /* x NULL: zeros, in forward mode only */
  const real *c_dot, *input, *zi, *y; /* with DOT */
  const real *before;                 /* out[-1], NULL: zeros */
  real *out, *after;

  __device__ void load(const Tile &tile, Values &values) const
  {
    tile.load(x, values.drive);
    tile.load_rows(c, values.c);
#pragma unroll
    for (int j = 0; j < SCAN_PACKS; j++)
#pragma unroll
      for (int v = 0; v < Tile::V; v++) values.drive[j].v[v] *= values.c[j].v[v];
    if constexpr (DOT) add_coefficient_dot(tile, values.drive);
  }
  __device__ void add_coefficient_dot(const Tile &tile, Packs &drive) const
  {
    Packs inputs, outputs, previous, dots;
    tile.load(input, inputs);
    tile.load(y, outputs);
    tile.load_before(y, zi, outputs, previous);
    tile.load_rows(c_dot, dots);
#pragma unroll
    for (int j = 0; j < SCAN_PACKS; j++)
#pragma unroll
      for (int v = 0; v < Tile::V; v++)
        drive[j].v[v] += dots[j].v[v] * (inputs[j].v[v] - previous[j].v[v]);
  }

  __device__ Map map(const Values &values, int j, int v) const
  {
    return {1 - static_cast<double>(values.c[j].v[v]), values.drive[j].v[v]};
  }
  __device__ double start(int64_t row) const
  {
    return before ? apf_cuda::load(before + row) : 0;
  }
  __device__ double step(Values &values, int j, int v, double state) const
  {
    const double next = map(values, j, v)(state);
    values.drive[j].v[v] = static_cast<real>(next);
    return next;
  }
  __device__ void finish(int64_t row, double state) const
  {
    if (after) apf_cuda::store(after + row, static_cast<real>(state));
  }
  __device__ void store(const Tile &tile, const Values &values) const
  {
    tile.store(out, values.drive);
  }
};

}  // namespace

template <class real>
apf_status one_pole_forward(apf_context *ctx, int64_t B, int64_t T, const real *x, const real *c,
                            const real *zi, real *y, real *zf)
{
  const OnePoleForward<real, false> rule = {x, c, nullptr, nullptr, nullptr, nullptr, zi, y, zf};
  return scan_sequences(ctx, B, T, is_aligned(x, y), rule);
}
APF_INSTANTIATE_REAL(one_pole_forward);

template <class real>
apf_status one_pole_jvp(apf_context *ctx, int64_t B, int64_t T, const real *x_dot,
                        const real *c_dot, const real *zi_dot, const real *x, const real *c,
                        const real *zi, const real *y, real *y_dot, real *zf_dot)
{
  const bool aligned = is_aligned(x_dot, x, y, y_dot);
  if (!c_dot) {
    const OnePoleForward<real, false> rule = {x_dot,   c,      nullptr, nullptr, nullptr,
                                              nullptr, zi_dot, y_dot,   zf_dot};
    return scan_sequences(ctx, B, T, aligned, rule);
  }
  const OnePoleForward<real, true> rule = {x_dot, c, c_dot, x, zi, y, zi_dot, y_dot, zf_dot};
  return scan_sequences(ctx, B, T, aligned, rule);
}
APF_INSTANTIATE_REAL(one_pole_jvp);

template <class real>
apf_status one_pole_backward(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                             const real *dzf, const real *x, const real *c, const real *zi,
                             const real *y, real *dx, real *dc, real *dzi)
{
  const bool aligned = is_aligned(dy, x, y, dx);
  if (!dc) {
    const SmootherBackward<real, 1, false> rule = {dy, dzf, x, zi, {c}, y, dx, dzi, {}};
    return scan_sequences(ctx, B, T, aligned, rule);
  }
  const SmootherBackward<real, 1, true> rule = {dy, dzf, x, zi, {c}, y, dx, dzi, {dc}};
  return scan_sequences(ctx, B, T, aligned, rule);
}
APF_INSTANTIATE_REAL(one_pole_backward);

}  // namespace apf_cuda
