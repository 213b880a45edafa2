/**
 * A compressor's output: the signal times the (looked-ahead) gain times the make-up gain.
 *
 *   y[b,c,t] = m_b x[b,c,t] g[t],  g[t] = gain[b,t+delay] for t < T - delay, else 1,  m =
 * 10^(make_up/20) dx[b,c,t] = dy m g[t];  dgain[b,t+delay] = m sum_c dy x, 0 for the first delay
 * samples; dmake_up = ln(10)/20 sum dy y
 *
 * Memory bound: one pass. Backward has a thread per sample of the gain, which walks the channels;
 * the sum over time is taken in the same pass, in double and in a fixed order.
 */
#include "cuda/compressor.h"
#include "cuda/pieces.h"
#include "cuda/reduce.h"

namespace apf_cuda {

/** make_up may be NULL. */
template <class real>
__device__ inline real amplitude_of(const real *make_up, int64_t b)
{
  return make_up ? static_cast<real>(pow(10.0, load(make_up + b) / 20.0)) : real(1);
}

template <class real>
__global__ void compressor_apply_forward_kernel(Pieces pieces, int64_t C, int64_t delay,
                                                const real *x, const real *gain,
                                                const real *make_up, real *y)
{
  const int64_t T = pieces.length;
  APF_PIECES(piece, pieces)
  {
    const int64_t b = piece.row / C;
    const real m = amplitude_of(make_up, b);
    const real *in = x + piece.row * T, *g = gain + b * T + delay;
    real *out = y + piece.row * T;
    APF_PIECE_LOOP(t, piece)
    store(out + t, m * load(in + t) * (t < T - delay ? load(g + t) : real(1)));
  }
}

template <class real>
apf_status compressor_apply_forward(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                    int64_t delay, const real *x, const real *gain,
                                    const real *make_up, real *y)
{
  const Pieces pieces = cut_rows(B * C, T);
  return APF_LAUNCH(ctx, compressor_apply_forward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0,
                    pieces, C, delay < T ? delay : T, x, gain, make_up, y);
}
APF_INSTANTIATE_REAL(compressor_apply_forward);

/** Signals of a backward pass; dx and dgain may be NULL. */
template <class real>
struct ApplySignals {
  int64_t C, T, delay;
  const real *dy, *x, *gain;
  real *dx, *dgain;
};

/** Every gradient at one time of one row; returns dy x g without the make-up gain. */
template <class real>
__device__ inline double apply_backward_sample(const ApplySignals<real> &s, int64_t b, int64_t t,
                                               real m)
{
  const bool ahead = t < s.T - s.delay;
  const real g = ahead ? load(s.gain + b * s.T + t + s.delay) : real(1);
  double sum = 0;
  real to_gain = 0;
  for (int64_t c = 0; c < s.C; c++) {
    const int64_t at = (b * s.C + c) * s.T + t;
    const real dy = load(s.dy + at), product = dy * load(s.x + at);
    to_gain += m * product;
    sum += product * g;
    if (s.dx) store(s.dx + at, m * dy * g);
  }
  if (s.dgain) {
    if (ahead) store(s.dgain + b * s.T + t + s.delay, to_gain);
    if (t < s.delay) store(s.dgain + b * s.T + t, real(0));
  }
  return sum;
}

template <class real>
__global__ void compressor_apply_backward_kernel(Pieces pieces, RowSums rows,
                                                 ApplySignals<real> signals, const real *make_up,
                                                 real *dmake_up)
{
  APF_PIECES(piece, pieces)
  {
    const real m = amplitude_of(make_up, piece.row);
    double sum[1] = {};
    for (int64_t t = piece.start + threadIdx.x; t < piece.end; t += PIECE_THREADS)
      sum[0] += apply_backward_sample(signals, piece.row, t, m);
    if (dmake_up && finish_row<PIECE_THREADS>(rows, piece.row, piece.number, sum) &&
        threadIdx.x == 0)
      store(dmake_up + piece.row, static_cast<real>(sum[0] * m * NEPER_PER_DB));
  }
}

template <class real>
apf_status compressor_apply_backward(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                     int64_t delay, const real *dy, const real *x, const real *gain,
                                     const real *make_up, real *dx, real *dgain, real *dmake_up)
{
  const Pieces pieces = cut_rows(B, T);
  const ApplySignals<real> signals = {C, T, delay < T ? delay : T, dy, x, gain, dx, dgain};
  RowSums rows = {};
  if (dmake_up) APF_TRY(new_row_sums(ctx, B, pieces.per_row, 1, &rows));
  return APF_LAUNCH(ctx, compressor_apply_backward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0,
                    pieces, rows, signals, make_up, dmake_up);
}
APF_INSTANTIATE_REAL(compressor_apply_backward);

}  // namespace apf_cuda
