/**
 * Linear interpolation along time, end points aligned, and its adjoint; frames.h has the equation.
 *
 * Between two frames the weight grows by the same step from sample to sample. LANES samples of C
 * channels are C vectors, in each of which every lane belongs to a certain channel and sample:
 * frames are spread over such vectors once, and sums for frames folded from them once, per pair of
 * frames. Wide rows, short distances and the last sample, whose weight is exactly 1, go sample by
 * sample.
 */
#include "cpu/cpu.h"

#include "cpu/frame_segment.h"
#include "cpu/lanes.h"

#include <stdbool.h>
#include <string.h>

enum { MOST_CHANNELS = 16, CHUNK = 1 << 12 /* samples of one task, about */ };

/** Values of LANES samples with C channels: C vectors. */
typedef struct block {
  vec of[MOST_CHANNELS];
} block;

typedef struct plan {
  int64_t F, T, C;
  double intervals, samples; /* F - 1 and T - 1 */
  double scale;              /* 1 / (T - 1) */
  bool by_vectors;           /* as most samples between two frames come in whole blocks */
  block later;               /* what the weights of a block exceed its first sample's by */
} plan;

static plan plan_of(int64_t F, int64_t T, int64_t C)
{
  plan p = {.F = F, .T = T, .C = C, .by_vectors = C <= MOST_CHANNELS && T / F >= LANES};
  p.intervals = (double)(F - 1);
  p.samples = (double)(T - 1);
  p.scale = T > 1 ? 1 / p.samples : 0;
  const real step = F > 1 ? frame_weight_step(F, T) : 0;
  for (int64_t i = 0; p.by_vectors && i < LANES * C; i++)
    ((real *)p.later.of)[i] = (real)(i / C) * step;
  return p;
}

/** Of sample t, which lies between `frame` and the next; frames.h computes the same by division. */
static vec first_weight(const plan *p, int64_t frame, int64_t t)
{
  return vec_of((real)(((double)t * p->intervals - (double)frame * p->samples) * p->scale));
}

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* --- forward ---------------------------------------------------------------------------------- */

static void spread(int64_t C, const real *row, block *out)
{
  real *to = (real *)out->of;
  for (int64_t i = 0; i < LANES; i++)
    for (int64_t c = 0; c < C; c++) *to++ = row[c];
}

/** x and y are one signal's. */
static void forward_samples(const plan *p, int64_t from, int64_t to, const real *x, real *y)
{
  const int64_t C = p->C;
  for (int64_t t = from; t < to; t++) {
    const frame_position at = frame_position_of(t, p->F, p->T);
    const real *x0 = x + at.frame * C, *x1 = p->F == 1 ? x0 : x0 + C;
    for (int64_t c = 0; c < C; c++) y[t * C + c] = (1 - at.weight) * x0[c] + at.weight * x1[c];
  }
}

/** The samples from..to-1 behind a frame; LANES of them at least. */
static void forward_segment(const plan *p, int64_t frame, int64_t from, int64_t to, const real *x,
                            real *y)
{
  const int64_t C = p->C;
  const real *x0 = x + frame * C, *x1 = p->F == 1 ? x0 : x0 + C;
  block left, right;
  spread(C, x0, &left);
  spread(C, x1, &right);
  for (int64_t t = from; t < to; t += LANES) {
    if (t + LANES > to) t = to - LANES; /* some of them once more */
    const vec first = first_weight(p, frame, t);
    for (int64_t v = 0; v < C; v++) {
      const vec w = first + p->later.of[v];
      vec_store(y + t * C + v * LANES, (1 - w) * left.of[v] + w * right.of[v]);
    }
  }
}

static void forward_span(const plan *p, int64_t from, int64_t to, const real *x, real *y)
{
  const int64_t by_vectors = p->by_vectors ? least(to, p->T - 1) : from;
  int64_t t = from;
  for (int64_t frame = frame_position_of(t, p->F, p->T).frame; t < by_vectors; frame++) {
    const int64_t end = least(first_sample_of_frame(frame + 1, p->F, p->T), by_vectors);
    if (end - t >= LANES)
      forward_segment(p, frame, t, end, x, y);
    else
      forward_samples(p, t, end, x, y);
    t = end;
  }
  forward_samples(p, t, to, x, y);
}

