/** Rational and phaser responses; equations in response.h. */
#include "cpu/response.h"

#include <math.h>

#include "cpu/cvec.h"
#include "cpu/scratch.h"

enum { LANES = SIMD_LANES };

/* Loops take LANES bins at a time. Behind the last bin the grid repeats the first, and spectra
 * count as zero, so that nothing comes of them that the first bin does not have. */

/** Number of bins from k on, of which LANES at most count. */
SIMD_INLINE int64_t left(const response_grid *grid, int64_t k)
{
  return grid->K - k;
}

SIMD_INLINE cvec grid_at(const response_grid *grid, int64_t k)
{
  return (cvec){simd_load(grid->re + k), simd_load(grid->im + k)};
}

SIMD_INLINE cvec polynomial(int64_t n, const real *c, cvec z)
{
  cvec sum = {simd_set(c[n - 1]), simd_set(0)};
  for (int64_t i = n - 2; i >= 0; i--) {
    sum = cvec_multiply(sum, z);
    sum.re += c[i];
  }
  return sum;
}

response_grid APF_CPU(response_grid_fill)(int64_t n_fft, real *re, real *im)
{
  const double pi = 3.14159265358979323846;
  const int64_t K = n_fft / 2 + 1;
  for (int64_t k = 0; k < K; k++) {
    const double angle = 2 * pi * (double)k / (double)n_fft;
    re[k] = (real)cos(angle);
    im[k] = (real)-sin(angle);
  }
  im[0] = 0;
  if (n_fft % 2 == 0) im[K - 1] = 0;
  for (int64_t k = K; k < scratch_room(K); k++) {
    re[k] = 1;
    im[k] = 0;
  }
  return (response_grid){K, re, im};
}

apf_status APF_CPU(response_begin)(apf_context *ctx, int64_t n_fft, int64_t shared, int64_t each,
                                   response_grid *grid, real **shared_memory, real **threads)
{
  const int64_t K = n_fft / 2 + 1;
  const int64_t room =
      2 * scratch_room(K) + scratch_room(shared) + ctx->threads * scratch_room(each);
  void *memory = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)room * sizeof(real), &memory));
  real *cursor = memory;
  real *re = scratch_take(&cursor, K), *im = scratch_take(&cursor, K);
  *grid = APF_CPU(response_grid_fill)(n_fft, re, im);
  real *taken = scratch_take(&cursor, shared);
  if (shared_memory) *shared_memory = taken;
  if (threads) *threads = cursor;
  return APF_OK;
}

/* --- rational --------------------------------------------------------------------------------- */

SIMD_INLINE void apply_rational(int64_t Kb, int64_t Ka, const response_grid *grid,
                                const rational *filter, const real *X, real *Y)
{
  for (int64_t k = 0; k < grid->K; k += LANES) {
    const cvec z = grid_at(grid, k), x = cvec_load_some(X + 2 * k, left(grid, k));
    const cvec over_A = cvec_reciprocal(polynomial(Ka, filter->a, z));
    const cvec H = cvec_multiply(polynomial(Kb, filter->b, z), over_A);
    cvec_store_some(Y + 2 * k, left(grid, k), cvec_multiply(x, H));
  }
}

void APF_CPU(rational_apply)(const response_grid *grid, const rational *filter, const real *X,
                             real *Y)
{
  if (filter->Kb == 3 && filter->Ka == 3)
    apply_rational(3, 3, grid, filter, X, Y);
  else
    apply_rational(filter->Kb, filter->Ka, grid, filter, X, Y);
}

/** sums[i] += Re(g conj(z)^i) */
SIMD_INLINE void add_powers(int64_t n, cvec g, cvec z, vreal *sums)
{
  for (int64_t i = 0; i < n; i++) {
    sums[i] += g.re;
    g = cvec_multiply_conj(g, z);
  }
}

/** Lanes' sums for b, and for -a. */
SIMD_INLINE void rational_sums(int64_t Kb, int64_t Ka, const response_grid *grid,
                               const rational *filter, const real *dY, const real *X, real *dX,
                               vreal *to_b, vreal *to_a)
{
  for (int64_t i = 0; i < Kb; i++) to_b[i] = simd_set(0);
  for (int64_t i = 0; i < Ka; i++) to_a[i] = simd_set(0);
  for (int64_t k = 0; k < grid->K; k += LANES) {
    const cvec z = grid_at(grid, k);
    const cvec x = cvec_load_some(X + 2 * k, left(grid, k));
    const cvec dy = cvec_load_some(dY + 2 * k, left(grid, k));
    const cvec over_A = cvec_reciprocal(polynomial(Ka, filter->a, z));
    const cvec H = cvec_multiply(polynomial(Kb, filter->b, z), over_A);
    const cvec dB = cvec_multiply_conj(cvec_multiply_conj(dy, x), over_A);
    add_powers(Kb, dB, z, to_b);
    add_powers(Ka, cvec_multiply_conj(dB, H), z, to_a);
    if (dX) cvec_store_some(dX + 2 * k, left(grid, k), cvec_multiply_conj(dy, H));
  }
}

static void store_sums(int64_t n, real sign, const vreal *sums, real *d)
{
  for (int64_t i = 0; d && i < n; i++) d[i] = sign * simd_sum(sums[i]);
}

int64_t APF_CPU(rational_room)(int64_t Kb, int64_t Ka)
{
  return (Kb + Ka) * LANES;
}

