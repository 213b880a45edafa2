/** STFT, rational response per frame, inverse STFT: docs/stft_filter.md. */
#include "cpu/cpu.h"
#include "cpu/scratch.h"
#include "cpu/stft_response.h"

typedef struct coefficients {
  int64_t F, Kb, Ka;
  const real *b, *a;
  real *db, *da;
} coefficients;

static rational filter_of(const coefficients *c, int64_t frame)
{
  return (rational){c->Kb, c->Ka, c->b + frame * c->Kb, c->a + frame * c->Ka};
}

static void apply(const void *user, const response_grid *grid, int64_t row, int64_t f, real *X)
{
  const coefficients *c = user;
  const rational filter = filter_of(c, row * c->F + f);
  APF_CPU(rational_apply)(grid, &filter, X, X);
}

static void gradient(const void *user, const response_grid *grid, int64_t row, int64_t f,
                     const real *X, real *dY, real *shared, real *room)
{
  const coefficients *c = user;
  const int64_t frame = row * c->F + f;
  const rational filter = filter_of(c, frame);
  (void)shared;
  APF_CPU(rational_gradient)
  (grid, &filter, dY, X ? X : dY, dY, c->db ? c->db + frame * c->Kb : NULL,
   c->da ? c->da + frame * c->Ka : NULL, room);
}

apf_status APF_CPU(stft_filter_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                        int64_t window, int64_t hop, int64_t Kb, int64_t Ka,
                                        const real *x, const real *b, const real *a, real *y)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 0};
  const coefficients c = {.F = T / hop + 1, .Kb = Kb, .Ka = Ka, .b = b, .a = a};
  const stft_response response = {&c, apply, gradient, 0};
  return APF_CPU(stft_response_forward)(ctx, &shape, &response, x, y);
}

apf_status APF_CPU(stft_filter_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                         int64_t window, int64_t hop, int64_t Kb, int64_t Ka,
                                         const real *dy, const real *x, const real *b,
                                         const real *a, real *dx, real *db, real *da)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 0};
  const coefficients c = {T / hop + 1, Kb, Ka, b, a, db, da};
  const stft_response response = {&c, apply, gradient, APF_CPU(rational_room)(Kb, Ka)};
  real *shared;
  return APF_CPU(stft_response_backward)(ctx, &shape, &response, 0, dy, db || da ? x : NULL, dx,
                                         &shared);
}
