/**
 * The all-pole filter with a warp per sequence: any order, the warp's lanes share the taps
 * (allpole_tap_steps.h).
 *
 * A block is one warp. It goes through its sequence a tile of up to 32 samples at a time. Tiles
 * come into shared memory by asynchronous copies, one ahead of the arithmetic. Each array is
 * touched once, but for the M past outputs in front of a tile, which backward and forward mode read
 * again. Frames are interpolated into the tile, and their gradients summed from it, lane by tap.
 *
 * Limits: time is one chain. allpole_taps_scan.cu cuts it where sequences are few.
 */
#include "cuda/allpole_tap_frames.h"

namespace apf_cuda {

namespace {

/** Samples of a tile, and what lies in shared memory, counted in S. */
struct Layout {
  int length, stride;     /* samples; scalars from one row of coefficients to the next */
  int coefficients, tile; /* scalars */
};

/* --- forward ------------------------------------------------------------------------------- */

template <class S>
struct ForwardTile {
  S *x, *a, *a_dot, *past;
};

template <class S>
__device__ ForwardTile<S> forward_tile(const Layout &in, S *memory, int buffer)
{
  S *x = memory + buffer * in.tile, *a = x + WARP, *a_dot = a + in.coefficients;
  return {x, a, a_dot, a_dot + in.coefficients};
}

/** p's arrays are those of the block's own sequence. */
template <class S>
__device__ void load_forward_tile(const AllpoleForward<S> &p, const Layout &in, int64_t t,
                                  const ForwardTile<S> &tile)
{
  const int M = static_cast<int>(p.M);
  const int n = static_cast<int>(p.T - t < in.length ? p.T - t : in.length);
  if (p.x)
    load_cells<WARP>(n, 1, p.x + t, 1, tile.x);
  else if (lane_id() < n)
    tile.x[lane_id()] = make_scalar<S>(0);
  if (p.F == p.T) load_cells<WARP>(n, M, p.a + t * M, in.stride, tile.a);
  if (!p.a_dot) return;
  load_past<WARP>(n, M, t, p.y_past, p.zi_past, tile.past);
  if (p.F == p.T) load_cells<WARP>(n, M, p.a_dot + t * M, in.stride, tile.a_dot);
}

/** The lane's sample of the tile; line[HISTORY - i] is y_{t-i}. */
template <class S>
__device__ S filter_tile(const AllpoleForward<S> &p, const Layout &in, int n,
                         const ForwardTile<S> &tile, const S *line)
{
  const int M = static_cast<int>(p.M), lane = lane_id();
  S x = lane < n ? tile.x[lane] : make_scalar<S>(0);
  if (p.a_dot && lane < n) x = subtract_fir(M, tile.a_dot + lane * in.stride, tile.past + lane, x);
  return filter_block(M, n, tile.a, in.stride, line, x);
}

template <class S>
__global__ void __launch_bounds__(WARP, 16)
    forward_taps_kernel(AllpoleForward<S> all, Frames frames, Layout in)
{
  APF_DYNAMIC_SHARED(memory, S);
  const int lane = lane_id(), M = static_cast<int>(all.M);
  const int64_t T = all.T;
  const AllpoleForward<S> p = call_of_sequence(all, blockIdx.x);
  TapPair<S> pair = {p.a, -1, {}, {}}, pair_dot = {p.a_dot, -1, {}, {}};
  S *line = memory + 2 * in.tile;
  for (int j = lane; j < M; j += WARP)
    line[HISTORY - 1 - j] = p.zi ? load(p.zi + j) : make_scalar<S>(0);
  for (int j = M + lane; j < HISTORY; j += WARP) line[HISTORY - 1 - j] = make_scalar<S>(0);

  load_forward_tile(p, in, 0, forward_tile(in, memory, 0));
  async_commit();
  int buffer = 0;
  for (int64_t t = 0; t < T; t += in.length, buffer ^= 1) {
    const ForwardTile<S> tile = forward_tile(in, memory, buffer);
    const int n = static_cast<int>(T - t < in.length ? T - t : in.length);
    if (t + in.length < T)
      load_forward_tile(p, in, t + in.length, forward_tile(in, memory, buffer ^ 1));
    async_commit();
    if (p.F != T) interpolate_rows(frames, t, n, M, in.stride, &pair, tile.a);
    if (p.F != T && p.a_dot) interpolate_rows(frames, t, n, M, in.stride, &pair_dot, tile.a_dot);
    async_wait<1>();
    __syncthreads();
    const S y = filter_tile(p, in, n, tile, line);
    if (lane < n) {
      line[HISTORY + lane] = y;
      store(p.y + t + lane, y);
    }
    keep_history(n, line);
    __syncthreads();
  }
  for (int j = lane; p.zf && j < M; j += WARP) store(p.zf + j, line[HISTORY - 1 - j]);
}

/* --- backward ------------------------------------------------------------------------------ */

template <class S>
struct BackwardTile {
  S *dy, *a, *past;
};

template <class S>
__device__ BackwardTile<S> backward_tile(const Layout &in, S *memory, int buffer)
{
  S *dy = memory + buffer * in.tile, *a = dy + WARP;
  return {dy, a, a + in.coefficients};
}

template <class S>
__device__ void load_backward_tile(const AllpoleBackward<S> &p, const Layout &in, int64_t t,
                                   const BackwardTile<S> &tile)
{
  const int M = static_cast<int>(p.M);
  const int n = static_cast<int>(p.T - t < in.length ? p.T - t : in.length);
  load_cells<WARP>(n, 1, p.dy + t, 1, tile.dy);
  if (p.F == p.T) load_cells<WARP>(n, M, p.a + t * M, in.stride, tile.a);
  if (p.da) load_past<WARP>(n, M, t, p.y, p.zi, tile.past);
}

template <class S>
__global__ void __launch_bounds__(WARP, 16)
    backward_taps_kernel(AllpoleBackward<S> all, Frames frames, Layout in)
{
  APF_DYNAMIC_SHARED(memory, S);
  const int lane = lane_id(), M = static_cast<int>(all.M);
  const int64_t T = all.T;
  const AllpoleBackward<S> p = call_of_sequence(all, blockIdx.x);
  TapPair<S> pair = {p.a, -1, {}, {}};
  TapGradients<S> gradients = {p.da, frames.count > 2 ? frames.count - 2 : 0, {}, {}};
  S *later = memory + 2 * in.tile, *dx = later + HISTORY;
  for (int k = lane; k < HISTORY; k += WARP)
    later[k] = p.dzf && k < M ? load(p.dzf + k) : make_scalar<S>(0);

  const int64_t last = (T - 1) / in.length * in.length;
  load_backward_tile(p, in, last, backward_tile(in, memory, 0));
  async_commit();
  int buffer = 0;
  for (int64_t t = last; t >= 0; t -= in.length, buffer ^= 1) {
    const BackwardTile<S> tile = backward_tile(in, memory, buffer);
    const int n = static_cast<int>(T - t < in.length ? T - t : in.length);
    if (t > 0) load_backward_tile(p, in, t - in.length, backward_tile(in, memory, buffer ^ 1));
    async_commit();
    if (p.F != T) interpolate_rows(frames, t, n, M, in.stride, &pair, tile.a);
    async_wait<1>();
    __syncthreads();
    const S dy = lane < n ? tile.dy[lane] : make_scalar<S>(0);
    const S mine = adjoint_block(M, n, tile.a, in.stride, later, dy);
    dx[lane] = mine;
    if (p.dx && lane < n) store(p.dx + t + lane, mine);
    __syncthreads();
    carry_back(M, n, tile.a, in.stride, dx, later);
    if (p.da) coefficient_gradients(M, n, tile.past, dx, in.stride, tile.a);
    __syncthreads();
    if (p.da && p.F == T) store_cells<WARP>(n, M, tile.a, in.stride, p.da + t * M);
    if (p.da && p.F != T) sum_gradient_rows(frames, t, n, M, in.stride, tile.a, &gradients);
    __syncthreads();
  }
  if (p.da && p.F != T) {
    move_gradients<S>(M, 0, &gradients);
    if (frames.count > 1) store_taps(gradients.right, 1, M, p.da);
    store_taps(gradients.left, 0, M, p.da);
  }
  for (int k = lane; p.dzi && k < M; k += WARP) store(p.dzi + k, later[k]);
}

/** Tiles as long as two of them, and `kept` scalars, fit into shared memory. */
Layout layout_for(const apf_context *ctx, size_t scalar_bytes, int M, int sets, bool past, int kept)
{
  Layout in = {WARP, M | 1, 0, 0};
  for (;; in.length /= 2) {
    in.coefficients = in.length * in.stride;
    in.tile = WARP + sets * in.coefficients + (past ? HISTORY + WARP : 0);
    const size_t bytes = static_cast<size_t>(2 * in.tile + kept) * scalar_bytes;
    if (bytes <= device(ctx)->shared_bytes || in.length == 1) return in;
  }
}

}  // namespace

/* --- launches ------------------------------------------------------------------------------ */

template <class S>
apf_status allpole_forward_taps(apf_context *ctx, const AllpoleForward<S> &p)
{
  enum { KEPT = HISTORY + WARP };
  const bool tangent = p.a_dot != nullptr;
  const Layout in =
      layout_for(ctx, sizeof(S), static_cast<int>(p.M), tangent ? 2 : 1, tangent, KEPT);
  return APF_LAUNCH(ctx, forward_taps_kernel<S>, static_cast<unsigned>(p.B), WARP,
                    static_cast<size_t>(2 * in.tile + KEPT) * sizeof(S), p, make_frames(p.F, p.T),
                    in);
}

template <class S>
apf_status allpole_backward_taps(apf_context *ctx, const AllpoleBackward<S> &p)
{
  enum { KEPT = HISTORY + WARP };
  const Layout in = layout_for(ctx, sizeof(S), static_cast<int>(p.M), 1, true, KEPT);
  return APF_LAUNCH(ctx, backward_taps_kernel<S>, static_cast<unsigned>(p.B), WARP,
                    static_cast<size_t>(2 * in.tile + KEPT) * sizeof(S), p, make_frames(p.F, p.T),
                    in);
}

template apf_status allpole_forward_taps(apf_context *, const AllpoleForward<float> &);
template apf_status allpole_forward_taps(apf_context *, const AllpoleForward<double> &);
template apf_status allpole_forward_taps(apf_context *, const AllpoleForward<apf_c64> &);
template apf_status allpole_forward_taps(apf_context *, const AllpoleForward<apf_c128> &);
template apf_status allpole_backward_taps(apf_context *, const AllpoleBackward<float> &);
template apf_status allpole_backward_taps(apf_context *, const AllpoleBackward<double> &);
template apf_status allpole_backward_taps(apf_context *, const AllpoleBackward<apf_c64> &);
template apf_status allpole_backward_taps(apf_context *, const AllpoleBackward<apf_c128> &);

}  // namespace apf_cuda
