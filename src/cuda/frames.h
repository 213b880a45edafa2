/**
 * Where samples lie between frames: linear interpolation with aligned end points, as
 * apf_interpolate_forward has it.
 *
 *   u = t (F-1)/(T-1), i = min(floor(u), F-2), w = u - i;   value = (1-w) frame[i] + w frame[i+1]
 *
 * Positions are whole numbers, frame + part / (T-1), so that walking from sample to sample neither
 * divides nor drifts. Seen from a frame, the weight of sample t is 1 - |t (F-1) - f (T-1)| / (T-1).
 */
#ifndef APF_CUDA_FRAMES_H
#define APF_CUDA_FRAMES_H

#include "cuda/cuda.h"

namespace apf_cuda {

struct Frames {
  int64_t count;              /* F */
  int64_t up, down;           /* F-1, T-1 (1 where that is 0) */
  int64_t up_frames, up_part; /* a sample's step: up = up_frames down + up_part */
  double inverse;             /* 1 / down */
};

inline Frames make_frames(int64_t F, int64_t T)
{
  const int64_t up = F > 1 ? F - 1 : 0, down = T > 1 ? T - 1 : 1;
  return {F, up, down, up / down, up % down, 1.0 / static_cast<double>(down)};
}

struct FramePosition {
  int64_t frame, part;
};

/** The left one of the two frames of a sample, and the weight of the other. */
template <class Real>
struct FrameWeight {
  int64_t frame;
  Real weight;
};

/** t up - frame down, where that fits although the products may not. */
__device__ inline int64_t frame_distance(const Frames &frames, int64_t t, int64_t frame)
{
  return static_cast<int64_t>(static_cast<uint64_t>(t) * static_cast<uint64_t>(frames.up) -
                              static_cast<uint64_t>(frame) * static_cast<uint64_t>(frames.down));
}

__device__ inline FramePosition frame_position(const Frames &frames, int64_t t)
{
  const double u = static_cast<double>(t) * static_cast<double>(frames.up) * frames.inverse;
  FramePosition at = {static_cast<int64_t>(u), 0};
  at.part = frame_distance(frames, t, at.frame);
  for (; at.part < 0; at.part += frames.down) at.frame--;
  for (; at.part >= frames.down; at.part -= frames.down) at.frame++;
  return at;
}

__device__ inline void next_sample(const Frames &frames, FramePosition *at)
{
  at->frame += frames.up_frames;
  at->part += frames.up_part;
  if (at->part >= frames.down) {
    at->part -= frames.down;
    at->frame++;
  }
}

__device__ inline void previous_sample(const Frames &frames, FramePosition *at)
{
  at->frame -= frames.up_frames;
  at->part -= frames.up_part;
  if (at->part < 0) {
    at->part += frames.down;
    at->frame--;
  }
}

/** The last pair of frames holds the last sample too. */
template <class Real>
__device__ inline FrameWeight<Real> frame_weight(const Frames &frames, const FramePosition &at)
{
  const int64_t last = frames.count > 2 ? frames.count - 2 : 0;
  if (at.frame > last) return {last, Real(1)};
  return {at.frame, static_cast<Real>(at.part) * static_cast<Real>(frames.inverse)};
}

}  // namespace apf_cuda

#endif
