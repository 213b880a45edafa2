/**
 * Two-dimensional convolution with `same` padding and dilation along time, by tiles in the
 * frequency domain.
 *
 *   y[b,o,h,t] = bias[o] + sum_{i,k,j} w[o,i,k,j] x[b,i,h + k - P_h, t + D (j - P_w)]
 *   dx = dy convolved with w, channels exchanged;   dbias[o] = sum dy[:,o]
 *   dw[o,i,k,j] = sum_{b,h,t} dy[b,o,h,t] x[b,i,h + k - P_h, t + D (j - P_w)]
 *
 * A tile of the plane and the kernel are transformed; then, bin by bin, the channels are mixed by a
 * complex matrix product (tiles x I) (I x O), and the result is transformed back. With 5 x 7 taps
 * and tiles of 16 x 32 points this takes an eighth of the multiplications of the direct sum, and
 * nothing is ever unfolded: scratch is the spectra of one group of tiles per thread. The gradient
 * of the weights is the product over tiles conj(X)' dY, kept as a spectrum until the end.
 *
 * Threads own groups of tiles; weight gradients are added up in thread order, so results depend on
 * the number of threads alone.
 */
#include "cpu/cpu.h"

#include "cpu/complex_gemm.h"
#include "cpu/conv2d_tiles.h"

#ifdef _OPENMP
#include <omp.h>
#endif

typedef struct conv_shape {
  int64_t B, I, O;
  int KH, KW;
} conv_shape;

/** Everything that a pass needs to know; sizes of spectra in units of real. */
typedef struct conv_plan {
  tile_plan tiles;
  int64_t count;         /* tiles in all */
  int64_t group, groups; /* tiles of one group */
} conv_plan;

enum { GROUP_BYTES = 6 << 20 }; /* of one thread's spectra: about what a core's share of cache is */

static tile_plan tile_plan_of(int64_t H, int64_t W, int64_t D, int KH, int KW, int NH, int NW)
{
  tile_plan plan = {.H = H, .W = W, .dilation = D, .phases = D < W ? D : W, .KH = KH, .KW = KW};
  plan.h = tile_axis_of(NH, H, KH);
  plan.w = tile_axis_of(NW, (W + D - 1) / D, KW);
  plan.per_plane = plan.phases * plan.h.tiles * plan.w.tiles;
  plan.bins = NH * NW / 2 + 2;
  return plan;
}

/** Time of a pass, in multiply-adds: the matrix products and the transforms of tiles and weights.
 */
static double cost_of(const tile_plan *plan, conv_shape s)
{
  const double points = (double)plan->h.N * plan->w.N, transform = 40;
  double tiles = (double)(s.B * plan->per_plane);
  double channels = (double)(s.I + s.O), pairs = (double)s.I * (double)s.O;
  return points * (tiles * (2 * pairs + transform * channels) + transform * pairs);
}

static conv_plan conv_plan_of(apf_context *ctx, conv_shape s, int64_t H, int64_t W, int64_t D)
{
  conv_plan best = {.count = 0};
  double least = 0;
  for (int NH = 8; NH <= TILE_FFT_MAX; NH *= 2) {
    for (int NW = 8; NW <= TILE_FFT_MAX; NW *= 2) {
      if (NH <= s.KH || NW <= s.KW) continue;
      tile_plan candidate = tile_plan_of(H, W, D, s.KH, s.KW, NH, NW);
      double cost = cost_of(&candidate, s);
      if (least > 0 && cost >= least) continue;
      least = cost;
      best.tiles = candidate;
    }
  }
  best.count = s.B * best.tiles.per_plane;
  int64_t per_tile =
      best.tiles.bins * 2 * (vec_round_up(s.I) + vec_round_up(s.O)) * (int64_t)sizeof(real);
  int64_t most = GROUP_BYTES / per_tile;
  if (most < 2 * COMPLEX_GEMM_ROWS) most = 2 * COMPLEX_GEMM_ROWS;
  int64_t groups = (best.count + most - 1) / most;
  groups = (groups + ctx->threads - 1) / ctx->threads * ctx->threads; /* the same for each thread */
  best.group = (best.count + groups - 1) / groups;
  best.groups = (best.count + best.group - 1) / best.group;
  return best;
}

/* --- spectra ---------------------------------------------------------------------------------- */

