/**
 * The first-order recurrence with a sign, y[t] = sign a[t] y[t-1] + x[t]: with -1 it is the
 * all-pole filter of order 1. F is 1 or T. Arguments are otherwise those of apf_recurrence_*.
 */
#ifndef APF_CUDA_RECURRENCE_H
#define APF_CUDA_RECURRENCE_H

#include "cuda/complex.h"

namespace apf_cuda {

template <class S>
apf_status first_order_forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, Real<S> sign,
                               const S *x, const S *a, const S *zi, S *y, S *zf);

template <class S>
apf_status first_order_backward(apf_context *ctx, int64_t B, int64_t T, int64_t F, Real<S> sign,
                                const S *dy, const S *dzf, const S *a, const S *zi, const S *y,
                                S *dx, S *da, S *dzi);

template <class S>
apf_status first_order_jvp(apf_context *ctx, int64_t B, int64_t T, int64_t F, Real<S> sign,
                           const S *x_dot, const S *a_dot, const S *zi_dot, const S *a, const S *zi,
                           const S *y, S *y_dot, S *zf_dot);

}  // namespace apf_cuda

#endif
