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

/**
 * One-pole average with a constant coefficient per row.
 *   y[b,t] = (1 - c[b]) y[b,t-1] + c[b] x[b,t],   y[b,-1] = zi[b]
 * A time of m ms is c = 1 - exp(-2200 / (m sample_rate)).
 * @param x (B, T).  @param c (B), 0 to 1.  @param zi (B) or NULL for zeros.
 * @param y (B, T); may equal x.  @param zf (B) final state, or NULL.
 * Backward: dzf NULL means zeros; dx (may equal dy), dc and dzi are optional; x and y are read only for
 * dc. Forward mode: x_dot, c_dot, zi_dot NULL mean zeros, zf_dot is optional; x and y are read only
 * with c_dot.
 */
#define APF_DECLARE(S, real)                                                                      \
  APF_OP apf_one_pole_forward_##S(apf_context *ctx, int64_t B, int64_t T, const real *x,          \
                                  const real *c, const real *zi, real *y, real *zf);              \
  APF_OP apf_one_pole_backward_##S(apf_context *ctx, int64_t B, int64_t T, const real *dy,        \
                                   const real *dzf, const real *x, const real *c, const real *zi, \
                                   const real *y, real *dx, real *dc, real *dzi);                 \
  APF_OP apf_one_pole_jvp_##S(apf_context *ctx, int64_t B, int64_t T, const real *x_dot,          \
                              const real *c_dot, const real *zi_dot, const real *x,               \
                              const real *c, const real *zi, const real *y, real *y_dot,          \
                              real *zf_dot);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

#undef APF_OP

#ifdef __cplusplus
}
#endif
#endif
