/**
 * The samples between two neighbouring frames: what a filter interpolates over without divisions
 * that decide where it is. Positions are those of frames.h.
 */
#ifndef APF_CPU_FRAME_SEGMENT_H
#define APF_CPU_FRAME_SEGMENT_H

#include "cpu/frames.h"

/** Samples begin .. end - 1 lie between frame and frame + 1; F = 1: all belong to frame 0. */
typedef struct frame_segment {
  int64_t frame, begin, end;
} frame_segment;

/** The first sample whose frame is at least `frame`, T if there is none. */
static inline int64_t first_sample_of_frame(int64_t frame, int64_t F, int64_t T)
{
  if (frame <= 0) return 0;
  if (frame > F - 2) return T;
  int64_t t = (int64_t)((double)frame * (double)(T - 1) / (double)(F - 1));
  while (t > 0 && frame_position_of(t - 1, F, T).frame >= frame) t--;
  while (t < T && frame_position_of(t, F, T).frame < frame) t++;
  return t;
}

/** The segment that holds sample t. */
static inline frame_segment frame_segment_of(int64_t t, int64_t F, int64_t T)
{
  if (F == 1 || T == 1) return (frame_segment){0, 0, T};
  const int64_t frame = frame_position_of(t, F, T).frame;
  return (frame_segment){frame, first_sample_of_frame(frame, F, T),
                         first_sample_of_frame(frame + 1, F, T)};
}

/** What the weight of frame + 1 grows by from one sample to the next. */
static inline real frame_weight_step(int64_t F, int64_t T)
{
  return T > 1 ? (real)((double)(F - 1) / (double)(T - 1)) : 0;
}

#endif
