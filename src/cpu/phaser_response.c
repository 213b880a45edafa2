/** Spectra times a phaser's response, frame by frame: equations in response.h. */
#include "cpu/cpu.h"
#include "cpu/response.h"
#include "cpu/scratch.h"

apf_status APF_CPU(phaser_response_forward)(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                            const real *X, const real *p, const real *g1,
                                            const real *g2, const real *b, const real *a, real *Y)
{
  response_grid grid;
  APF_TRY(APF_CPU(response_begin)(ctx, n_fft, 0, 0, &grid, NULL, NULL));
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t frame = 0; frame < B * F; frame++) {
    const int64_t row = frame / F, at = frame * 2 * grid.K;
    const phaser filter = {p[frame], g1[row], g2[row], b + row * 3, a + row * 3};
    APF_CPU(phaser_apply)(&grid, &filter, X + at, Y + at);
  }
  return APF_OK;
}

apf_status APF_CPU(phaser_response_backward)(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                             const real *dY, const real *X, const real *p,
                                             const real *g1, const real *g2, const real *b,
                                             const real *a, real *dX, real *dp, real *dg1,
                                             real *dg2, real *db, real *da)
{
  response_grid grid;
  real *shared;
  const int64_t each = (int64_t)(sizeof(phaser_gradients) / sizeof(real));
  APF_TRY(APF_CPU(response_begin)(ctx, n_fft, B * F * each, 0, &grid, &shared, NULL));
  phaser_gradients *frames = (phaser_gradients *)(void *)shared;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t frame = 0; frame < B * F; frame++) {
    const int64_t row = frame / F, at = frame * 2 * grid.K;
    const phaser filter = {p[frame], g1[row], g2[row], b + row * 3, a + row * 3};
    APF_CPU(phaser_gradient)
    (&grid, &filter, dY + at, X + at, dX ? dX + at : NULL, frames + frame);
  }
  APF_CPU(phaser_gradients_sum)(B, F, frames, dp, dg1, dg2, db, da);
  return APF_OK;
}
