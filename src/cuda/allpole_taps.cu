/**
 * The all-pole filter with a warp per sequence: any order, the warp's lanes share the taps.
 *
 * A block is one warp. It goes through its sequence a block of up to 32 samples at a time, a lane
 * per sample. What samples before the block (forward) or after it (backward) add comes first, all
 * lanes side by side; then the samples are finished one by one, each handed to the others by a
 * shuffle:
 *
 *   forward   y_j is complete: lanes l > j take a_{l,l-j} y_j off their sum
 *   backward  dx_j is complete: lanes l < j take conj(a_{j,j-l}) dx_j off theirs
 *
 * so that a sample waits for one shuffle and one multiply-add whatever the order. Tiles come into
 * shared memory by asynchronous copies, one ahead of the arithmetic; rows of coefficients are an
 * odd number of scalars apart. Each array is touched once, but for the M past outputs in front of a
 * block, which backward and forward mode read again. Frames are interpolated into the tile, and
 * their gradients summed from it, lane by tap.
 *
 * Limits: time is one chain. Orders beyond allpole_scan.cu are not spread over time.
 */
#include "cuda/allpole.h"
#include "cuda/allpole_rows.h"
#include "cuda/allpole_tap_frames.h"

namespace apf_cuda {

namespace {

enum { HISTORY = APF_MAX_ORDER };

/** Samples of a tile, and what lies in shared memory, counted in S. */
struct Layout {
  int length, stride;     /* samples; scalars from one row of coefficients to the next */
  int coefficients, tile; /* scalars */
};

/** Calls f(row, k) over n rows of `width`, lanes next to each other. */
template <class Function>
__device__ void for_cells(int n, int width, const Function &f)
{
  int row = 0, k = lane_id();
  for (;; k += WARP) {
    for (; k >= width; k -= width) row++;
    if (row >= n) return;
    f(row, k);
  }
}

/** Begins a copy of n rows of M scalars, by their parts. */
template <class S>
__device__ void load_cells(int n, int M, const S *from, int stride, S *to)
{
  constexpr int PARTS = sizeof(S) / sizeof(Real<S>);
  const Real<S> *source = reinterpret_cast<const Real<S> *>(from);
  Real<S> *words = reinterpret_cast<Real<S> *>(to);
  for_cells(n, M * PARTS, [&](int row, int k) {
    async_copy(words + row * stride * PARTS + k, source + row * M * PARTS + k);
  });
}

template <class S>
__device__ void store_cells(int n, int M, const S *from, int stride, S *to)
{
  constexpr int PARTS = sizeof(S) / sizeof(Real<S>);
  const Real<S> *words = reinterpret_cast<const Real<S> *>(from);
  Real<S> *target = reinterpret_cast<Real<S> *>(to);
  for_cells(n, M * PARTS, [&](int row, int k) {
    store(target + row * M * PARTS + k, words[row * stride * PARTS + k]);
  });
}

/** Begins copies of the outputs t - M .. t + n - 1 of one sequence; past[HISTORY] is y_t. */
template <class S>
__device__ void load_past(int n, int M, int64_t t, const S *y, const S *zi, S *past)
{
  load_cells(1, n, y + t, 0, past + HISTORY);
  for (int i = 1 + lane_id(); i <= M; i += WARP) {
    if (i <= t)
      copy_scalar(past + HISTORY - i, y + t - i);
    else
      past[HISTORY - i] = load_or_zero(zi, i - t - 1);
  }
}

template <class S>
__device__ const S *sequence(const S *array, int64_t size)
{
  return array ? array + blockIdx.x * size : nullptr;
}
template <class S>
__device__ S *sequence(S *array, int64_t size)
{
  return array ? array + blockIdx.x * size : nullptr;
}

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
    load_cells(1, n, p.x + t, 0, tile.x);
  else if (lane_id() < n)
    tile.x[lane_id()] = make_scalar<S>(0);
  if (p.F == p.T) load_cells(n, M, p.a + t * M, in.stride, tile.a);
  if (!p.a_dot) return;
  load_past(n, M, t, p.y_past, p.zi_past, tile.past);
  if (p.F == p.T) load_cells(n, M, p.a_dot + t * M, in.stride, tile.a_dot);
}

/** The lane's sample of the tile; line[HISTORY - i] is y_{t-i}. */
template <class S>
__device__ S filter_tile(const AllpoleForward<S> &p, const Layout &in, int n,
                         const ForwardTile<S> &tile, const S *line)
{
  const int M = static_cast<int>(p.M), lane = lane_id();
  const S *a = tile.a + lane * in.stride, *a_dot = tile.a_dot + lane * in.stride;
  S sum = lane < n ? tile.x[lane] : make_scalar<S>(0);
  if (p.a_dot && lane < n)
    for (int i = 1; i <= M; i++) sum = mul_sub(a_dot[i - 1], tile.past[HISTORY + lane - i], sum);
  if (lane < n)
    for (int i = M; i > lane; i--) sum = mul_sub(a[i - 1], line[HISTORY + lane - i], sum);
#pragma unroll 8
  for (int j = 0; j < n; j++) {
    const S y = shuffle(sum, j);
    const int i = lane - j;
    if (i >= 1 && i <= M && lane < n) sum = mul_sub(a[i - 1], y, sum);
  }
  return sum;
}

/** The last HISTORY of HISTORY + n entries come to the front. */
template <class S>
__device__ void keep_history(int n, S *line)
{
  S kept[TAPS];
  __syncthreads();
  for (int k = 0; k < TAPS; k++) kept[k] = line[n + lane_id() + k * WARP];
  __syncthreads();
  for (int k = 0; k < TAPS; k++) line[lane_id() + k * WARP] = kept[k];
}

template <class S>
__global__ void __launch_bounds__(WARP, 16)
    forward_taps_kernel(AllpoleForward<S> all, Frames frames, Layout in)
{
  APF_DYNAMIC_SHARED(memory, S);
  const int lane = lane_id(), M = static_cast<int>(all.M);
  const int64_t T = all.T, set = all.F * M;
  const AllpoleForward<S> p = {1,
                               T,
                               all.F,
                               M,
                               sequence(all.x, T),
                               sequence(all.a, set),
                               sequence(all.zi, M),
                               sequence(all.a_dot, set),
                               sequence(all.y_past, T),
                               sequence(all.zi_past, M),
                               sequence(all.y, T),
                               sequence(all.zf, M)};
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
  load_cells(1, n, p.dy + t, 0, tile.dy);
  if (p.F == p.T) load_cells(n, M, p.a + t * M, in.stride, tile.a);
  if (p.da) load_past(n, M, t, p.y, p.zi, tile.past);
}

/** The lane's dx. later[k - 1] is what samples behind the tile add to the one k before its end. */
template <class S>
__device__ S adjoint_tile(int M, const Layout &in, int n, const BackwardTile<S> &tile,
                          const S *later)
{
  const int lane = lane_id();
  S sum = lane < n ? tile.dy[lane] : make_scalar<S>(0);
  if (lane < n && n - lane <= M) sum = add(sum, later[n - lane - 1]);
#pragma unroll 8
  for (int j = n - 1; j > 0; j--) {
    const S dx = shuffle(sum, j);
    const int i = j - lane;
    if (i >= 1 && i <= M) sum = mul_sub(conj(tile.a[j * in.stride + i - 1]), dx, sum);
  }
  return sum;
}

/** `later` for the tile before this one, whose dx are given. */
template <class S>
__device__ void carry_back(int M, const Layout &in, int n, const S *a, const S *dx, S *later)
{
  S next[TAPS];
  for (int m = 0; m < TAPS; m++) {
    const int k = lane_id() + m * WARP + 1;
    next[m] = n + k <= M ? later[n + k - 1] : make_scalar<S>(0);
    for (int l = 0; l < n && l + k <= M; l++)
      next[m] = mul_sub(conj(a[l * in.stride + l + k - 1]), dx[l], next[m]);
  }
  __syncthreads();
  for (int m = 0; m < TAPS; m++) later[lane_id() + m * WARP] = next[m];
}

template <class S>
__device__ void coefficient_gradients(int M, const Layout &in, int n, const S *past, const S *dx,
                                      S *a)
{
  for_cells(n, M, [&](int l, int i) {
    a[l * in.stride + i] = negate(mul(dx[l], conj(past[HISTORY + l - 1 - i])));
  });
}

template <class S>
__global__ void __launch_bounds__(WARP, 16)
    backward_taps_kernel(AllpoleBackward<S> all, Frames frames, Layout in)
{
  APF_DYNAMIC_SHARED(memory, S);
  const int lane = lane_id(), M = static_cast<int>(all.M);
  const int64_t T = all.T, set = all.F * M;
  const AllpoleBackward<S> p = {1,
                                T,
                                all.F,
                                M,
                                sequence(all.dy, T),
                                sequence(all.dzf, M),
                                sequence(all.a, set),
                                sequence(all.zi, M),
                                sequence(all.y, T),
                                sequence(all.dx, T),
                                sequence(all.da, set),
                                sequence(all.dzi, M)};
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
    const S mine = adjoint_tile(M, in, n, tile, later);
    dx[lane] = mine;
    if (p.dx && lane < n) store(p.dx + t + lane, mine);
    __syncthreads();
    carry_back(M, in, n, tile.a, dx, later);
    if (p.da) coefficient_gradients(M, in, n, tile.past, dx, tile.a);
    __syncthreads();
    if (p.da && p.F == T) store_cells(n, M, tile.a, in.stride, p.da + t * M);
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