apf_status APF_CPU(interpolate_forward)(apf_context *ctx, int64_t B, int64_t F, int64_t T,
                                        int64_t C, const real *x, real *y)
{
  const plan p = plan_of(F, T, C);
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++)
    for (int64_t t = 0; t < T; t += CHUNK)
      forward_span(&p, t, least(t + CHUNK, T), x + b * F * C, y + b * T * C);
  return APF_OK;
}

/* --- backward --------------------------------------------------------------------------------- */

/** Where a task puts its frames' gradients: frames first..last-1. */
typedef struct target {
  int64_t first, last;
  real *dx; /* of the signal */
} target;

static void add(int64_t C, target to, int64_t frame, real weight, const real *dy)
{
  if (frame < to.first || frame >= to.last) return;
  real *dx = to.dx + frame * C;
  for (int64_t c = 0; c < C; c++) dx[c] += weight * dy[c];
}

static void backward_samples(const plan *p, int64_t from, int64_t end, const real *dy, target to)
{
  const int64_t F = p->F, T = p->T, C = p->C;
  for (int64_t t = from; t < end; t++) {
    const frame_position at = frame_position_of(t, F, T);
    const real *g = dy + t * C;
    if (at.frame < to.first || at.frame + 1 >= to.last) {
      add(C, to, at.frame, 1 - at.weight, g);
      if (F > 1) add(C, to, at.frame + 1, at.weight, g);
      continue;
    }
    real *left = to.dx + at.frame * C, *right = left + C;
    for (int64_t c = 0; c < C; c++) {
      left[c] += (1 - at.weight) * g[c];
      right[c] += at.weight * g[c];
    }
  }
}

/** Adds what the samples from..end-1 between two frames give to them. */
static void backward_segment(const plan *p, int64_t frame, int64_t from, int64_t end,
                             const real *dy, target to)
{
  const int64_t C = p->C;
  block left, right, padded;
  for (int64_t v = 0; v < C; v++) left.of[v] = right.of[v] = padded.of[v] = vec_of(0);
  for (int64_t t = from; t < end; t += LANES) {
    const real *gradients = dy + t * C;
    if (t + LANES > end)
      gradients = memcpy(padded.of, gradients, (size_t)((end - t) * C) * sizeof(real));
    const vec first = first_weight(p, frame, t);
    for (int64_t v = 0; v < C; v++) {
      const vec g = vec_load(gradients + v * LANES), w = first + p->later.of[v];
      left.of[v] += (1 - w) * g;
      right.of[v] += w * g;
    }
  }
  for (int64_t i = 0; i < LANES; i++) {
    add(C, to, frame, 1, (const real *)left.of + i * C);
    if (p->F > 1) add(C, to, frame + 1, 1, (const real *)right.of + i * C);
  }
}

/** From the samples on both sides of every frame. */
static void backward_frames(const plan *p, const real *dy, target to)
{
  int64_t frame = to.first > 0 ? to.first - 1 : 0;
  int64_t t = first_sample_of_frame(frame, p->F, p->T);
  const int64_t end = first_sample_of_frame(to.last, p->F, p->T);
  const int64_t by_vectors = p->by_vectors ? least(end, p->T - 1) : t;
  memset(to.dx + to.first * p->C, 0, (size_t)((to.last - to.first) * p->C) * sizeof(real));
  for (; t < by_vectors; frame++) {
    const int64_t next = least(first_sample_of_frame(frame + 1, p->F, p->T), by_vectors);
    backward_segment(p, frame, t, next, dy, to);
    t = next;
  }
  backward_samples(p, t, end, dy, to);
}

apf_status APF_CPU(interpolate_backward)(apf_context *ctx, int64_t B, int64_t F, int64_t T,
                                         int64_t C, const real *dy, real *dx)
{
  const plan p = plan_of(F, T, C);
  const int64_t frames = T >= CHUNK ? (F - 1) / (T / CHUNK) + 1 : F; /* of one task */
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++)
    for (int64_t f = 0; f < F; f += frames) {
      const target to = {f, least(f + frames, F), dx + b * F * C};
      backward_frames(&p, dy + b * T * C, to);
    }
  return APF_OK;
}
