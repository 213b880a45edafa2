/** Inverse short-time Fourier transform and its adjoint: equations in docs/istft.md. */
#include "cuda/stft_frames.h"

namespace apf_cuda {

template <class real>
apf_status istft_forward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft, int64_t window,
                         int64_t hop, const real *X, real *y)
{
  const StftShape shape = {B, T, n_fft, window, hop, 0};
  APF_TRY(check_bins(ctx, __func__, "X", X));
  return stft_synthesize(ctx, shape, true, X, y);
}
APF_INSTANTIATE_REAL(istft_forward);

template <class real>
apf_status istft_backward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft, int64_t window,
                          int64_t hop, const real *dy, real *dX)
{
  const StftShape shape = {B, T, n_fft, window, hop, 0};
  APF_TRY(check_bins(ctx, __func__, "dX", dX));
  return stft_analyze(ctx, shape, true, dy, dX);
}
APF_INSTANTIATE_REAL(istft_backward);

}  // namespace apf_cuda
