/**
 * The static curve of a compressor with an expander: averaged power to gain, and its adjoint.
 *
 * In nepers (k = ln(10)/20 of one dB), l = ln(p)/2, s = 1 - 1/ratio:
 *   a = s (k threshold - l), e likewise for the expander, gain = exp(min(0, a, e))
 * Where a branch holds, with dg = dgain gain:
 *   dp = -s dg / (2 p), dthreshold = k s sum dg, dratio = sum dg (k threshold - l) / ratio^2
 *
 * A thread per sample. Backward's four sums over time are taken in the same pass, in double and in
 * a fixed order; which curve's branch holds is worked out again rather than kept.
 */
#include "cuda/compressor.h"
#include "cuda/pieces.h"
#include "cuda/reduce.h"

namespace apf_cuda {

/** The parameters, (B) each; the expander's are NULL where there is none. */
template <class real>
struct CurveParameters {
  const real *threshold, *ratio, *exp_threshold, *exp_ratio;

  __device__ CurveLine<real> down(int64_t b) const
  {
    return curve_line<real>(load(threshold + b), load(ratio + b));
  }
  __device__ CurveLine<real> low(int64_t b) const
  {
    if (!exp_threshold) return {0, 0};
    return curve_line<real>(load(exp_threshold + b), load(exp_ratio + b));
  }
};

template <class real>
__global__ void compressor_curve_forward_kernel(Pieces pieces, const real *p,
                                                CurveParameters<real> parameters, real *gain)
{
  APF_PIECES(piece, pieces)
  {
    const CurveLine<real> down = parameters.down(piece.row), low = parameters.low(piece.row);
    const int64_t row = piece.row * pieces.length;
    APF_PIECE_LOOP(t, piece)
    {
      const real l = curve_level(load(p + row + t));
      const real a = down.at(l), e = low.at(l), lower = a < e ? a : e;
      store(gain + row + t, exp(lower < 0 ? lower : real(0)));
    }
  }
}

template <class real>
apf_status compressor_curve_forward(apf_context *ctx, int64_t B, int64_t T, const real *p,
                                    const real *threshold, const real *ratio,
                                    const real *exp_threshold, const real *exp_ratio, real *gain)
{
  const Pieces pieces = cut_rows(B, T);
  const CurveParameters<real> parameters = {threshold, ratio, exp_threshold, exp_ratio};
  return APF_LAUNCH(ctx, compressor_curve_forward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0,
                    pieces, p, parameters, gain);
}
APF_INSTANTIATE_REAL(compressor_curve_forward);

/** Signals of a backward pass; dp may be NULL. */
template <class real>
struct CurveSignals {
  const real *dgain, *p, *gain;
  real *dp;
};

/** Of the parameters; each may be NULL. */
template <class real>
struct CurveGradients {
  real *threshold, *ratio, *exp_threshold, *exp_ratio;
};

/** Sums over time of dg and of dg (threshold - level), for the compressor and the expander. */
enum { DOWN, DOWN_DISTANCE, LOW, LOW_DISTANCE, CURVE_SUMS };

/** Adds one sample to the sums, and writes its dp. */
template <class real>
__device__ inline void curve_backward_sample(const CurveSignals<real> &s, int64_t at,
                                             const CurveLine<real> &down,
                                             const CurveLine<real> &low, double (&sums)[CURVE_SUMS])
{
  const real power = load(s.p + at), upstream = load(s.dgain + at) * load(s.gain + at);
  const real l = curve_level(power);
  const real a = down.at(l), e = low.at(l), lower = a < e ? a : e;
  const real dg = lower < 0 ? upstream : real(0);
  const real to_down = a < e ? dg : real(0), to_low = dg - to_down;
  sums[DOWN] += to_down;
  sums[DOWN_DISTANCE] += to_down * (down.threshold - l);
  sums[LOW] += to_low;
  sums[LOW_DISTANCE] += to_low * (low.threshold - l);
  if (!s.dp) return;
  const real dl = -(to_down * down.slope + to_low * low.slope);
  store(s.dp + at, power > least_power<real>() ? real(0.5) * dl / power : real(0));
}

template <class real>
__device__ inline void hand_out_sums(const double (&sums)[CURVE_SUMS], int64_t b,
                                     const CurveParameters<real> &parameters,
                                     const CurveGradients<real> &to)
{
  const double down = parameters.down(b).slope, low = parameters.low(b).slope;
  if (to.threshold) store(to.threshold + b, static_cast<real>(NEPER_PER_DB * down * sums[DOWN]));
  if (to.exp_threshold)
    store(to.exp_threshold + b, static_cast<real>(NEPER_PER_DB * low * sums[LOW]));
  if (to.ratio) {
    const double ratio = load(parameters.ratio + b);
    store(to.ratio + b, static_cast<real>(sums[DOWN_DISTANCE] / (ratio * ratio)));
  }
  if (to.exp_ratio) {
    const double ratio = load(parameters.exp_ratio + b);
    store(to.exp_ratio + b, static_cast<real>(sums[LOW_DISTANCE] / (ratio * ratio)));
  }
}

template <class real>
__global__ void compressor_curve_backward_kernel(Pieces pieces, RowSums rows,
                                                 CurveSignals<real> signals,
                                                 CurveParameters<real> parameters,
                                                 CurveGradients<real> gradients)
{
  APF_PIECES(piece, pieces)
  {
    const CurveLine<real> down = parameters.down(piece.row), low = parameters.low(piece.row);
    const int64_t row = piece.row * pieces.length;
    double sums[CURVE_SUMS] = {};
    for (int64_t t = piece.start + threadIdx.x; t < piece.end; t += PIECE_THREADS)
      curve_backward_sample(signals, row + t, down, low, sums);
    if (finish_row<PIECE_THREADS>(rows, piece.row, piece.number, sums) && threadIdx.x == 0)
      hand_out_sums(sums, piece.row, parameters, gradients);
  }
}

template <class real>
apf_status compressor_curve_backward(apf_context *ctx, int64_t B, int64_t T, const real *dgain,
                                     const real *p, const real *threshold, const real *ratio,
                                     const real *exp_threshold, const real *exp_ratio,
                                     const real *gain, real *dp, real *dthreshold, real *dratio,
                                     real *dexp_threshold, real *dexp_ratio)
{
  const Pieces pieces = cut_rows(B, T);
  const CurveSignals<real> signals = {dgain, p, gain, dp};
  const CurveParameters<real> parameters = {threshold, ratio, exp_threshold, exp_ratio};
  const CurveGradients<real> gradients = {dthreshold, dratio, dexp_threshold, dexp_ratio};
  RowSums rows;
  APF_TRY(new_row_sums(ctx, B, pieces.per_row, CURVE_SUMS, &rows));
  return APF_LAUNCH(ctx, compressor_curve_backward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0,
                    pieces, rows, signals, parameters, gradients);
}
APF_INSTANTIATE_REAL(compressor_curve_backward);

}  // namespace apf_cuda
