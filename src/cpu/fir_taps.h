/**
 * The taps of one sequence of the FIR filter, a tile of samples at a time, whatever F is: tap k of
 * the tile's samples lies in row k of an array, so that lanes can run along time. Taps per sample
 * are transposed, constants repeated, frames interpolated. And the way back for their gradients.
 */
#ifndef APF_CPU_FIR_TAPS_H
#define APF_CPU_FIR_TAPS_H

#include "cpu/frames.h"
#include "cpu/lanes.h"
#include "cpu/simd.h"

typedef struct fir_sizes {
  int64_t T, F, K;
} fir_sizes;

static inline int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/**
 * columns[k * stride + i] = rows[i * K + k], i < n. Squares are transposed where all that they
 * read lies before `limit` rows.
 */
static void rows_to_columns(int64_t n, int64_t limit, int64_t K, const real *rows, real *columns,
                            int64_t stride)
{
  int64_t i = 0;
  for (; i + SIMD_LANES <= n; i += SIMD_LANES) {
    if ((i + SIMD_LANES - 1) * K + SIMD_QUARTER > limit * K) break;
    for (int64_t k = 0; k < K; k += SIMD_QUARTER) {
      /* The last group overlaps the one before; a single short one reads into the next row. */
      const int64_t from = k + SIMD_QUARTER <= K || K < SIMD_QUARTER ? k : K - SIMD_QUARTER;
      vreal square[SIMD_QUARTER];
      simd_load_quarter(rows + i * K + from, K, square);
      for (int64_t c = 0; c < smaller(SIMD_QUARTER, K); c++)
        simd_store(columns + (from + c) * stride + i, square[c]);
    }
  }
  for (; i < n; i++)
    for (int64_t k = 0; k < K; k++) columns[k * stride + i] = rows[i * K + k];
}

/** The inverse. Writes nothing beyond `limit` rows; rows n.. before that may be written over. */
static void columns_to_rows(int64_t n, int64_t limit, int64_t K, const real *columns,
                            int64_t stride, real *rows)
{
  int64_t i = 0;
  for (; i + SIMD_LANES <= n; i += SIMD_LANES) {
    if ((i + SIMD_LANES - 1) * K + SIMD_QUARTER > limit * K) break;
    for (int64_t k = 0; k < K; k += SIMD_QUARTER) {
      const int64_t from = k + SIMD_QUARTER <= K || K < SIMD_QUARTER ? k : K - SIMD_QUARTER;
      vreal square[SIMD_QUARTER] = {{0}};
      for (int64_t c = 0; c < smaller(SIMD_QUARTER, K); c++)
        square[c] = simd_load(columns + (from + c) * stride + i);
      /* In order of rows: what a short one writes into the next is written over by it. */
      simd_store_quarter(rows + i * K + from, K, square);
    }
  }
  for (; i < n; i++)
    for (int64_t k = 0; k < K; k++) rows[i * K + k] = columns[k * stride + i];
}

/** A stretch of a tile between two frames. */
typedef struct stretch {
  int64_t frame, from, to; /* samples, counted from the tile's first */
} stretch;

static inline stretch stretch_at(const fir_sizes *s, int64_t t0, int64_t from, int64_t n)
{
  const int64_t frame = frame_position_of(t0 + from, s->F, s->T).frame;
  return (stretch){frame, from, smaller(frame_end(frame, s->F, s->T) - t0, n)};
}

/** Weights of frame + 1; writes whole vectors. Numerators are exact integers in double. */
static inline void stretch_weights(const fir_sizes *s, int64_t t0, stretch part, real *weights)
{
  const double intervals = (double)(s->F - 1), samples = s->T > 1 ? (double)(s->T - 1) : 1;
  const double before = (double)part.frame * samples;
  for (int64_t i = part.from; i < part.to; i++)
    weights[i] = (real)(((double)(t0 + i) * intervals - before) / samples);
}

/** Fills columns with the taps of samples t0 .. t0+n-1, and up to LANES entries more. `weights` is
 *  scratch for a tile. */
