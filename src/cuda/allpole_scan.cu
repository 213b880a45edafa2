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
  static constexpr int MAPS = WARP * M * (M + 1);
  static constexpr int FRAMES = THREADS * row_stride(2 * M);
  /* Pairs of frames are there before the look-back needs the room. */
  static constexpr int WINDOW = FRAMES > MAPS ? FRAMES : MAPS;
  static_assert(M <= L, "a row's past is within the row before it");
};

template <class S, int M>
using Shared = ChainShared<M, S, Layout<S, M>::WARPS>;

/** Begins copies of the outputs of a tile, and of the M before it into the first row's front. */
template <class S, int M>
__device__ void load_past(const SpanRows<Layout<S, M>::L> &rows, int64_t t, const S *y, const S *zi,
                          S *past)
{
  using In = Layout<S, M>;
  load_rows<In::THREADS, In::L, 1, M>(rows, y, past);
  const int k = static_cast<int>(threadIdx.x);
  if (k >= M) return;
  past[k] = t > 0 ? load(y + rows.first + k - M) : load_or_zero(zi, M - 1 - k);
}

/** The other rows' fronts, each from the row before. */
template <class S, int M>
__device__ S *complete_past(int row, S *past)
{
  using In = Layout<S, M>;
  S *own = past + row * row_stride(In::L + M);
#pragma unroll
  for (int k = 0; k < M; k++)
    if (row > 0) own[k] = own[k + In::L - row_stride(In::L + M)];
  return own;
}

template <class S, int M>
__device__ void interpolate_span(const Frames &frames, const S *a, int64_t t, int count, S *memory,
                                 S *row)
{
  S *own = memory + threadIdx.x * row_stride(2 * M);
  FramePair<M, S> pair = {a, own, own + M, -1};
  interpolate_row(frames, &pair, t, count, row);
}

/* --- forward ----------------------------------------------------------------------------------- */

template <class S, int M>
__global__ void __launch_bounds__(Layout<S, M>::THREADS, 2)
    forward_scan_kernel(AllpoleForward<S> p, Frames frames, Chain<S> chain)
{
  using In = Layout<S, M>;
  APF_DYNAMIC_SHARED(memory, S);
  APF_SHARED(shared, Shared<S, M>);
  S *window = memory, *xs = window + In::WINDOW, *as = xs + In::SAMPLES;
  S *a_dots = as + In::COEFFICIENTS, *past = a_dots + In::COEFFICIENTS;
  const ChainTile tile = take_tile(chain, &shared);
  const int64_t t = tile.rank * In::TILE, set = tile.b * p.F * M;
  const SpanRows<In::L> rows = {tile.b * p.T + t,
                                static_cast<int>(p.T - t < In::TILE ? p.T - t : In::TILE)};
  const int row = static_cast<int>(threadIdx.x), count = rows.count(row);
  S *x = xs + row * row_stride(In::L), *a = as + row * row_stride(In::L * M);
  S *a_dot = a_dots + row * row_stride(In::L * M);

  if (p.x)
    load_rows<In::THREADS, In::L, 1>(rows, p.x, xs);
  else
    for (int k = 0; k < In::L; k++) x[k] = make_scalar<S>(0);
  if (p.F == p.T)
    load_rows<In::THREADS, In::L, M>(rows, p.a, as);
  else
    interpolate_span<S, M>(frames, p.a + set, t + row * In::L, count, window, a);
  if (p.a_dot) {
    load_past<S, M>(rows, t, p.y_past, p.zi_past ? p.zi_past + tile.b * M : nullptr, past);
    if (p.F == p.T)
      load_rows<In::THREADS, In::L, M>(rows, p.a_dot, a_dots);
    else
      interpolate_span<S, M>(frames, p.a_dot + set, t + row * In::L, count, window, a_dot);
  }
  async_commit();
  async_wait<0>();
  __syncthreads();

  if (p.a_dot) subtract_fir_row<M>(count, a_dot, complete_past<S, M>(row, past), x);
  S state[M];
  const bool cut = states_before_spans(chain, tile, p.zi, forward_map<M>(count, a, x),
                                       reinterpret_cast<AffineMap<M, S> *>(window), &shared, state);
  if (cut) {
    filter_row(count, a, state, x);
  } else if (row == 0) {
    for (int k = 0; k < In::THREADS; k++)
      filter_row(rows.count(k), as + k * row_stride(In::L * M), state, xs + k * row_stride(In::L));
    publish_state(chain, tile.index, state);
  }
  const int last = cut ? static_cast<int>((p.T - 1 - t) / In::L) : 0;
  if (p.zf && tile.rank == chain.tiles - 1 && row == last)
#pragma unroll
    for (int i = 0; i < M; i++) store(p.zf + tile.b * M + i, state[i]);
  __syncthreads();
  store_rows<In::THREADS, In::L, 1>(rows, xs, p.y);
  leave_chain(chain, &shared);
}

/* --- backward ---------------------------------------------------------------------------------- */

template <bool WANT_DA, class S, int M>
__device__ void adjoint_span(const SpanRows<Layout<S, M>::L> &rows, int row, S *as, const S *past,
                             S (&state)[M], S *dys)
{
  using In = Layout<S, M>;
  adjoint_row<WANT_DA>(rows.count(row), as + row * row_stride(In::L * M),
                       WANT_DA ? past + row * row_stride(In::L + M) : nullptr, state,
                       dys + row * row_stride(In::L));
}

