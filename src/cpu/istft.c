/** Inverse short-time Fourier transform and its adjoint: equations in docs/istft.md. */
#include "cpu/cpu.h"
#include "cpu/stft_frames.h"

apf_status APF_CPU(istft_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                  int64_t window, int64_t hop, const real *X, real *y)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 0};
  return APF_CPU(stft_synthesize)(ctx, &shape, 1, X, y);
}

apf_status APF_CPU(istft_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                   int64_t window, int64_t hop, const real *dy, real *dX)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 0};
  return APF_CPU(stft_analyze)(ctx, &shape, 1, dy, dX);
}
