/**
 * The all-pole filter with a thread per span of time: any number of sequences, orders whose maps
 * fit registers.
 *
 * A block takes a tile of THREADS spans of L samples. Its arrays come into shared memory by
 * asynchronous copies; each thread gets the affine map of its span (allpole_steps.h); the states
 * before all spans come from a scan over the block and a look-back over the tiles
 * (allpole_chain.h); each thread runs its span from its true state, in place, and the tile goes
 * back. So each array is read once and written once in one launch, for M + 2 times the arithmetic
 * of the recursion; what the tiles tell each other is M (M + 2) scalars a tile. Backward takes
 * tiles, spans and samples from the end.
 *
 * Gradients between frames are summed for each tile, a warp per frame and tap, and a second launch
 * adds what tiles have for the same frame. Every sum has a fixed order, in double.
 */
#include "cuda/allpole.h"
#include "cuda/allpole_chain.h"
#include "cuda/allpole_coefficients.h"
#include "cuda/allpole_frame_sums.h"
#include "cuda/allpole_rows.h"

namespace apf_cuda {

namespace {

/** What lies in shared memory, counted in S. */
template <class S, int M>
struct Layout {
  static constexpr int THREADS = M <= 2 ? 256 : 128;
  static constexpr int WARPS = THREADS / WARP;
  static constexpr int L = 64 / sizeof(S);
  static constexpr int TILE = THREADS * L; /* samples */
  static constexpr int SAMPLES = THREADS * row_stride(L);
  static constexpr int COEFFICIENTS = THREADS * row_stride(L * M);
  static constexpr int PAST = THREADS * row_stride(L + M);
  static constexpr int MAPS = WARP * MAP_SIZE<M>;
  static constexpr int FRAMES = THREADS * row_stride(2 * M);
  /* Pairs of frames are there before the look-back needs the room. */
  static constexpr int WINDOW = FRAMES > MAPS ? FRAMES : MAPS;
  static_assert(M <= L, "a row's past is within the row before it");
};

template <class S, int M>
using Shared = ChainShared<M, S, Layout<S, M>::WARPS>;

/** A tile of a sequence and, of it, the thread's span. */
template <class S, int M>
struct Span {
  int64_t b, t; /* sequence; the tile's first sample */
  SpanRows<Layout<S, M>::L> rows;
  int row, count;

