/**
 * Time-varying all-pole filter, its adjoint and its derivative.
 *
 *   y_t = x_t - sum_i a_{t,i} y_{t-i},   y_{-j} = zi_j,   zf_j = y_{T-j}       (i, j = 1..M)
 *
 * Backward in one pass from the end, in the transposed form: s_i is what later samples add to the
 * gradient of y_{t-i+1}. It starts as dzf and ends as dzi.
 *   dx_t = dy_t + s_1,   s_i <- s_{i+1} - conj(a_{t,i}) dx_t,   da_{t,i} = -dx_t conj(y_{t-i})
 *
 * Forward mode filters x_dot_t - sum_i a_dot_{t,i} y_{t-i} with the same coefficients.
 *
 * Threads are sequences (allpole_sequences.cu), spans of time (allpole_scan.cu), or the taps of one
 * sequence (allpole_taps.cu) or span (allpole_taps_scan.cu); tuning.h chooses. In all four every
 * array is touched once.
 */
#include "cuda/allpole.h"
#include "cuda/tuning.h"

namespace apf_cuda {

/** p: of a forward or backward call, which needs past outputs or not. */
template <class S, template <class> class Call>
static AllpoleStrategy choose(const apf_context *ctx, const Call<S> &p, bool past)
{
  if (p.M <= SMALL_ORDERS<S>) return choose_allpole_strategy(ctx, p.B, p.T);
  const int64_t tile = allpole_taps_scan_tile(ctx, sizeof(S), p.M, p.F == p.T, past);
  return choose_allpole_taps_strategy(ctx, p.B, p.T, p.M, sizeof(S), tile);
}

template <class S>
static apf_status run(apf_context *ctx, const AllpoleForward<S> &p)
{
  switch (choose(ctx, p, p.a_dot != nullptr)) {
    case AllpoleStrategy::sequences: return allpole_forward_sequences(ctx, p);
    case AllpoleStrategy::scan: return allpole_forward_scan(ctx, p);
    case AllpoleStrategy::taps_scan: return allpole_forward_taps_scan(ctx, p);
    default: return allpole_forward_taps(ctx, p);
  }
}

template <class S>
static apf_status run(apf_context *ctx, const AllpoleBackward<S> &p)
{
  switch (choose(ctx, p, p.da != nullptr)) {
    case AllpoleStrategy::sequences: return allpole_backward_sequences(ctx, p);
    case AllpoleStrategy::scan: return allpole_backward_scan(ctx, p);
    case AllpoleStrategy::taps_scan: return allpole_backward_taps_scan(ctx, p);
    default: return allpole_backward_taps(ctx, p);
  }
}

template <class S>
apf_status allpole_forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M, const S *x,
                           const S *a, const S *zi, S *y, S *zf)
{
  return run(ctx, AllpoleForward<S>{B, T, F, M, x, a, zi, nullptr, nullptr, nullptr, y, zf});
}
APF_INSTANTIATE_SCALAR(allpole_forward);

template <class S>
apf_status allpole_backward(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                            const S *dy, const S *dzf, const S *a, const S *zi, const S *y, S *dx,
                            S *da, S *dzi)
{
  return run(ctx, AllpoleBackward<S>{B, T, F, M, dy, dzf, a, zi, y, dx, da, dzi});
}
APF_INSTANTIATE_SCALAR(allpole_backward);

template <class S>
apf_status allpole_jvp(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M, const S *x_dot,
                       const S *a_dot, const S *zi_dot, const S *a, const S *zi, const S *y,
                       S *y_dot, S *zf_dot)
{
  return run(ctx, AllpoleForward<S>{B, T, F, M, x_dot, a, zi_dot, a_dot, y, zi, y_dot, zf_dot});
}
APF_INSTANTIATE_SCALAR(allpole_jvp);

}  // namespace apf_cuda
