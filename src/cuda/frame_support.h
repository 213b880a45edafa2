/** Frames as seen from themselves: which samples they enter, and with which weight (frames.h). */
#ifndef APF_CUDA_FRAME_SUPPORT_H
#define APF_CUDA_FRAME_SUPPORT_H

#include "cuda/frames.h"

namespace apf_cuda {

/** Samples [begin, end). */
struct FrameSupport {
  int64_t begin, end;
};

/** The first of T samples that lies at `frame` or after it. */
__device__ inline int64_t first_sample_at(const Frames &frames, int64_t T, int64_t frame)
{
  const double u = static_cast<double>(frame) * static_cast<double>(frames.down) /
                   static_cast<double>(frames.up);
  int64_t t = u < static_cast<double>(T) ? static_cast<int64_t>(u) : T;
  while (t > 0 && frame_distance(frames, t - 1, frame) >= 0) t--;
  while (t < T && frame_distance(frames, t, frame) < 0) t++;
  return t;
}

/** The samples between the frame before and the frame after. */
__device__ inline FrameSupport frame_support(const Frames &frames, int64_t T, int64_t frame)
{
  if (frames.up == 0) return {0, T};
  return {frame == 0 ? 0 : first_sample_at(frames, T, frame - 1),
          frame == frames.count - 1 ? T : first_sample_at(frames, T, frame + 1)};
}

/** Of a sample in the frame's support; 0 for one that lies at the frame before. */
__device__ inline double support_weight(const Frames &frames, int64_t t, int64_t frame)
{
  if (frames.up == 0) return 1;
  const double distance = static_cast<double>(frame_distance(frames, t, frame));
  return 1 - fabs(distance) * frames.inverse;
}

}  // namespace apf_cuda

#endif
