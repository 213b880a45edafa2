/**
 * The first-order recurrence with a sign, y[t] = sign a[t] y[t-1] + x[t]: with -1 it is the
 * all-pole filter of order 1. F is 1 or T. Arguments are otherwise those of apf_recurrence_*.
 */
#ifndef APF_CPU_RECURRENCE_H
#define APF_CPU_RECURRENCE_H

#include "core/context.h"
#include "core/precision.h"

apf_status APF_CPU(first_order_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                        real sign, const scalar *x, const scalar *a,
                                        const scalar *zi, scalar *y, scalar *zf);

apf_status APF_CPU(first_order_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                         real sign, const scalar *dy, const scalar *dzf,
                                         const scalar *a, const scalar *zi, const scalar *y,
                                         scalar *dx, scalar *da, scalar *dzi);

apf_status APF_CPU(first_order_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, real sign,
                                    const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,
                                    const scalar *a, const scalar *zi, const scalar *y,
                                    scalar *y_dot, scalar *zf_dot);

#endif
