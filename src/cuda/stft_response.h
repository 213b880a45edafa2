/**
 * STFT, a response per frame, inverse STFT, chunk by chunk, so that no spectrum of the whole signal
 * exists. What stft_filter and stft_phaser have in common.
 */
#ifndef APF_CUDA_STFT_RESPONSE_H
#define APF_CUDA_STFT_RESPONSE_H

#include "cuda/spectral.h"
#include "cuda/stft_frames.h"

namespace apf_cuda {

/** apply(first, frames, X): X <- X H, for frames first.. of the B x F. */
template <class real, class Apply>
apf_status stft_response_forward(apf_context *ctx, const StftShape &shape, const real *x, real *y,
                                 Apply apply)
{
  const Chunks chunks(ctx, shape.B, shape.F, shape.row() * sizeof(real));
  real *cursor;
  APF_TRY(workspace(ctx, room_for(shape.T) + chunks.most() * shape.row(), &cursor));
  real *scale = take(&cursor, shape.T), *frames = cursor;
  APF_TRY(inverse_scale(ctx, shape, real(1), scale));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    APF_TRY(load_frames<real>(ctx, shape, chunk, shape.B, x, nullptr, frames));
    APF_TRY(fft_forward(ctx, shape.n_fft, chunk.count(), frames));
    APF_TRY(apply(chunk.row * shape.F + chunk.frame, chunk.count(), frames));
    APF_TRY(fft_inverse(ctx, shape.n_fft, chunk.count(), frames));
    APF_TRY(overlap_add<real>(ctx, shape, chunk, frames, scale, y));
  }
  return APF_OK;
}

/** Scratch that a gradient needs, in reals. */
struct GradientRoom {
  int64_t each;  /* for a frame of a chunk */
  int64_t whole; /* for all chunks */
};

/**
 * gradient(first, frames, dY, X, room, whole): dY <- dY conj(H) and gradients of the parameters,
 * in which inner bins count twice. The doubling of bins by the inverse's adjoint and the halving
 * before the transform back cancel in dx: only the parameters see it. dx may be NULL; x and X are
 * NULL where no parameter's gradient is wanted. finish(whole) comes after all chunks.
 */
template <class real, class Gradient, class Finish>
apf_status stft_response_backward(apf_context *ctx, const StftShape &shape,
                                  const GradientRoom &room, const real *dy, const real *x, real *dx,
                                  Gradient gradient, Finish finish)
{
  const int64_t each = (x ? 2 : 1) * shape.row() + room.each;
  const Chunks chunks(ctx, shape.B, shape.F, each * sizeof(real));
  const int64_t spectrum = room_for(chunks.most() * shape.row());
  real *cursor;
  APF_TRY(workspace(
      ctx,
      room_for(shape.T) + room_for(room.whole) + (x ? 2 : 1) * spectrum + chunks.most() * room.each,
      &cursor));
  real *scale = take(&cursor, shape.T), *whole = take(&cursor, room.whole);
  real *dY = take(&cursor, spectrum), *X = x ? take(&cursor, spectrum) : nullptr;
  APF_TRY(inverse_scale(ctx, shape, real(1), scale));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    APF_TRY(load_frames<real>(ctx, shape, chunk, shape.B, dy, scale, dY));
    APF_TRY(fft_forward(ctx, shape.n_fft, chunk.count(), dY));
    if (x) {
      APF_TRY(load_frames<real>(ctx, shape, chunk, shape.B, x, nullptr, X));
      APF_TRY(fft_forward(ctx, shape.n_fft, chunk.count(), X));
    }
    APF_TRY(gradient(chunk.row * shape.F + chunk.frame, chunk.count(), dY, X, cursor, whole));
    if (!dx) continue;
    APF_TRY(fft_inverse(ctx, shape.n_fft, chunk.count(), dY));
    APF_TRY(overlap_add<real>(ctx, shape, chunk, dY, nullptr, dx));
  }
  return finish(whole);
}

}  // namespace apf_cuda

#endif
