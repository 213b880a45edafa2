/**
 * Where a sample lies between frames: linear interpolation with aligned end points.
 *
 *   u = t (F-1)/(T-1), i = min(floor(u), F-2), w = u - i;   value = (1-w) frame[i] + w frame[i+1]
 *
 * Positions are computed in double whatever the signal's type: in float, t (F-1) loses whole
 * samples beyond 2^24.
 */
#ifndef APF_CPU_FRAMES_H
#define APF_CPU_FRAMES_H

#include "core/precision.h"

typedef struct frame_position {
  int64_t frame;
  real weight; /* of frame + 1; 0 where there is none */
} frame_position;

static inline frame_position frame_position_of(int64_t t, int64_t F, int64_t T)
{
  if (F == 1 || T == 1) return (frame_position){0, 0};
  double u = (double)t * (double)(F - 1) / (double)(T - 1);
  int64_t frame = (int64_t)u;
  if (frame > F - 2) frame = F - 2;
  return (frame_position){frame, (real)(u - (double)frame)};
}

#endif
