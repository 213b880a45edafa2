/**
 * Time-varying FIR filter, its adjoint and its derivative.
 *
 *   y[t] = sum_k b[t,k] x[t-k],   k = 0..K-1,   x[-j] = zi[K-1-j]
 *   dx[s] = sum_k b[s+k,k] dy[s+k] (+ dzf[s-(T-K+1)]),   dzi is the same for s = -(K-1)..-1
 *   db[t,k] = dy[t] x[t-k], added to the two frames around t by their weights where b is
 *   interpolated, summed over t where it is constant
 *
 * Tiles of time, a block each: fir_samples.h has the kernels of taps per sample, fir_frames.h those
 * of constant and interpolated ones. Every array is read or written once, but for what tiles have
 * in common with their neighbours.
 */
#include "cuda/fir_frames.h"
#include "cuda/fir_samples.h"

namespace apf_cuda {

namespace {

/** One tile at least: also without samples there is a state. */
FirSizes forward_sizes(int64_t B, int64_t T, int64_t F, int64_t K, int64_t tile)
{
  return {B, T, F, K, T > 0 ? divide_up(T, tile) : 1, 0};
}

/** Tiles that begin where a warp's accesses are aligned, and hold the K-1 samples before x too. */
FirSizes backward_sizes(int64_t B, int64_t T, int64_t F, int64_t K, int64_t tile)
{
  const int64_t lead = divide_up(K - 1, 32) * 32;
  return {B, T, F, K, T + lead > 0 ? divide_up(T + lead, tile) : 1, lead};
}

dim3 grid_of(const FirSizes &sizes)
{
  return dim3(static_cast<unsigned>(sizes.B * sizes.tiles));
}

/** y from the terms, zf from the signal `state`. */
template <class real>
apf_status filter(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                  const FirTerms<real> &terms, real *y, const FirSignal<real> &state, real *zf)
{
  if (F == T) {
    const FirSizes sizes = forward_sizes(B, T, F, K, SAMPLES_TILE);
    return APF_LAUNCH(ctx, fir_filter_samples_kernel<real>, grid_of(sizes), FIR_THREADS, 0, sizes,
                      terms, y, state, zf);
  }
  const FirSizes sizes = forward_sizes(B, T, F, K, FRAMES_TILE);
  return APF_LAUNCH(ctx, fir_filter_frames_kernel<real>, grid_of(sizes), FIR_THREADS, 0, sizes,
                    make_frames(F, T), terms, y, state, zf);
}

/** Frames around the samples of a tile, at most. */
int64_t frames_of_tile(const Frames &frames)
{
  const double most =
      static_cast<double>(FRAMES_TILE) * static_cast<double>(frames.up) * frames.inverse;
  return smaller(frames.count, static_cast<int64_t>(most) + 3);
}

template <class real>
apf_status gradients_of_frames(apf_context *ctx, const FirSizes &sizes, const FirGradients<real> &p)
{
  const Frames frames = make_frames(sizes.F, sizes.T);
  FrameParts parts = {nullptr, frames_of_tile(frames)};
  if (p.db) {
    const int64_t count = sizes.B * sizes.tiles * parts.slots * sizes.K;
    void *workspace = nullptr;
    APF_TRY(apf_workspace(ctx, static_cast<size_t>(count) * sizeof(double), &workspace));
    parts.sums = static_cast<double *>(workspace);
  }
  APF_TRY(APF_LAUNCH(ctx, fir_gradients_frames_kernel<real>, grid_of(sizes), FIR_THREADS, 0, sizes,
                     frames, p, parts));
  if (!p.db) return APF_OK;
  const unsigned grid = grid_for(ctx, sizes.B * sizes.F * sizes.K, FIR_THREADS / 32);
  return APF_LAUNCH(ctx, fir_sum_frames_kernel<real>, grid, FIR_THREADS, 0, sizes, frames, parts,
                    p.db);
}

}  // namespace

template <class real>
apf_status fir_forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K, const real *x,
                       const real *b, const real *zi, real *y, real *zf)
{
  const FirSignal<real> signal = {x, zi};
  const FirTerms<real> terms = {{b, signal}, {}, 1};
  return filter(ctx, B, T, F, K, terms, y, signal, zf);
}
APF_INSTANTIATE_REAL(fir_forward);

template <class real>
apf_status fir_jvp(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K, const real *x_dot,
                   const real *b_dot, const real *zi_dot, const real *x, const real *b,
                   const real *zi, real *y_dot, real *zf_dot)
{
  const FirSignal<real> signal_dot = {x_dot, zi_dot};
  const FirTerm<real> by_signal = {b, signal_dot}, by_taps = {b_dot, {x, zi}};
  const bool moves = x_dot || zi_dot;
  const FirTerms<real> terms = {moves ? by_signal : by_taps, by_taps, moves + (b_dot != nullptr)};
  return filter(ctx, B, T, F, K, terms, y_dot, signal_dot, zf_dot);
}
APF_INSTANTIATE_REAL(fir_jvp);

template <class real>
apf_status fir_backward(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                        const real *dy, const real *dzf, const real *x, const real *b,
                        const real *zi, real *dx, real *db, real *dzi)
{
  const FirGradients<real> p = {dy, dzf, b, {x, zi}, dx, db, dzi};
  if (F != T) return gradients_of_frames(ctx, backward_sizes(B, T, F, K, FRAMES_TILE), p);
  const FirSizes sizes = backward_sizes(B, T, F, K, SAMPLES_TILE);
  return APF_LAUNCH(ctx, fir_gradients_samples_kernel<real>, grid_of(sizes), FIR_THREADS, 0, sizes,
                    p);
}
APF_INSTANTIATE_REAL(fir_backward);

}  // namespace apf_cuda