/* Of a group of tiles: [bin][tile][re, im][channel]. The odd vector at the end of a bin keeps the
 * bins, which are walked one vector at a time, out of each other's cache sets. */
typedef struct tile_spectra {
  int64_t channels, padded, tile, bin;
} tile_spectra;

static tile_spectra tile_spectra_of(const conv_plan *plan, int64_t channels)
{
  int64_t padded = vec_round_up(channels);
  return (tile_spectra){.channels = channels,
                        .padded = padded,
                        .tile = 2 * padded,
                        .bin = plan->group * 2 * padded + 64 / (int64_t)sizeof(real)};
}

static int64_t spectra_size(const conv_plan *plan, tile_spectra s)
{
  return plan->tiles.bins * s.bin;
}

/* Of the weights, and of their gradient: [bin][vector of columns][row][re, im][lane]. */
typedef struct weight_spectra {
  int64_t rows, columns, panel, bin;
} weight_spectra;

static weight_spectra weight_spectra_of(int64_t rows, int64_t columns)
{
  int64_t panel = rows * 2 * VEC_LANES;
  return (weight_spectra){
      .rows = rows,
      .columns = columns,
      .panel = panel,
      .bin = vec_round_up(columns) / VEC_LANES * panel + 64 / (int64_t)sizeof(real)};
}

static int64_t weights_size(const conv_plan *plan, weight_spectra s)
{
  return plan->tiles.bins * s.bin;
}

static int lanes_at(int64_t channel, int64_t channels)
{
  return (int)(channels - channel < VEC_LANES ? channels - channel : VEC_LANES);
}

/**
 * Spectra of the kernels, scaled so that the round trip is 1. Element (row, column) is
 * w + row row_stride + column column_stride. Tap (k, j) stands at (k - P_h, j - P_w) around the
 * origin: a convolution with w; with `reversed` at the opposite point: a correlation.
 */
static void weights_forward(apf_context *ctx, const conv_plan *plan, weight_spectra s,
                            const real *w, int64_t row_stride, int64_t column_stride, int reversed,
                            real *spectra)
{
  const tile_plan *t = &plan->tiles;
  const int NH = t->h.N, NW = t->w.N, PH = t->KH / 2, PW = t->KW / 2;
  const real scale = (real)1 / (real)(NH * NW);
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t c = 0; c < s.columns; c += VEC_LANES) {
    for (int64_t r = 0; r < s.rows; r++) {
      tile_scratch tile;
      memset(&tile, 0, sizeof tile);
      for (int k = 0; k < t->KH; k++) {
        vec row[TILE_FFT_MAX];
        memset(row, 0, sizeof row);
        for (int j = 0; j < t->KW; j++) {
          int at = (reversed ? PW - j + NW : j - PW + NW) % NW;
          for (int l = 0; l < lanes_at(c, s.columns); l++)
            ((real *)&row[at])[l] =
                scale * w[r * row_stride + (c + l) * column_stride + k * t->KW + j];
        }
        int at = (reversed ? PH - k + NH : k - PH + NH) % NH;
        tile_fft_real(NW, row, tile.re + at, tile.im + at, NH);
      }
      tile_columns_forward(t, &tile, spectra + c / VEC_LANES * s.panel + r * 2 * VEC_LANES, s.bin,
                           VEC_LANES);
    }
  }
}

/** dw from the sum of conj(X)' dY, which is the conjugate of dw's spectrum: taps come reversed. */
static void weights_inverse(apf_context *ctx, const conv_plan *plan, weight_spectra s,
                            const real *spectra, int64_t row_stride, int64_t column_stride,
                            real *dw)
{
  const tile_plan *t = &plan->tiles;
  const int NH = t->h.N, NW = t->w.N, PH = t->KH / 2, PW = t->KW / 2;
  const real scale = (real)1 / (real)(NH * NW);
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t c = 0; c < s.columns; c += VEC_LANES) {
    for (int64_t r = 0; r < s.rows; r++) {
      tile_scratch tile;
      tile_columns_inverse(t, &tile, spectra + c / VEC_LANES * s.panel + r * 2 * VEC_LANES, s.bin,
                           VEC_LANES);
      for (int k = 0; k < t->KH; k++) {
        vec row[TILE_FFT_MAX];
        int at = (PH - k + NH) % NH;
        tile_fft_real_inverse(NW, tile.re + at, tile.im + at, NH, row);
        for (int j = 0; j < t->KW; j++)
          for (int l = 0; l < lanes_at(c, s.columns); l++)
            dw[r * row_stride + (c + l) * column_stride + k * t->KW + j] =
                scale * ((const real *)&row[(PW - j + NW) % NW])[l];
      }
    }
  }
}

