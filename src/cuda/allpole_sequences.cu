/**
 * The all-pole filter with a thread per sequence: many sequences, orders that fit registers.
 *
 * A block is one warp. Its threads hold the states of 32 sequences in registers and go through time
 * together, a line of 128 bytes of samples each at a time: samples and coefficients come into
 * shared memory by asynchronous copies, neighbours next to each other, one tile ahead of the
 * arithmetic; a thread filters its row in place (allpole_steps.h); rows go back the same way. Each
 * array is touched once, but for the M past outputs in front of a row, which backward and forward
 * mode read again. Frames are interpolated into the rows, and their gradients summed from the rows
 * by the same thread, so that one launch does everything in a fixed order.
 *
 * Limits: time is one chain of T multiply-adds, and a multiprocessor is busy from about 32
 * sequences on. allpole_scan.cu is for the rest.
 */
#include "cuda/allpole.h"
#include "cuda/allpole_coefficients.h"
#include "cuda/allpole_rows.h"
#include "cuda/allpole_steps.h"

namespace apf_cuda {

namespace {

constexpr int SEQUENCES = 32;

/** What lies in shared memory, counted in S. */
template <class S, int M>
struct Layout {
  static constexpr int L = 128 / sizeof(S); /* samples of a row */
  static constexpr int SAMPLES = SEQUENCES * row_stride(L);
  static constexpr int COEFFICIENTS = SEQUENCES * row_stride(L * M);
  static constexpr int PAST = SEQUENCES * row_stride(L + M);
  static constexpr int FRAMES = SEQUENCES * row_stride(2 * M); /* a pair for every thread */
  static constexpr int FORWARD = SAMPLES + COEFFICIENTS, TANGENT = COEFFICIENTS + PAST;
  static constexpr int BACKWARD = SAMPLES + COEFFICIENTS + PAST;
};

/** The block's sequences and the tile that begins at t. */
template <class S, int M, class Call>
__device__ SequenceRows rows_at(const Call &p, int64_t t)
{
  const int64_t b = static_cast<int64_t>(blockIdx.x) * SEQUENCES;
  return {b * p.T + t, p.T, static_cast<int>(p.B - b < SEQUENCES ? p.B - b : SEQUENCES),
          static_cast<int>(p.T - t < Layout<S, M>::L ? p.T - t : Layout<S, M>::L)};
}

__device__ int64_t my_sequence()
{
  return static_cast<int64_t>(blockIdx.x) * SEQUENCES + threadIdx.x;
}

template <int M, class S>
__device__ void load_state(const S *states, int64_t b, S (&state)[M])
{
#pragma unroll
  for (int i = 0; i < M; i++) state[i] = load_or_zero(states, b * M + i);
}

template <int M, class S>
__device__ void store_state(const S (&state)[M], int64_t b, S *states)
{
#pragma unroll
  for (int i = 0; i < M; i++) store(states + b * M + i, state[i]);
}

/** Outputs before and in the rows; those before the first sample come from zi. */
template <class S, int M>
__device__ void load_past_rows(const SequenceRows &rows, int64_t t, const S *y, const S *zi,
                               S *past)
{
  constexpr int L = Layout<S, M>::L;
  load_rows<SEQUENCES, L, 1, M>(rows, y, past);
  for_words<SEQUENCES, M>([&](int row, int k) {
    if (row >= rows.rows) return;
    S *to = past + row * row_stride(L + M) + k;
    const int64_t b = static_cast<int64_t>(blockIdx.x) * SEQUENCES + row;
    if (t > 0)
      copy_scalar(to, y + rows.first + row * rows.step + k - M);
    else
      *to = load_or_zero(zi, b * M + M - 1 - k);
  });
}

template <class S, int M>
__device__ FramePair<M, S> pair_of(const S *a, int64_t F, S *memory)
{
  S *own = memory + threadIdx.x * row_stride(2 * M);
  return {a ? a + my_sequence() * F * M : nullptr, own, own + M, -1};
}

/* --- forward ------------------------------------------------------------------------------- */

template <class S, int M>
struct ForwardTile {
  S *x, *a, *a_dot, *past;
};

template <class S, int M>
__device__ ForwardTile<S, M> forward_tile(const AllpoleForward<S> &p, S *memory, int buffer)
{
  using In = Layout<S, M>;
  S *x = memory + buffer * (In::FORWARD + (p.a_dot ? In::TANGENT : 0));
  S *a = x + In::SAMPLES, *a_dot = a + In::COEFFICIENTS;
  return {x, a, a_dot, a_dot + In::COEFFICIENTS};
}

template <class S, int M>
__device__ void load_forward_tile(const AllpoleForward<S> &p, int64_t t,
                                  const ForwardTile<S, M> &tile)
{
  constexpr int L = Layout<S, M>::L;
  const SequenceRows rows = rows_at<S, M>(p, t);
  if (p.x)
    load_rows<SEQUENCES, L, 1>(rows, p.x, tile.x);
  else
    for (int k = 0; k < L; k++) tile.x[threadIdx.x * row_stride(L) + k] = make_scalar<S>(0);
  if (p.F == p.T) load_rows<SEQUENCES, L, M>(rows, p.a, tile.a);
  if (!p.a_dot) return;
  load_past_rows<S, M>(rows, t, p.y_past, p.zi_past, tile.past);
  if (p.F == p.T) load_rows<SEQUENCES, L, M>(rows, p.a_dot, tile.a_dot);
}

template <class S, int M>
__global__ void __launch_bounds__(SEQUENCES, 8)
    forward_sequences_kernel(AllpoleForward<S> p, Frames frames)
{
  using In = Layout<S, M>;
  APF_DYNAMIC_SHARED(memory, S);
  S *frame_memory = memory + 2 * (In::FORWARD + (p.a_dot ? In::TANGENT : 0));
  FramePair<M, S> pair = pair_of<S, M>(p.a, p.F, frame_memory);
  FramePair<M, S> pair_dot = pair_of<S, M>(p.a_dot, p.F, frame_memory + In::FRAMES);
  const int row = static_cast<int>(threadIdx.x);
  const bool active = my_sequence() < p.B;
  S state[M] = {};
  if (active) load_state(p.zi, my_sequence(), state);

  load_forward_tile(p, 0, forward_tile<S, M>(p, memory, 0));
  async_commit();
  for (int64_t t = 0, buffer = 0; t < p.T; t += In::L, buffer ^= 1) {
    const ForwardTile<S, M> tile = forward_tile<S, M>(p, memory, static_cast<int>(buffer));
    const SequenceRows rows = rows_at<S, M>(p, t);
    const int count = rows.count(row);
    S *x = tile.x + row * row_stride(In::L), *a = tile.a + row * row_stride(In::L * M);
    S *a_dot = tile.a_dot + row * row_stride(In::L * M);
    if (t + In::L < p.T)
      load_forward_tile(p, t + In::L, forward_tile<S, M>(p, memory, static_cast<int>(buffer ^ 1)));
    async_commit();
    if (p.F != p.T) interpolate_row(frames, &pair, t, count, a);
    if (p.F != p.T && p.a_dot) interpolate_row(frames, &pair_dot, t, count, a_dot);
    async_wait<1>();
    __syncthreads();
    if (p.a_dot) subtract_fir_row<M>(count, a_dot, tile.past + row * row_stride(In::L + M), x);
    filter_row(count, a, state, x);
    __syncthreads();
    store_rows<SEQUENCES, In::L, 1>(rows, tile.x, p.y);
    __syncthreads();
  }
  if (p.zf && active) store_state(state, my_sequence(), p.zf);
}

/* --- backward ------------------------------------------------------------------------------ */

template <class S, int M>
struct BackwardTile {
  S *dy, *a, *past;
};

template <class S, int M>
__device__ BackwardTile<S, M> backward_tile(S *memory, int buffer)
{
  using In = Layout<S, M>;
  S *dy = memory + buffer * In::BACKWARD, *a = dy + In::SAMPLES;
  return {dy, a, a + In::COEFFICIENTS};
}

template <class S, int M>
__device__ void load_backward_tile(const AllpoleBackward<S> &p, int64_t t,
                                   const BackwardTile<S, M> &tile)
{
  constexpr int L = Layout<S, M>::L;
  const SequenceRows rows = rows_at<S, M>(p, t);
  load_rows<SEQUENCES, L, 1>(rows, p.dy, tile.dy);
  if (p.F == p.T) load_rows<SEQUENCES, L, M>(rows, p.a, tile.a);
  if (p.da) load_past_rows<S, M>(rows, t, p.y, p.zi, tile.past);
}

template <class S, int M>
__device__ void store_backward_tile(const AllpoleBackward<S> &p, int64_t t,
                                    const BackwardTile<S, M> &tile)
{
  constexpr int L = Layout<S, M>::L;
  const SequenceRows rows = rows_at<S, M>(p, t);
  if (p.dx) store_rows<SEQUENCES, L, 1>(rows, tile.dy, p.dx);
  if (p.da && p.F == p.T) store_rows<SEQUENCES, L, M>(rows, tile.a, p.da);
}

template <class S, int M>
__global__ void __launch_bounds__(SEQUENCES, 8)
    backward_sequences_kernel(AllpoleBackward<S> p, Frames frames)
{
  using In = Layout<S, M>;
  APF_DYNAMIC_SHARED(memory, S);
  S *frame_memory = memory + 2 * In::BACKWARD;
  Wide<S> *sums =
      reinterpret_cast<Wide<S> *>(frame_memory + In::FRAMES) + threadIdx.x * row_stride(2 * M);
  FramePair<M, S> pair = pair_of<S, M>(p.a, p.F, frame_memory);
  const int row = static_cast<int>(threadIdx.x);
  const bool active = my_sequence() < p.B, sum = p.da && p.F != p.T && active;
  FrameGradients<M, S> gradients = {sum ? p.da + my_sequence() * p.F * M : nullptr, sums, sums + M,
                                    0};
  S state[M] = {};
  if (active) load_state(p.dzf, my_sequence(), state);
  if (sum) begin_gradients(frames, &gradients);

  const int64_t last = (p.T - 1) / In::L * In::L;
  load_backward_tile(p, last, backward_tile<S, M>(memory, 0));
  async_commit();
  for (int64_t t = last, buffer = 0; t >= 0; t -= In::L, buffer ^= 1) {
    const BackwardTile<S, M> tile = backward_tile<S, M>(memory, static_cast<int>(buffer));
    const int count = rows_at<S, M>(p, t).count(row);
    S *dy = tile.dy + row * row_stride(In::L), *a = tile.a + row * row_stride(In::L * M);
    if (t > 0)
      load_backward_tile(p, t - In::L, backward_tile<S, M>(memory, static_cast<int>(buffer ^ 1)));
    async_commit();
    if (p.F != p.T) interpolate_row(frames, &pair, t, count, a);
    async_wait<1>();
    __syncthreads();
    if (p.da)
      adjoint_row<true>(count, a, tile.past + row * row_stride(In::L + M), state, dy);
    else
      adjoint_row<false>(count, a, static_cast<const S *>(nullptr), state, dy);
    if (sum) sum_gradient_row(frames, &gradients, t, count, a);
    __syncthreads();
    store_backward_tile(p, t, tile);
    __syncthreads();
  }
  if (sum) end_gradients(frames, &gradients);
  if (p.dzi && active) store_state(state, my_sequence(), p.dzi);
}

}  // namespace

/* --- launches ------------------------------------------------------------------------------ */

template <class S>
apf_status allpole_forward_sequences(apf_context *ctx, const AllpoleForward<S> &p)
{
  return for_small_order<S>(p.M, [&](auto order) {
    constexpr int M = order;
    using In = Layout<S, M>;
    const size_t tangent = p.a_dot ? In::TANGENT : 0, pairs = p.F == p.T ? 0 : 2 * In::FRAMES;
    const size_t scalars = 2 * (In::FORWARD + tangent) + pairs;
    const unsigned blocks = static_cast<unsigned>(divide_up(p.B, SEQUENCES));
    if (scalars * sizeof(S) > device(ctx)->shared_bytes) return allpole_forward_taps(ctx, p);
    return APF_LAUNCH(ctx, (forward_sequences_kernel<S, M>), blocks, SEQUENCES, scalars * sizeof(S),
                      p, make_frames(p.F, p.T));
  });
}

template <class S>
apf_status allpole_backward_sequences(apf_context *ctx, const AllpoleBackward<S> &p)
{
  return for_small_order<S>(p.M, [&](auto order) {
    constexpr int M = order;
    using In = Layout<S, M>;
    const size_t tiles = 2 * In::BACKWARD * sizeof(S);
    const size_t frames = In::FRAMES * sizeof(S) + SEQUENCES * row_stride(2 * M) * sizeof(Wide<S>);
    const size_t bytes = tiles + (p.F == p.T ? 0 : frames);
    const unsigned blocks = static_cast<unsigned>(divide_up(p.B, SEQUENCES));
    if (bytes > device(ctx)->shared_bytes) return allpole_backward_taps(ctx, p);
    return APF_LAUNCH(ctx, (backward_sequences_kernel<S, M>), blocks, SEQUENCES, bytes, p,
                      make_frames(p.F, p.T));
  });
}

template apf_status allpole_forward_sequences(apf_context *, const AllpoleForward<float> &);
template apf_status allpole_forward_sequences(apf_context *, const AllpoleForward<double> &);
template apf_status allpole_forward_sequences(apf_context *, const AllpoleForward<apf_c64> &);
template apf_status allpole_forward_sequences(apf_context *, const AllpoleForward<apf_c128> &);
template apf_status allpole_backward_sequences(apf_context *, const AllpoleBackward<float> &);
template apf_status allpole_backward_sequences(apf_context *, const AllpoleBackward<double> &);
template apf_status allpole_backward_sequences(apf_context *, const AllpoleBackward<apf_c64> &);
template apf_status allpole_backward_sequences(apf_context *, const AllpoleBackward<apf_c128> &);

}  // namespace apf_cuda
