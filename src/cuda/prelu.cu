/**
 * Rectifier with a learned slope per channel.
 *
 *   y = x if x > 0, else a[c] x;   dx = dy if x > 0, else a[c] dy
 *   da[c] = sum of dy x over all batches and positions where x <= 0
 *
 * One pass over memory, a thread per value; da's sums are taken in the same pass, in double and in
 * a fixed order.
 */
#include "cuda/pieces.h"
#include "cuda/reduce.h"

namespace apf_cuda {

template <class real>
__global__ void prelu_forward_kernel(Pieces pieces, int64_t C, const real *x, const real *a,
                                     real *y)
{
  APF_PIECES(piece, pieces)
  {
    const real slope = load(a + piece.row % C);
    const int64_t row = piece.row * pieces.length;
    APF_PIECE_LOOP(n, piece)
    {
      const real v = load(x + row + n);
      store(y + row + n, v > 0 ? v : slope * v);
    }
  }
}

template <class real>
apf_status prelu_forward(apf_context *ctx, int64_t B, int64_t C, int64_t N, const real *x,
                         const real *a, real *y)
{
  const Pieces pieces = cut_rows(B * C, N);
  return APF_LAUNCH(ctx, prelu_forward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0, pieces, C,
                    x, a, y);
}
APF_INSTANTIATE_REAL(prelu_forward);

/** dx and da may be NULL; dx may be dy. */
template <class real>
__global__ void prelu_backward_kernel(Pieces pieces, RowSums channels, int64_t C, const real *dy,
                                      const real *x, const real *a, real *dx, real *da)
{
  APF_PIECES(piece, pieces)
  {
    const int64_t c = piece.row % C, b = piece.row / C, row = piece.row * pieces.length;
    const real slope = load(a + c);
    double sum[1] = {};
    for (int64_t n = piece.start + threadIdx.x; n < piece.end; n += PIECE_THREADS) {
      const real v = load(x + row + n), upstream = load(dy + row + n);
      sum[0] += v > 0 ? real(0) : upstream * v;
      if (dx) store(dx + row + n, v > 0 ? upstream : slope * upstream);
    }
    if (da && finish_row<PIECE_THREADS>(channels, c, b * pieces.per_row + piece.number, sum) &&
        threadIdx.x == 0)
      store(da + c, static_cast<real>(sum[0]));
  }
}

template <class real>
apf_status prelu_backward(apf_context *ctx, int64_t B, int64_t C, int64_t N, const real *dy,
                          const real *x, const real *a, real *dx, real *da)
{
  const Pieces pieces = cut_rows(B * C, N);
  RowSums channels = {};
  if (da) APF_TRY(new_row_sums(ctx, C, B * pieces.per_row, 1, &channels));
  return APF_LAUNCH(ctx, prelu_backward_kernel<real>, grid_for(pieces), PIECE_THREADS, 0, pieces,
                    channels, C, dy, x, a, dx, da);
}
APF_INSTANTIATE_REAL(prelu_backward);

}  // namespace apf_cuda
