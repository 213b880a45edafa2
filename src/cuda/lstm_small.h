/**
 * The recurrence of LSTM layers whose recurrent weights fit into a block's registers.
 *
 * A block takes one sequence after the other through time, four threads to a hidden unit: a quad of
 * lanes. Forward, lane g of a quad holds the row of w_hh that makes gate g; the quad exchanges its
 * gates by shuffles and each lane keeps the cell. Backward, lane g holds the column of w_hh through
 * which the gates g of all units reach this one; the quad adds up its four parts. What every thread
 * needs of all units, h or da, stands in shared memory twice, for this step and the next, so that a
 * step takes one barrier. Global loads of the next step are under way during this one.
 */
#ifndef APF_CUDA_LSTM_SMALL_H
#define APF_CUDA_LSTM_SMALL_H

#include "cuda/lstm.h"

namespace apf_cuda {

/** sum_k w[k] v[k], in four chains of additions. */
template <class real, int WIDTH>
__device__ inline real lstm_dot(const real (&w)[WIDTH], const real *v)
{
  real sum[4] = {};
#pragma unroll
  for (int k = 0; k < WIDTH; k++) sum[k % 4] = fma(w[k], v[k], sum[k % 4]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/** The value of lane `gate` of the own quad. */
template <class real>
__device__ inline real lstm_of_quad(real value, int gate)
{
  return __shfl_sync(0xffffffffu, value, (threadIdx.x % 32 & ~3u) + gate);
}

template <class real, int WIDTH>
struct alignas(16) LstmHidden {
  real of_step[2][WIDTH];
};

/** Sequence b; w is this thread's row of w_hh, zero beyond H. */
template <class real, int WIDTH>
__device__ void lstm_forward_sequence(const LstmForward<real> &p, const real (&w)[WIDTH],
                                      LstmHidden<real, WIDTH> &hidden, int64_t b)
{
  const int unit = threadIdx.x / LSTM_GATES, gate = threadIdx.x % LSTM_GATES;
  const int64_t H = p.H, row = gate * H + unit;
  const bool active = unit < H;
  if (gate == 0) {
    const real *before = p.hidden_before(b, 0);
    hidden.of_step[0][unit] = active ? load_or_zero(before, unit) : 0;
    hidden.of_step[1][unit] = 0;
  }
  real cell = active ? load_or_zero(p.cells_in, b * H + unit) : 0;
  const real *sums = p.sums + b * p.steps * LSTM_GATES * H + row;
  real next = active ? load(sums) : 0;
  __syncthreads();
  for (int64_t s = 0; s < p.steps; s++) {
    const real input = next;
    if (active && s + 1 < p.steps) next = load(sums + (s + 1) * LSTM_GATES * H);
    const real a = input + lstm_dot(w, hidden.of_step[s % 2]);
    const real value = gate == LSTM_G ? tanh(a) : lstm_sigmoid(a);
    const real h = lstm_update(lstm_of_quad(value, LSTM_I), lstm_of_quad(value, LSTM_F),
                               lstm_of_quad(value, LSTM_G), lstm_of_quad(value, LSTM_O), cell);
    if (active) {
      const int64_t at = b * p.T + p.first + s;
      if (gate == 0) hidden.of_step[(s + 1) % 2][unit] = h;
      if (gate == 0) store(p.y + at * H + unit, h);
      if (gate == 1 && p.cells) store(p.cells + at * H + unit, cell);
      if (p.gates) store(p.gates + at * LSTM_GATES * H + row, value);
    }
    __syncthreads();
  }
  if (active && gate == 0 && p.cells_out) store(p.cells_out + b * H + unit, cell);
}

template <class real, int WIDTH>
__global__ void __launch_bounds__(LSTM_GATES *WIDTH) lstm_forward_kernel(LstmForward<real> p)
{
  using Hidden = LstmHidden<real, WIDTH>;
  APF_SHARED(hidden, Hidden);
  const int unit = threadIdx.x / LSTM_GATES, gate = threadIdx.x % LSTM_GATES;
  real w[WIDTH];
#pragma unroll
  for (int k = 0; k < WIDTH; k++)
    w[k] = unit < p.H && k < p.H ? load(p.w_hh + (gate * p.H + unit) * p.H + k) : 0;
  for (int64_t b = blockIdx.x; b < p.B; b += gridDim.x) lstm_forward_sequence(p, w, hidden, b);
}

/** da of all units; the padding keeps the four gates, which a quad reads at once, out of each
 *  other's banks. */
template <class real, int WIDTH>
struct alignas(16) LstmUpstream {
  real of_step[2][LSTM_GATES][WIDTH + 16 / sizeof(real)];
};

/** Sequence b; w[j] is the weight from this thread's unit to gate `gate` of unit j, or zero. */
template <class real, int WIDTH>
__device__ void lstm_backward_sequence(const LstmBackward<real> &p, const real (&w)[WIDTH],
                                       LstmUpstream<real, WIDTH> &upstream, int64_t b)
{
  const int unit = threadIdx.x / LSTM_GATES, gate = threadIdx.x % LSTM_GATES;
  const int64_t H = p.H, row = gate * H + unit;
  const bool active = unit < H;
  real dh = active ? load_or_zero(p.dhn, b * H + unit) : 0;
  real dc = active ? load_or_zero(p.dcn, b * H + unit) : 0;
  real dy = 0, value = 0, before = active ? p.cell_before(b, p.T, unit) : 0;
  const auto fetch = [&](int64_t t) {
    dy = load_or_zero(p.dy, (b * p.T + t) * H + unit);
    value = load(p.gates + (b * p.T + t) * LSTM_GATES * H + row);
    before = p.cell_before(b, t, unit);
  };
  real cell = before;
  if (active) fetch(p.T - 1);
  for (int64_t t = p.T - 1; t >= 0; t--) {
    const LstmUnit<real> of_unit = lstm_unit_backward(
        lstm_of_quad(value, LSTM_I), lstm_of_quad(value, LSTM_F), lstm_of_quad(value, LSTM_G),
        lstm_of_quad(value, LSTM_O), cell, before, dy + dh, dc);
    real da = of_unit.da[0];
#pragma unroll
    for (int g = 1; g < LSTM_GATES; g++) da = gate == g ? of_unit.da[g] : da;
    upstream.of_step[t % 2][gate][unit] = da;
    if (active) store(p.da + (b * p.T + t) * LSTM_GATES * H + row, da);
    cell = before;
    if (active && t > 0) fetch(t - 1);
    __syncthreads();
    dh = lstm_dot(w, upstream.of_step[t % 2][gate]);
    dh += __shfl_xor_sync(0xffffffffu, dh, 1);
    dh += __shfl_xor_sync(0xffffffffu, dh, 2);
  }
  if (active && gate == 0) {
    if (p.dh0) store(p.dh0 + b * H + unit, dh);
    if (p.dc0) store(p.dc0 + b * H + unit, dc);
  }
  __syncthreads(); /* the next sequence begins with either half of `upstream` */
}

template <class real, int WIDTH>
__global__ void __launch_bounds__(LSTM_GATES *WIDTH) lstm_backward_kernel(LstmBackward<real> p)
{
  using Upstream = LstmUpstream<real, WIDTH>;
  APF_SHARED(upstream, Upstream);
  const int unit = threadIdx.x / LSTM_GATES, gate = threadIdx.x % LSTM_GATES;
  real w[WIDTH];
#pragma unroll
  for (int j = 0; j < WIDTH; j++)
    w[j] = unit < p.H && j < p.H ? load(p.w_hh + (gate * p.H + j) * p.H + unit) : 0;
  for (int64_t b = blockIdx.x; b < p.B; b += gridDim.x) lstm_backward_sequence(p, w, upstream, b);
}

}  // namespace apf_cuda

#endif
