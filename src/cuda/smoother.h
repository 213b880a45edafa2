/**
 * The adjoint of smoothing with a coefficient per sample, c[t], one of one or two a sequence:
 *
 *   y[t] = (1-c[t]) y[t-1] + c[t] x[t],   y[-1] = zi
 *   ds[t] = dy[t] + u[t+1],   u[t] = (1-c[t]) ds[t],   u[T] = dzf
 *   dx[t] = c[t] ds[t],   dzi = u[0],   dc = sum of ds[t] (x[t] - y[t-1]) over the samples that
 * took c
 *
 * A pass of first_order.h in reverse time. With two coefficients the first is taken where
 * x[t] < y[t-1]. States and sums are double: 1 - c in float would change the time constant of a
 * slow average.
 */
#ifndef APF_CUDA_SMOOTHER_H
#define APF_CUDA_SMOOTHER_H

#include "cuda/first_order.h"

namespace apf_cuda {

/** A rule. With one coefficient x and y are read for its gradient only. */
template <class real, int COEFFICIENTS, bool SUM>
struct SmootherBackward {
  using Signal = real;
  using Map = Affine<double>;
  static constexpr bool REVERSE = true;
  static constexpr int BLOCKS = SUM && sizeof(real) == sizeof(float) ? 2 : 3;
  static constexpr int SUMS = SUM ? COEFFICIENTS : 0;
  using Tile = ScanTile<real, REVERSE>;
  using Packs = typename Tile::Values[SCAN_PACKS];
  struct Values {
    Packs dx, c, rise; /* dx starts as dy; rise is x[t] - y[t-1], then, times ds, a term of dc */
    unsigned first;    /* bit j V + v: the sample took the first coefficient */
  };

  const real *dy, *dzf, *x, *zi, *c[COEFFICIENTS], *y;
  real *dx, *dzi, *dc[COEFFICIENTS];

  __device__ void load(const Tile &tile, Values &values) const
  {
    tile.load(dy, values.dx);
    tile.load_rows(c[COEFFICIENTS - 1], values.c);
    values.first = 0;
    if constexpr (COEFFICIENTS > 1 || SUM) load_rises(tile, values);
  }
  __device__ void load_rises(const Tile &tile, Values &values) const
  {
    Packs firsts, outputs, before;
    tile.load(x, values.rise);
    tile.load(y, outputs);
    tile.load_before(y, zi, outputs, before);
    if constexpr (COEFFICIENTS > 1) tile.load_rows(c[0], firsts);
#pragma unroll
    for (int j = 0; j < SCAN_PACKS; j++) {
#pragma unroll
      for (int v = 0; v < Tile::V; v++) {
        if (COEFFICIENTS > 1 && values.rise[j].v[v] < before[j].v[v]) {
          values.c[j].v[v] = firsts[j].v[v];
          values.first |= 1u << (j * Tile::V + v);
        }
        values.rise[j].v[v] -= before[j].v[v];
      }
    }
  }

  __device__ Map map(const Values &values, int j, int v) const
  {
    const double keep = 1 - static_cast<double>(values.c[j].v[v]);
    return {keep, keep * values.dx[j].v[v]};
  }
  __device__ double start(int64_t row) const
  {
    return dzf ? apf_cuda::load(dzf + row) : 0;
  }
  __device__ double step(Values &values, int j, int v, double state) const
  {
    const double ds = values.dx[j].v[v] + state, coefficient = values.c[j].v[v];
    values.dx[j].v[v] = static_cast<real>(coefficient * ds);
    if constexpr (SUM) values.rise[j].v[v] = static_cast<real>(ds * values.rise[j].v[v]);
    return (1 - coefficient) * ds;
  }
  __device__ void finish(int64_t row, double state) const
  {
    if (dzi) apf_cuda::store(dzi + row, static_cast<real>(state));
  }
  __device__ void store(const Tile &tile, const Values &values) const
  {
    tile.store(dx, values.dx);
  }

  __device__ Sums<SUMS> term(const Values &values, int j, int v) const
  {
    const double each = values.rise[j].v[v];
    if constexpr (COEFFICIENTS == 1) {
      return {{each}};
    } else {
      const bool first = Tile::has(values.first, j, v);
      return {{first ? each : 0, first ? 0 : each}};
    }
  }
  __device__ void finish_sums(int64_t row, const Sums<SUMS> &total) const
  {
#pragma unroll
    for (int i = 0; i < SUMS; i++)
      if (dc[i]) apf_cuda::store(dc[i] + row, static_cast<real>(total.sum[i]));
  }
};

}  // namespace apf_cuda

#endif
