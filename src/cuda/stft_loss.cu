/**
 * Spectral distance of two signals in one resolution, and its gradient.
 *
 *   |S| = sqrt(max(|STFT|^2, 1e-8)), then mel bands of it where n_mels > 0; x of pred, y of target
 *   loss = ||y - x||_F / ||y||_F + mean |ln x - ln y|,   norms and mean over all rows of a set
 *   dx = (x - y) / (||y - x|| ||y||) + sgn(x - y) / (N x),   dX = X / |X| d|X|,
 *   nothing where |X|^2 was raised to 1e-8
 *
 * Chunk by chunk: the frames of pred and after them those of the target in one batch of transforms;
 * bands, where there are any; then a block to a frame, which adds up its three sums in double. One
 * block to a set adds the frames' sums up in a fixed order. Backward computes the spectra again.
 */
#include "cuda/mel.h"
#include "cuda/reduce.h"
#include "cuda/spectral.h"
#include "cuda/stft_frames.h"

namespace apf_cuda {

enum { SUMS = 3 }; /* of (x - y)^2, y^2, |ln x - ln y| */
enum { THREADS = 256, FRAME_THREADS = 128, SET_THREADS = 512 };

/* --- magnitudes ------------------------------------------------------------------------------- */

template <class real>
__device__ static real floored(real power)
{
  const real least = real(1e-8);
  return power > least ? power : least;
}

/** x and y are the bins' magnitudes. */
template <class real>
struct OfBins {
  int64_t K;
  const real *X, *Y; /* spectra */

  __device__ int64_t count() const { return K; }
  __device__ real x(int64_t frame, int64_t k) const { return magnitude(X, frame, k); }
  __device__ real y(int64_t frame, int64_t k) const { return magnitude(Y, frame, k); }
  __device__ real magnitude(const real *S, int64_t frame, int64_t k) const
  {
    return sqrt(floored(square_of(load_bin(S, frame * K + k))));
  }
  /** Of d(m), the gradient of magnitude m. */
  template <class Value>
  __device__ real adjoint(int64_t k, Value d) const
  {
    return d(k);
  }
};

/** x and y are mel bands, computed before. */
template <class real>
struct OfBands {
  MelBank<real> bank;
  const real *x_bands, *y_bands; /* frames x bands */

