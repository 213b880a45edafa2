/**
 * Error-to-signal ratio per row, and its gradient.
 *
 *   loss = n / m,   n = sum (pred - target)^2,   m = sum target^2 + epsilon
 *   dpred = dloss 2 (pred - target) / m,   dtarget = -dpred - dloss 2 loss target / m
 *
 * One pass over memory each, a thread per sample. Sums are taken in double and in a fixed order.
 * Where several predictions share a target, a thread of backward walks them, in order.
 */
#include "cuda/pieces.h"
#include "cuda/reduce.h"

namespace apf_cuda {

enum { ERROR, SIGNAL, ESR_SUMS };

template <class real>
__global__ void esr_forward_kernel(Pieces pieces, RowSums rows, int64_t R, double epsilon,
                                   const real *pred, const real *target, real *loss,
                                   real *denominator)
{
  const int64_t T = pieces.length;
  APF_PIECES(piece, pieces)
  {
    const real *p = pred + piece.row * T, *q = target + piece.row % R * T;
    double sums[ESR_SUMS] = {};
    APF_PIECE_LOOP(t, piece)
    {
      const real wanted = load(q + t);
      const double e = load(p + t) - wanted, s = wanted;
      sums[ERROR] += e * e;
      sums[SIGNAL] += s * s;
    }
    if (finish_row<PIECE_THREADS>(rows, piece.row, piece.number, sums) && threadIdx.x == 0) {
      const double signal = sums[SIGNAL] + epsilon;
      store(loss + piece.row, static_cast<real>(sums[ERROR] / signal));
      if (denominator) store(denominator + piece.row, static_cast<real>(signal));
    }
  }
}

template <class real>
apf_status esr_forward(apf_context *ctx, int64_t B, int64_t R, int64_t T, double epsilon,
                       const real *pred, const real *target, real *loss, real *denominator)
{
  Pieces pieces = cut_rows(B, T);
  if (pieces.per_row == 0) pieces.per_row = 1; /* a row of no samples has a loss too */
  RowSums rows;
  APF_TRY(new_row_sums(ctx, B, pieces.per_row, ESR_SUMS, &rows));
  return APF_LAUNCH(ctx, esr_forward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0, pieces, rows,
                    R, epsilon, pred, target, loss, denominator);
}
APF_INSTANTIATE_REAL(esr_forward);

/** What esr_backward reads; loss may be NULL where dtarget is not wanted. */
template <class real>
struct EsrInputs {
  const real *dloss, *pred, *target, *loss, *denominator;
};

/** A piece's row is the first of those b = row, row + pieces.rows, ... that share a target. */
template <class real>
__global__ void esr_backward_kernel(Pieces pieces, int64_t B, int64_t R, EsrInputs<real> in,
                                    real *dpred, real *dtarget)
{
  enum { EACH = PIECE / PIECE_THREADS }; /* samples of a thread */
  const int64_t T = pieces.length;
  APF_PIECES(piece, pieces)
  {
    const real *target = in.target + piece.row % R * T;
    const int64_t first = piece.start + threadIdx.x;
    real to_target[EACH] = {};
    for (int64_t b = piece.row; b < B; b += pieces.rows) {
      const real scale = 2 * load(in.dloss + b) / load(in.denominator + b);
      const real ratio = dtarget ? load(in.loss + b) : real(0);
#pragma unroll
      for (int j = 0; j < EACH; j++) {
        const int64_t t = first + j * PIECE_THREADS;
        if (t >= piece.end) continue;
        const real wanted = load(target + t), e = load(in.pred + b * T + t) - wanted;
        if (dpred) store(dpred + b * T + t, scale * e);
        to_target[j] -= scale * (e + ratio * wanted);
      }
    }
#pragma unroll
    for (int j = 0; j < EACH; j++)
      if (dtarget && first + j * PIECE_THREADS < piece.end)
        store(dtarget + piece.row * T + first + j * PIECE_THREADS, to_target[j]);
  }
}

template <class real>
apf_status esr_backward(apf_context *ctx, int64_t B, int64_t R, int64_t T, const real *dloss,
                        const real *pred, const real *target, const real *loss,
                        const real *denominator, real *dpred, real *dtarget)
{
  const Pieces pieces = cut_rows(dtarget ? R : B, T);
  const EsrInputs<real> in = {dloss, pred, target, loss, denominator};
  return APF_LAUNCH(ctx, esr_backward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0, pieces, B,
                    R, in, dpred, dtarget);
}
APF_INSTANTIATE_REAL(esr_backward);

}  // namespace apf_cuda
