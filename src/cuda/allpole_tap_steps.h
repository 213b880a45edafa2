/**
 * The recursions where the lanes of a warp share the taps of one sequence, a block of up to 32
 * samples at a time, a lane per sample. What samples before the block (forward) or after it
 * (backward) add comes first, all lanes side by side; then the samples are finished one by one,
 * each handed to the others by a shuffle:
 *
 *   forward   y_j is complete: lanes l > j take a_{l,l-j} y_j off their sum
 *   backward  dx_j is complete: lanes l < j take conj(a_{j,j-l}) dx_j off theirs
 *
 * so that a sample waits for one shuffle and one multiply-add whatever the order. Rows of
 * coefficients, M scalars of one sample each, are an odd number of scalars apart.
 */
#ifndef APF_CUDA_ALLPOLE_TAP_STEPS_H
#define APF_CUDA_ALLPOLE_TAP_STEPS_H

#include "cuda/allpole.h"
#include "cuda/allpole_rows.h"
#include "cuda/scan.h"

namespace apf_cuda {

enum {
  HISTORY = APF_MAX_ORDER, /* samples that a block may depend on */
  TAPS = HISTORY / WARP    /* of a lane */
};

/* --- arrays -------------------------------------------------------------------------------- */

/** The call for sequence b alone. */
template <class S>
__device__ inline AllpoleForward<S> call_of_sequence(const AllpoleForward<S> &p, int64_t b)
{
  const auto own = [b](auto *array, int64_t size) { return array ? array + b * size : nullptr; };
  const int64_t set = p.F * p.M;
  return {1,
          p.T,
          p.F,
          p.M,
          own(p.x, p.T),
          own(p.a, set),
          own(p.zi, p.M),
          own(p.a_dot, set),
          own(p.y_past, p.T),
          own(p.zi_past, p.M),
          own(p.y, p.T),
          own(p.zf, p.M)};
}

template <class S>
__device__ inline AllpoleBackward<S> call_of_sequence(const AllpoleBackward<S> &p, int64_t b)
{
  const auto own = [b](auto *array, int64_t size) { return array ? array + b * size : nullptr; };
  const int64_t set = p.F * p.M;
  return {1,
          p.T,
          p.F,
          p.M,
          own(p.dy, p.T),
          own(p.dzf, p.M),
          own(p.a, set),
          own(p.zi, p.M),
          own(p.y, p.T),
          own(p.dx, p.T),
          own(p.da, set),
          own(p.dzi, p.M)};
}

/** Calls f(row, k) over n rows of `width`; `thread` is one of THREADS, neighbours side by side. */
template <int THREADS, class Function>
__device__ inline void for_cells(int thread, int n, int width, const Function &f)
{
  const int rows = THREADS / width;
  for (int row = thread / width, k = thread % width; row < n;) {
    f(row, k);
    row += rows;
    k += THREADS - rows * width;
    if (k < width) continue;
    k -= width;
    row++;
  }
}

/** Begins a copy of n rows of M scalars, by their parts and a block of THREADS. */
template <int THREADS, class S>
__device__ inline void load_cells(int n, int M, const S *from, int stride, S *to)
{
  constexpr int PARTS = sizeof(S) / sizeof(Real<S>);
  const Real<S> *source = reinterpret_cast<const Real<S> *>(from);
  Real<S> *words = reinterpret_cast<Real<S> *>(to);
  for_cells<THREADS>(static_cast<int>(threadIdx.x), n, M * PARTS, [&](int row, int k) {
    async_copy(words + row * stride * PARTS + k, source + row * M * PARTS + k);
  });
}

template <int THREADS, class S>
__device__ inline void store_cells(int n, int M, const S *from, int stride, S *to)
{
  constexpr int PARTS = sizeof(S) / sizeof(Real<S>);
  const Real<S> *words = reinterpret_cast<const Real<S> *>(from);
  Real<S> *target = reinterpret_cast<Real<S> *>(to);
  for_cells<THREADS>(static_cast<int>(threadIdx.x), n, M * PARTS, [&](int row, int k) {
    store(target + row * M * PARTS + k, words[row * stride * PARTS + k]);
  });
}

/** Begins copies of the outputs t - M .. t + n - 1 of one sequence; past[HISTORY] is y_t. */
template <int THREADS, class S>
__device__ inline void load_past(int n, int M, int64_t t, const S *y, const S *zi, S *past)
{
  load_cells<THREADS>(n, 1, y + t, 1, past + HISTORY);
  for (int i = 1 + static_cast<int>(threadIdx.x); i <= M; i += THREADS) {
    if (i <= t)
      copy_scalar(past + HISTORY - i, y + t - i);
    else
      past[HISTORY - i] = load_or_zero(zi, i - t - 1);
  }
}

/* --- forward ------------------------------------------------------------------------------- */

/** x less what a row of a_dot makes of the outputs before it; past[HISTORY - i] is y_{t-i}. */
template <class S>
__device__ inline S subtract_fir(int M, const S *a_dot, const S *past, S x)
{
  for (int i = 1; i <= M; i++) x = mul_sub(a_dot[i - 1], past[HISTORY - i], x);
  return x;
}

/** The lane's output, x being its input (any number in lanes from n on); line[HISTORY - i] is
 *  y_{t-i}, t the first of the n samples, whose coefficients are the rows a. */
template <class S>
__device__ inline S filter_block(int M, int n, const S *a, int stride, const S *line, S x)
{
  const int lane = lane_id();
  const S *row = a + lane * stride;
  S sum = x;
  if (lane < n)
    for (int i = M; i > lane; i--) sum = mul_sub(row[i - 1], line[HISTORY + lane - i], sum);
#pragma unroll 8
  for (int j = 0; j < n; j++) {
    const S y = shuffle(sum, j);
    const int i = lane - j;
    if (i >= 1 && i <= M && lane < n) sum = mul_sub(row[i - 1], y, sum);
  }
  return sum;
}

/** The last HISTORY of HISTORY + n entries come to the front. */
template <class S>
__device__ inline void keep_history(int n, S *line)
{
  S kept[TAPS];
  __syncwarp();
  for (int k = 0; k < TAPS; k++) kept[k] = line[n + lane_id() + k * WARP];
  __syncwarp();
  for (int k = 0; k < TAPS; k++) line[lane_id() + k * WARP] = kept[k];
}

/* --- backward ------------------------------------------------------------------------------ */

/** The lane's dx, from its dy (zero in lanes from n on). later[k - 1] is what samples behind the
 *  block add to the one k before its end. */
template <class S>
__device__ inline S adjoint_block(int M, int n, const S *a, int stride, const S *later, S dy)
{
  const int lane = lane_id();
  S sum = dy;
  if (lane < n && n - lane <= M) sum = add(sum, later[n - lane - 1]);
#pragma unroll 8
  for (int j = n - 1; j > 0; j--) {
    const S dx = shuffle(sum, j);
    const int i = j - lane;
    if (i >= 1 && i <= M) sum = mul_sub(conj(a[j * stride + i - 1]), dx, sum);
  }
  return sum;
}

/** `later` for the block before this one, whose dx are given. */
template <class S>
__device__ inline void carry_back(int M, int n, const S *a, int stride, const S *dx, S *later)
{
  S next[TAPS];
  for (int m = 0; m < TAPS; m++) {
    const int k = lane_id() + m * WARP + 1;
    next[m] = n + k <= M ? later[n + k - 1] : make_scalar<S>(0);
    for (int l = 0; l < n && l + k <= M; l++)
      next[m] = mul_sub(conj(a[l * stride + l + k - 1]), dx[l], next[m]);
  }
  __syncwarp();
  for (int m = 0; m < TAPS; m++) later[lane_id() + m * WARP] = next[m];
}

/** The coefficients of n samples become their gradients, by one warp; past[HISTORY] is the output
 *  of the first of them. */
template <class S>
__device__ inline void coefficient_gradients(int M, int n, const S *past, const S *dx, int stride,
                                             S *a)
{
  for_cells<WARP>(lane_id(), n, M, [&](int l, int i) {
    a[l * stride + i] = negate(mul(dx[l], conj(past[HISTORY + l - 1 - i])));
  });
}

}  // namespace apf_cuda

#endif
