/**
 * Windowing, overlap-add and what is made of them; definitions in stft_frames.h.
 *
 * Every value that is written has one thread, which gathers: a sample all the frames that touch it,
 * in their order, so that sums need no atomics. A frame's samples, and a sample's places in
 * neighbouring threads' frames, lie side by side: all accesses are coalesced, and what frames share
 * is read from the cache.
 */
#include "cuda/stft_frames.h"

#include "cuda/spectral.h"
#include "cuda/tables.h"

namespace apf_cuda {

enum { THREADS = 256 };

/* --- chunks ----------------------------------------------------------------------------------- */

Chunks::Chunks(const apf_context *ctx, int64_t rows, int64_t F, int64_t frame_bytes)
    : rows_(rows), F_(F)
{
  const int64_t most = std::max<int64_t>(device(ctx)->cache_bytes / 2 / frame_bytes, 1);
  const int64_t whole = std::max<int64_t>(most / F, 1);
  each_rows_ = divide_up(rows, divide_up(rows, whole));
  pieces_ = divide_up(rows, each_rows_);
  each_frames_ = divide_up(F, divide_up(F, most));
  parts_ = divide_up(F, each_frames_);
}

Chunk Chunks::operator[](int64_t i) const
{
  const int64_t row = i / parts_ * each_rows_, frame = i % parts_ * each_frames_;
  return {row, std::min(each_rows_, rows_ - row), frame, std::min(each_frames_, F_ - frame)};
}

/* --- samples to frames ------------------------------------------------------------------------ */

/** The sample that stands at position t; -1 where that is zero. */
__device__ static int64_t source(const StftShape &shape, int64_t t)
{
  if (t >= 0 && t < shape.T) return t;
  if (!shape.reflect) return -1;
  return t < 0 ? -t : 2 * (shape.T - 1) - t;
}

/** Value i of the window that starts at `start`, 0 outside it. */
template <class real>
__device__ static real windowed(const StftShape &shape, int64_t start, int64_t i, const real *hann,
                                const real *x, const real *scale)
{
  if (i < 0 || i >= shape.window) return 0;
  const int64_t t = source(shape, start + i);
  if (t < 0) return 0;
  const real value = load(hann + i) * load(x + t);
  return scale ? value * load(scale + t) : value;
}

template <class real>
__global__ void load_frames_kernel(StftShape shape, Chunk chunk, int64_t signals, const real *hann,
                                   const real *x, const real *scale, real *frames)
{
  const int64_t before = shape.before();
  APF_ROW_LOOP(row, chunk.count())
  {
    const int64_t b = chunk.row + row / chunk.frames, f = chunk.frame + row % chunk.frames;
    const int64_t start = shape.first_sample(f);
    const real *from = x + b % signals * shape.T;
    real *to = frames + row * shape.row();
    APF_GRID_LOOP(i, shape.n_fft)
    {
      store(to + i, windowed(shape, start, i - before, hann, from, scale));
    }
  }
}

template <class real>
apf_status load_frames(apf_context *ctx, const StftShape &shape, const Chunk &chunk,
                       int64_t signals, const real *x, const real *scale, real *frames)
{
  const real *hann;
  APF_TRY(hann_window(ctx, shape.window, &hann));
  const Sheet sheet = sheet_for(ctx, chunk.count(), shape.n_fft);
  return APF_LAUNCH(ctx, load_frames_kernel<real>, sheet.grid, sheet.threads, 0, shape, chunk,
                    signals, hann, x, scale, frames);
}
APF_INSTANTIATE_REAL(load_frames);

/* --- frames to samples ------------------------------------------------------------------------ */

/** Frames low..high-1. */
struct CoveringFrames {
  int64_t low, high;
};

__device__ static int64_t divide_down(int64_t a, int64_t b)
{
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/** The frames whose window covers a position. */
__device__ static CoveringFrames touching(const StftShape &shape, int64_t position)
{
  const int64_t at = position - shape.first_sample(0);
  const int64_t low = divide_down(at - shape.window, shape.hop) + 1;
  const int64_t high = divide_down(at, shape.hop) + 1;
  return {low > 0 ? low : 0, high < shape.F ? high : shape.F};
}

/** Positions beyond the ends that a sample stands at by reflection, and all frames that see it at
 *  any of its positions. */
struct Places {
  int64_t left, right;
  bool mirrored;
  CoveringFrames range;
};

__device__ static void include(const StftShape &shape, int64_t position, Places *places)
{
  const CoveringFrames more = touching(shape, position);
  if (more.low >= more.high) return;
  CoveringFrames *range = &places->range;
  const bool first = range->low >= range->high;
  range->low = first || more.low < range->low ? more.low : range->low;
  range->high = first || more.high > range->high ? more.high : range->high;
  places->mirrored = true;
}

__device__ static Places places_of(const StftShape &shape, int64_t t)
{
  /* Where there is no image, a position that no frame reaches. */
  const int64_t nowhere = shape.first_sample(0) - 1;
  const int64_t end = shape.first_sample(shape.F - 1) + shape.window;
  Places places = {nowhere, nowhere, false, touching(shape, t)};
  if (!shape.reflect) return places;
  if (t > 0 && -t > nowhere) {
    places.left = -t;
    include(shape, places.left, &places);
  }
  if (t < shape.T - 1 && 2 * (shape.T - 1) - t < end) {
    places.right = 2 * (shape.T - 1) - t;
    include(shape, places.right, &places);
  }
  return places;
}

/** sum + what the window that starts at `start` has at a position. */
template <class real>
__device__ static real add_value(int64_t window, int64_t start, int64_t position, const real *hann,
                                 const real *values, real sum)
{
  const int64_t i = position - start;
  if (i < 0 || i >= window) return sum;
  return fma(load(hann + i), load(values + i), sum);
}

/** What frames first..last-1 have for sample t, where no end reflects it: each of them covers it.
 */
template <class real>
__device__ static real add_frames(const StftShape &shape, const Chunk &chunk, int64_t first,
                                  int64_t last, int64_t t, const real *hann, const real *of_row,
                                  real sum)
{
  int64_t i = t - shape.first_sample(first);
  const real *values = of_row + (first - chunk.frame) * shape.row() + i;
#pragma unroll 4
  for (int64_t f = first; f < last; f++) {
    sum = fma(load(hann + i), load(values), sum);
    i -= shape.hop;
    values += shape.row() - shape.hop;
  }
  return sum;
}

/** The same for a sample that may stand at up to three places. */
template <class real>
__device__ static real add_mirrored(const StftShape &shape, const Chunk &chunk, int64_t first,
                                    int64_t last, int64_t t, const Places &places, const real *hann,
                                    const real *of_row, real sum)
{
#pragma unroll 1
  for (int64_t f = first; f < last; f++) {
    const real *values = of_row + (f - chunk.frame) * shape.row();
    const int64_t start = shape.first_sample(f);
    sum = add_value(shape.window, start, t, hann, values, sum);
    sum = add_value(shape.window, start, places.left, hann, values, sum);
    sum = add_value(shape.window, start, places.right, hann, values, sum);
  }
  return sum;
}

/** Samples low..high-1 of every row of the chunk. */
template <class real>
__global__ void overlap_add_kernel(StftShape shape, Chunk chunk, int64_t low, int64_t high,
                                   const real *hann, const real *frames, const real *scale, real *y)
{
  const int64_t end = chunk.frame + chunk.frames;
  APF_ROW_LOOP(row, chunk.rows)
  {
    const real *of_row = frames + row * chunk.frames * shape.row() + shape.before();
    APF_GRID_LOOP(j, high - low)
    {
      const int64_t t = low + j;
      const Places places = places_of(shape, t);
      const CoveringFrames range = places.range;
      const int64_t first = range.low > chunk.frame ? range.low : chunk.frame;
      const int64_t last = range.high < end ? range.high : end;
      if (chunk.frame > 0 && first >= last) continue;
      real *out = y + (chunk.row + row) * shape.T + t;
      real sum = chunk.frame > 0 ? load(out) : 0;
      sum = places.mirrored ? add_mirrored(shape, chunk, first, last, t, places, hann, of_row, sum)
                            : add_frames(shape, chunk, first, last, t, hann, of_row, sum);
      if (scale && range.high <= end) sum *= load(scale + t);
      store(out, sum);
    }
  }
}

/**
 * Samples that the chunk's frames touch; all of them for the first frames, which clear them. By
 * reflection a frame centred within the signal touches none that it does not touch directly; that
 * of the last frame may be T, then the image of its end lies one sample before its start.
 */
static void touched(const StftShape &shape, const Chunk &chunk, int64_t *low, int64_t *high)
{
  *low = 0;
  *high = shape.T;
  if (chunk.frame == 0) return;
  const int64_t start = shape.first_sample(chunk.frame);
  const int64_t end = shape.first_sample(chunk.frame + chunk.frames - 1) + shape.window;
  *low = std::max<int64_t>(shape.reflect ? std::min(start, 2 * shape.T - 1 - end) : start, 0);
  *high = std::min(end, shape.T);
}

template <class real>
apf_status overlap_add(apf_context *ctx, const StftShape &shape, const Chunk &chunk,
                       const real *frames, const real *scale, real *y)
{
  const real *hann;
  APF_TRY(hann_window(ctx, shape.window, &hann));
  int64_t low, high;
  touched(shape, chunk, &low, &high);
  if (low >= high) return APF_OK;
  const Sheet sheet = sheet_for(ctx, chunk.rows, high - low);
  return APF_LAUNCH(ctx, overlap_add_kernel<real>, sheet.grid, sheet.threads, 0, shape, chunk, low,
                    high, hann, frames, scale, y);
}
APF_INSTANTIATE_REAL(overlap_add);

template <class real>
__global__ void inverse_scale_kernel(StftShape shape, real factor, const real *hann, real *scale)
{
  APF_GRID_LOOP(t, shape.T)
  {
    const CoveringFrames range = touching(shape, t);
    real sum = 0;
    for (int64_t f = range.low; f < range.high; f++) {
      const real w = load(hann + (t - shape.first_sample(f)));
      sum = fma(w, w, sum);
    }
    store(scale + t, factor / (static_cast<real>(shape.n_fft) * sum));
  }
}

template <class real>
apf_status inverse_scale(apf_context *ctx, const StftShape &shape, real factor, real *scale)
{
  const real *hann;
  APF_TRY(hann_window(ctx, shape.window, &hann));
  return APF_LAUNCH(ctx, inverse_scale_kernel<real>, grid_for(ctx, shape.T, THREADS), THREADS, 0,
                    shape, factor, hann, scale);
}
APF_INSTANTIATE_REAL(inverse_scale);

/* --- analysis and synthesis ------------------------------------------------------------------- */

/** The first and the last bin of each frame times 1/2. */
template <class real>
__global__ void halve_ends_kernel(int64_t frames, int64_t K, real *X)
{
  APF_GRID_LOOP(i, 2 * frames)
  {
    const int64_t at = i / 2 * K + (i % 2) * (K - 1);
    store_bin(X, at, scale(load_bin(X, at), real(0.5)));
  }
}

template <class real>
apf_status stft_analyze(apf_context *ctx, const StftShape &shape, bool inverse, const real *x,
                        real *X)
{
  const int64_t F = shape.F;
  real *scale = nullptr;
  if (inverse) {
    /* The inner bins' factor 2 goes with the samples' scale. */
    APF_TRY(workspace(ctx, shape.T, &scale));
    APF_TRY(inverse_scale(ctx, shape, real(2), scale));
  }
  const Chunks chunks(ctx, shape.B, F, shape.row() * sizeof(real));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    real *out = X + (chunk.row * F + chunk.frame) * shape.row();
    APF_TRY(load_frames<real>(ctx, shape, chunk, shape.B, x, scale, out));
    APF_TRY(fft_forward(ctx, shape.n_fft, chunk.count(), out));
  }
  if (!inverse) return APF_OK;
  return APF_LAUNCH(ctx, halve_ends_kernel<real>, grid_for(ctx, 2 * shape.B * F, THREADS), THREADS,
                    0, shape.B * F, shape.bins(), X);
}
APF_INSTANTIATE_REAL(stft_analyze);

/** frames = X with the bins between the first and the last times `inner`, and with real ends. */
template <class real>
__global__ void weigh_bins_kernel(int64_t rows, int64_t K, real inner, const real *X, real *frames)
{
  APF_ROW_LOOP(row, rows)
  {
    APF_GRID_LOOP(k, K)
    {
      const Bin<real> bin = load_bin(X, row * K + k);
      const bool end = k == 0 || k == K - 1;
      store_bin(frames, row * K + k, real_if(end, scale(bin, end ? 1 : inner)));
    }
  }
}

template <class real>
apf_status stft_synthesize(apf_context *ctx, const StftShape &shape, bool inverse, const real *X,
                           real *y)
{
  const int64_t F = shape.F;
  const Chunks chunks(ctx, shape.B, F, shape.row() * sizeof(real));
  real *cursor;
  APF_TRY(workspace(ctx, room_for(shape.T) + chunks.most() * shape.row(), &cursor));
  real *scale = take(&cursor, shape.T), *frames = cursor;
  if (inverse) APF_TRY(inverse_scale(ctx, shape, real(1), scale));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const Chunk chunk = chunks[i];
    const Sheet sheet = sheet_for(ctx, chunk.count(), shape.bins());
    APF_TRY(APF_LAUNCH(ctx, weigh_bins_kernel<real>, sheet.grid, sheet.threads, 0, chunk.count(),
                       shape.bins(), inverse ? real(1) : real(0.5),
                       X + (chunk.row * F + chunk.frame) * shape.row(), frames));
    APF_TRY(fft_inverse(ctx, shape.n_fft, chunk.count(), frames));
    APF_TRY(overlap_add<real>(ctx, shape, chunk, frames, inverse ? scale : nullptr, y));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(stft_synthesize);

}  // namespace apf_cuda
