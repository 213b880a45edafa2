/**
 * First-order recurrence, its adjoint and its derivative.
 *
 *   y[t] = a[t] y[t-1] + x[t],   y[-1] = zi
 *   dx[t] = dy[t] + conj(a[t+1]) dx[t+1],   dx[T-1] = dy[T-1] + dzf
 *   da[t] = conj(y[t-1]) dx[t] (summed over t in double for a constant),   dzi = conj(a[0]) dx[0]
 *   y_dot[t] = a[t] y_dot[t-1] + (x_dot[t] + a_dot[t] y[t-1])
 *
 * One pass of first_order.h each. Backward, the state is u[t] = conj(a[t]) dx[t], what y[t-1] gets
 * from y[t]: then a sample needs no coefficient but its own,
 *
 *   dx[t] = dy[t] + u[t+1],   u[T] = dzf,   dzi = u[0]
 *
 * Every array is read or written once: 12 bytes a sample forward and 20 backward, for float.
 */
#include "cuda/recurrence.h"

#include "cuda/first_order.h"

namespace apf_cuda {

namespace {

/** As many blocks a multiprocessor as leave each thread the registers that it needs. */
template <class S, bool CONSTANT>
inline constexpr int scan_blocks = sizeof(S) == 16                         ? 2
                                   : std::is_same_v<S, float> && !CONSTANT ? 4
                                                                           : 3;

/** Coefficients: one a sample or one a sequence. */
template <class S, bool CONSTANT, class Tile>
__device__ inline void load_coefficients(const Tile &tile, const S *a, Real<S> sign,
                                         typename Tile::Values (&out)[SCAN_PACKS])
{
  if constexpr (CONSTANT)
    tile.load_rows(a, out);
  else
    tile.load(a, out);
#pragma unroll
  for (int j = 0; j < SCAN_PACKS; j++)
#pragma unroll
    for (int v = 0; v < Tile::V; v++) out[j].v[v] = scale(out[j].v[v], sign);
}

/** out[t] = a[t] out[t-1] + x[t], and with DOT also a_dot[t] y[t-1]. */
template <class S, bool CONSTANT, bool DOT>
struct RecurrenceForward {
  using Signal = S;
  using Map = Affine<S>;
  static constexpr bool REVERSE = false;
  static constexpr int BLOCKS = scan_blocks<S, CONSTANT>;
  static constexpr int SUMS = 0;
  using Packs = typename ScanTile<S, REVERSE>::Values[SCAN_PACKS];
  struct Values {
    Packs drive, a; /* the drive becomes the output */
  };

  Real<S> sign;
  const S *x, *a;          /* x NULL: zeros, in forward mode only */
  const S *a_dot, *y, *zi; /* forward mode: y[-1] = zi */
  const S *before;         /* out[-1], NULL: zeros */
  S *out, *after;

  template <class Tile>
  __device__ void load(const Tile &tile, Values &values) const
  {
    tile.load(x, values.drive);
    load_coefficients<S, CONSTANT>(tile, a, sign, values.a);
    if constexpr (DOT) {
      Packs dots, outputs, previous;
      load_coefficients<S, CONSTANT>(tile, a_dot, sign, dots);
      tile.load(y, outputs);
      tile.load_before(y, zi, outputs, previous);
#pragma unroll
      for (int j = 0; j < SCAN_PACKS; j++)
#pragma unroll
        for (int v = 0; v < Tile::V; v++)
          values.drive[j].v[v] = mul_add(dots[j].v[v], previous[j].v[v], values.drive[j].v[v]);
    }
  }
  __device__ Map map(const Values &values, int j, int v) const
  {
    return {values.a[j].v[v], values.drive[j].v[v]};
  }
  __device__ S start(int64_t row) const
  {
    return before ? apf_cuda::load(before + row) : S{};
  }
  __device__ S step(Values &values, int j, int v, S state) const
  {
    return values.drive[j].v[v] = map(values, j, v)(state);
  }
  __device__ void finish(int64_t row, S state) const
  {
    if (after) apf_cuda::store(after + row, state);
  }
  template <class Tile>
  __device__ void store(const Tile &tile, const Values &values) const
  {
    tile.store(out, values.drive);
  }
};

/** With SUMS the coefficient is constant and its gradient wanted. */
template <class S, bool CONSTANT, bool SUM>
struct RecurrenceBackward {
  using Signal = S;
  using Map = Affine<S>;
  static constexpr bool REVERSE = true;
  static constexpr int BLOCKS = scan_blocks<S, CONSTANT>;
  static constexpr int SUMS = SUM ? 1 + is_complex<S> : 0;
  using Packs = typename ScanTile<S, REVERSE>::Values[SCAN_PACKS];
  struct Values {
    Packs dx, a, previous; /* dx starts as dy; previous is y[t-1], then, times dx, da */
  };

