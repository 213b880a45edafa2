/** STFT, phaser's response per frame, inverse STFT: docs/stft_phaser.md. */
#include "cuda/response.h"
#include "cuda/stft_response.h"

namespace apf_cuda {

template <class real>
apf_status stft_phaser_forward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                               int64_t window, int64_t hop, const real *x, const real *p,
                               const real *g1, const real *g2, const real *b, const real *a,
                               real *y)
{
  const StftShape shape = {B, T, n_fft, window, hop, 0};
  const auto apply = [&](int64_t first, int64_t frames, real *X) {
    return phaser_apply<real>(ctx, n_fft, frames, {shape.F, first, p, g1, g2, b, a}, true, X, X);
  };
  return stft_response_forward(ctx, shape, x, y, apply);
}
APF_INSTANTIATE_REAL(stft_phaser_forward);

template <class real>
apf_status stft_phaser_backward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                int64_t window, int64_t hop, const real *dy, const real *x,
                                const real *p, const real *g1, const real *g2, const real *b,
                                const real *a, real *dx, real *dp, real *dg1, real *dg2, real *db,
                                real *da)
{
  const StftShape shape = {B, T, n_fft, window, hop, 0};
  const bool parameters = dp || dg1 || dg2 || db || da;
  const int64_t all = B * shape.F;
  const GradientRoom room = {0, parameters ? PHASER_SHARED * all : 0};
  const auto gradient = [&](int64_t first, int64_t frames, real *dY, const real *X, real *,
                            real *shared) {
    const Phaser<real> phaser = {shape.F, first, p, g1, g2, b, a};
    return phaser_gradient<real>(ctx, n_fft, frames, phaser, true, dY, X, dx ? dY : nullptr, dp,
                                 all, parameters ? shared : nullptr);
  };
  const auto finish = [&](real *shared) {
    if (!parameters) return APF_OK;
    return phaser_gradients_sum<real>(ctx, B, shape.F, shared, dg1, dg2, db, da);
  };
  return stft_response_backward<real>(ctx, shape, room, dy, parameters ? x : nullptr, dx, gradient,
                                      finish);
}
APF_INSTANTIATE_REAL(stft_phaser_backward);

}  // namespace apf_cuda
