/**
 * Frequency responses on a grid of bins, applied to one frame's spectrum, and their gradients.
 *
 *   z = e^{-2 pi j k / n_fft}, k < K
 *   rational   H = B / A,  B = sum_i b[i] z^i,  A = sum_i a[i] z^i
 *   phaser     H = (B / A) (g1 + h / (1 - |g2| h)),  h = u^4,  u = (p - z) / (1 - p z)
 *
 * With G = dY conj(X), the gradient of H (dL/d(re) + j dL/d(im)), every coefficient c has
 * dL/dc = sum_k Re(G conj(dH/dc)), and dX = dY conj(H).
 */
#ifndef APF_CPU_RESPONSE_H
#define APF_CPU_RESPONSE_H

#include "core/context.h"
#include "core/precision.h"

typedef struct response_grid {
  int64_t K;
  const real *re, *im; /* of z */
} response_grid;

/** re, im = z; scratch_room(K) values each. */
response_grid APF_CPU(response_grid_fill)(int64_t n_fft, real *re, real *im);

/** The grid in the workspace, then `shared` reals and `each` reals per thread (where not NULL). */
apf_status APF_CPU(response_begin)(apf_context *ctx, int64_t n_fft, int64_t shared, int64_t each,
                                   response_grid *grid, real **shared_memory, real **threads);

typedef struct rational {
  int64_t Kb, Ka;
  const real *b, *a;
} rational;

/** Y = X H; X and Y interleaved, may be the same. */
void APF_CPU(rational_apply)(const response_grid *grid, const rational *filter, const real *X,
                             real *Y);
/** Values that rational_gradient needs. */
int64_t APF_CPU(rational_room)(int64_t Kb, int64_t Ka);
/** dX (may be dY), db[Kb], da[Ka] of one frame; each may be NULL. room: aligned for vectors. */
void APF_CPU(rational_gradient)(const response_grid *grid, const rational *filter, const real *dY,
                                const real *X, real *dX, real *db, real *da, real *room);

typedef struct phaser {
  real p, g1, g2;
  const real *b, *a; /* the biquad: 3 values each */
} phaser;

/** Gradients of one frame. */
typedef struct phaser_gradients {
  real p, g1, g2, b[3], a[3];
} phaser_gradients;

void APF_CPU(phaser_apply)(const response_grid *grid, const phaser *filter, const real *X, real *Y);
/** dX may be dY or NULL; d NULL: none of the others is wanted. */
void APF_CPU(phaser_gradient)(const response_grid *grid, const phaser *filter, const real *dY,
                              const real *X, real *dX, phaser_gradients *d);

/** The gradients of B x F frames: dp[B,F]; the others summed over a row's frames, in double, in
 *  order: dg1[B], dg2[B], db[B,3], da[B,3]. Each may be NULL. */
void APF_CPU(phaser_gradients_sum)(int64_t B, int64_t F, const phaser_gradients *frames, real *dp,
                                   real *dg1, real *dg2, real *db, real *da);

#endif
