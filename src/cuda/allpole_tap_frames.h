/**
 * Coefficients between frames, and their gradients on the way back, where a warp has a sequence:
 * lane by tap, lane l having taps l, l + 32, ... F = 1 is a single frame without a right neighbour.
 */
#ifndef APF_CUDA_ALLPOLE_TAP_FRAMES_H
#define APF_CUDA_ALLPOLE_TAP_FRAMES_H

#include "cuda/allpole_coefficients.h"
#include "cuda/allpole_tap_steps.h"

namespace apf_cuda {

/** Two frames, each lane holding its taps lane, lane + 32, ... */
template <class S>
struct TapPair {
  const S *a;
  int64_t frame; /* what left is, -1 at first */
  S left[TAPS], right[TAPS];
};

template <class S>
__device__ inline void load_taps(const S *a, int64_t frame, int64_t M, S (&to)[TAPS])
{
  for (int k = 0; k < TAPS; k++) {
    const int i = lane_id() + k * WARP;
    if (i < M) to[k] = load(a + frame * M + i);
  }
}

template <class S>
__device__ inline void move_to_frame(const Frames &frames, int64_t M, int64_t frame,
                                     TapPair<S> *pair)
{
  if (frame == pair->frame) return;
  if (pair->frame >= 0 && frame == pair->frame + 1)
    for (int k = 0; k < TAPS; k++) pair->left[k] = pair->right[k];
  else
    load_taps(pair->a, frame, M, pair->left);
  load_taps(pair->a, frames.count > 1 ? frame + 1 : frame, M, pair->right);
  pair->frame = frame;
}

template <class S>
__device__ inline void interpolate_rows(const Frames &frames, int64_t t, int n, int M, int stride,
                                        TapPair<S> *pair, S *tile)
{
  FramePosition at = frame_position(frames, t);
  for (int l = 0; l < n; l++, next_sample(frames, &at)) {
    const FrameWeight<Real<S>> w = frame_weight<Real<S>>(frames, at);
    move_to_frame(frames, M, w.frame, pair);
    for (int k = 0; k < TAPS; k++) {
      const int i = lane_id() + k * WARP;
      const S step = add(pair->right[k], negate(pair->left[k]));
      if (i < M) tile[l * stride + i] = add(pair->left[k], scale(step, w.weight));
    }
  }
}

/** Gradients of two frames, summed lane by tap from the last sample on. */
template <class S>
struct TapGradients {
  S *da;
  int64_t frame;
  Wide<S> left[TAPS], right[TAPS];
};

template <class S>
__device__ inline void store_taps(const Wide<S> (&sums)[TAPS], int64_t frame, int64_t M, S *da)
{
  for (int k = 0; k < TAPS; k++) {
    const int i = lane_id() + k * WARP;
    if (i < M) store(da + frame * M + i, narrow<S>(sums[k]));
  }
}

/** Writes what is complete when samples go on before `frame + 1`; frames between get zeros. */
template <class S>
__device__ inline void move_gradients(int64_t M, int64_t frame, TapGradients<S> *g)
{
  for (; g->frame > frame; g->frame--) {
    store_taps(g->right, g->frame + 1, M, g->da);
    for (int k = 0; k < TAPS; k++) {
      g->right[k] = g->left[k];
      g->left[k] = make_scalar<Wide<S>>(0);
    }
  }
}

template <class S>
__device__ inline void sum_gradient_rows(const Frames &frames, int64_t t, int n, int M, int stride,
                                         const S *tile, TapGradients<S> *g)
{
  FramePosition at = frame_position(frames, t + n - 1);
  for (int l = n - 1; l >= 0; l--, previous_sample(frames, &at)) {
    const FrameWeight<Real<S>> w = frame_weight<Real<S>>(frames, at);
    move_gradients(M, w.frame, g);
    for (int k = 0; k < TAPS; k++) {
      const int i = lane_id() + k * WARP;
      if (i >= M) continue;
      const Wide<S> all = widen(tile[l * stride + i]);
      const Wide<S> right = scale(all, static_cast<double>(w.weight));
      g->right[k] = add(g->right[k], right);
      g->left[k] = add(g->left[k], add(all, negate(right)));
    }
  }
}

}  // namespace apf_cuda

#endif
