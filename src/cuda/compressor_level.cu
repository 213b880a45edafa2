/**
 * Power of the channels that a compressor listens to, and its adjoint.
 *
 *   p[b,t] = mean over c of max(x[b,c,t]^2, 1e-8);   dx[b,c,t] = dp[b,t] 2 x[b,c,t]/C, 0 below the
 * floor
 *
 * Memory bound: one pass, a thread per sample of p, or of dx.
 */
#include "cuda/pieces.h"

namespace apf_cuda {

static constexpr double FLOOR_POWER = 1e-8;

template <class real>
__global__ void compressor_level_forward_kernel(Pieces pieces, int64_t C, const real *x, real *p)
{
  const real weight = 1 / static_cast<real>(C), least = static_cast<real>(FLOOR_POWER);
  const int64_t T = pieces.length;
  APF_PIECES(piece, pieces)
  APF_PIECE_LOOP(t, piece)
  {
    real sum = 0;
    for (int64_t c = 0; c < C; c++) {
      const real v = load(x + (piece.row * C + c) * T + t), square = v * v;
      sum += weight * (square > least ? square : least);
    }
    store(p + piece.row * T + t, sum);
  }
}

template <class real>
apf_status compressor_level_forward(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                    const real *x, real *p)
{
  const Pieces pieces = cut_rows(B, T);
  return APF_LAUNCH(ctx, compressor_level_forward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0,
                    pieces, C, x, p);
}
APF_INSTANTIATE_REAL(compressor_level_forward);

template <class real>
__global__ void compressor_level_backward_kernel(Pieces pieces, int64_t C, const real *dp,
                                                 const real *x, real *dx)
{
  const real scale = 2 / static_cast<real>(C), least = static_cast<real>(FLOOR_POWER);
  const int64_t T = pieces.length;
  APF_PIECES(piece, pieces)
  {
    const real *in = x + piece.row * T, *up = dp + piece.row / C * T;
    real *out = dx + piece.row * T;
    APF_PIECE_LOOP(t, piece)
    {
      const real v = load(in + t), upstream = load(up + t);
      store(out + t, v * v >= least ? scale * upstream * v : real(0));
    }
  }
}

template <class real>
apf_status compressor_level_backward(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                     const real *dp, const real *x, real *dx)
{
  const Pieces pieces = cut_rows(B * C, T);
  return APF_LAUNCH(ctx, compressor_level_backward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0,
                    pieces, C, dp, x, dx);
}
APF_INSTANTIATE_REAL(compressor_level_backward);

}  // namespace apf_cuda
