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

/** Highest order of the all-pole filter and of the conversions between its forms. */
#define APF_MAX_ORDER 64

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

/**
 * One-pole average with a constant coefficient per row.
 *   y[b,t] = (1 - c[b]) y[b,t-1] + c[b] x[b,t],   y[b,-1] = zi[b]
 * A time of m ms is c = 1 - exp(-2200 / (m sample_rate)).
 * @param x (B, T).  @param c (B), 0 to 1.  @param zi (B) or NULL for zeros.
 * @param y (B, T); may equal x.  @param zf (B) final state, or NULL.
 * Backward: dzf NULL means zeros; dx (may equal dy), dc and dzi are optional; x and y are read only
 * for dc. Forward mode: x_dot, c_dot, zi_dot NULL mean zeros, zf_dot is optional; x and y are read
 * only with c_dot.
 */
#define APF_DECLARE(S, real)                                                                       \
  APF_OP apf_one_pole_forward_##S(apf_context *ctx, int64_t B, int64_t T, const real *x,           \
                                  const real *c, const real *zi, real *y, real *zf);               \
  APF_OP apf_one_pole_backward_##S(apf_context *ctx, int64_t B, int64_t T, const real *dy,         \
                                   const real *dzf, const real *x, const real *c, const real *zi,  \
                                   const real *y, real *dx, real *dc, real *dzi);                  \
  APF_OP apf_one_pole_jvp_##S(apf_context *ctx, int64_t B, int64_t T, const real *x_dot,           \
                              const real *c_dot, const real *zi_dot, const real *x, const real *c, \
                              const real *zi, const real *y, real *y_dot, real *zf_dot);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * First-order recurrence.   y[b,t] = a[b,t] y[b,t-1] + x[b,t],   y[b,-1] = zi[b]
 * @param F  T: a coefficient for every sample; 1: constant in time.
 * @param x  (B, T).   @param a (B, F).   @param zi (B) past output, NULL means zero.
 * @param y  (B, T), may equal x.   @param zf (B) last output (zi for T = 0), optional.
 *
 * Backward: the gradients of x (B, T), a (B, F) and zi (B), each optional, from those of y and zf
 * (dzf NULL: zero) and the output y of the forward pass. dx may equal dy. y is needed for da only,
 * and may be NULL without it. Complex gradients are dL/d(re) + i dL/d(im).
 *
 * Forward mode: the derivative of y and zf (optional) along x_dot, a_dot, zi_dot; each of them may
 * be NULL, which means zero. y is needed with a_dot only. y_dot may equal x_dot.
 *
 * Long single sequences use all threads too: see docs/recurrence.md.
 */
#define APF_DECLARE(S, scalar)                                                                     \
  APF_OP apf_recurrence_forward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F,             \
                                    const scalar *x, const scalar *a, const scalar *zi, scalar *y, \
                                    scalar *zf);                                                   \
  APF_OP apf_recurrence_backward_##S(                                                              \
      apf_context *ctx, int64_t B, int64_t T, int64_t F, const scalar *dy, const scalar *dzf,      \
      const scalar *a, const scalar *zi, const scalar *y, scalar *dx, scalar *da, scalar *dzi);    \
  APF_OP apf_recurrence_jvp_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F,                 \
                                const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,    \
                                const scalar *a, const scalar *zi, const scalar *y, scalar *y_dot, \
                                scalar *zf_dot);
APF_FOR_SCALAR(APF_DECLARE)
#undef APF_DECLARE

/**
 * Attack and release smoothing of a level, as compressors do.
 *   c = at[b] if x[b,t] < y[b,t-1], else rt[b];   y[b,t] = (1-c) y[b,t-1] + c x[b,t],
 *   y[b,-1] = zi[b]
 * A falling input takes `at`: in a compressor x is a gain, which falls while the effect attacks. A
 * tie takes `rt`.
 * @param x  (B, T).   @param zi (B), NULL means zero.   @param at, rt (B) coefficients in 0..1.
 * @param y  (B, T), may equal x if no backward pass follows.
 * @param zf (B) last output (zi for T = 0), optional.
 *
 * Backward: the gradients of x (B, T), zi, at and rt (B), each optional, with the branch taken at
 * every sample held fixed; dzf NULL: zero. dx may equal dy.
 */