/* --- a group of tiles ------------------------------------------------------------------------- */

static int64_t tiles_in_group(const conv_plan *plan, int64_t group)
{
  int64_t left = plan->count - group * plan->group;
  return left < plan->group ? left : plan->group;
}

static void group_forward(const conv_plan *plan, int64_t group, int valid_only, const real *x,
                          tile_spectra s, real *spectra)
{
  tile_scratch tile;
  const int64_t plane = plan->tiles.H * plan->tiles.W;
  for (int64_t n = 0; n < tiles_in_group(plan, group); n++) {
    tile_place place = tile_place_of(&plan->tiles, group * plan->group + n);
    for (int64_t c = 0; c < s.channels; c += VEC_LANES)
      tile_forward(&plan->tiles, place, valid_only, x + (place.image * s.channels + c) * plane,
                   plane, lanes_at(c, s.channels), &tile, spectra + n * s.tile + c, s.bin,
                   s.padded);
  }
}

static void group_inverse(const conv_plan *plan, int64_t group, tile_spectra s, const real *spectra,
                          const real *bias, real *y)
{
  tile_scratch tile;
  const int64_t plane = plan->tiles.H * plan->tiles.W;
  for (int64_t n = 0; n < tiles_in_group(plan, group); n++) {
    tile_place place = tile_place_of(&plan->tiles, group * plan->group + n);
    for (int64_t c = 0; c < s.channels; c += VEC_LANES)
      tile_inverse(&plan->tiles, place, spectra + n * s.tile + c, s.bin, s.padded, &tile,
                   bias ? bias + c : NULL, y + (place.image * s.channels + c) * plane, plane,
                   lanes_at(c, s.channels));
  }
}

/** to = from times weights, in every bin. */
static void group_multiply(const conv_plan *plan, int64_t group, tile_spectra in, const real *from,
                           weight_spectra w, const real *weights, tile_spectra out, real *to)
{
  const complex_gemm g = {.K = in.channels,
                          .row = in.tile,
                          .step = 1,
                          .a_imag = in.padded,
                          .b_step = 2 * VEC_LANES,
                          .b_imag = VEC_LANES,
                          .c_row = out.tile,
                          .c_imag = out.padded};
  for (int bin = 0; bin < plan->tiles.bins; bin++)
    for (int64_t c = 0; c < out.channels; c += VEC_LANES)
      complex_gemm_multiply(&g, tiles_in_group(plan, group), from + bin * in.bin,
                            weights + bin * w.bin + c / VEC_LANES * w.panel,
                            to + bin * out.bin + c);
}

/** sums += conj(x)' dy, in every bin. */
static void group_accumulate(const conv_plan *plan, int64_t group, tile_spectra in, const real *x,
                             tile_spectra out, const real *dy, weight_spectra w, real *sums)
{
  const complex_gemm g = {.K = tiles_in_group(plan, group),
                          .row = 1,
                          .step = in.tile,
                          .a_imag = in.padded,
                          .b_step = out.tile,
                          .b_imag = out.padded,
                          .c_row = 2 * VEC_LANES,
                          .c_imag = VEC_LANES};
  for (int bin = 0; bin < plan->tiles.bins; bin++)
    for (int64_t c = 0; c < out.channels; c += VEC_LANES)
      complex_gemm_accumulate(&g, in.channels, x + bin * in.bin, dy + bin * out.bin + c,
                              sums + bin * w.bin + c / VEC_LANES * w.panel);
}

