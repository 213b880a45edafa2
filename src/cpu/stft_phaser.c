/** STFT, phaser's response per frame, inverse STFT: docs/stft_phaser.md. */
#include "cpu/cpu.h"
#include "cpu/scratch.h"
#include "cpu/stft_response.h"

typedef struct settings {
  int64_t F;
  const real *p, *g1, *g2, *b, *a;
} settings;

static phaser filter_of(const settings *s, int64_t row, int64_t f)
{
  return (phaser){s->p[row * s->F + f], s->g1[row], s->g2[row], s->b + row * 3, s->a + row * 3};
}

static void apply(const void *user, const response_grid *grid, int64_t row, int64_t f, real *X)
{
  const phaser filter = filter_of(user, row, f);
  APF_CPU(phaser_apply)(grid, &filter, X, X);
}

static void gradient(const void *user, const response_grid *grid, int64_t row, int64_t f,
                     const real *X, real *dY, real *shared, real *room)
{
  const settings *s = user;
  const phaser filter = filter_of(s, row, f);
  phaser_gradients *frames = (phaser_gradients *)(void *)shared;
  APF_CPU(phaser_gradient)
  (grid, &filter, dY, X ? X : dY, dY, X ? frames + row * s->F + f : NULL);
  (void)room;
}

apf_status APF_CPU(stft_phaser_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                        int64_t window, int64_t hop, const real *x, const real *p,
                                        const real *g1, const real *g2, const real *b,
                                        const real *a, real *y)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 0};
  const settings s = {T / hop + 1, p, g1, g2, b, a};
  const stft_response response = {&s, apply, gradient, 0};
  return APF_CPU(stft_response_forward)(ctx, &shape, &response, x, y);
}

apf_status APF_CPU(stft_phaser_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                         int64_t window, int64_t hop, const real *dy, const real *x,
                                         const real *p, const real *g1, const real *g2,
                                         const real *b, const real *a, real *dx, real *dp,
                                         real *dg1, real *dg2, real *db, real *da)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 0};
  const settings s = {T / hop + 1, p, g1, g2, b, a};
  const stft_response response = {&s, apply, gradient, 0};
  const int parameters = dp || dg1 || dg2 || db || da;
  const int64_t each = (int64_t)(sizeof(phaser_gradients) / sizeof(real));
  real *shared;
  APF_TRY(APF_CPU(stft_response_backward)(ctx, &shape, &response, B * s.F * each, dy,
                                          parameters ? x : NULL, dx, &shared));
  if (parameters)
    APF_CPU(phaser_gradients_sum)(B, s.F, (phaser_gradients *)(void *)shared, dp, dg1, dg2, db, da);
  return APF_OK;
}
