/** Rows cut into pieces, a block each, so that one long row fills the device; neighbouring threads
 *  take neighbouring elements. */
#ifndef APF_CUDA_PIECES_H
#define APF_CUDA_PIECES_H

#include "cuda/blocks.h"

namespace apf_cuda {

enum { PIECE = 2048, PIECE_THREADS = 256 };

struct Pieces {
  int64_t rows, length, per_row;
};

inline Pieces cut_rows(int64_t rows, int64_t length)
{
  return {rows, length, divide_up(length, PIECE)};
}

__host__ __device__ inline int64_t piece_count(const Pieces &p)
{
  return p.rows * p.per_row;
}

inline unsigned grid_for(const Pieces &p)
{
  return block_each(piece_count(p));
}

struct Piece {
  int64_t row, number; /**< of the piece in its row */
  int64_t start, end;  /**< in the row */
};

__device__ inline Piece piece_at(const Pieces &p, int64_t item)
{
  const int64_t row = item / p.per_row, number = item % p.per_row, start = number * PIECE;
  return {row, number, start, p.length - start < PIECE ? p.length : start + PIECE};
}

/** Loop of a kernel over its block's pieces. */
#define APF_PIECES(piece, pieces)                          \
  APF_BLOCK_LOOP(apf_item_, apf_cuda::piece_count(pieces)) \
  if (const apf_cuda::Piece piece = apf_cuda::piece_at(pieces, apf_item_); true)

/** Loop of a thread over its elements t of a piece. */
#define APF_PIECE_LOOP(t, piece)                                                     \
  _Pragma("unroll 4") for (int64_t t = (piece).start + threadIdx.x; t < (piece).end; \
                           t += apf_cuda::PIECE_THREADS)

}  // namespace apf_cuda

#endif