static int thread_number(void)
{
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/* --- the operator ----------------------------------------------------------------------------- */

apf_status APF_CPU(conv2d_forward)(apf_context *ctx, int64_t B, int64_t I, int64_t O, int64_t H,
                                   int64_t W, int64_t KH, int64_t KW, int64_t D, const real *x,
                                   const real *w, const real *bias, real *y)
{
  const conv_shape shape = {.B = B, .I = I, .O = O, .KH = (int)KH, .KW = (int)KW};
  const conv_plan plan = conv_plan_of(ctx, shape, H, W, D);
  const tile_spectra in = tile_spectra_of(&plan, I), out = tile_spectra_of(&plan, O);
  const weight_spectra ws = weight_spectra_of(I, O);
  const int64_t per_thread = spectra_size(&plan, in) + spectra_size(&plan, out);
  void *memory;
  APF_TRY(apf_workspace(
      ctx, (size_t)(weights_size(&plan, ws) + ctx->threads * per_thread) * sizeof(real), &memory));
  real *weights = memory, *spectra = weights + weights_size(&plan, ws);

  weights_forward(ctx, &plan, ws, w, KH * KW, I * KH * KW, 1, weights);
#pragma omp parallel num_threads(ctx->threads)
  {
    real *from = spectra + thread_number() * per_thread, *to = from + spectra_size(&plan, in);
#pragma omp for schedule(static)
    for (int64_t group = 0; group < plan.groups; group++) {
      group_forward(&plan, group, 0, x, in, from);
      group_multiply(&plan, group, in, from, ws, weights, out, to);
      group_inverse(&plan, group, out, to, bias, y);
    }
  }
  return APF_OK;
}

static void bias_backward(apf_context *ctx, int64_t B, int64_t O, int64_t plane, const real *dy,
                          real *dbias)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t o = 0; o < O; o++) {
    double sum = 0;
    for (int64_t b = 0; b < B; b++) {
      const real *row = dy + (b * O + o) * plane;
      real part = 0;
#pragma omp simd reduction(+ : part)
      for (int64_t p = 0; p < plane; p++) part += row[p];
      sum += part;
    }
    dbias[o] = (real)sum;
  }
}

/** The threads' sums of weight spectra, added to the first thread's. */
static void add_sums(apf_context *ctx, int64_t size, int64_t stride, real *sums)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t i = 0; i < size; i++)
    for (int thread = 1; thread < ctx->threads; thread++) sums[i] += sums[thread * stride + i];
}

apf_status APF_CPU(conv2d_backward)(apf_context *ctx, int64_t B, int64_t I, int64_t O, int64_t H,
                                    int64_t W, int64_t KH, int64_t KW, int64_t D, const real *dy,
                                    const real *x, const real *w, real *dx, real *dw, real *dbias)
{
  if (dbias) bias_backward(ctx, B, O, H * W, dy, dbias);
  if (!dx && !dw) return APF_OK;
  const conv_shape shape = {.B = B, .I = I, .O = O, .KH = (int)KH, .KW = (int)KW};
  const conv_plan plan = conv_plan_of(ctx, shape, H, W, D);
  const tile_spectra in = tile_spectra_of(&plan, I), out = tile_spectra_of(&plan, O);
  const weight_spectra flipped = weight_spectra_of(O, I), ws = weight_spectra_of(I, O);
  const int64_t weights_total = dx ? weights_size(&plan, flipped) : 0;
  const int64_t sums_size = dw ? weights_size(&plan, ws) : 0;
  const int64_t per_thread = sums_size + spectra_size(&plan, in) + spectra_size(&plan, out);
  void *memory;
  APF_TRY(apf_workspace(ctx, (size_t)(weights_total + ctx->threads * per_thread) * sizeof(real),
                        &memory));
  real *weights = memory, *scratch = weights + weights_total;

  if (dx) weights_forward(ctx, &plan, flipped, w, I * KH * KW, KH * KW, 0, weights);
#pragma omp parallel num_threads(ctx->threads)
  {
    real *sums = scratch + thread_number() * per_thread, *from_dy = sums + sums_size;
    real *inner = from_dy + spectra_size(&plan, out); /* of dx, then of x */
#pragma omp for schedule(static)
    for (int thread = 0; thread < ctx->threads; thread++)
      memset(scratch + thread * per_thread, 0, (size_t)sums_size * sizeof(real));
#pragma omp for schedule(static)
    for (int64_t group = 0; group < plan.groups; group++) {
      group_forward(&plan, group, 0, dy, out, from_dy);
      if (dx) {
        group_multiply(&plan, group, out, from_dy, flipped, weights, in, inner);
        group_inverse(&plan, group, in, inner, NULL, dx);
      }
      if (dw) {
        group_forward(&plan, group, 1, x, in, inner);
        group_accumulate(&plan, group, in, inner, out, from_dy, ws, sums);
      }
    }
  }
  if (dw) {
    add_sums(ctx, sums_size, per_thread, scratch);
    weights_inverse(ctx, &plan, ws, scratch, KH * KW, I * KH * KW, dw);
  }
  return APF_OK;
}
