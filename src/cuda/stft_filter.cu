/** STFT, rational response per frame, inverse STFT: docs/stft_filter.md. */
#include "cuda/response.h"
#include "cuda/stft_response.h"

namespace apf_cuda {

template <class real>
apf_status stft_filter_forward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                               int64_t window, int64_t hop, int64_t Kb, int64_t Ka, const real *x,
                               const real *b, const real *a, real *y)
{
  const StftShape shape = {B, T, n_fft, window, hop, 0};
  const auto apply = [&](int64_t first, int64_t frames, real *X) {
    return rational_apply<real>(ctx, n_fft, frames, {Kb, Ka, b + first * Kb, a + first * Ka}, true,
                                X, X);
  };
  return stft_response_forward(ctx, shape, x, y, apply);
}
APF_INSTANTIATE_REAL(stft_filter_forward);

template <class real>
apf_status stft_filter_backward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                int64_t window, int64_t hop, int64_t Kb, int64_t Ka, const real *dy,
                                const real *x, const real *b, const real *a, real *dx, real *db,
                                real *da)
{
  const StftShape shape = {B, T, n_fft, window, hop, 0};
  const bool parameters = db || da;
  const GradientRoom room = {parameters ? rational_room(n_fft, Kb, Ka) : 0, 0};
  const auto gradient = [&](int64_t first, int64_t frames, real *dY, const real *X, real *scratch,
                            real *) {
    const Rational<real> filter = {Kb, Ka, b + first * Kb, a + first * Ka};
    return rational_gradient<real>(ctx, n_fft, frames, filter, true, dY, X, dx ? dY : nullptr,
                                   db ? db + first * Kb : nullptr, da ? da + first * Ka : nullptr,
                                   scratch);
  };
  return stft_response_backward<real>(ctx, shape, room, dy, parameters ? x : nullptr, dx, gradient,
                                      [](real *) { return APF_OK; });
}
APF_INSTANTIATE_REAL(stft_filter_backward);

}  // namespace apf_cuda