template <class S, int M>
__global__ void __launch_bounds__(Layout<S, M>::THREADS, 2)
    backward_scan_kernel(AllpoleBackward<S> p, Frames frames, Chain<S> chain, Wide<S> *sums)
{
  using In = Layout<S, M>;
  APF_DYNAMIC_SHARED(memory, S);
  APF_SHARED(shared, Shared<S, M>);
  S *window = memory, *dys = window + In::WINDOW, *as = dys + In::SAMPLES;
  S *past = as + In::COEFFICIENTS;
  const ChainTile tile = take_tile(chain, &shared);
  const int64_t at = chain.tiles - 1 - tile.rank, t = at * In::TILE;
  const SpanRows<In::L> rows = {tile.b * p.T + t,
                                static_cast<int>(p.T - t < In::TILE ? p.T - t : In::TILE)};
  const int row = In::THREADS - 1 - static_cast<int>(threadIdx.x), count = rows.count(row);
  S *dy = dys + row * row_stride(In::L), *a = as + row * row_stride(In::L * M);

  load_rows<In::THREADS, In::L, 1>(rows, p.dy, dys);
  if (p.F == p.T)
    load_rows<In::THREADS, In::L, M>(rows, p.a, as);
  else
    interpolate_span<S, M>(frames, p.a + tile.b * p.F * M, t + row * In::L, count, window, a);
  if (p.da) load_past<S, M>(rows, t, p.y, p.zi ? p.zi + tile.b * M : nullptr, past);
  async_commit();
  async_wait<0>();
  __syncthreads();

  if (p.da) complete_past<S, M>(row, past);
  S state[M];
  const bool cut = states_before_spans(chain, tile, p.dzf, adjoint_map<M>(count, a, dy),
                                       reinterpret_cast<AffineMap<M, S> *>(window), &shared, state);
  for (int k = row; k >= 0; k = cut ? -1 : k - 1) {
    if (!cut && threadIdx.x > 0) break;
    if (p.da)
      adjoint_span<true, S, M>(rows, k, as, past, state, dys);
    else
      adjoint_span<false, S, M>(rows, k, as, past, state, dys);
  }
  if (!cut && threadIdx.x == 0) publish_state(chain, tile.index, state);
  if (p.dzi && at == 0 && threadIdx.x == (cut ? In::THREADS - 1 : 0))
#pragma unroll
    for (int i = 0; i < M; i++) store(p.dzi + tile.b * M + i, state[i]);
  __syncthreads();
  if (p.dx) store_rows<In::THREADS, In::L, 1>(rows, dys, p.dx);
  if (p.da && p.F == p.T) store_rows<In::THREADS, In::L, M>(rows, as, p.da);
  if (p.da && p.F != p.T)
    sum_tile_frames<M, In::L, In::WARPS>(frames, at, t, rows.samples, as,
                                         sums + tile.b * frame_rows(frames, chain.tiles) * M);
  leave_chain(chain, &shared);
}

/* --- launches ---------------------------------------------------------------------------------- */

/** The chain's memory: flags that are zero, and a workspace with `more` bytes in front. */
template <int M, class S>
apf_status make_chain(apf_context *ctx, int64_t B, int64_t tiles, size_t more, Chain<S> *chain,
                      void **front)
{
  const size_t blocks = static_cast<size_t>(B * tiles);
  const size_t words = blocks * (MAP_WORDS<M, S> + STATE_WORDS<M, S>);
  uint32_t *zero = nullptr;
  void *workspace = nullptr;
  APF_TRY(flags(ctx, blocks + 2, &zero));
  APF_TRY(apf_workspace(ctx, more + words * sizeof(Real<S>), &workspace));
  Real<S> *maps = reinterpret_cast<Real<S> *>(static_cast<unsigned char *>(workspace) + more);
  *chain = {zero, zero + 1, zero + 2, B, tiles, maps, maps + blocks * MAP_WORDS<M, S>};
  *front = workspace;
  return APF_OK;
}

}  // namespace

template <class S>
apf_status allpole_forward_scan(apf_context *ctx, const AllpoleForward<S> &p)
{
  return for_small_order<S>(p.M, [&](auto order) {
    constexpr int M = order;
    using In = Layout<S, M>;
    const int64_t tiles = divide_up(p.T, In::TILE);
    const size_t tangent = p.a_dot ? In::COEFFICIENTS + In::PAST : 0;
    const size_t scalars = In::WINDOW + In::SAMPLES + In::COEFFICIENTS + tangent;
    Chain<S> chain;
    void *unused = nullptr;
    APF_TRY((make_chain<M, S>(ctx, p.B, tiles, 0, &chain, &unused)));
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
    const size_t sum_bytes =
        summed ? static_cast<size_t>(p.B * frame_rows(frames, tiles) * M) * sizeof(Wide<S>) : 0;
    Chain<S> chain;
    void *sums = nullptr;
    APF_TRY((make_chain<M, S>(ctx, p.B, tiles, sum_bytes, &chain, &sums)));
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
