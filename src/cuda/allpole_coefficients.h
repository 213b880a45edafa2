/**
 * Coefficients between frames for one row, and their gradients on the way back, by the thread that
 * filters the row. F = 1 is a single frame without a right neighbour. Only rows in shared memory
 * ever hold coefficients per sample.
 */
#ifndef APF_CUDA_ALLPOLE_COEFFICIENTS_H
#define APF_CUDA_ALLPOLE_COEFFICIENTS_H

#include "cuda/complex.h"
#include "cuda/frames.h"

namespace apf_cuda {

/** Sums over samples are kept in double whatever the type. */
template <class S>
using Wide = std::conditional_t<is_complex<S>, apf_c128, double>;

template <class S>
__device__ inline Wide<S> widen(S v)
{
  if constexpr (is_complex<S>)
    return apf_c128{v.re, v.im};
  else
    return v;
}

template <class S>
__device__ inline S narrow(Wide<S> v)
{
  if constexpr (is_complex<S>)
    return S{static_cast<Real<S>>(v.re), static_cast<Real<S>>(v.im)};
  else
    return static_cast<S>(v);
}

/* --- coefficients -------------------------------------------------------------------------- */

/** The frames on both sides of a sample, M scalars each. */
template <class S>
struct FrameSides {
  const S *left, *right;
};

/** a_t, a_{t+1}, .. into a row; sides_of(frame) is where a frame and the next one lie. */
template <int M, class S, class Sides>
__device__ inline void interpolate_row(const Frames &frames, int64_t t, int count,
                                       const Sides &sides_of, S *row)
{
  FramePosition at = frame_position(frames, t);
  for (int k = 0; k < count; k++, next_sample(frames, &at)) {
    const FrameWeight<Real<S>> w = frame_weight<Real<S>>(frames, at);
    const FrameSides<S> of = sides_of(w.frame);
#pragma unroll
    for (int i = 0; i < M; i++)
      row[k * M + i] = add(of.left[i], scale(add(of.right[i], negate(of.left[i])), w.weight));
  }
}

/** The two frames that a thread is between; each is read once while it moves on. */
template <int M, class S>
struct FramePair {
  const S *a;      /* (F, M), of the row's sequence */
  S *left, *right; /* M each, the thread's own */
  int64_t frame;   /* what left is, -1 at first */
};

template <int M, class S>
__device__ inline void load_frame(const S *a, int64_t frame, S *to)
{
#pragma unroll
  for (int i = 0; i < M; i++) to[i] = load(a + frame * M + i);
}

template <class T>
__device__ inline void exchange(T &a, T &b)
{
  const T kept = a;
  a = b;
  b = kept;
}

template <int M, class S>
__device__ inline FrameSides<S> move_to_frame(const Frames &frames, FramePair<M, S> *pair,
                                              int64_t frame)
{
  const int64_t held = pair->frame;
  const bool next = held >= 0 && frame == held + 1, previous = frame == held - 1;
  if (next || previous) exchange(pair->left, pair->right);
  if (frame != held && !next) load_frame<M>(pair->a, frame, pair->left);
  if (frame != held && !previous)
    load_frame<M>(pair->a, frames.count > 1 ? frame + 1 : frame, pair->right);
  pair->frame = frame;
  return {pair->left, pair->right};
}

/** a_t, a_{t+1}, .. into a row, out of frames in global memory. */
template <int M, class S>
__device__ inline void interpolate_row(const Frames &frames, FramePair<M, S> *pair, int64_t t,
                                       int count, S *row)
{
  interpolate_row<M>(
      frames, t, count, [&](int64_t frame) { return move_to_frame(frames, pair, frame); }, row);
}

/* --- their gradients, where a thread has a whole sequence, from the end -------------------- */

template <int M, class S>
struct FrameGradients {
  S *da;                 /* (F, M), of the row's sequence */
  Wide<S> *left, *right; /* M sums each for `frame` and the next one, the thread's own */
  int64_t frame;
};

template <int M, class S>
__device__ inline void begin_gradients(const Frames &frames, FrameGradients<M, S> *g)
{
  g->frame = frames.count > 2 ? frames.count - 2 : 0;
  for (int i = 0; i < M; i++) g->left[i] = g->right[i] = make_scalar<Wide<S>>(0);
}

template <int M, class S>
__device__ inline void store_frame(const Wide<S> *sums, int64_t frame, S *da)
{
#pragma unroll
  for (int i = 0; i < M; i++) store(da + frame * M + i, narrow<S>(sums[i]));
}

/** Writes what is complete when samples go on before `frame + 1`; frames between get zeros. */
template <int M, class S>
__device__ inline void move_gradients(FrameGradients<M, S> *g, int64_t frame)
{
  for (; g->frame > frame; g->frame--) {
    store_frame<M>(g->right, g->frame + 1, g->da);
    exchange(g->left, g->right);
    for (int i = 0; i < M; i++) g->left[i] = make_scalar<Wide<S>>(0);
  }
}

template <int M, class S>
__device__ inline void add_to_sums(FrameGradients<M, S> *g, S (&all)[M], S (&to_right)[M])
{
#pragma unroll
  for (int i = 0; i < M; i++) {
    const Wide<S> right = widen(to_right[i]);
    g->right[i] = add(g->right[i], right);
    g->left[i] = add(g->left[i], add(widen(all[i]), negate(right)));
    all[i] = to_right[i] = make_scalar<S>(0);
  }
}

/** Takes a row of gradients per sample, t being its first sample. */
template <int M, class S>
__device__ inline void sum_gradient_row(const Frames &frames, FrameGradients<M, S> *g, int64_t t,
                                        int count, const S *row)
{
  S all[M] = {}, to_right[M] = {};
  FramePosition at = frame_position(frames, t + count - 1);
  for (int k = count - 1; k >= 0; k--, previous_sample(frames, &at)) {
    const FrameWeight<Real<S>> w = frame_weight<Real<S>>(frames, at);
    if (w.frame != g->frame) {
      add_to_sums(g, all, to_right);
      move_gradients(g, w.frame);
    }
#pragma unroll
    for (int i = 0; i < M; i++) {
      all[i] = add(all[i], row[k * M + i]);
      to_right[i] = add(to_right[i], scale(row[k * M + i], w.weight));
    }
  }
  add_to_sums(g, all, to_right);
}

template <int M, class S>
__device__ inline void end_gradients(const Frames &frames, FrameGradients<M, S> *g)
{
  move_gradients(g, 0);
  if (frames.count > 1) store_frame<M>(g->right, 1, g->da);
  store_frame<M>(g->left, 0, g->da);
}

}  // namespace apf_cuda

#endif
