/** Spectra times rational responses, frame by frame: docs/frequency_filter.md, work in response. */
#include "cuda/response.h"
#include "cuda/spectral.h"
#include "cuda/stft_frames.h"

namespace apf_cuda {

template <class real>
apf_status frequency_filter_forward(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                    int64_t Kb, int64_t Ka, const real *X, const real *b,
                                    const real *a, real *Y)
{
  APF_TRY(check_bins(ctx, __func__, "X", X));
  APF_TRY(check_bins(ctx, __func__, "Y", Y));
  return rational_apply<real>(ctx, n_fft, B * F, {Kb, Ka, b, a}, false, X, Y);
}
APF_INSTANTIATE_REAL(frequency_filter_forward);

template <class real>
apf_status frequency_filter_backward(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                     int64_t Kb, int64_t Ka, const real *dY, const real *X,
                                     const real *b, const real *a, real *dX, real *db, real *da)
{
  APF_TRY(check_bins(ctx, __func__, "dY", dY));
  APF_TRY(check_bins(ctx, __func__, "X", X));
  APF_TRY(check_bins(ctx, __func__, "dX", dX));
  const int64_t row = fft_row(n_fft), each = rational_room(n_fft, Kb, Ka);
  /* Chunks bound the scratch; where there is none, all frames are one. */
  const Chunks chunks(ctx, B * F, 1, each > 0 ? each * sizeof(real) : 1);
  real *room = nullptr;
  APF_TRY(workspace(ctx, chunks.most() * each, &room));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const int64_t first = chunks[i].row, at = first * row;
    const Rational<real> filter = {Kb, Ka, b + first * Kb, a + first * Ka};
    APF_TRY(rational_gradient(ctx, n_fft, chunks[i].rows, filter, false, dY + at, X + at,
                              dX ? dX + at : nullptr, db ? db + first * Kb : nullptr,
                              da ? da + first * Ka : nullptr, room));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(frequency_filter_backward);

}  // namespace apf_cuda
