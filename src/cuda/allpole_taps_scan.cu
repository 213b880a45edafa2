/**
 * The all-pole filter with a warp per span of time, the warp's lanes sharing the taps: few long
 * sequences of orders whose maps fit no thread's registers.
 *
 * A block takes a tile, as long as fits into shared memory, cut into a span for each of up to
 * SCAN_WARPS warps. Its arrays come by asynchronous copies. Warps make the maps of the spans, the
 * block composes them, so that each gets the map of all spans up to it, and tiles find their states
 * through each other (allpole_tap_maps.h); then each warp runs its span from its true state
 * (allpole_tap_steps.h), in place, and the tile goes back (allpole_tap_tiles.h). So each array is
 * read once and written once in one launch, for M + 2 times the arithmetic of the recursion.
 * Backward takes tiles, spans and samples from the end.
 *
 * Forward mode needs a_dot before it needs a: they take turns in the same room. Gradients between
 * frames are summed as in allpole_scan.cu, by a second launch. In a tile whose map is not usable,
 * the first warp runs all spans.
 */
#include "cuda/allpole_frame_sums.h"
#include "cuda/allpole_tap_tiles.h"

namespace apf_cuda {

namespace {

/* --- forward ------------------------------------------------------------------------------- */

template <class S>
__device__ void load_forward_tile(const AllpoleForward<S> &p, const Frames &frames,
                                  const TapLayout &in, int64_t t, int n, const TapTile<S> &at)
{
  const int thread = static_cast<int>(threadIdx.x);
  if (p.x)
    load_cells<SCAN_THREADS>(n, 1, p.x + t, 1, at.x);
  else
    for (int l = thread; l < n; l += SCAN_THREADS) at.x[l] = make_scalar<S>(0);
  if (p.a_dot) {
    load_past<SCAN_THREADS>(n, in.map.M, t, p.y_past, p.zi_past, at.past);
    load_coefficients(frames, p.F == p.T, p.a_dot, in, t, n, at.a);
    for (int l = thread; l < n; l += SCAN_THREADS)
      at.x[l] = subtract_fir(in.map.M, at.a + l * in.stride, at.past + l, at.x[l]);
    __syncthreads();
  }
  load_coefficients(frames, p.F == p.T, p.a, in, t, n, at.a);
}

template <int N, class S>
__device__ void make_forward_maps(const TapLayout &in, int n, const TapTile<S> &at)
{
  const int batches = (in.map.M + Carried<S, N>::VECTORS - 1) / Carried<S, N>::VECTORS;
  for (int task = warp_id(); task < in.spans * batches; task += SCAN_WARPS) {
    const int k = task / batches;
    const Samples span = samples_of_span(in, n, k);
    forward_map_rows<N>(in.map, task % batches, span.end - span.begin,
                        at.a + span.begin * in.stride, in.stride, at.x + span.begin,
                        at.maps + k * in.map.size());
  }
}

/** x becomes y along a warp's samples; the line begins with the state, newest output first, and
 *  ends with it. */
template <class S>
__device__ void filter_samples(const TapLayout &in, const Samples &samples, const TapTile<S> &at,
                               S *line)
{
  const int M = in.map.M, lane = lane_id();
  S state[TAPS];
  for (int k = 0; k < TAPS; k++)
    state[k] = lane + k * WARP < M ? line[lane + k * WARP] : make_scalar<S>(0);
  __syncwarp();
  for (int k = 0; k < TAPS; k++) line[HISTORY - 1 - lane - k * WARP] = state[k];
  __syncwarp();
  for (int t = samples.begin; t < samples.end; t += WARP) {
    const int n = samples.end - t < WARP ? samples.end - t : WARP;
    const S x = lane < n ? at.x[t + lane] : make_scalar<S>(0);
    const S y = filter_block(M, n, at.a + t * in.stride, in.stride, line, x);
    if (lane < n) line[HISTORY + lane] = at.x[t + lane] = y;
    keep_history(n, line);
    __syncwarp();
  }
  for (int k = 0; k < TAPS; k++) state[k] = line[HISTORY - 1 - lane - k * WARP];
  __syncwarp();
  for (int k = 0; k < TAPS; k++) line[lane + k * WARP] = state[k];
  __syncwarp();
}

template <class S, int N>
__global__ void __launch_bounds__(SCAN_THREADS, 1)
    forward_taps_scan_kernel(AllpoleForward<S> all, Frames frames, Chain<S> chain, TapLayout in)
{
  APF_DYNAMIC_SHARED(memory, S);
  APF_SHARED(shared, TapShared);
  const TapTile<S> at = tile_in(in, memory);
  const ChainTile tile = take_tile(chain, &shared);
  const AllpoleForward<S> p = call_of_sequence(all, tile.b);
  const int64_t t = tile.rank * in.length;
  const int n = samples_from(p.T, t, in.length), warp = warp_id();
  load_forward_tile(p, frames, in, t, n, at);

  make_forward_maps<N>(in, n, at);
  const bool usable = compose_spans<N>(in.map, in.spans, at.maps);
  if (warp == 0) link_tile(chain, tile, in, usable, p.zi, at);
  __syncthreads();
  const Samples samples = samples_of_warp(in, n, usable, warp);
  const bool last = tile.rank + 1 == chain.tiles;
  if (samples.begin < samples.end) {
    S *line = at.lines + warp * LINE;
    state_before_span(in, at, usable ? warp : 0, line);
    filter_samples(in, samples, at, line);
    if (!usable && !last)
      publish_all(chain.states + tile.index * p.M, line, in.map.M, chain.flags + tile.index, STATE);
    for (int i = lane_id(); p.zf && last && samples.end == n && i < p.M; i += WARP)
      store(p.zf + i, line[i]);
  }
  __syncthreads();
  store_cells<SCAN_THREADS>(n, 1, at.x, 1, p.y + t);
  leave_chain(chain, &shared);
}

/* --- backward ------------------------------------------------------------------------------ */

template <int N, class S>
__device__ void make_adjoint_maps(const TapLayout &in, int n, const TapTile<S> &at)
{
  const int batches = in.map.M / Carried<S, N>::VECTORS + 1;
  for (int task = warp_id(); task < in.spans * batches; task += SCAN_WARPS) {
    const int k = task / batches;
    const Samples span = samples_of_span(in, n, in.spans - 1 - k);
    adjoint_map_columns<N>(in.map, task % batches, span.end - span.begin,
                           at.a + span.begin * in.stride, in.stride, at.x + span.begin,
                           at.maps + k * in.map.size());
  }
}

/** dy becomes dx and, where past outputs are there, a becomes da, along a warp's samples from their
 *  end; later, M scalars, is the state. */
template <class S>
__device__ void adjoint_samples(const TapLayout &in, const Samples &samples, const TapTile<S> &at,
                                S *later)
{
  const int M = in.map.M, lane = lane_id();
  const int blocks = (samples.end - samples.begin + WARP - 1) / WARP;
  for (int t = samples.begin + (blocks - 1) * WARP; t >= samples.begin; t -= WARP) {
    const int n = samples.end - t < WARP ? samples.end - t : WARP;
    S *a = at.a + t * in.stride;
    const S dy = lane < n ? at.x[t + lane] : make_scalar<S>(0);
    const S dx = adjoint_block(M, n, a, in.stride, later, dy);
    if (lane < n) at.x[t + lane] = dx;
    __syncwarp();
    carry_back(M, n, a, in.stride, at.x + t, later);
    if (in.past) coefficient_gradients(M, n, at.past + t, at.x + t, in.stride, a);
    __syncwarp();
  }
}

template <class S>
__device__ void store_backward_tile(const AllpoleBackward<S> &p, const Frames &frames,
                                    const TapLayout &in, int64_t t, int n, const TapTile<S> &at,
                                    Wide<S> *sums)
{
  if (p.dx) store_cells<SCAN_THREADS>(n, 1, at.x, 1, p.dx + t);
  if (!p.da) return;
  if (p.F == p.T)
    store_cells<SCAN_THREADS>(n, in.map.M, at.a, in.stride, p.da + t * in.map.M);
  else
    sum_tile_frames<SCAN_WARPS, S>(
        frames, t / in.length, t, n, in.map.M,
        [&](int64_t k, int i) { return at.a[k * in.stride + i]; }, sums);
}

template <class S, int N>
__global__ void __launch_bounds__(SCAN_THREADS, 1)
    backward_taps_scan_kernel(AllpoleBackward<S> all, Frames frames, Chain<S> chain, TapLayout in,
                              Wide<S> *sums)
{
  APF_DYNAMIC_SHARED(memory, S);
  APF_SHARED(shared, TapShared);
  const TapTile<S> at = tile_in(in, memory);
  const ChainTile tile = take_tile(chain, &shared);
  const AllpoleBackward<S> p = call_of_sequence(all, tile.b);
  const int64_t t = (chain.tiles - 1 - tile.rank) * in.length;
  const int n = samples_from(p.T, t, in.length), warp = warp_id();
  load_cells<SCAN_THREADS>(n, 1, p.dy + t, 1, at.x);
  if (p.da) load_past<SCAN_THREADS>(n, in.map.M, t, p.y, p.zi, at.past);
  load_coefficients(frames, p.F == p.T, p.a, in, t, n, at.a);

  make_adjoint_maps<N>(in, n, at);
  const bool usable = compose_spans<N>(in.map, in.spans, at.maps);
  if (warp == 0) link_tile(chain, tile, in, usable, p.dzf, at);
  __syncthreads();
  const Samples samples = samples_of_warp(in, n, usable, in.spans - 1 - warp);
  const bool last = tile.rank + 1 == chain.tiles;
  if (samples.begin < samples.end) {
    S *later = at.lines + warp * LINE;
    state_before_span(in, at, usable ? warp : 0, later);
    adjoint_samples(in, samples, at, later);
    if (!usable && !last)
      publish_all(chain.states + tile.index * p.M, later, in.map.M, chain.flags + tile.index,
                  STATE);
    for (int i = lane_id(); p.dzi && last && samples.begin == 0 && i < p.M; i += WARP)
      store(p.dzi + i, later[i]);
  }
  __syncthreads();
  Wide<S> *own = sums + tile.b * frame_rows(frames, chain.tiles) * p.M;
  store_backward_tile(p, frames, in, t, n, at, own);
  leave_chain(chain, &shared);
}

/* --- launches ------------------------------------------------------------------------------ */

/** Calls f(std::integral_constant<int, N>) for the smallest N that holds the order. */
template <class Function>
apf_status for_padded_order(int64_t M, const Function &f)
{
  if (M <= 8) return f(std::integral_constant<int, 8>());
  if (M <= 16) return f(std::integral_constant<int, 16>());
  if (M <= 24) return f(std::integral_constant<int, 24>());
  if (M <= 32) return f(std::integral_constant<int, 32>());
  return f(std::integral_constant<int, 64>());
}

}  // namespace

int64_t allpole_taps_scan_tile(const apf_context *ctx, size_t scalar_bytes, int64_t M,
                               bool per_sample, bool past)
{
  return lay_out(ctx, scalar_bytes, M, per_sample, past).length;
}

template <class S>
apf_status allpole_forward_taps_scan(apf_context *ctx, const AllpoleForward<S> &p)
{
  const TapLayout in = lay_out(ctx, sizeof(S), p.M, p.F == p.T, p.a_dot != nullptr);
  Chain<S> chain;
  void *unused = nullptr;
  APF_TRY(make_tap_chain(ctx, p.B, p.T, in, 0, &chain, &unused));
  return for_padded_order(p.M, [&](auto padded) {
    return APF_LAUNCH(ctx, (forward_taps_scan_kernel<S, padded>),
                      static_cast<unsigned>(p.B * chain.tiles), SCAN_THREADS,
                      scalars_of(in) * sizeof(S), p, make_frames(p.F, p.T), chain, in);
  });
}

template <class S>
apf_status allpole_backward_taps_scan(apf_context *ctx, const AllpoleBackward<S> &p)
{
  const TapLayout in = lay_out(ctx, sizeof(S), p.M, p.F == p.T, p.da != nullptr);
  const Frames frames = make_frames(p.F, p.T);
  const bool summed = p.da && p.F != p.T;
  const int64_t rows = summed ? p.B * frame_rows(frames, divide_up(p.T, in.length)) : 0;
  Chain<S> chain;
  void *workspace = nullptr;
  APF_TRY(make_tap_chain(ctx, p.B, p.T, in, static_cast<size_t>(rows * p.M) * sizeof(Wide<S>),
                         &chain, &workspace));
  Wide<S> *sums = static_cast<Wide<S> *>(workspace);
  APF_TRY(for_padded_order(p.M, [&](auto padded) {
    return APF_LAUNCH(ctx, (backward_taps_scan_kernel<S, padded>),
                      static_cast<unsigned>(p.B * chain.tiles), SCAN_THREADS,
                      scalars_of(in) * sizeof(S), p, frames, chain, in, sums);
  }));
  if (!summed) return APF_OK;
  return add_frame_sums<S>(ctx, frames, p.B, p.T, p.M, in.length, sums, p.da);
}

template apf_status allpole_forward_taps_scan(apf_context *, const AllpoleForward<float> &);
template apf_status allpole_forward_taps_scan(apf_context *, const AllpoleForward<double> &);
template apf_status allpole_forward_taps_scan(apf_context *, const AllpoleForward<apf_c64> &);
template apf_status allpole_forward_taps_scan(apf_context *, const AllpoleForward<apf_c128> &);
template apf_status allpole_backward_taps_scan(apf_context *, const AllpoleBackward<float> &);
template apf_status allpole_backward_taps_scan(apf_context *, const AllpoleBackward<double> &);
template apf_status allpole_backward_taps_scan(apf_context *, const AllpoleBackward<apf_c64> &);
template apf_status allpole_backward_taps_scan(apf_context *, const AllpoleBackward<apf_c128> &);

}  // namespace apf_cuda