  __device__ S *samples(S *tile) const { return tile + row * row_stride(Layout<S, M>::L); }
  __device__ S *coefficients(S *tile) const { return tile + row * row_stride(Layout<S, M>::L * M); }
};

template <class S, int M>
__device__ Span<S, M> span_at(int64_t T, int64_t b, int64_t tile, int row)
{
  using In = Layout<S, M>;
  const int64_t t = tile * In::TILE;
  const SpanRows<In::L> rows = {b * T + t, static_cast<int>(T - t < In::TILE ? T - t : In::TILE)};
  return {b, t, rows, row, rows.count(row)};
}

/** Begins copies of the outputs of a tile, and of the M before it into the first row's front. */
template <class S, int M>
__device__ void load_past(const Span<S, M> &span, const S *y, const S *zi, S *past)
{
  using In = Layout<S, M>;
  load_rows<In::THREADS, In::L, 1, M>(span.rows, y, past);
  const int k = static_cast<int>(threadIdx.x);
  if (k >= M) return;
  past[k] =
      span.t > 0 ? load(y + span.rows.first + k - M) : load_or_zero(zi, span.b * M + M - 1 - k);
}

/** The other rows' fronts, each from the row before; returns where the thread's own begins. */
template <class S, int M>
__device__ const S *complete_past(const Span<S, M> &span, S *past)
{
  using In = Layout<S, M>;
  S *own = past + span.row * row_stride(In::L + M);
#pragma unroll
  for (int k = 0; k < M; k++)
    if (span.row > 0) own[k] = own[k + In::L - row_stride(In::L + M)];
  return own;
}

/** The thread's coefficients out of frames. Those that the tile needs are read together where the
 *  room is enough, each once; where frames are dense, threads read their own. */
template <class S, int M>
__device__ void interpolate_span(const Frames &frames, const S *a, const Span<S, M> &span, S *room,
                                 S *row)
{
  using In = Layout<S, M>;
  const int64_t t = span.t + span.row * In::L;
  const FrameRange range = frames_of_samples(frames, span.t, span.rows.samples);
  const int64_t size = (range.last - range.first + 1) * M;
  if (size <= In::WINDOW) {
    __syncthreads(); /* the room may be in use */
    for (int k = static_cast<int>(threadIdx.x); k < size; k += In::THREADS)
      room[k] = load(a + range.first * M + k);
    __syncthreads();
    const auto sides_of = [&](int64_t frame) {
      const S *left = room + (frame - range.first) * M;
      return FrameSides<S>{left, frames.count > 1 ? left + M : left};
    };
    interpolate_row<M>(frames, t, span.count, sides_of, row);
  } else {
    S *own = room + threadIdx.x * row_stride(2 * M);
    FramePair<M, S> pair = {a, own, own + M, -1};
    interpolate_row(frames, &pair, t, span.count, row);
  }
}

/** Begins copies of a tile's coefficients, or makes them out of frames. */
template <class S, int M>
__device__ void load_coefficients(const Frames &frames, bool per_sample, const S *a,
                                  const Span<S, M> &span, S *room, S *tile)
{
  using In = Layout<S, M>;
  if (per_sample)
    load_rows<In::THREADS, In::L, M>(span.rows, a, tile);
  else
    interpolate_span(frames, a + span.b * frames.count * M, span, room, span.coefficients(tile));
}

template <class S, int M>
__device__ void store_state(const S (&state)[M], int64_t b, S *states)
{
#pragma unroll
  for (int i = 0; i < M; i++) store(states + b * M + i, state[i]);
}

/* --- forward ------------------------------------------------------------------------------- */

template <class S, int M>
struct ForwardTile {
  S *x, *a, *a_dot, *past;
};

template <class S, int M>
__device__ void load_forward_tile(const AllpoleForward<S> &p, const Frames &frames,
                                  const Span<S, M> &span, S *room, const ForwardTile<S, M> &tile)
{
  using In = Layout<S, M>;
  if (p.x)
    load_rows<In::THREADS, In::L, 1>(span.rows, p.x, tile.x);
  else
    for (int k = 0; k < In::L; k++) span.samples(tile.x)[k] = make_scalar<S>(0);
  load_coefficients(frames, p.F == p.T, p.a, span, room, tile.a);
  if (p.a_dot) {
    load_past(span, p.y_past, p.zi_past, tile.past);
    load_coefficients(frames, p.F == p.T, p.a_dot, span, room, tile.a_dot);
  }
  async_commit();
  async_wait<0>();
  __syncthreads();
  if (p.a_dot)
    subtract_fir_row<M>(span.count, span.coefficients(tile.a_dot), complete_past(span, tile.past),
                        span.samples(tile.x));
}

template <class S, int M>
__global__ void __launch_bounds__(Layout<S, M>::THREADS, 2)
    forward_scan_kernel(AllpoleForward<S> p, Frames frames, Chain<S> chain)
{
  using In = Layout<S, M>;
  APF_DYNAMIC_SHARED(memory, S);
  APF_SHARED(shared, Shared<S, M>);
  S *const xs = memory + In::WINDOW, *const as = xs + In::SAMPLES;
  S *const a_dots = as + In::COEFFICIENTS, *const past = a_dots + In::COEFFICIENTS;
  const ChainTile tile = take_tile(chain, &shared);
  const Span<S, M> span = span_at<S, M>(p.T, tile.b, tile.rank, static_cast<int>(threadIdx.x));
  load_forward_tile(p, frames, span, memory, ForwardTile<S, M>{xs, as, a_dots, past});

  S state[M], *x = span.samples(xs), *a = span.coefficients(as);
  const bool cut = states_before_spans(chain, tile, p.zi, forward_map<M>(span.count, a, x),
                                       reinterpret_cast<AffineMap<M, S> *>(memory), &shared, state);
  if (cut) {
    filter_row(span.count, a, state, x);
  } else if (threadIdx.x == 0) {
    for (int k = 0; k < In::THREADS; k++)
      filter_row(span.rows.count(k), as + k * row_stride(In::L * M), state,
                 xs + k * row_stride(In::L));
    publish_state(chain, tile.index, state);
  }
  const int last = cut ? (span.rows.samples - 1) / In::L : 0;
  if (p.zf && tile.rank == chain.tiles - 1 && span.row == last) store_state(state, tile.b, p.zf);
  __syncthreads();
  store_rows<In::THREADS, In::L, 1>(span.rows, xs, p.y);
  leave_chain(chain, &shared);
}

/* --- backward ------------------------------------------------------------------------------ */

template <class S, int M>
struct BackwardTile {
  S *dy, *a, *past;
};

template <class S, int M>
__device__ void load_backward_tile(const AllpoleBackward<S> &p, const Frames &frames,
                                   const Span<S, M> &span, S *room, const BackwardTile<S, M> &tile)
{
  using In = Layout<S, M>;
  load_rows<In::THREADS, In::L, 1>(span.rows, p.dy, tile.dy);
  load_coefficients(frames, p.F == p.T, p.a, span, room, tile.a);
  if (p.da) load_past(span, p.y, p.zi, tile.past);
  async_commit();
  async_wait<0>();
  __syncthreads();
  if (p.da) complete_past(span, tile.past);
}

/** The adjoint along row k. */
template <class S, int M>
__device__ void run_backward(const Span<S, M> &span, int k, const BackwardTile<S, M> &tile,
                             bool want_da, S (&state)[M])
{
  using In = Layout<S, M>;
  S *a = tile.a + k * row_stride(In::L * M), *dy = tile.dy + k * row_stride(In::L);
  const S *past = tile.past + k * row_stride(In::L + M);
  if (want_da)
    adjoint_row<true>(span.rows.count(k), a, past, state, dy);
  else
    adjoint_row<false>(span.rows.count(k), a, past, state, dy);
}

template <class S, int M>
__device__ void store_backward_tile(const AllpoleBackward<S> &p, const Frames &frames,
                                    int64_t tiles, const Span<S, M> &span,
                                    const BackwardTile<S, M> &tile, Wide<S> *sums)
{
  using In = Layout<S, M>;
  if (p.dx) store_rows<In::THREADS, In::L, 1>(span.rows, tile.dy, p.dx);
  if (!p.da) return;
  if (p.F == p.T)
    store_rows<In::THREADS, In::L, M>(span.rows, tile.a, p.da);
  else
    sum_tile_frames<In::WARPS, S>(
        frames, span.t / In::TILE, span.t, span.rows.samples, M,
        [&](int64_t k, int i) {
          return tile.a[k / In::L * row_stride(In::L * M) + k % In::L * M + i];
        },
        sums + span.b * frame_rows(frames, tiles) * M);
}

template <class S, int M>
__global__ void __launch_bounds__(Layout<S, M>::THREADS, 2)
    backward_scan_kernel(AllpoleBackward<S> p, Frames frames, Chain<S> chain, Wide<S> *sums)
{
  using In = Layout<S, M>;
  APF_DYNAMIC_SHARED(memory, S);
  APF_SHARED(shared, Shared<S, M>);
  S *const dys = memory + In::WINDOW, *const as = dys + In::SAMPLES;
  const BackwardTile<S, M> in = {dys, as, as + In::COEFFICIENTS};
  const ChainTile tile = take_tile(chain, &shared);
  const Span<S, M> span = span_at<S, M>(p.T, tile.b, chain.tiles - 1 - tile.rank,
                                        In::THREADS - 1 - static_cast<int>(threadIdx.x));
  load_backward_tile(p, frames, span, memory, in);

  S state[M];
  const bool cut = states_before_spans(
      chain, tile, p.dzf, adjoint_map<M>(span.count, span.coefficients(as), span.samples(dys)),
      reinterpret_cast<AffineMap<M, S> *>(memory), &shared, state);
  if (cut) {
    run_backward(span, span.row, in, p.da != nullptr, state);
  } else if (threadIdx.x == 0) {
    for (int k = In::THREADS - 1; k >= 0; k--) run_backward(span, k, in, p.da != nullptr, state);
    publish_state(chain, tile.index, state);
  }
  const int first = cut ? 0 : In::THREADS - 1;
  if (p.dzi && tile.rank == chain.tiles - 1 && span.row == first) store_state(state, tile.b, p.dzi);
  __syncthreads();
  store_backward_tile(p, frames, chain.tiles, span, in, sums);
  leave_chain(chain, &shared);
}

}  // namespace

/* --- launches ------------------------------------------------------------------------------ */

template <class S>
apf_status allpole_forward_scan(apf_context *ctx, const AllpoleForward<S> &p)
{
  return for_small_order<S>(p.M, [&](auto order) {
    constexpr int M = order;
    using In = Layout<S, M>;
    const int64_t tiles = divide_up(p.T, In::TILE);
    const size_t tangent = p.a_dot ? In::COEFFICIENTS + In::PAST : 0;
    const size_t scalars = In::WINDOW + In::SAMPLES + In::COEFFICIENTS + tangent;
    if (scalars * sizeof(S) + sizeof(Shared<S, M>) > device(ctx)->shared_bytes)
      return allpole_forward_taps(ctx, p);
    Chain<S> chain;
    void *unused = nullptr;
    APF_TRY((make_chain(ctx, p.B, tiles, M, MAP_SIZE<M>, 0, &chain, &unused)));
    return APF_LAUNCH(ctx, (forward_scan_kernel<S, M>), static_cast<unsigned>(p.B * tiles),
                      In::THREADS, scalars * sizeof(S), p, make_frames(p.F, p.T), chain);
  });
}

template <class S>
apf_status allpole_backward_scan(apf_context *ctx, const AllpoleBackward<S> &p)
{
  return for_small_order<S>(p.M, [&](auto order) {
    constexpr int M = order;
    using In = Layout<S, M>;
    const Frames frames = make_frames(p.F, p.T);
    const int64_t tiles = divide_up(p.T, In::TILE);
    const bool summed = p.da && p.F != p.T;
    const size_t scalars = In::WINDOW + In::SAMPLES + In::COEFFICIENTS + (p.da ? In::PAST : 0);
    if (scalars * sizeof(S) + sizeof(Shared<S, M>) > device(ctx)->shared_bytes)
      return allpole_backward_taps(ctx, p);
    const size_t sum_bytes =
        summed ? static_cast<size_t>(p.B * frame_rows(frames, tiles) * M) * sizeof(Wide<S>) : 0;
    Chain<S> chain;
    void *sums = nullptr;
    APF_TRY((make_chain(ctx, p.B, tiles, M, MAP_SIZE<M>, sum_bytes, &chain, &sums)));
    APF_TRY(APF_LAUNCH(ctx, (backward_scan_kernel<S, M>), static_cast<unsigned>(p.B * tiles),
                       In::THREADS, scalars * sizeof(S), p, frames, chain,
                       static_cast<Wide<S> *>(sums)));
    if (!summed) return APF_OK;
    return add_frame_sums<S>(ctx, frames, p.B, p.T, M, In::TILE, static_cast<Wide<S> *>(sums),
                             p.da);
  });
}

template apf_status allpole_forward_scan(apf_context *, const AllpoleForward<float> &);
template apf_status allpole_forward_scan(apf_context *, const AllpoleForward<double> &);
template apf_status allpole_forward_scan(apf_context *, const AllpoleForward<apf_c64> &);
template apf_status allpole_forward_scan(apf_context *, const AllpoleForward<apf_c128> &);
template apf_status allpole_backward_scan(apf_context *, const AllpoleBackward<float> &);
template apf_status allpole_backward_scan(apf_context *, const AllpoleBackward<double> &);
template apf_status allpole_backward_scan(apf_context *, const AllpoleBackward<apf_c64> &);
template apf_status allpole_backward_scan(apf_context *, const AllpoleBackward<apf_c128> &);

}  // namespace apf_cuda