void APF_CPU(rational_gradient)(const response_grid *grid, const rational *filter, const real *dY,
                                const real *X, real *dX, real *db, real *da, real *room)
{
  const int64_t Kb = filter->Kb, Ka = filter->Ka;
  vreal three[2][3]; /* of constant orders the sums stay in registers */
  vreal *to_b = three[0], *to_a = three[1];
  if (Kb == 3 && Ka == 3) {
    rational_sums(3, 3, grid, filter, dY, X, dX, three[0], three[1]);
  } else {
    to_b = (vreal *)(void *)room;
    to_a = to_b + Kb;
    rational_sums(Kb, Ka, grid, filter, dY, X, dX, to_b, to_a);
  }
  store_sums(Kb, 1, to_b, db);
  store_sums(Ka, -1, to_a, da);
}

/* --- phaser ----------------------------------------------------------------------------------- */

/** What the phaser's response is made of at one bin. */
typedef struct phaser_bin {
  cvec biquad, over_A;
  cvec u, over_d; /* the all-pass and 1 / (1 - p z) */
  cvec u3, h, q;  /* u^3, u^4, 1 / (1 - |g2| h) */
  cvec chain;     /* g1 + h q */
} phaser_bin;

SIMD_INLINE phaser_bin phaser_at(const phaser *f, cvec z)
{
  const real feedback = APF_MATH(fabs)(f->g2);
  phaser_bin at;
  at.over_A = cvec_reciprocal(polynomial(3, f->a, z));
  at.biquad = cvec_multiply(polynomial(3, f->b, z), at.over_A);
  at.over_d = cvec_reciprocal((cvec){1 - f->p * z.re, -f->p * z.im});
  at.u = cvec_multiply((cvec){f->p - z.re, -z.im}, at.over_d);
  at.u3 = cvec_multiply(at.u, cvec_multiply(at.u, at.u));
  at.h = cvec_multiply(at.u3, at.u);
  at.q = cvec_reciprocal((cvec){1 - feedback * at.h.re, -feedback * at.h.im});
  at.chain = cvec_multiply(at.h, at.q);
  at.chain.re += f->g1;
  return at;
}

void APF_CPU(phaser_apply)(const response_grid *grid, const phaser *filter, const real *X, real *Y)
{
  for (int64_t k = 0; k < grid->K; k += LANES) {
    const phaser_bin at = phaser_at(filter, grid_at(grid, k));
    const cvec x = cvec_load_some(X + 2 * k, left(grid, k));
    cvec_store_some(Y + 2 * k, left(grid, k), cvec_multiply(x, cvec_multiply(at.biquad, at.chain)));
  }
}

/** (1 - z^2) / (1 - p z)^2 4 u^3 q^2: d chain/dp, from du/dp, dh/du and d chain/dh. */
SIMD_INLINE cvec chain_by_p(const phaser_bin *at, cvec z)
{
  const cvec z2 = cvec_multiply(z, z), q_over_d = cvec_multiply(at->q, at->over_d);
  const cvec all_but_u =
      cvec_multiply(cvec_multiply(q_over_d, q_over_d), (cvec){4 - 4 * z2.re, -4 * z2.im});
  return cvec_multiply(at->u3, all_but_u);
}

void APF_CPU(phaser_gradient)(const response_grid *grid, const phaser *filter, const real *dY,
                              const real *X, real *dX, phaser_gradients *d)
{
  vreal dp = {0}, dg1 = {0}, dg2 = {0}, to_b[3] = {{0}}, to_a[3] = {{0}};
  for (int64_t k = 0; k < grid->K; k += LANES) {
    const cvec z = grid_at(grid, k);
    const cvec x = cvec_load_some(X + 2 * k, left(grid, k));
    const cvec dy = cvec_load_some(dY + 2 * k, left(grid, k));
    const phaser_bin at = phaser_at(filter, z);
    const cvec G = cvec_multiply_conj(dy, x);
    const cvec d_chain = cvec_multiply_conj(G, at.biquad);
    const cvec dB = cvec_multiply_conj(cvec_multiply_conj(G, at.chain), at.over_A);
    const cvec hq = cvec_multiply(at.h, at.q); /* its square is d chain/d|g2| */
    dp += cvec_multiply_conj(d_chain, chain_by_p(&at, z)).re;
    dg1 += d_chain.re;
    dg2 += cvec_multiply_conj(d_chain, cvec_multiply(hq, hq)).re;
    add_powers(3, dB, z, to_b);
    add_powers(3, cvec_multiply_conj(dB, at.biquad), z, to_a);
    if (dX)
      cvec_store_some(dX + 2 * k, left(grid, k),
                      cvec_multiply_conj(dy, cvec_multiply(at.biquad, at.chain)));
  }
  if (!d) return;
  const real sign = (real)((filter->g2 > 0) - (filter->g2 < 0));
  d->p = simd_sum(dp);
  d->g1 = simd_sum(dg1);
  d->g2 = sign * simd_sum(dg2);
  store_sums(3, 1, to_b, d->b);
  store_sums(3, -1, to_a, d->a);
}

void APF_CPU(phaser_gradients_sum)(int64_t B, int64_t F, const phaser_gradients *frames, real *dp,
                                   real *dg1, real *dg2, real *db, real *da)
{
  for (int64_t row = 0; row < B; row++) {
    double g1 = 0, g2 = 0, b[3] = {0}, a[3] = {0};
    for (int64_t f = 0; f < F; f++) {
      const phaser_gradients *frame = frames + row * F + f;
      if (dp) dp[row * F + f] = frame->p;
      g1 += frame->g1;
      g2 += frame->g2;
      for (int i = 0; i < 3; i++) {
        b[i] += frame->b[i];
        a[i] += frame->a[i];
      }
    }
    if (dg1) dg1[row] = (real)g1;
    if (dg2) dg2[row] = (real)g2;
    for (int i = 0; i < 3; i++) {
      if (db) db[row * 3 + i] = (real)b[i];
      if (da) da[row * 3 + i] = (real)a[i];
    }
  }
}