#define APF_DECLARE(S, real)                                                                  \
  APF_OP apf_ballistics_forward_##S(apf_context *ctx, int64_t B, int64_t T, const real *x,    \
                                    const real *zi, const real *at, const real *rt, real *y,  \
                                    real *zf);                                                \
  APF_OP apf_ballistics_backward_##S(apf_context *ctx, int64_t B, int64_t T, const real *dy,  \
                                     const real *dzf, const real *x, const real *zi,          \
                                     const real *at, const real *rt, const real *y, real *dx, \
                                     real *dzi, real *dat, real *drt);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Time-varying finite impulse response.   y[b,t] = sum over k = 0..K-1 of b[b,t,k] x[b,t-k]
 * @param F  T: taps for every sample; 1: constant; any other F >= 2: frames, interpolated linearly
 *           with aligned end points, as apf_interpolate_forward does, inside the kernel.
 * @param x  (B, T).   @param b (B, F, K), K >= 1.
 * @param zi (B, K-1) the inputs before x, oldest first: zi[K-2] = x[-1]. NULL means zeros.
 * @param y  (B, T).   @param zf (B, K-1) the zi of what follows x, optional.
 *
 * Backward: the gradients of x (B, T), b (B, F, K) and zi (B, K-1), each optional; dzf NULL: zero.
 * x and zi are needed for db only.
 * Forward mode: the derivative of y and zf (optional) along x_dot, b_dot, zi_dot; each of them may
 * be NULL, which means zero. x and zi are needed with b_dot only, b with x_dot or zi_dot only.
 */
#define APF_DECLARE(S, real)                                                                      \
  APF_OP apf_fir_forward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,        \
                             const real *x, const real *b, const real *zi, real *y, real *zf);    \
  APF_OP apf_fir_backward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,       \
                              const real *dy, const real *dzf, const real *x, const real *b,      \
                              const real *zi, real *dx, real *db, real *dzi);                     \
  APF_OP apf_fir_jvp_##S(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,            \
                         const real *x_dot, const real *b_dot, const real *zi_dot, const real *x, \
                         const real *b, const real *zi, real *y_dot, real *zf_dot);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Reflection coefficients to the direct form of an all-pole filter (step-up), row by row.
 *   a^(m)[i] = a^(m-1)[i] + k[m] a^(m-1)[m-i]  for i < m,   a^(m)[m] = k[m],   m = 1..M
 * The filter y[t] = x[t] - sum a[i] y[t-i] is stable exactly if every |k| < 1, so k =
 * tanh(anything) makes stable filters by construction.
 * @param N  rows (batch times frames).   @param M 1..APF_MAX_ORDER.
 * @param k  (N, M).   @param a (N, M), may equal k.   Backward: dk (N, M) may equal da.
 */
#define APF_DECLARE(S, real)                                                           \
  APF_OP apf_reflection_to_direct_forward_##S(apf_context *ctx, int64_t N, int64_t M,  \
                                              const real *k, real *a);                 \
  APF_OP apf_reflection_to_direct_backward_##S(apf_context *ctx, int64_t N, int64_t M, \
                                               const real *da, const real *k, real *dk);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Direct form to reflection coefficients (step-down), the inverse of the above.
 *   k[m] = a^(m)[m],   a^(m-1)[i] = (a^(m)[i] - k[m] a^(m)[m-i]) / (1 - k[m]^2),   m = M..1
 * A row is an unstable filter exactly if one of its |k| >= 1, or is not a number: beyond k[m] =
 * +-1 the recursion has no answer, and k[1..m-1] of that row are then NaN or infinite. That is not
 * an error: the caller decides.
 * @param a  (N, M).   @param k (N, M), may equal a.
 * Backward takes the k of the forward pass; da (N, M) may equal dk.
 */
#define APF_DECLARE(S, real)                                                           \
  APF_OP apf_direct_to_reflection_forward_##S(apf_context *ctx, int64_t N, int64_t M,  \
                                              const real *a, real *k);                 \
  APF_OP apf_direct_to_reflection_backward_##S(apf_context *ctx, int64_t N, int64_t M, \
                                               const real *dk, const real *k, real *da);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Short-time Fourier transform: T / hop + 1 frames of n_fft samples, frame f centred on sample
 * f hop, a periodic Hann window of `window` samples in its middle.
 *   X[b,f,k] = sum_i w[i] x[b, f hop - n_fft/2 + i] e^{-2 pi j i k / n_fft},   k = 0..n_fft/2
 * @param n_fft   even, 2 to 2^24.   @param window 1 to n_fft.   @param hop >= 1.
 * @param reflect 0: zeros outside the signal; 1: x[-t] = x[t], which needs T > n_fft/2.
 * @param x (B, T).   @param X (B, T/hop + 1, n_fft/2 + 1, 2), pairs of real and imaginary part.
 * Backward: dX holds dL/d(re), dL/d(im) of the stored bins.
 */
#define APF_DECLARE(S, real)                                                                     \
  APF_OP apf_stft_forward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,             \
                              int64_t window, int64_t hop, int reflect, const real *x, real *X); \
  APF_OP apf_stft_backward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,            \
                               int64_t window, int64_t hop, int reflect, const real *dX,         \
                               real *dx);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Inverse short-time Fourier transform: windowed frames added up, divided by the sum of squared
 * windows. Sizes as above, zeros outside the signal.
 * @param hop at most window / 2.   @param X (B, T/hop + 1, n_fft/2 + 1, 2).   @param y (B, T).
 */