  Real<S> sign;
  const S *dy, *dzf, *a, *zi, *y;
  S *dx, *da, *dzi;

  template <class Tile>
  __device__ void load(const Tile &tile, Values &values) const
  {
    tile.load(dy, values.dx);
    load_coefficients<S, CONSTANT>(tile, a, sign, values.a);
    if (!da) return;
    Packs outputs;
    tile.load(y, outputs);
    tile.load_before(y, zi, outputs, values.previous);
  }
  __device__ Map map(const Values &values, int j, int v) const
  {
    const S gain = conj(values.a[j].v[v]);
    return {gain, mul(gain, values.dx[j].v[v])};
  }
  __device__ S start(int64_t row) const { return dzf ? apf_cuda::load(dzf + row) : S{}; }
  __device__ S step(Values &values, int j, int v, S state) const
  {
    const S gradient = values.dx[j].v[v] = add(values.dx[j].v[v], state);
    if (da) values.previous[j].v[v] = scale(mul(conj(values.previous[j].v[v]), gradient), sign);
    return mul(conj(values.a[j].v[v]), gradient);
  }
  __device__ void finish(int64_t row, S state) const
  {
    if (dzi) apf_cuda::store(dzi + row, state);
  }
  template <class Tile>
  __device__ void store(const Tile &tile, const Values &values) const
  {
    tile.store(dx, values.dx);
    if constexpr (!CONSTANT) tile.store(da, values.previous);
  }
  __device__ Sums<SUMS> term(const Values &values, int j, int v) const
  {
    const S each = values.previous[j].v[v];
    if constexpr (is_complex<S>)
      return {{each.re, each.im}};
    else
      return {{each}};
  }
  __device__ void finish_sums(int64_t row, const Sums<SUMS> &total) const
  {
    if constexpr (is_complex<S>)
      apf_cuda::store(da + row, make_scalar<S>(total.sum[0], total.sum[1]));
    else
      apf_cuda::store(da + row, make_scalar<S>(total.sum[0]));
  }
};

template <class S>
struct ForwardArrays {
  const S *x, *a, *a_dot, *y, *zi, *before;
  S *out, *after;
};

template <bool CONSTANT, bool DOT, class S>
apf_status run_forward(apf_context *ctx, int64_t B, int64_t T, Real<S> sign,
                       const ForwardArrays<S> &p)
{
  const RecurrenceForward<S, CONSTANT, DOT> rule = {sign, p.x,      p.a,   p.a_dot, p.y,
                                                    p.zi, p.before, p.out, p.after};
  const bool aligned = is_aligned(p.x, p.out, p.y) && (CONSTANT || is_aligned(p.a, p.a_dot));
  return scan_sequences(ctx, B, T, aligned, rule);
}

template <class S>
apf_status forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, Real<S> sign,
                   const ForwardArrays<S> &p)
{
  if (T == 0) return pass_on(ctx, B, p.before, p.after);
  if (p.a_dot)
    return F == 1 ? run_forward<true, true>(ctx, B, T, sign, p)
                  : run_forward<false, true>(ctx, B, T, sign, p);
  return F == 1 ? run_forward<true, false>(ctx, B, T, sign, p)
                : run_forward<false, false>(ctx, B, T, sign, p);
}

template <bool CONSTANT, bool SUM, class S>
apf_status run_backward(apf_context *ctx, int64_t B, int64_t T,
                        const RecurrenceBackward<S, false, false> &p)
{
  const RecurrenceBackward<S, CONSTANT, SUM> rule = {p.sign, p.dy, p.dzf, p.a,  p.zi,
                                                     p.y,    p.dx, p.da,  p.dzi};
  const bool aligned = is_aligned(p.dy, p.y, p.dx) && (CONSTANT || is_aligned(p.a, p.da));
  return scan_sequences(ctx, B, T, aligned, rule);
}

}  // namespace

