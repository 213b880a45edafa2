/**
 * Windowed frames of signals on the device: what every operator between samples and frames is made
 * of. Equations in src/cpu/stft_frames.h and docs/stft.md.
 *
 * Frames are transformed in place in chunks: whole rows, or where one row is too much, parts of it.
 * Frames of a chunk follow each other in memory, fft_row(n_fft) reals apart. A sample's sum over
 * the frames runs in the order of the frames wherever a chunk ends: results do not depend on it.
 */
#ifndef APF_CUDA_STFT_FRAMES_H
#define APF_CUDA_STFT_FRAMES_H

#include "cuda/cuda.h"
#include "cuda/fft.h"

namespace apf_cuda {

struct StftShape {
  int64_t B, T;
  int64_t n_fft, window, hop;
  int reflect;
  int64_t F = T / hop + 1; /**< frames of a row */

  __host__ __device__ int64_t bins() const { return n_fft / 2 + 1; }
  /** Reals of a frame. */
  __host__ __device__ int64_t row() const { return n_fft + 2; }
  /** Zeros before the window in a frame. */
  __host__ __device__ int64_t before() const { return (n_fft - window) / 2; }
  /** The sample under the window's first value in frame f; may lie outside the signal. */
  __host__ __device__ int64_t first_sample(int64_t f) const
  {
    return f * hop - n_fft / 2 + before();
  }
};

/** Frames frame..frame+frames-1 of rows row..row+rows-1; one of both is all of them. */
struct Chunk {
  int64_t row, rows;
  int64_t frame, frames;

  __host__ __device__ int64_t count() const { return rows * frames; }
};

/**
 * Cuts rows of F frames into chunks of nearly equal size that fill half the device's cache: one
 * pass over a chunk leaves it there for the next. It also bounds the scratch memory.
 */
class Chunks {
 public:
  Chunks(const apf_context *ctx, int64_t rows, int64_t F, int64_t frame_bytes);
  int64_t size() const { return pieces_ * parts_; }
  /** Frames of the largest chunk. */
  int64_t most() const { return each_rows_ * each_frames_; }
  Chunk operator[](int64_t i) const;

 private:
  int64_t rows_, F_;
  int64_t pieces_, each_rows_;  /* of all rows */
  int64_t parts_, each_frames_; /* of a row */
};

/** frames = windowed frames of x (of rows modulo `signals`), times scale[T] where not NULL. */
template <class real>
apf_status load_frames(apf_context *ctx, const StftShape &shape, const Chunk &chunk,
                       int64_t signals, const real *x, const real *scale, real *frames);

/** Adds the frames, windowed, to y[B,T]; the last chunk that touches a sample multiplies it by
 *  scale[T] where that is not NULL. Chunks come in order; y need not be cleared before. */
template <class real>
apf_status overlap_add(apf_context *ctx, const StftShape &shape, const Chunk &chunk,
                       const real *frames, const real *scale, real *y);

/** scale[t] = factor / (n_fft sum of w^2 over the frames). */
template <class real>
apf_status inverse_scale(apf_context *ctx, const StftShape &shape, real factor, real *scale);

/** X[B,F,K] = transforms of the frames of x; `inverse`: the adjoint of the inverse STFT instead. */
template <class real>
apf_status stft_analyze(apf_context *ctx, const StftShape &shape, bool inverse, const real *x,
                        real *X);

/** y[B,T] = inverse STFT of X with `inverse`, else the adjoint of the STFT. */
template <class real>
apf_status stft_synthesize(apf_context *ctx, const StftShape &shape, bool inverse, const real *X,
                           real *y);

}  // namespace apf_cuda

#endif