#define APF_DECLARE(S, real)                                                           \
  APF_OP apf_istft_forward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,  \
                               int64_t window, int64_t hop, const real *X, real *y);   \
  APF_OP apf_istft_backward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft, \
                                int64_t window, int64_t hop, const real *dy, real *dX);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * One-pole average by frequency sampling: apf_one_pole_forward on a signal of period T.
 *   y = irfft(rfft(x) c / (1 - (1-c) e^{-jw})),   w = 2 pi k / T
 * @param x, y (B, T); y may be x.   @param c (B), above 0 and at most 1.
 * Backward: dx (may be dy) and dc (B) are optional; x is needed for dc alone and may be NULL
 * without it.
 */
#define APF_DECLARE(S, real)                                                                   \
  APF_OP apf_fft_one_pole_forward_##S(apf_context *ctx, int64_t B, int64_t T, const real *x,   \
                                      const real *c, real *y);                                 \
  APF_OP apf_fft_one_pole_backward_##S(apf_context *ctx, int64_t B, int64_t T, const real *dy, \
                                       const real *x, const real *c, real *dx, real *dc);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Spectra times a rational response per frame.
 *   Y[b,f,k] = X[b,f,k] sum_i b[b,f,i] z^i / sum_i a[b,f,i] z^i,   z = e^{-2 pi j k / n_fft}
 * @param X, Y (B, F, n_fft/2 + 1, 2), n_fft even; Y may be X.
 * @param b (B, F, Kb), a (B, F, Ka): all coefficients, a[0] too; 1 <= Kb, Ka <= n_fft.
 * Backward: dX (may be dY), db, da are optional.
 */
#define APF_DECLARE(S, real)                                                                     \
  APF_OP apf_frequency_filter_forward_##S(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft, \
                                          int64_t Kb, int64_t Ka, const real *X, const real *b,  \
                                          const real *a, real *Y);                               \
  APF_OP apf_frequency_filter_backward_##S(                                                      \
      apf_context *ctx, int64_t B, int64_t F, int64_t n_fft, int64_t Kb, int64_t Ka,             \
      const real *dY, const real *X, const real *b, const real *a, real *dX, real *db, real *da);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * STFT, rational response per frame, inverse STFT: the three above in one, without the spectra in
 * memory. Sizes and limits as there; zeros outside the signal.
 * @param x, y (B, T).   @param b (B, T/hop + 1, Kb), a (B, T/hop + 1, Ka).
 * Backward: dx, db, da are optional; x is needed for db and da alone and may be NULL without them.
 */
#define APF_DECLARE(S, real)                                                                       \
  APF_OP apf_stft_filter_forward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,        \
                                     int64_t window, int64_t hop, int64_t Kb, int64_t Ka,          \
                                     const real *x, const real *b, const real *a, real *y);        \
  APF_OP apf_stft_filter_backward_##S(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,       \
                                      int64_t window, int64_t hop, int64_t Kb, int64_t Ka,         \
                                      const real *dy, const real *x, const real *b, const real *a, \
                                      real *dx, real *db, real *da);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Mean absolute difference after pre-emphasis, per row.
 *   loss[b] = mean_t |v[b,t]|,   v[t] = e[t] - e[t-1] + 0.995 v[t-1],   e = pred[b] - target[b % R]
 * @param pred (B, T).   @param target (R, T), R a divisor of B: several predictions of one target.
 * @param loss (B); 0 for T = 0.
 * Backward: the gradients of pred (B, T) and target (R, T), each optional. sign(0) is 0.
 */
#define APF_DECLARE(S, real)                                                                      \
  APF_OP apf_preemphasis_l1_forward_##S(apf_context *ctx, int64_t B, int64_t R, int64_t T,        \
                                        const real *pred, const real *target, real *loss);        \
  APF_OP apf_preemphasis_l1_backward_##S(apf_context *ctx, int64_t B, int64_t R, int64_t T,       \
                                         const real *dloss, const real *pred, const real *target, \
                                         real *dpred, real *dtarget);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

/**
 * Error-to-signal ratio, per row.
 *   denominator[b] = sum_t target[b % R,t]^2 + epsilon
 *   loss[b] = sum_t (pred[b,t] - target[b % R,t])^2 / denominator[b]
 * @param pred (B, T).   @param target (R, T), R a divisor of B.   @param loss, denominator (B);
 * denominator is what backward needs, and optional.
 * Backward: the gradients of pred (B, T) and target (R, T), each optional, from the loss and the
 * denominator of the forward pass; loss is needed for dtarget only.
 */
#define APF_DECLARE(S, real)                                                                       \
  APF_OP apf_esr_forward_##S(apf_context *ctx, int64_t B, int64_t R, int64_t T, double epsilon,    \
                             const real *pred, const real *target, real *loss, real *denominator); \
  APF_OP apf_esr_backward_##S(                                                                     \
      apf_context *ctx, int64_t B, int64_t R, int64_t T, const real *dloss, const real *pred,      \
      const real *target, const real *loss, const real *denominator, real *dpred, real *dtarget);
APF_FOR_REAL(APF_DECLARE)
#undef APF_DECLARE

#undef APF_OP

#ifdef __cplusplus
}
#endif
#endif
