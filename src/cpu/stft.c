/** Short-time Fourier transform and its adjoint: equations in docs/stft.md, work in stft_frames. */
#include "cpu/cpu.h"
#include "cpu/stft_frames.h"

apf_status APF_CPU(stft_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                 int64_t window, int64_t hop, int reflect, const real *x, real *X)
{
  const stft_shape shape = {B, T, n_fft, window, hop, reflect};
  return APF_CPU(stft_analyze)(ctx, &shape, 0, x, X);
}

apf_status APF_CPU(stft_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                  int64_t window, int64_t hop, int reflect, const real *dX,
                                  real *dx)
{
  const stft_shape shape = {B, T, n_fft, window, hop, reflect};
  return APF_CPU(stft_synthesize)(ctx, &shape, 0, dX, dx);
}
