/**
 * The recursions along one row, by one thread with its state in registers.
 *
 *   forward   y_t = x_t - sum_i a_{t,i} y_{t-i}                state: y_{t-1}, .. y_{t-M}
 *   adjoint   dx_t = dy_t + s_1,  s_i <- s_{i+1} - conj(a_{t,i}) dx_t,
 *             da_{t,i} = -dx_t conj(y_{t-i})                   state: s_1 .. s_M
 *
 * and the affine map of a row, s_out = P s_in + q. The adjoint needs no moves from register to
 * register, and one step of it takes row vectors through the forward recursion from the right too
 * (r <- r C_t, C_t the companion matrix), so the forward map runs over the row from its end.
 */
#ifndef APF_CUDA_ALLPOLE_STEPS_H
#define APF_CUDA_ALLPOLE_STEPS_H

#include "core/growth.h"
#include "cuda/complex.h"

namespace apf_cuda {

/** s_i <- s_{i+1} - c_i d, where `last` follows the last entry. */
template <int M, class S>
__device__ inline void shift_and_subtract(const S (&c)[M], S d, S last, S (&s)[M])
{
#pragma unroll
  for (int i = 0; i < M; i++) s[i] = mul_sub(c[i], d, i + 1 < M ? s[i + 1] : last);
}

/** x becomes y. Older taps are summed first: one multiply-add waits for the sample before. */
template <int M, class S>
__device__ inline void filter_row(int count, const S *__restrict__ a, S (&state)[M],
                                  S *__restrict__ x)
{
#pragma unroll 4
  for (int t = 0; t < count; t++) {
    S sum = x[t];
#pragma unroll
    for (int i = M - 1; i >= 0; i--) sum = mul_sub(a[t * M + i], state[i], sum);
#pragma unroll
    for (int i = M - 1; i > 0; i--) state[i] = state[i - 1];
    state[0] = sum;
    x[t] = sum;
  }
}

/** x_t -= sum_i a_dot_{t,i} y_{t-i}; past[k] = y_{k-M}. */
template <int M, class S>
__device__ inline void subtract_fir_row(int count, const S *__restrict__ a_dot,
                                        const S *__restrict__ past, S *__restrict__ x)
{
  for (int t = 0; t < count; t++) {
    S sum = x[t];
#pragma unroll
    for (int i = M - 1; i >= 0; i--) sum = mul_sub(a_dot[t * M + i], past[M + t - 1 - i], sum);
    x[t] = sum;
  }
}

/**
 * dy becomes dx and, where WANT_DA, a becomes da; past[k] = y_{k-M}. dy_{t-1} joins s_2 before dx_t
 * is known, so that one multiply-add waits for the sample after.
 */
template <bool WANT_DA, int M, class S>
__device__ inline void adjoint_row(int count, S *__restrict__ a, const S *__restrict__ past,
                                   S (&s)[M], S *__restrict__ dy)
{
  if (count == 0) return;
  s[0] = add(s[0], dy[count - 1]);
#pragma unroll 4
  for (int t = count - 1; t >= 0; t--) {
    const S dx = s[0];
    S c[M];
#pragma unroll
    for (int i = 0; i < M; i++) {
      c[i] = conj(a[t * M + i]);
      if constexpr (WANT_DA) a[t * M + i] = negate(mul(dx, conj(past[M + t - 1 - i])));
    }
    const S before = t > 0 ? dy[t - 1] : make_scalar<S>(0);
    dy[t] = dx;
    if constexpr (M > 1) s[1] = add(s[1], before);
    shift_and_subtract(c, dx, M > 1 ? make_scalar<S>(0) : before, s);
  }
}

/* --- maps ---------------------------------------------------------------------------------- */

/** s_out = P s_in + q. */
template <int M, class S>
struct AffineMap {
  S P[M][M];
  S q[M];
};

template <int M, class S>
__device__ inline AffineMap<M, S> identity_map()
{
  AffineMap<M, S> map;
#pragma unroll
  for (int i = 0; i < M; i++) {
#pragma unroll
    for (int m = 0; m < M; m++) map.P[i][m] = make_scalar<S>(i == m);
    map.q[i] = make_scalar<S>(0);
  }
  return map;
}

/** The forward recursion's, by its rows. */
template <int M, class S>
__device__ inline AffineMap<M, S> forward_map(int count, const S *__restrict__ a,
                                              const S *__restrict__ x)
{
  AffineMap<M, S> map = identity_map<M, S>();
  for (int t = count - 1; t >= 0; t--) {
    const S input = x[t];
    S c[M];
#pragma unroll
    for (int i = 0; i < M; i++) c[i] = a[t * M + i];
#pragma unroll
    for (int i = 0; i < M; i++) {
      const S first = map.P[i][0];
      map.q[i] = mul_add(first, input, map.q[i]);
      shift_and_subtract(c, first, make_scalar<S>(0), map.P[i]);
    }
  }
  return map;
}

/** The adjoint's, by its columns. */
template <int M, class S>
__device__ inline AffineMap<M, S> adjoint_map(int count, const S *__restrict__ a,
                                              const S *__restrict__ dy)
{
  AffineMap<M, S> transposed = identity_map<M, S>();
  for (int t = count - 1; t >= 0; t--) {
    S c[M];
#pragma unroll
    for (int i = 0; i < M; i++) c[i] = conj(a[t * M + i]);
    shift_and_subtract(c, add(transposed.q[0], dy[t]), make_scalar<S>(0), transposed.q);
#pragma unroll
    for (int m = 0; m < M; m++)
      shift_and_subtract(c, transposed.P[m][0], make_scalar<S>(0), transposed.P[m]);
  }
  AffineMap<M, S> map = transposed;
#pragma unroll
  for (int i = 0; i < M; i++)
#pragma unroll
    for (int m = 0; m < M; m++) map.P[i][m] = transposed.P[m][i];
  return map;
}

/** One after the other: P = then.P first.P, q = then.P first.q + then.q. */
template <int M, class S>
__device__ inline AffineMap<M, S> compose(const AffineMap<M, S> &first, const AffineMap<M, S> &then)
{
  AffineMap<M, S> both;
#pragma unroll
  for (int i = 0; i < M; i++) {
    both.q[i] = then.q[i];
#pragma unroll
    for (int m = 0; m < M; m++) both.P[i][m] = mul(then.P[i][0], first.P[0][m]);
#pragma unroll
    for (int k = 0; k < M; k++) {
      both.q[i] = mul_add(then.P[i][k], first.q[k], both.q[i]);
#pragma unroll
      for (int m = 0; k > 0 && m < M; m++)
        both.P[i][m] = mul_add(then.P[i][k], first.P[k][m], both.P[i][m]);
    }
  }
  return both;
}

template <int M, class S>
__device__ inline void apply(const AffineMap<M, S> &map, S (&state)[M])
{
  S next[M];
#pragma unroll
  for (int i = 0; i < M; i++) {
    next[i] = map.q[i];
#pragma unroll
    for (int m = 0; m < M; m++) next[i] = mul_add(map.P[i][m], state[m], next[i]);
  }
#pragma unroll
  for (int i = 0; i < M; i++) state[i] = next[i];
}

/** `zero`, unless v is infinite or NaN: then NaN. */
template <class S>
__device__ inline Real<S> zero_if_finite(S v, Real<S> zero)
{
  if constexpr (is_complex<S>)
    return fma(v.re, Real<S>(0), fma(v.im, Real<S>(0), zero));
  else
    return fma(v, S(0), zero);
}

/** Whether a weight is neither larger than growth.h allows nor NaN. */
template <class S>
__device__ inline bool is_bounded(S weight)
{
  constexpr Real<S> most = sizeof(Real<S>) == 4 ? APF_MOST_GROWTH_F32 : APF_MOST_GROWTH_F64;
  if constexpr (is_complex<S>)
    return fabs(weight.re) <= most && fabs(weight.im) <= most;
  else
    return fabs(weight) <= most;
}

/** Whether states may be computed by it. */
template <int M, class S>
__device__ inline bool is_usable(const AffineMap<M, S> &map)
{
  Real<S> zero = 0;
  bool bounded = true;
#pragma unroll
  for (int i = 0; i < M; i++) {
    zero = zero_if_finite(map.q[i], zero);
#pragma unroll
    for (int m = 0; m < M; m++) bounded = bounded & is_bounded(map.P[i][m]);
  }
  return bounded && zero == 0;
}

}  // namespace apf_cuda

#endif