template <class S>
apf_status first_order_forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, Real<S> sign,
                               const S *x, const S *a, const S *zi, S *y, S *zf)
{
  return forward<S>(ctx, B, T, F, sign, {x, a, nullptr, nullptr, nullptr, zi, y, zf});
}

template <class S>
apf_status first_order_jvp(apf_context *ctx, int64_t B, int64_t T, int64_t F, Real<S> sign,
                           const S *x_dot, const S *a_dot, const S *zi_dot, const S *a, const S *zi,
                           const S *y, S *y_dot, S *zf_dot)
{
  return forward<S>(ctx, B, T, F, sign, {x_dot, a, a_dot, y, zi, zi_dot, y_dot, zf_dot});
}

template <class S>
apf_status first_order_backward(apf_context *ctx, int64_t B, int64_t T, int64_t F, Real<S> sign,
                                const S *dy, const S *dzf, const S *a, const S *zi, const S *y,
                                S *dx, S *da, S *dzi)
{
  if (T == 0) {
    if (F == 1) APF_TRY(pass_on<S>(ctx, B, nullptr, da));
    return pass_on(ctx, B, dzf, dzi);
  }
  const RecurrenceBackward<S, false, false> arrays = {sign, dy, dzf, a, zi, y, dx, da, dzi};
  if (F != 1) return run_backward<false, false>(ctx, B, T, arrays);
  return da ? run_backward<true, true>(ctx, B, T, arrays)
            : run_backward<true, false>(ctx, B, T, arrays);
}

APF_INSTANTIATE_SCALAR(first_order_forward);
APF_INSTANTIATE_SCALAR(first_order_backward);
APF_INSTANTIATE_SCALAR(first_order_jvp);

template <class S>
apf_status recurrence_forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, const S *x,
                              const S *a, const S *zi, S *y, S *zf)
{
  return first_order_forward<S>(ctx, B, T, F, 1, x, a, zi, y, zf);
}
APF_INSTANTIATE_SCALAR(recurrence_forward);

template <class S>
apf_status recurrence_jvp(apf_context *ctx, int64_t B, int64_t T, int64_t F, const S *x_dot,
                          const S *a_dot, const S *zi_dot, const S *a, const S *zi, const S *y,
                          S *y_dot, S *zf_dot)
{
  return first_order_jvp<S>(ctx, B, T, F, 1, x_dot, a_dot, zi_dot, a, zi, y, y_dot, zf_dot);
}
APF_INSTANTIATE_SCALAR(recurrence_jvp);

template <class S>
apf_status recurrence_backward(apf_context *ctx, int64_t B, int64_t T, int64_t F, const S *dy,
                               const S *dzf, const S *a, const S *zi, const S *y, S *dx, S *da,
                               S *dzi)
{
  return first_order_backward<S>(ctx, B, T, F, 1, dy, dzf, a, zi, y, dx, da, dzi);
}
APF_INSTANTIATE_SCALAR(recurrence_backward);

}  // namespace apf_cuda