static void load_taps(const fir_sizes *s, const real *b, int64_t t0, int64_t n, real *weights,
                      real *columns, int64_t stride)
{
  if (s->F == s->T) {
    rows_to_columns(n, s->T - t0, s->K, b + t0 * s->K, columns, stride);
    return;
  }
  for (int64_t from = 0; from < n;) {
    const stretch part = stretch_at(s, t0, from, n);
    const real *left = b + part.frame * s->K, *right = s->F == 1 ? left : left + s->K;
    stretch_weights(s, t0, part, weights);
    for (int64_t k = 0; k < s->K; k++) {
      const vec start = vec_of(left[k]), slope = vec_of(right[k] - left[k]);
      for (int64_t i = from; i < part.to; i += LANES)
        vec_store(columns + k * stride + i, start + vec_load(weights + i) * slope);
    }
    from = part.to;
  }
}

/**
 * Gradients of frames, summed in double. A chunk of time has its inner frames for itself; the first
 * and the last two it may share with its neighbours: their sums go to `edges`, 3 x K.
 */
typedef struct frame_gradients {
  real *db;
  int64_t frame, first, last; /* frames at or before the current, first and last sample */
  double *left, *right;       /* K sums each: of `frame` and of the next */
  double *edges;
} frame_gradients;

/** Of samples [from, to); sums are 5 x K. */
static frame_gradients frame_gradients_of(const fir_sizes *s, int64_t from, int64_t to, real *db,
                                          double *sums)
{
  const int64_t first = frame_position_of(from, s->F, s->T).frame;
  return (frame_gradients){.db = db,
                           .frame = first,
                           .first = first,
                           .last = frame_position_of(to - 1, s->F, s->T).frame,
                           .left = sums,
                           .right = sums + s->K,
                           .edges = sums + 2 * s->K};
}

static void frame_gradients_flush(const fir_sizes *s, int64_t frame, frame_gradients *g,
                                  double *sums)
{
  double *edge = frame == g->first  ? g->edges
                 : frame >= g->last ? g->edges + (1 + frame - g->last) * s->K
                                    : NULL;
  for (int64_t k = 0; k < s->K; k++) {
    if (edge)
      edge[k] += sums[k];
    else
      g->db[frame * s->K + k] = (real)sums[k];
    sums[k] = 0;
  }
}

static void frame_gradients_move(const fir_sizes *s, int64_t frame, frame_gradients *g)
{
  if (frame == g->frame) return;
  frame_gradients_flush(s, g->frame, g, g->left);
  if (frame == g->frame + 1) {
    double *empty = g->left;
    g->left = g->right;
    g->right = empty;
  } else {
    frame_gradients_flush(s, g->frame + 1, g, g->right);
  }
  g->frame = frame;
}

static void frame_gradients_end(const fir_sizes *s, frame_gradients *g)
{
  frame_gradients_flush(s, g->frame, g, g->left);
  if (s->F > 1) frame_gradients_flush(s, g->frame + 1, g, g->right);
}

/** Adds one chunk's shared frames to db. */
static void frame_gradients_join(const fir_sizes *s, const frame_gradients *g)
{
  const int64_t frames[3] = {g->first, g->last, g->last + 1};
  for (int e = 0; e < 3; e++)
    for (int64_t k = 0; k < s->K && frames[e] < s->F; k++)
      g->db[frames[e] * s->K + k] += (real)g->edges[e * s->K + k];
}

/**
 * Adds dy[i] input[i-k] of samples t0 .. t0+n-1 to the two frames around each. `scratch` holds
 * three tiles.
 */
static void frame_gradients_add(const fir_sizes *s, int64_t t0, int64_t n, const real *dy,
                                const real *input, real *scratch, int64_t tile, frame_gradients *g)
{
  real *weights = scratch, *to_left = scratch + tile, *to_right = scratch + 2 * tile;
  for (int64_t from = 0; from < n;) {
    const stretch part = stretch_at(s, t0, from, n);
    const int64_t length = part.to - from, rounded = (length + LANES - 1) / LANES * LANES;
    stretch_weights(s, t0, part, weights);
    for (int64_t i = 0; i < rounded; i++) {
      const real gradient = i < length ? dy[from + i] : 0;
      to_right[i] = i < length ? weights[from + i] * gradient : 0;
      to_left[i] = gradient - to_right[i];
    }
    frame_gradients_move(s, part.frame, g);
    for (int64_t k = 0; k < s->K; k++) {
      const real *x = input + from - k;
      vec left = vec_of(0), right = vec_of(0);
      for (int64_t i = 0; i < rounded; i += LANES) {
        left += vec_load(to_left + i) * vec_load(x + i);
        right += vec_load(to_right + i) * vec_load(x + i);
      }
      g->left[k] += vec_sum(left);
      g->right[k] += vec_sum(right);
    }
    from = part.to;
  }
}

#endif