  __device__ int64_t count() const { return bank.bands; }
  __device__ real x(int64_t frame, int64_t m) const { return load(x_bands + frame * count() + m); }
  __device__ real y(int64_t frame, int64_t m) const { return load(y_bands + frame * count() + m); }
  template <class Value>
  __device__ real adjoint(int64_t k, Value d) const
  {
    return mel_adjoint(bank, k, d);
  }
};

/** bands[frames,n_mels] of the magnitudes; MEL_LANES threads to each. */
template <class real>
__global__ void loss_bands_kernel(MelBank<real> bank, int64_t frames, int64_t K, const real *X,
                                  real *bands)
{
  /* A band narrower than the distance of two bins may hold none: its magnitude counts as this. */
  const real least = real(1e-30);
  APF_ROW_LOOP(frame, frames)
  {
    const auto magnitude = [&](int64_t k) {
      return sqrt(floored(square_of(load_bin(X, frame * K + k))));
    };
    /* Whole warps take part in the sums. */
    APF_GRID_LOOP(i, (bank.bands * MEL_LANES + 31) / 32 * 32)
    {
      const int64_t band = i / MEL_LANES;
      const real sum = mel_sum(bank, band, magnitude);
      if (band < bank.bands && i % MEL_LANES == 0)
        store(bands + frame * bank.bands + band, sum > least ? sum : least);
    }
  }
}

/* --- forward ---------------------------------------------------------------------------------- */

/** sums[frames,SUMS]. */
template <class Magnitudes>
__global__ void loss_frame_sums_kernel(int64_t frames, Magnitudes of, double *sums)
{
  for (int64_t frame = blockIdx.x; frame < frames; frame += gridDim.x) {
    double part[SUMS] = {0, 0, 0};
    for (int64_t m = threadIdx.x; m < of.count(); m += blockDim.x) {
      const auto x = of.x(frame, m), y = of.y(frame, m);
      const double d = static_cast<double>(x) - static_cast<double>(y);
      part[0] += d * d;
      part[1] += static_cast<double>(y) * static_cast<double>(y);
      part[2] += static_cast<double>(fabs(log(x / y)));
    }
    block_sums<FRAME_THREADS>(part);
    if (threadIdx.x > 0) continue;
    for (int s = 0; s < SUMS; s++) store(sums + frame * SUMS + s, part[s]);
  }
}

/** loss[P] and parts[P,SUMS] of sets of `frames` frames with `bands` terms each. */
template <class real>
__global__ void loss_sets_kernel(int64_t P, int64_t frames, int64_t bands, const double *sums,
                                 real *loss, real *parts)
{
  for (int64_t set = blockIdx.x; set < P; set += gridDim.x) {
    double part[SUMS] = {0, 0, 0};
    for (int64_t f = threadIdx.x; f < frames; f += blockDim.x)
      for (int s = 0; s < SUMS; s++) part[s] += load(sums + (set * frames + f) * SUMS + s);
    block_sums<SET_THREADS>(part);
    if (threadIdx.x > 0) continue;
    for (int s = 0; s < SUMS; s++) store(parts + set * SUMS + s, static_cast<real>(part[s]));
    const double count = static_cast<double>(frames) * static_cast<double>(bands);
    store(loss + set, static_cast<real>(sqrt(part[0] / part[1]) + part[2] / count));
  }
}

/* --- backward --------------------------------------------------------------------------------- */

/** What a set's x - y and sgn(x - y) / x are multiplied by. */
template <class real>
__global__ void loss_factors_kernel(int64_t P, double count, const real *dloss, const real *parts,
                                    real *factors)
{
  APF_GRID_LOOP(set, P)
  {
    const double up = load(dloss + set);
    const double norms = sqrt(static_cast<double>(load(parts + set * SUMS))) *
                         sqrt(static_cast<double>(load(parts + set * SUMS + 1)));
    store(factors + 2 * set, norms > 0 ? static_cast<real>(up / norms) : real(0));
    store(factors + 2 * set + 1, static_cast<real>(up / count));
  }
}

/** X[frames,K] of pred <- what the transform back wants of dX; frame i belongs to set (first + i) /
 *  set_frames. */
template <class real, class Magnitudes>
__global__ void loss_bins_kernel(int64_t frames, int64_t K, Magnitudes of, int64_t first,
                                 int64_t set_frames, const real *factors, real *X)
{
  APF_ROW_LOOP(frame, frames)
  {
    const int64_t set = (first + frame) / set_frames;
    const real convergence = load(factors + 2 * set), logarithm = load(factors + 2 * set + 1);
    const auto d = [&](int64_t m) {
      const real x = of.x(frame, m), y = of.y(frame, m);
      const real sign = static_cast<real>(x > y) - static_cast<real>(x < y);
      return convergence * (x - y) + logarithm * sign / x;
    };
    APF_GRID_LOOP(k, K)
    {
      const Bin<real> bin = load_bin(X, frame * K + k);
      const real power = square_of(bin);
      const bool end = k == 0 || k == K - 1;
      const real weight = end ? 1 : real(0.5);
      const real factor =
          power >= real(1e-8) ? weight * of.adjoint(k, d) / sqrt(floored(power)) : real(0);
      store_bin(X, frame * K + k, real_if(end, scale(bin, factor)));
    }
  }
}

/* --- launches --------------------------------------------------------------------------------- */

template <class real>
struct Signals {
  const real *pred, *target;
  int64_t targets; /* rows of it */
};

/** Sizes of a call and the scratch of a chunk. */
template <class real>
struct Loss {
  StftShape shape;
  int64_t n_mels; /* 0: bins as they are */
  MelBank<real> bank;
  real *spectra; /* of pred, then of the target */
  real *bands;   /* likewise, where n_mels > 0 */

