/**
 * How a plane (H, W) is cut into tiles whose circular convolutions are what conv2d wants, and the
 * way of a tile's channels into the frequency domain and back.
 *
 * Time is taken apart into `phases` = dilation interleaved sequences, on which the kernel is dense.
 * On an axis of length L with a kernel of K = 2 P + 1 taps a tile of N points either
 *   - holds the whole axis and P zeros at least: its L points are all valid, or
 *   - starts P points early and has N - 2 P valid points, from its point P on.
 * In both cases point q of the tile is point q - `offset` of what the tile stands for.
 */
#ifndef APF_CPU_CONV2D_TILES_H
#define APF_CPU_CONV2D_TILES_H

#include "cpu/simd.h"
#include "cpu/tile_fft.h"

#include <string.h>

typedef struct tile_axis {
  int N, offset;
  int64_t length, valid, tiles;
} tile_axis;

typedef struct tile_plan {
  int64_t H, W, dilation, phases;
  int KH, KW;
  tile_axis h, w;
  int64_t per_plane; /* tiles of one plane */
  int bins;          /* complex numbers that describe one real tile: N_h N_w / 2 + 2 */
} tile_plan;

/** Where a tile lies: it begins at row h of the plane and at point w of phase `phase`. */
typedef struct tile_place {
  int64_t image, h, w, phase;
} tile_place;

static tile_axis tile_axis_of(int N, int64_t length, int K)
{
  int P = (K - 1) / 2;
  if (length + P <= N)
    return (tile_axis){.N = N, .offset = 0, .length = length, .valid = length, .tiles = 1};
  int64_t valid = N - 2 * P;
  return (tile_axis){
      .N = N, .offset = P, .length = length, .valid = valid, .tiles = (length + valid - 1) / valid};
}

/** Bin kh of column kw: columns 0 and N_w/2 are transforms of real data, half of each is enough. */
static inline int tile_bin(const tile_plan *plan, int kw, int kh)
{
  return kw == 0 ? kh : plan->h.N / 2 + 1 + (kw - 1) * plan->h.N + kh;
}

static inline int tile_bins_of_column(const tile_plan *plan, int kw)
{
  return kw == 0 || kw == plan->w.N / 2 ? plan->h.N / 2 + 1 : plan->h.N;
}

static inline tile_place tile_place_of(const tile_plan *plan, int64_t index)
{
  tile_place place;
  place.w = index % plan->w.tiles * plan->w.valid;
  index /= plan->w.tiles;
  place.h = index % plan->h.tiles * plan->h.valid;
  index /= plan->h.tiles;
  place.phase = index % plan->phases;
  place.image = index / plan->phases;
  return place;
}

/** Points q of a tile at `begin` that lie in 0..length-1; with `valid_only`, and are its own. */
static inline void tile_span(const tile_axis *axis, int64_t begin, int64_t length, int valid_only,
                             int *from, int *to)
{
  int64_t low = axis->offset - begin, high = length - begin + axis->offset;
  if (valid_only && low < axis->offset) low = axis->offset;
  if (valid_only && high > axis->offset + axis->valid) high = axis->offset + axis->valid;
  *from = (int)(low > 0 ? low : 0);
  *to = (int)(high < axis->N ? high : axis->N);
}

static inline int64_t tile_phase_length(const tile_plan *plan, int64_t phase)
{
  return (plan->W - phase + plan->dilation - 1) / plan->dilation;
}

/* One tile of VEC_LANES channels: rows or columns of vectors; 68 KiB at most with AVX-512. */
typedef struct tile_scratch {
  vec re[(TILE_FFT_MAX / 2 + 1) * TILE_FFT_MAX], im[(TILE_FFT_MAX / 2 + 1) * TILE_FFT_MAX];
} tile_scratch;

/** Columns of the scratch tile to the bins of `spectrum`; imaginary parts lie `imag` further. */
static void tile_columns_forward(const tile_plan *plan, const tile_scratch *tile, real *spectrum,
                                 int64_t bin_stride, int64_t imag)
{
  vec re[TILE_FFT_MAX], im[TILE_FFT_MAX];
  const int N = plan->h.N;
  for (int kw = 0; kw <= plan->w.N / 2; kw++) {
    tile_fft(N, tile->re + kw * N, tile->im + kw * N, 1, re, im);
    real *to = spectrum + tile_bin(plan, kw, 0) * bin_stride;
    for (int kh = 0; kh < tile_bins_of_column(plan, kw); kh++, to += bin_stride) {
      *(vec *)to = re[kh];
      *(vec *)(to + imag) = im[kh];
    }
  }
}

static void tile_columns_inverse(const tile_plan *plan, tile_scratch *tile, const real *spectrum,
                                 int64_t bin_stride, int64_t imag)
{
  vec re[TILE_FFT_MAX], im[TILE_FFT_MAX];
  const int N = plan->h.N;
  for (int kw = 0; kw <= plan->w.N / 2; kw++) {
    const real *from = spectrum + tile_bin(plan, kw, 0) * bin_stride;
    int bins = tile_bins_of_column(plan, kw);
    for (int kh = 0; kh < bins; kh++, from += bin_stride) {
      re[kh] = *(const vec *)from;
      im[kh] = *(const vec *)(from + imag);
    }
    for (int kh = bins; kh < N; kh++) {
      re[kh] = re[N - kh];
      im[kh] = -im[N - kh];
    }
    tile_fft(N, im, re, 1, tile->im + kw * N, tile->re + kw * N);
  }
}

