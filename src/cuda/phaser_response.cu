/** Spectra times a phaser's response: docs/phaser_response.md, work in response. */
#include "cuda/fft.h"
#include "cuda/response.h"
#include "cuda/spectral.h"

namespace apf_cuda {

template <class real>
apf_status phaser_response_forward(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                   const real *X, const real *p, const real *g1, const real *g2,
                                   const real *b, const real *a, real *Y)
{
  APF_TRY(check_bins(ctx, __func__, "X", X));
  APF_TRY(check_bins(ctx, __func__, "Y", Y));
  return phaser_apply<real>(ctx, n_fft, B * F, {F, 0, p, g1, g2, b, a}, false, X, Y);
}
APF_INSTANTIATE_REAL(phaser_response_forward);

template <class real>
apf_status phaser_response_backward(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                    const real *dY, const real *X, const real *p, const real *g1,
                                    const real *g2, const real *b, const real *a, real *dX,
                                    real *dp, real *dg1, real *dg2, real *db, real *da)
{
  APF_TRY(check_bins(ctx, __func__, "dY", dY));
  APF_TRY(check_bins(ctx, __func__, "X", X));
  APF_TRY(check_bins(ctx, __func__, "dX", dX));
  const Phaser<real> phaser = {F, 0, p, g1, g2, b, a};
  real *shared = nullptr;
  if (dp || dg1 || dg2 || db || da) APF_TRY(workspace(ctx, PHASER_SHARED * B * F, &shared));
  APF_TRY(phaser_gradient(ctx, n_fft, B * F, phaser, false, dY, X, dX, dp, B * F, shared));
  return shared ? phaser_gradients_sum<real>(ctx, B, F, shared, dg1, dg2, db, da) : APF_OK;
}
APF_INSTANTIATE_REAL(phaser_response_backward);

}  // namespace apf_cuda
