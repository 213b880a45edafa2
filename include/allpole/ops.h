/**
 * Operators on raw pointers: the recursions and their gradients. Usable alone, without graph or
 * audio.
 *
 * Every operator exists for float and double (suffix _f32, _f64), the linear recursions also for
 * complex numbers (_c64, _c128). `scalar` below stands for the suffix's type. All pointers lie in
 * the memory of the context's backend. Calls are enqueued on the context's stream; on the CPU they
 * have run when they return. Outputs documented as optional may be NULL: they are then not
 * computed. Gradients are written, not accumulated. Unless stated otherwise arrays must not
 * overlap.
 *
 * Errors of every operator: APF_ERR_ARGUMENT for a NULL array that is not optional, a negative
 * size, a size outside its range, sizes whose product overflows; APF_ERR_MEMORY where workspace is
 * needed; APF_ERR_CUDA. Outputs are untouched after APF_ERR_ARGUMENT and APF_ERR_MEMORY.
 */
#ifndef ALLPOLE_OPS_H
#define ALLPOLE_OPS_H

#include <allpole/core.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APF_FOR_REAL(DECLARE)   DECLARE(f32, float) DECLARE(f64, double)
#define APF_FOR_SCALAR(DECLARE) APF_FOR_REAL(DECLARE) DECLARE(c64, apf_c64) DECLARE(c128, apf_c128)
#define APF_OP                  APF_API APF_MUST_CHECK apf_status

/**
 * Linear interpolation along time with aligned end points.
 *   u = t (F-1)/(T-1), i = min(floor(u), F-2), w = u - i
 *   y[b,t,c] = (1-w) x[b,i,c] + w x[b,i+1,c];   F = 1: constant;  T = 1: x[b,0,c];  F = T: a copy
 * @param x (B, F, C) frames, F >= 1.   @param y (B, T, C).
 * Backward: dx[b,i,c] = sum over t of the weights above times dy[b,t,c].
 */
#define APF_DECLARE(S, real)                                                                       \
  APF_OP apf_interpolate_forward_##S(apf_context *ctx, int64_t B, int64_t F, int64_t T, int64_t C, \
                                     const real *x, real *y);                                      \
  APF_OP apf_interpolate_backward_##S(apf_context *ctx, int64_t B, int64_t F, int64_t T,           \
                                      int64_t C, const real *dy, real *dx);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/** Largest order M of the recursions. */
#define APF_MAX_ORDER 64

/**
 * Time-varying all-pole filter (arXiv 2404.07970).
 *   y[b,t] = x[b,t] - sum_{i=1..M} a[b,t,i-1] y[b,t-i]
 *   y[b,-j] = zi[b,j-1],   zf[b,j-1] = y[b,T-j],   j = 1..M
 * @param x  (B, T) input.   @param y (B, T) output; may be x.
 * @param a  (B, F, M) coefficients, the leading 1 implied, 1 <= M <= APF_MAX_ORDER. F = T: one set
 *           per sample; F = 1: constant; any other F >= 2: frames, interpolated to T inside the
 *           recursion as apf_interpolate_forward does.
 * @param zi (B, M) past outputs, newest first, or NULL for zeros.
 * @param zf (B, M) final state, the zi of what follows, or NULL; may be zi.
 * Backward, with conj for complex numbers (a gradient is dL/d(re) + i dL/d(im)):
 *   dx[t] = dy[t] - sum_i conj(a[t+i,i]) dx[t+i],   da[t,i] = -dx[t] conj(y[t-i]),
 *   dzi[j] = -sum_t conj(a[t,t+j]) dx[t]; da is summed over t for F = 1, and carried back to the
 *   frames by the interpolation's adjoint otherwise.
 * @param dy (B, T), dzf (B, M) or NULL for zeros: gradients of y and zf.
 * @param dx, da, dzi  shapes of x, a, zi; each may be NULL. dx may be dy; dzi may be dzf.
 *           y is needed for da alone and may be NULL without it.
 * Forward mode: y_dot[t] = x_dot[t] - sum_i a_dot[t,i] y[t-i] - sum_i a[t,i] y_dot[t-i].
 * @param x_dot, a_dot, zi_dot  tangents; each may be NULL for zeros. y_dot may be x_dot. zf_dot may
 *           be NULL. y is needed for a_dot alone and may be NULL without it.
 */
#define APF_DECLARE(S, scalar)                                                                  \
  APF_OP apf_allpole_forward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,  \
                                 const scalar *x, const scalar *a, const scalar *zi, scalar *y, \
                                 scalar *zf);                                                   \
  APF_OP apf_allpole_backward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M, \
                                  const scalar *dy, const scalar *dzf, const scalar *a,         \
                                  const scalar *zi, const scalar *y, scalar *dx, scalar *da,    \
                                  scalar *dzi);                                                 \
  APF_OP apf_allpole_jvp_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,      \
                             const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,    \
                             const scalar *a, const scalar *zi, const scalar *y, scalar *y_dot, \
                             scalar *zf_dot);
APF_FOR_SCALAR(APF_DECLARE)
#undef APF_DECLARE

#undef APF_OP

#ifdef __cplusplus
}
#endif
#endif
