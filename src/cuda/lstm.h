/** What the kernels of the LSTM layer share: see lstm.cu. */
#ifndef APF_CUDA_LSTM_H
#define APF_CUDA_LSTM_H

#include "cuda/cuda.h"

namespace apf_cuda {

enum { LSTM_I, LSTM_F, LSTM_G, LSTM_O, LSTM_GATES }; /* PyTorch's order */

/** Steps first..first+steps-1 of B sequences. */
template <class real>
struct LstmForward {
  int64_t B, T, H, first, steps;
  real *sums;              /**< (B, steps, 4H): biases and w_ih x; may be `gates` */
  const real *w_hh;        /**< (4H, H); transposed for the kernel of large layers */
  const real *h0;          /**< (B, H) or NULL */
  const real *cells_in;    /**< (B, H) before the first of these steps, or NULL for zero */
  real *cells_out;         /**< (B, H) after the last of these steps, or NULL */
  real *y, *gates, *cells; /**< (B, T, H), (B, T, 4H), (B, T, H); the latter two may be NULL */

  /** h before step s of these, of sequence b; NULL for zero. */
  __device__ const real *hidden_before(int64_t b, int64_t s) const
  {
    const int64_t t = first + s;
    return t > 0 ? y + (b * T + t - 1) * H : h0 ? h0 + b * H : nullptr;
  }
};

/** All steps of B sequences. */
template <class real>
struct LstmBackward {
  int64_t B, T, H;
  const real *w_hh, *c0, *gates, *cells;
  const real *dy, *dhn, *dcn; /**< NULL: zero */
  real *da;                   /**< (B, T, 4H) */
  real *dh0, *dc0;            /**< (B, H); for registers kernels NULL: not wanted */

  /** c before step t of sequence b, of one unit. */
  __device__ real cell_before(int64_t b, int64_t t, int64_t unit) const
  {
    if (t > 0) return load(cells + (b * T + t - 1) * H + unit);
    return c0 ? load(c0 + b * H + unit) : 0;
  }
};

template <class real>
__device__ inline real load_or_zero(const real *p, int64_t i)
{
  return p ? load(p + i) : 0;
}

template <class real>
__device__ inline real lstm_sigmoid(real x)
{
  return 1 / (1 + exp(-x));
}

/** A unit's state after a step from its gates; returns h. */
template <class real>
__device__ inline real lstm_update(real i, real f, real g, real o, real &cell)
{
  cell = fma(f, cell, i * g);
  return o * tanh(cell);
}

/** A unit's part of a step backward. */
template <class real>
struct LstmUnit {
  real da[LSTM_GATES];
};

/** From dh of a unit; `dc` becomes that of the step before. */
template <class real>
__device__ inline LstmUnit<real> lstm_unit_backward(real i, real f, real g, real o, real cell,
                                                    real before, real dh, real &dc)
{
  const real squashed = tanh(cell), of_cell = dc + dh * o * (1 - squashed * squashed);
  dc = of_cell * f;
  return {{of_cell * g * i * (1 - i), of_cell * before * f * (1 - f), of_cell * i * (1 - g * g),
           dh * squashed * o * (1 - o)}};
}

}  // namespace apf_cuda

#endif
