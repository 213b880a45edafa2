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

#undef APF_OP

#ifdef __cplusplus
}
#endif
#endif
