/** Short-time Fourier transform and its adjoint: equations in docs/stft.md, work in stft_frames. */
#include "cuda/stft_frames.h"

namespace apf_cuda {

template <class real>
apf_status stft_forward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft, int64_t window,
                        int64_t hop, int reflect, const real *x, real *X)
{
  const StftShape shape = {B, T, n_fft, window, hop, reflect};
  APF_TRY(check_bins(ctx, __func__, "X", X));
  return stft_analyze(ctx, shape, false, x, X);
}
APF_INSTANTIATE_REAL(stft_forward);

template <class real>
apf_status stft_backward(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft, int64_t window,
                         int64_t hop, int reflect, const real *dX, real *dx)
{
  const StftShape shape = {B, T, n_fft, window, hop, reflect};
  APF_TRY(check_bins(ctx, __func__, "dX", dX));
  return stft_synthesize(ctx, shape, false, dX, dx);
}
APF_INSTANTIATE_REAL(stft_backward);

}  // namespace apf_cuda
