/** Spectra times rational responses, frame by frame: equations in response.h. */
#include "cpu/cpu.h"
#include "cpu/response.h"
#include "cpu/scratch.h"

apf_status APF_CPU(frequency_filter_forward)(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                             int64_t Kb, int64_t Ka, const real *X, const real *b,
                                             const real *a, real *Y)
{
  response_grid grid;
  APF_TRY(APF_CPU(response_begin)(ctx, n_fft, 0, 0, &grid, NULL, NULL));
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t frame = 0; frame < B * F; frame++) {
    const rational filter = {Kb, Ka, b + frame * Kb, a + frame * Ka};
    const int64_t at = frame * 2 * grid.K;
    APF_CPU(rational_apply)(&grid, &filter, X + at, Y + at);
  }
  return APF_OK;
}

apf_status APF_CPU(frequency_filter_backward)(apf_context *ctx, int64_t B, int64_t F, int64_t n_fft,
                                              int64_t Kb, int64_t Ka, const real *dY, const real *X,
                                              const real *b, const real *a, real *dX, real *db,
                                              real *da)
{
  response_grid grid;
  real *threads;
  const int64_t room = APF_CPU(rational_room)(Kb, Ka);
  APF_TRY(APF_CPU(response_begin)(ctx, n_fft, 0, room, &grid, NULL, &threads));
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t frame = 0; frame < B * F; frame++) {
    const rational filter = {Kb, Ka, b + frame * Kb, a + frame * Ka};
    const int64_t at = frame * 2 * grid.K;
    APF_CPU(rational_gradient)
    (&grid, &filter, dY + at, X + at, dX ? dX + at : NULL, db ? db + frame * Kb : NULL,
     da ? da + frame * Ka : NULL, threads + scratch_thread() * scratch_room(room));
  }
  return APF_OK;
}