enum { TILE_HALVES = VEC_LANES / SIMD_LANES }; /* a vec as simd.h's vectors */

/** Lane l of row[k] = x[l channel + k step], k < count. */
static void tile_gather(const real *x, int64_t channel, int lanes, int64_t step, int count,
                        vec *row)
{
  int k = 0;
  if (step == 1 && lanes == VEC_LANES) {
    for (; k + SIMD_LANES <= count; k += SIMD_LANES) {
      for (int half = 0; half < TILE_HALVES; half++) {
        vreal square[SIMD_LANES];
        simd_load_square(x + half * SIMD_LANES * channel + k, channel, square);
        for (int i = 0; i < SIMD_LANES; i++) ((vreal *)(row + k + i))[half] = square[i];
      }
    }
  }
  for (int l = 0; l < lanes; l++)
    for (int i = k; i < count; i++) ((real *)(row + i))[l] = x[l * channel + i * step];
}

/** y[l channel + k step] = lane l of row[k], k < count. */
static void tile_scatter(const vec *row, int count, real *y, int64_t channel, int lanes,
                         int64_t step)
{
  int k = 0;
  if (step == 1 && lanes == VEC_LANES) {
    for (; k + SIMD_LANES <= count; k += SIMD_LANES) {
      for (int half = 0; half < TILE_HALVES; half++) {
        vreal square[SIMD_LANES], out[SIMD_LANES];
        for (int i = 0; i < SIMD_LANES; i++) square[i] = ((const vreal *)(row + k + i))[half];
        simd_transpose_square(square, out);
        for (int i = 0; i < SIMD_LANES; i++)
          simd_store(y + (half * SIMD_LANES + i) * channel + k, out[i]);
      }
    }
  }
  for (int l = 0; l < lanes; l++)
    for (int i = k; i < count; i++) y[l * channel + i * step] = ((const real *)(row + i))[l];
}

/**
 * Spectrum of `lanes` channels (x, `channel` apart) of the tile at `place`: vectors at
 * spectrum + bin bin_stride, imaginary parts `imag` further; lanes beyond are zero.
 */
static void tile_forward(const tile_plan *plan, tile_place place, int valid_only, const real *x,
                         int64_t channel, int lanes, tile_scratch *tile, real *spectrum,
                         int64_t bin_stride, int64_t imag)
{
  const int NH = plan->h.N, NW = plan->w.N;
  int h0, h1, w0, w1;
  tile_span(&plan->h, place.h, plan->H, valid_only, &h0, &h1);
  tile_span(&plan->w, place.w, tile_phase_length(plan, place.phase), valid_only, &w0, &w1);
  vec row[TILE_FFT_MAX];
  memset(row, 0, sizeof row);
  for (int h = 0; h < NH; h++) {
    if (h < h0 || h >= h1) {
      for (int kw = 0; kw <= NW / 2; kw++) tile->re[kw * NH + h] = tile->im[kw * NH + h] = (vec){0};
      continue;
    }
    int64_t first = place.w + w0 - plan->w.offset;
    const real *from = x + (place.h + h - plan->h.offset) * plan->W + place.phase;
    tile_gather(from + first * plan->dilation, channel, lanes, plan->dilation, w1 - w0, row + w0);
    tile_fft_real(NW, row, tile->re + h, tile->im + h, NH);
  }
  tile_columns_forward(plan, tile, spectrum, bin_stride, imag);
}

/** The tile's valid points, from its spectrum, to `lanes` channels of y; adds bias[l] if given. */
static void tile_inverse(const tile_plan *plan, tile_place place, const real *spectrum,
                         int64_t bin_stride, int64_t imag, tile_scratch *tile, const real *bias,
                         real *y, int64_t channel, int lanes)
{
  const int NH = plan->h.N, NW = plan->w.N;
  int h0, h1, w0, w1;
  tile_span(&plan->h, place.h, plan->H, 1, &h0, &h1);
  tile_span(&plan->w, place.w, tile_phase_length(plan, place.phase), 1, &w0, &w1);
  tile_columns_inverse(plan, tile, spectrum, bin_stride, imag);
  vec row[TILE_FFT_MAX], shift = {0};
  for (int l = 0; bias && l < lanes; l++) ((real *)&shift)[l] = bias[l];
  for (int h = h0; h < h1; h++) {
    tile_fft_real_inverse(NW, tile->re + h, tile->im + h, NH, row);
    int64_t first = place.w + w0 - plan->w.offset;
    real *to = y + (place.h + h - plan->h.offset) * plan->W + place.phase;
    for (int w = w0; w < w1; w++) row[w] += shift;
    tile_scatter(row + w0, w1 - w0, to + first * plan->dilation, channel, lanes, plan->dilation);
  }
}

#endif