  int64_t bands_of_frame() const { return n_mels > 0 ? n_mels : shape.bins(); }
  /** Reals of scratch for a frame of both signals. */
  int64_t each() const { return 2 * (shape.row() + n_mels); }
};

/** Spectra and bands of a chunk's frames. */
template <class real>
static apf_status load_chunk(apf_context *ctx, const Loss<real> &loss, const Chunk &chunk,
                             const Signals<real> &signals)
{
  const StftShape &shape = loss.shape;
  const int64_t frames = chunk.count();
  real *target = loss.spectra + frames * shape.row();
  APF_TRY(load_frames<real>(ctx, shape, chunk, shape.B, signals.pred, nullptr, loss.spectra));
  APF_TRY(load_frames<real>(ctx, shape, chunk, signals.targets, signals.target, nullptr, target));
  APF_TRY(fft_forward(ctx, shape.n_fft, 2 * frames, loss.spectra));
  if (loss.n_mels == 0) return APF_OK;
  const Sheet sheet = sheet_for(ctx, 2 * frames, loss.n_mels * MEL_LANES);
  return APF_LAUNCH(ctx, loss_bands_kernel<real>, sheet.grid, sheet.threads, 0, loss.bank,
                    2 * frames, shape.bins(), loss.spectra, loss.bands);
}

template <class real>
static OfBins<real> bins_of(const Loss<real> &loss, int64_t frames)
{
  return {loss.shape.bins(), loss.spectra, loss.spectra + frames * loss.shape.row()};
}
template <class real>
static OfBands<real> bands_of(const Loss<real> &loss, int64_t frames)
{
  return {loss.bank, loss.bands, loss.bands + frames * loss.n_mels};
}

template <class Magnitudes>
static apf_status frame_sums(apf_context *ctx, int64_t frames, const Magnitudes &of, double *sums)
{
  return APF_LAUNCH(ctx, loss_frame_sums_kernel<Magnitudes>, grid_for(ctx, frames, 1),
                    FRAME_THREADS, 0, frames, of, sums);
}

template <class Magnitudes, class real>
static apf_status bins_gradient(apf_context *ctx, const Loss<real> &loss, const Chunk &chunk,
                                const Magnitudes &of, int64_t set_frames, const real *factors)
{
  const int64_t K = loss.shape.bins(), first = chunk.row * loss.shape.F + chunk.frame;
  const Sheet sheet = sheet_for(ctx, chunk.count(), K);
  return APF_LAUNCH(ctx, (loss_bins_kernel<real, Magnitudes>), sheet.grid, sheet.threads, 0,
                    chunk.count(), K, of, first, set_frames, factors, loss.spectra);
}

/** Fills *loss, with scratch for chunks of *chunks and `whole` values before it, at *front. */
template <class real>
static apf_status begin(apf_context *ctx, double sample_rate, int64_t whole, const Chunks &chunks,
                        Loss<real> *loss, real **front)
{
  const int64_t n_mels = loss->n_mels;
  if (n_mels > 0)
    APF_TRY(mel_bank(ctx, MEL_SLANEY, loss->shape.bins(), n_mels, sample_rate, 0, sample_rate / 2,
                     &loss->bank));
  const int64_t spectra = room_for(2 * chunks.most() * loss->shape.row());
  real *cursor;
  APF_TRY(workspace(ctx, room_for(whole) + spectra + 2 * chunks.most() * n_mels, &cursor));
  *front = take(&cursor, whole);
  loss->spectra = take(&cursor, spectra);
  loss->bands = cursor;
  return APF_OK;
}

template <class real>
apf_status stft_loss_forward(apf_context *ctx, int64_t P, int64_t B, int64_t T, int shared_target,
                             int64_t n_fft, int64_t window, int64_t hop, int64_t n_mels,
                             double sample_rate, const real *pred, const real *target, real *value,
                             real *parts)
{
  const StftShape shape = {P * B, T, n_fft, window, hop, 1};
  const Signals<real> signals = {pred, target, shared_target ? B : P * B};
  Loss<real> loss = {shape, n_mels, {}, nullptr, nullptr};
  const Chunks chunks(ctx, shape.B, shape.F, loss.each() * sizeof(real));
  const int64_t all = shape.B * shape.F;
  real *front;
  APF_TRY(begin(ctx, sample_rate, all * SUMS * static_cast<int64_t>(sizeof(double) / sizeof(real)),
                chunks, &loss, &front));
  double *sums = reinterpret_cast<double *>(front);
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    const int64_t frames = chunk.count();
    double *out = sums + (chunk.row * shape.F + chunk.frame) * SUMS;
    APF_TRY(load_chunk(ctx, loss, chunk, signals));
    APF_TRY(n_mels > 0 ? frame_sums(ctx, frames, bands_of(loss, frames), out)
                       : frame_sums(ctx, frames, bins_of(loss, frames), out));
  }
  return APF_LAUNCH(ctx, loss_sets_kernel<real>, grid_for(ctx, P, 1), SET_THREADS, 0, P,
                    B * shape.F, loss.bands_of_frame(), sums, value, parts);
}
APF_INSTANTIATE_REAL(stft_loss_forward);

template <class real>
apf_status stft_loss_backward(apf_context *ctx, int64_t P, int64_t B, int64_t T, int shared_target,
                              int64_t n_fft, int64_t window, int64_t hop, int64_t n_mels,
                              double sample_rate, const real *dloss, const real *pred,
                              const real *target, const real *parts, real *dpred)
{
  const StftShape shape = {P * B, T, n_fft, window, hop, 1};
  const Signals<real> signals = {pred, target, shared_target ? B : P * B};
  Loss<real> loss = {shape, n_mels, {}, nullptr, nullptr};
  const Chunks chunks(ctx, shape.B, shape.F, loss.each() * sizeof(real));
  const int64_t set_frames = B * shape.F;
  real *factors;
  APF_TRY(begin(ctx, sample_rate, 2 * P, chunks, &loss, &factors));
  const double count = static_cast<double>(set_frames) * static_cast<double>(loss.bands_of_frame());
  APF_TRY(APF_LAUNCH(ctx, loss_factors_kernel<real>, grid_for(ctx, P, THREADS), THREADS, 0, P,
                     count, dloss, parts, factors));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    const int64_t frames = chunk.count();
    APF_TRY(load_chunk(ctx, loss, chunk, signals));
    APF_TRY(n_mels > 0
                ? bins_gradient(ctx, loss, chunk, bands_of(loss, frames), set_frames, factors)
                : bins_gradient(ctx, loss, chunk, bins_of(loss, frames), set_frames, factors));
    APF_TRY(fft_inverse(ctx, n_fft, frames, loss.spectra));
    APF_TRY(overlap_add<real>(ctx, shape, chunk, loss.spectra, nullptr, dpred));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(stft_loss_backward);

}  // namespace apf_cuda
