/**
 * Logarithmic mel spectrogram and its gradient.
 *
 *   X = STFT of x (reflected ends), S = |X|^2, M = mel filters S,
 *   y = ln max(M, eps)   or, with `offset`, ln(M + eps)
 *   dM = dy / M where M > eps (or dy / (M + eps)),  dS = filters' dM,  dX = 2 X dS, then back
 *
 * Chunk by chunk: frames, transforms, then a few lanes to each band of a frame; frames are next to
 * each other in y, so neighbouring lanes take neighbouring frames. Backward computes X and M again.
 */
#include "cuda/mel.h"
#include "cuda/spectral.h"
#include "cuda/stft_frames.h"

namespace apf_cuda {

enum { THREADS = 256, MOST_BANDS = 65535 };

template <class real>
struct Logarithm {
  real eps;
  int offset;

  __device__ real value(real M) const { return log(offset ? M + eps : M > eps ? M : eps); }
  __device__ real gradient(real M, real dy) const
  {
    if (offset) return dy / (M + eps);
    return M > eps ? dy / M : 0;
  }
};

/** Where a chunk's frame i stands in y[B,bands,F]: frame first + i of the B x F. */
struct MelPlace {
  int64_t bands, F, first;

  __device__ int64_t of(int64_t band, int64_t i) const
  {
    const int64_t frame = first + i;
    return (frame / F * bands + band) * F + frame % F;
  }
};

/** Calls keep(band, frame, M) once for each band of each frame; X are frames of `row` reals. */
template <class real, class Keep>
__device__ static void each_band(const MelBank<real> &bank, int64_t frames, int64_t row,
                                 const real *X, Keep keep)
{
  APF_ROW_LOOP(band, bank.bands)
  {
    /* Whole warps take part in the sums. */
    APF_GRID_LOOP(i, (frames * MEL_LANES + 31) / 32 * 32)
    {
      const int64_t frame = i / MEL_LANES;
      const bool inside = frame < frames;
      const real *from = X + frame * row;
      const real M = mel_sum(bank, inside ? band : bank.bands,
                             [&](int64_t k) { return square_of(load_bin(from, k)); });
      if (inside && i % MEL_LANES == 0) keep(band, frame, M);
    }
  }
}

template <class real>
__global__ void log_mel_kernel(MelBank<real> bank, int64_t frames, int64_t row,
                               Logarithm<real> logarithm, MelPlace place, const real *X, real *y)
{
  each_band(bank, frames, row, X, [&](int64_t band, int64_t frame, real M) {
    store(y + place.of(band, frame), logarithm.value(M));
  });
}

/** dM[frames,bands]. */
template <class real>
__global__ void log_mel_gradient_kernel(MelBank<real> bank, int64_t frames, int64_t row,
                                        Logarithm<real> logarithm, MelPlace place, const real *dy,
                                        const real *X, real *dM)
{
  each_band(bank, frames, row, X, [&](int64_t band, int64_t frame, real M) {
    const real d = load(dy + place.of(band, frame));
    store(dM + frame * bank.bands + band, logarithm.gradient(M, d));
  });
}

/** X <- what the transform back wants of dX = 2 X dS: the factor 2 goes with the 1/2 of the bins
 *  that stand for two. */
template <class real>
__global__ void log_mel_bins_kernel(MelBank<real> bank, int64_t frames, int64_t K, const real *dM,
                                    real *X)
{
  APF_ROW_LOOP(frame, frames)
  {
    const real *of_frame = dM + frame * bank.bands;
    APF_GRID_LOOP(k, K)
    {
      const real dS = mel_adjoint(bank, k, [&](int64_t band) { return load(of_frame + band); });
      const bool end = k == 0 || k == K - 1;
      const Bin<real> dX = scale(load_bin(X, frame * K + k), end ? 2 * dS : dS);
      store_bin(X, frame * K + k, real_if(end, dX));
    }
  }
}

static dim3 band_grid(const apf_context *ctx, int64_t frames, int64_t bands)
{
  return dim3(grid_for(ctx, frames * MEL_LANES, THREADS),
              static_cast<unsigned>(std::min<int64_t>(bands, MOST_BANDS)));
}

template <class real>
static apf_status load_spectra(apf_context *ctx, const StftShape &shape, const Chunk &chunk,
                               const real *x, real *X)
{
  APF_TRY(load_frames<real>(ctx, shape, chunk, shape.B, x, nullptr, X));
  return fft_forward(ctx, shape.n_fft, chunk.count(), X);
}

template <class real>
apf_status log_mel_forward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft, int64_t window,
                           int64_t hop, int64_t n_mels, double sample_rate, double low, double high,
                           double eps, int offset, const real *x, real *y)
{
  const StftShape shape = {B, T, n_fft, window, hop, 1};
  const Logarithm<real> logarithm = {static_cast<real>(eps), offset};
  MelBank<real> bank;
  APF_TRY(mel_bank(ctx, MEL_HTK, shape.bins(), n_mels, sample_rate, low, high, &bank));
  const Chunks chunks(ctx, B, shape.F, shape.row() * sizeof(real));
  real *X;
  APF_TRY(workspace(ctx, chunks.most() * shape.row(), &X));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    const MelPlace place = {n_mels, shape.F, chunk.row * shape.F + chunk.frame};
    APF_TRY(load_spectra(ctx, shape, chunk, x, X));
    APF_TRY(APF_LAUNCH(ctx, log_mel_kernel<real>, band_grid(ctx, chunk.count(), n_mels), THREADS, 0,
                       bank, chunk.count(), shape.row(), logarithm, place, X, y));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(log_mel_forward);

template <class real>
apf_status log_mel_backward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft, int64_t window,
                            int64_t hop, int64_t n_mels, double sample_rate, double low,
                            double high, double eps, int offset, const real *dy, const real *x,
                            real *dx)
{
  const StftShape shape = {B, T, n_fft, window, hop, 1};
  const Logarithm<real> logarithm = {static_cast<real>(eps), offset};
  MelBank<real> bank;
  APF_TRY(mel_bank(ctx, MEL_HTK, shape.bins(), n_mels, sample_rate, low, high, &bank));
  const Chunks chunks(ctx, B, shape.F, (shape.row() + n_mels) * sizeof(real));
  const int64_t spectra = room_for(chunks.most() * shape.row());
  real *X;
  APF_TRY(workspace(ctx, spectra + chunks.most() * n_mels, &X));
  real *dM = X + spectra;
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    const int64_t frames = chunk.count();
    const MelPlace place = {n_mels, shape.F, chunk.row * shape.F + chunk.frame};
    APF_TRY(load_spectra(ctx, shape, chunk, x, X));
    APF_TRY(APF_LAUNCH(ctx, log_mel_gradient_kernel<real>, band_grid(ctx, frames, n_mels), THREADS,
                       0, bank, frames, shape.row(), logarithm, place, dy, X, dM));
    const Sheet sheet = sheet_for(ctx, frames, shape.bins());
    APF_TRY(APF_LAUNCH(ctx, log_mel_bins_kernel<real>, sheet.grid, sheet.threads, 0, bank, frames,
                       shape.bins(), dM, X));
    APF_TRY(fft_inverse(ctx, n_fft, frames, X));
    APF_TRY(overlap_add<real>(ctx, shape, chunk, X, nullptr, dx));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(log_mel_backward);

}  // namespace apf_cuda
