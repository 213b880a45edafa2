/**
 * The all-pole filter's calls and the strategies that run them: allpole_sequences.cu,
 * allpole_scan.cu, allpole_taps.cu, allpole_taps_scan.cu. Equations in docs/allpole.md.
 */
#ifndef APF_CUDA_ALLPOLE_H
#define APF_CUDA_ALLPOLE_H

#include <allpole/ops.h>

#include "cuda/complex.h"

namespace apf_cuda {

/** Arguments of a forward call. Forward mode filters x = x_dot less what a_dot makes of the past
 *  outputs y_past, zi_past. x, zi, a_dot, zi_past and zf may be NULL. */
template <class S>
struct AllpoleForward {
  int64_t B, T, F, M;
  const S *x, *a, *zi;
  const S *a_dot, *y_past, *zi_past;
  S *y, *zf;
};

/** Arguments of a backward call. dzf, zi, dx, da and dzi may be NULL, y without da. */
template <class S>
struct AllpoleBackward {
  int64_t B, T, F, M;
  const S *dy, *dzf, *a, *zi, *y;
  S *dx, *da, *dzi;
};

/* Each of the next four leaves to `taps` what does not fit into the device's shared memory. */

/** A thread per sequence; orders 1 to SMALL_ORDERS. */
template <class S>
apf_status allpole_forward_sequences(apf_context *ctx, const AllpoleForward<S> &p);
template <class S>
apf_status allpole_backward_sequences(apf_context *ctx, const AllpoleBackward<S> &p);

/** A thread per span of time; orders 1 to SMALL_ORDERS. */
template <class S>
apf_status allpole_forward_scan(apf_context *ctx, const AllpoleForward<S> &p);
template <class S>
apf_status allpole_backward_scan(apf_context *ctx, const AllpoleBackward<S> &p);

/** A warp per sequence; any order. */
template <class S>
apf_status allpole_forward_taps(apf_context *ctx, const AllpoleForward<S> &p);
template <class S>
apf_status allpole_backward_taps(apf_context *ctx, const AllpoleBackward<S> &p);

/** A warp per span of time, where allpole_taps_scan_tile() is not 0. */
template <class S>
apf_status allpole_forward_taps_scan(apf_context *ctx, const AllpoleForward<S> &p);
template <class S>
apf_status allpole_backward_taps_scan(apf_context *ctx, const AllpoleBackward<S> &p);
/** Samples of a tile; 0: a map of this order leaves no room for any. per_sample: coefficients are
 *  no frames. past: the call needs past outputs. */
int64_t allpole_taps_scan_tile(const apf_context *ctx, size_t scalar_bytes, int64_t M,
                               bool per_sample, bool past);

/** Largest order whose affine map of a span (M * M + M scalars) and the one it is composed with fit
 *  into a thread's registers. */
template <class S>
inline constexpr int SMALL_ORDERS = sizeof(S) == 4   ? 8
                                    : sizeof(S) == 8 ? 6
                                                     : 4;

/** Calls f(std::integral_constant<int, M>) for the order, which is 1 to SMALL_ORDERS. */
template <class S, int M = 1, class Function>
apf_status for_small_order(int64_t order, const Function &f)
{
  if constexpr (M < SMALL_ORDERS<S>)
    if (order != M) return for_small_order<S, M + 1>(order, f);
  return f(std::integral_constant<int, M>());
}

}  // namespace apf_cuda

#endif
