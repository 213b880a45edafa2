/**
 * The recurrence of LSTM layers of any size: the weights are read from global memory, that is from
 * the L2 cache, in every step.
 *
 * A block takes one sequence after the other through time. A step has two halves, each followed by
 * a barrier: products with the recurrent weights, a thread per gate, which read neighbouring
 * weights, and the gates of the units, a thread per unit. They meet in global memory.
 */
#ifndef APF_CUDA_LSTM_LARGE_H
#define APF_CUDA_LSTM_LARGE_H

#include "cuda/lstm.h"

namespace apf_cuda {

enum { LSTM_LARGE_THREADS = 1024 };

/** sum_k w[k * step] v[k], in four chains of additions. */
template <class real>
__device__ inline real lstm_strided_dot(int64_t n, const real *w, int64_t step, const real *v)
{
  real sum[4] = {};
  int64_t k = 0;
  for (; k + 4 <= n; k += 4)
#pragma unroll
    for (int i = 0; i < 4; i++) sum[i] = fma(load(w + (k + i) * step), load(v + k + i), sum[i]);
  for (; k < n; k++) sum[0] = fma(load(w + k * step), load(v + k), sum[0]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/** Step s of sequence b; `cell` (H) is its state, p.w_hh is transposed: (H, 4H). */
template <class real>
__device__ void lstm_large_forward_step(const LstmForward<real> &p, int64_t b, int64_t s,
                                        real *cell)
{
  const int64_t H = p.H, gates = LSTM_GATES * H, at = b * p.T + p.first + s;
  const real *before = p.hidden_before(b, s);
  real *a = p.sums + (b * p.steps + s) * gates;
  for (int64_t q = threadIdx.x; before && q < gates; q += blockDim.x)
    store(a + q, load(a + q) + lstm_strided_dot(H, p.w_hh + q, gates, before));
  __syncthreads();
  for (int64_t unit = threadIdx.x; unit < H; unit += blockDim.x) {
    const real i = lstm_sigmoid(load(a + LSTM_I * H + unit));
    const real f = lstm_sigmoid(load(a + LSTM_F * H + unit));
    const real g = tanh(load(a + LSTM_G * H + unit));
    const real o = lstm_sigmoid(load(a + LSTM_O * H + unit));
    real c = load(cell + unit);
    store(p.y + at * H + unit, lstm_update(i, f, g, o, c));
    store(cell + unit, c);
    if (!p.gates) continue;
    store(p.cells + at * H + unit, c);
    store(p.gates + at * gates + LSTM_I * H + unit, i);
    store(p.gates + at * gates + LSTM_F * H + unit, f);
    store(p.gates + at * gates + LSTM_G * H + unit, g);
    store(p.gates + at * gates + LSTM_O * H + unit, o);
  }
  __syncthreads();
}

/** p.cells_out is not NULL: it holds the state during the steps. */
template <class real>
__global__ void __launch_bounds__(LSTM_LARGE_THREADS) lstm_large_forward_kernel(LstmForward<real> p)
{
  for (int64_t b = blockIdx.x; b < p.B; b += gridDim.x) {
    real *cell = p.cells_out + b * p.H;
    for (int64_t unit = threadIdx.x; unit < p.H; unit += blockDim.x)
      store(cell + unit, load_or_zero(p.cells_in, b * p.H + unit));
    for (int64_t s = 0; s < p.steps; s++) lstm_large_forward_step(p, b, s, cell);
  }
}

/** Step t of sequence b. parts (4H): what the gates of each kind add to dh, first of this step,
 * then of the one before; p.dc0 holds dc. */
template <class real>
__device__ void lstm_large_backward_step(const LstmBackward<real> &p, int64_t b, int64_t t,
                                         real *parts)
{
  const int64_t H = p.H, at = b * p.T + t;
  const real *gates = p.gates + at * LSTM_GATES * H;
  real *da = p.da + at * LSTM_GATES * H;
  for (int64_t unit = threadIdx.x; unit < H; unit += blockDim.x) {
    real dh = load_or_zero(p.dy, at * H + unit), dc = load(p.dc0 + b * H + unit);
#pragma unroll
    for (int g = 0; g < LSTM_GATES; g++) dh += load(parts + g * H + unit);
    const LstmUnit<real> of_unit =
        lstm_unit_backward(load(gates + LSTM_I * H + unit), load(gates + LSTM_F * H + unit),
                           load(gates + LSTM_G * H + unit), load(gates + LSTM_O * H + unit),
                           load(p.cells + at * H + unit), p.cell_before(b, t, unit), dh, dc);
    store(p.dc0 + b * H + unit, dc);
#pragma unroll
    for (int g = 0; g < LSTM_GATES; g++) store(da + g * H + unit, of_unit.da[g]);
  }
  __syncthreads();
  for (int64_t q = threadIdx.x; q < LSTM_GATES * H; q += blockDim.x) {
    const int64_t gate = q / H, unit = q % H;
    store(parts + q, lstm_strided_dot(H, p.w_hh + gate * H * H + unit, H, da + gate * H));
  }
  __syncthreads();
}

/** p.dc0 is not NULL. parts: (B, 4H). */
template <class real>
__global__ void __launch_bounds__(LSTM_LARGE_THREADS)
    lstm_large_backward_kernel(LstmBackward<real> p, real *parts)
{
  const int64_t H = p.H;
  for (int64_t b = blockIdx.x; b < p.B; b += gridDim.x) {
    real *of_b = parts + b * LSTM_GATES * H;
    for (int64_t unit = threadIdx.x; unit < H; unit += blockDim.x) {
      store(of_b + unit, load_or_zero(p.dhn, b * H + unit));
#pragma unroll
      for (int g = 1; g < LSTM_GATES; g++) store(of_b + g * H + unit, real(0));
      store(p.dc0 + b * H + unit, load_or_zero(p.dcn, b * H + unit));
    }
    for (int64_t t = p.T - 1; t >= 0; t--) lstm_large_backward_step(p, b, t, of_b);
    for (int64_t unit = threadIdx.x; p.dh0 && unit < H; unit += blockDim.x) {
      real dh = 0;
#pragma unroll
      for (int g = 0; g < LSTM_GATES; g++) dh += load(of_b + g * H + unit);
      store(p.dh0 + b * H + unit, dh);
    }
  }
}

}  // namespace apf_cuda

#endif
