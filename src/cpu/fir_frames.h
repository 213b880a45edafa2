/**
 * The FIR filter whose taps are constant, or interpolated between frames. Within a stretch between
 * two frames
 *
 *   b[t,k] = left[k] (1-w[t]) + right[k] w[t],
 *
 * so everything is a filter with constant taps, of x or of dy times 1-w and w: lanes run along
 * time, and taps per sample never exist.
 */
#ifndef APF_CPU_FIR_FRAMES_H
#define APF_CPU_FIR_FRAMES_H

#include "cpu/frame_segment.h"
#include "cpu/lanes.h"

#include <string.h>

typedef struct fir_sizes {
  int64_t T, F, K;
} fir_sizes;

/** A stretch of samples between two frames. */
typedef struct stretch {
  int64_t frame, from, to;
} stretch;

/** The one that begins at sample `from` and ends at `end` at the latest. */
static inline stretch stretch_at(const fir_sizes *s, int64_t from, int64_t end)
{
  const frame_segment segment = frame_segment_of(from, s->F, s->T);
  return (stretch){segment.frame, from, segment.end < end ? segment.end : end};
}

/** w of every sample of a stretch. Numerators are exact integers in double. */
static inline void stretch_weights(const fir_sizes *s, stretch part, real *weights)
{
  const double intervals = (double)(s->F - 1), scale = s->T > 1 ? 1 / (double)(s->T - 1) : 0;
  const double start = (double)part.from * intervals - (double)part.frame * (double)(s->T - 1);
  const int length = (int)(part.to - part.from);
  for (int i = 0; i < length; i++) weights[i] = (real)((start + (double)i * intervals) * scale);
}

/** out[i] = sum_k b[from+i,k] x[i-k], whole vectors. `b` are all frames, `weights` scratch. */
static void frames_filter(const fir_sizes *s, stretch part, const real *b, const real *x,
                          real *weights, real *out)
{
  const int64_t K = s->K, length = part.to - part.from;
  const real *left = b + part.frame * K, *right = left + K;
  if (s->F == 1) {
    for (int64_t i = 0; i < length; i += LANES) {
      vec sum = vec_of(0);
      for (int64_t k = 0; k < K; k++) sum += vec_of(left[k]) * vec_load(x + i - k);
      vec_store(out + i, sum);
    }
    return;
  }
  stretch_weights(s, part, weights);
  for (int64_t i = 0; i < length; i += LANES) {
    vec to_left = vec_of(0), to_right = vec_of(0);
    for (int64_t k = 0; k < K; k++) {
      const vec input = vec_load(x + i - k);
      to_left += vec_of(left[k]) * input;
      to_right += vec_of(right[k]) * input;
    }
    const vec w = vec_load(weights + i);
    vec_store(out + i, to_left + w * (to_right - to_left));
  }
}

/** dy of a stretch times 1-w and times w, with K-1 zeros in front and K-1 + LANES behind. */
typedef struct weighted_gradient {
  int64_t length;
  real *left, *right;
} weighted_gradient;

static void weigh_gradient(const fir_sizes *s, stretch part, const real *dy, weighted_gradient *g)
{
  const int64_t H = s->K - 1, length = part.to - part.from;
  const size_t before = (size_t)H * sizeof(real), after = (size_t)(H + LANES) * sizeof(real);
  g->length = length;
  memset(g->left, 0, before);
  memset(g->left + H + length, 0, after);
  if (s->F == 1) {
    memcpy(g->left + H, dy, (size_t)length * sizeof(real));
    return;
  }
  memset(g->right, 0, before);
  stretch_weights(s, part, g->right + H);
  for (int64_t i = 0; i < length; i++) {
    g->right[H + i] *= dy[i];
    g->left[H + i] = dy[i] - g->right[H + i];
  }
  memset(g->right + H + length, 0, after);
}

/** out[j] += what the stretch adds to the gradient of input j - (K-1), j < length + K-1. */
static void frames_scatter(const fir_sizes *s, int64_t frame, const real *b,
                           const weighted_gradient *g, real *out)
{
  const int64_t K = s->K;
  const real *left = b + frame * K, *right = left + K;
  for (int64_t j = 0; j < g->length + K - 1; j += LANES) {
    vec sum = vec_load(out + j);
    for (int64_t k = 0; k < K; k++) sum += vec_of(left[k]) * vec_load(g->left + j + k);
    for (int64_t k = 0; k < K && s->F > 1; k++)
      sum += vec_of(right[k]) * vec_load(g->right + j + k);
    vec_store(out + j, sum);
  }
}

/**
 * Gradients of frames, summed in double. A chunk of time has its inner frames for itself; the first
 * and the last two it may share with its neighbours: their sums go to `edges`, 3 x K.
 */
typedef struct frame_sums {
  real *db;
  int64_t frame, first, last; /* frames at or before the current, first and last sample */
  double *left, *right;       /* K sums each: of `frame` and of the next */
  double *edges;
} frame_sums;

/** Of samples [from, to); 5 x K sums. */
static frame_sums frame_sums_of(const fir_sizes *s, int64_t from, int64_t to, real *db,
                                double *sums)
{
  const int64_t first = frame_position_of(from, s->F, s->T).frame;
  return (frame_sums){.db = db,
                      .frame = first,
                      .first = first,
                      .last = frame_position_of(to - 1, s->F, s->T).frame,
                      .left = sums,
                      .right = sums + s->K,
                      .edges = sums + 2 * s->K};
}

static void frame_sums_flush(const fir_sizes *s, int64_t frame, frame_sums *g, double *sums)
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

static void frame_sums_move(const fir_sizes *s, int64_t frame, frame_sums *g)
{
  if (frame == g->frame) return;
  frame_sums_flush(s, g->frame, g, g->left);
  if (frame == g->frame + 1) {
    double *empty = g->left;
    g->left = g->right;
    g->right = empty;
  } else {
    frame_sums_flush(s, g->frame + 1, g, g->right);
  }
  g->frame = frame;
}

static void frame_sums_end(const fir_sizes *s, frame_sums *g)
{
  frame_sums_flush(s, g->frame, g, g->left);
  if (s->F > 1) frame_sums_flush(s, g->frame + 1, g, g->right);
}

/** Adds the frames that a chunk may share to db. */
static void frame_sums_join(const fir_sizes *s, const frame_sums *g)
{
  const int64_t frames[3] = {g->first, g->last, g->last + 1};
  for (int e = 0; e < 3; e++)
    for (int64_t k = 0; k < s->K && frames[e] < s->F; k++)
      g->db[frames[e] * s->K + k] += (real)g->edges[e * s->K + k];
}

/** Adds dy[i] x[i-k] of a stretch to the sums of its two frames; x is read in whole vectors. */
static void frame_sums_add(const fir_sizes *s, int64_t frame, const weighted_gradient *weighted,
                           const real *x, frame_sums *g)
{
  const real *dy_left = weighted->left + s->K - 1, *dy_right = weighted->right + s->K - 1;
  frame_sums_move(s, frame, g);
  for (int64_t k = 0; k < s->K; k++) {
    vec left = vec_of(0), right = vec_of(0);
    for (int64_t i = 0; i < weighted->length; i += LANES) {
      const vec input = vec_load(x + i - k);
      left += vec_load(dy_left + i) * input;
      if (s->F > 1) right += vec_load(dy_right + i) * input;
    }
    g->left[k] += (double)vec_sum(left);
    g->right[k] += (double)vec_sum(right);
  }
}

#endif
