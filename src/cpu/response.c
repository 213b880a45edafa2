/** Rational and phaser responses; equations in response.h. */
#include "cpu/response.h"

#include <math.h>

#include "cpu/scratch.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct pair {
  real re, im;
} pair;

INLINE pair mul(pair u, pair v)
{
  return (pair){u.re * v.re - u.im * v.im, u.re * v.im + u.im * v.re};
}

/** u conj(v) */
INLINE pair mul_conj(pair u, pair v)
{
  return (pair){u.re * v.re + u.im * v.im, u.im * v.re - u.re * v.im};
}

INLINE pair reciprocal(pair u)
{
  const real scale = 1 / (u.re * u.re + u.im * u.im);
  return (pair){u.re * scale, -u.im * scale};
}

INLINE pair scaled(real factor, pair u)
{
  return (pair){factor * u.re, factor * u.im};
}

INLINE pair polynomial(int64_t n, const real *c, pair z)
{
  pair sum = {c[n - 1], 0};
  for (int64_t i = n - 2; i >= 0; i--) {
    sum = mul(sum, z);
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

/** X times the response at one bin. */
INLINE void apply_bin(pair z, int64_t Kb, int64_t Ka, const real *b, const real *a, const real *X,
                      real *Y)
{
  const pair H = mul(polynomial(Kb, b, z), reciprocal(polynomial(Ka, a, z)));
  const pair y = mul((pair){X[0], X[1]}, H);
  Y[0] = y.re;
  Y[1] = y.im;
}

void APF_CPU(rational_apply)(const response_grid *grid, const rational *filter, const real *X,
                             real *Y)
{
  if (filter->Kb == 3 && filter->Ka == 3) {
    /* Constant orders, and coefficients that no store can change: the loop fills vectors. */
    const real b[3] = {filter->b[0], filter->b[1], filter->b[2]};
    const real a[3] = {filter->a[0], filter->a[1], filter->a[2]};
#pragma omp simd
    for (int64_t k = 0; k < grid->K; k++)
      apply_bin((pair){grid->re[k], grid->im[k]}, 3, 3, b, a, X + 2 * k, Y + 2 * k);
    return;
  }
  for (int64_t k = 0; k < grid->K; k++)
    apply_bin((pair){grid->re[k], grid->im[k]}, filter->Kb, filter->Ka, filter->b, filter->a,
              X + 2 * k, Y + 2 * k);
}

/** Gradients of B and of -A at one bin; dX (if not NULL) is written. */
INLINE void gradient_bin(pair z, int64_t Kb, int64_t Ka, const real *b, const real *a,
                         const real *dY, const real *X, real *dX, pair *dB, pair *dA)
{
  const pair x = {X[0], X[1]}, dy = {dY[0], dY[1]};
  const pair over_A = reciprocal(polynomial(Ka, a, z));
  const pair H = mul(polynomial(Kb, b, z), over_A);
  *dB = mul_conj(mul_conj(dy, x), over_A);
  *dA = mul_conj(*dB, H);
  if (!dX) return;
  const pair dx = mul_conj(dy, H);
  dX[0] = dx.re;
  dX[1] = dx.im;
}

/** Three coefficients' gradients, Re(g conj(z)^i) summed over bins: one accumulator each. */
typedef struct three {
  real c0, c1, c2;
} three;

INLINE three three_terms(pair g, pair z)
{
  const pair g1 = mul_conj(g, z), g2 = mul_conj(g1, z);
  return (three){g.re, g1.re, g2.re};
}

static void second_order_gradient(const response_grid *grid, const rational *filter, const real *dY,
                                  const real *X, real *dX, real *db, real *da)
{
  const real b[3] = {filter->b[0], filter->b[1], filter->b[2]};
  const real a[3] = {filter->a[0], filter->a[1], filter->a[2]};
  real b0 = 0, b1 = 0, b2 = 0, a0 = 0, a1 = 0, a2 = 0;
#pragma omp simd reduction(+ : b0, b1, b2, a0, a1, a2)
  for (int64_t k = 0; k < grid->K; k++) {
    const pair z = {grid->re[k], grid->im[k]};
    pair dB, dA;
    gradient_bin(z, 3, 3, b, a, dY + 2 * k, X + 2 * k, dX ? dX + 2 * k : NULL, &dB, &dA);
    const three to_b = three_terms(dB, z), to_a = three_terms(dA, z);
    b0 += to_b.c0;
    b1 += to_b.c1;
    b2 += to_b.c2;
    a0 += to_a.c0;
    a1 += to_a.c1;
    a2 += to_a.c2;
  }
  if (db) {
    db[0] = b0;
    db[1] = b1;
    db[2] = b2;
  }
  if (da) {
    da[0] = -a0;
    da[1] = -a1;
    da[2] = -a2;
  }
}

/** d[i] = sign * sum_k Re(g conj(z)^i); overwrites g. */
static void sum_powers(const response_grid *grid, int64_t n, real sign, real *g_re, real *g_im,
                       real *d)
{
  for (int64_t i = 0; i < n; i++) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < grid->K; k++) {
      const pair g = {g_re[k], g_im[k]}, z = {grid->re[k], grid->im[k]};
      const pair next = mul_conj(g, z);
      sum += g.re;
      g_re[k] = next.re;
      g_im[k] = next.im;
    }
    d[i] = sign * sum;
  }
}

void APF_CPU(rational_gradient)(const response_grid *grid, const rational *filter, const real *dY,
                                const real *X, real *dX, real *db, real *da, real *room)
{
  const int64_t K = grid->K, Kb = filter->Kb, Ka = filter->Ka;
  if (Kb == 3 && Ka == 3) {
    second_order_gradient(grid, filter, dY, X, dX, db, da);
    return;
  }
  real *b_re = room, *b_im = room + K, *a_re = room + 2 * K, *a_im = room + 3 * K;
  for (int64_t k = 0; k < K; k++) {
    pair dB, dA;
    gradient_bin((pair){grid->re[k], grid->im[k]}, Kb, Ka, filter->b, filter->a, dY + 2 * k,
                 X + 2 * k, dX ? dX + 2 * k : NULL, &dB, &dA);
    b_re[k] = dB.re;
    b_im[k] = dB.im;
    a_re[k] = dA.re;
    a_im[k] = dA.im;
  }
  if (db) sum_powers(grid, Kb, 1, b_re, b_im, db);
  if (da) sum_powers(grid, Ka, -1, a_re, a_im, da);
}

/** What the phaser's response is made of at one bin. */
typedef struct phaser_bin {
  pair biquad, over_A;
  pair u, over_d; /* the all-pass and 1 / (1 - p z) */
  pair u3, h, q;  /* u^3, u^4, 1 / (1 - |g2| h) */
  pair chain;     /* g1 + h q */
} phaser_bin;

INLINE phaser_bin phaser_at(const phaser *f, const real *b, const real *a, pair z)
{
  const real feedback = APF_MATH(fabs)(f->g2);
  phaser_bin at;
  at.over_A = reciprocal(polynomial(3, a, z));
  at.biquad = mul(polynomial(3, b, z), at.over_A);
  at.over_d = reciprocal((pair){1 - f->p * z.re, -f->p * z.im});
  at.u = mul((pair){f->p - z.re, -z.im}, at.over_d);
  at.u3 = mul(at.u, mul(at.u, at.u));
  at.h = mul(at.u3, at.u);
  at.q = reciprocal((pair){1 - feedback * at.h.re, -feedback * at.h.im});
  at.chain = mul(at.h, at.q);
  at.chain.re += f->g1;
  return at;
}

void APF_CPU(phaser_apply)(const response_grid *grid, const phaser *filter, const real *X, real *Y)
{
  const phaser f = *filter;
  const real b[3] = {f.b[0], f.b[1], f.b[2]}, a[3] = {f.a[0], f.a[1], f.a[2]};
#pragma omp simd
  for (int64_t k = 0; k < grid->K; k++) {
    const phaser_bin at = phaser_at(&f, b, a, (pair){grid->re[k], grid->im[k]});
    const pair y = mul((pair){X[2 * k], X[2 * k + 1]}, mul(at.biquad, at.chain));
    Y[2 * k] = y.re;
    Y[2 * k + 1] = y.im;
  }
}

void APF_CPU(phaser_gradient)(const response_grid *grid, const phaser *filter, const real *dY,
                              const real *X, real *dX, phaser_gradients *d, real *room)
{
  const phaser f = *filter;
  const int64_t K = grid->K;
  const real b[3] = {f.b[0], f.b[1], f.b[2]}, a[3] = {f.a[0], f.a[1], f.a[2]};
  real *b_re = room, *b_im = room + K, *a_re = room + 2 * K, *a_im = room + 3 * K;
  real dp = 0, dg1 = 0, dg2 = 0;
#pragma omp simd reduction(+ : dp, dg1, dg2)
  for (int64_t k = 0; k < K; k++) {
    const pair z = {grid->re[k], grid->im[k]};
    const pair x = {X[2 * k], X[2 * k + 1]}, dy = {dY[2 * k], dY[2 * k + 1]};
    const phaser_bin at = phaser_at(&f, b, a, z);
    const pair G = mul_conj(dy, x);
    const pair d_chain = mul_conj(G, at.biquad);
    const pair dB = mul_conj(mul_conj(G, at.chain), at.over_A);
    const pair dA = mul_conj(dB, at.biquad); /* sign in the sum below */
    /* d chain/dh = q^2, dh/du = 4 u^3, du/dp = (1 - z^2) / (1 - p z)^2, d chain/d|g2| = (h q)^2 */
    const pair z2 = mul(z, z), hq = mul(at.h, at.q), q_over_d = mul(at.q, at.over_d);
    const pair to_p = mul(mul(at.u3, mul(q_over_d, q_over_d)), (pair){1 - z2.re, -z2.im});
    dp += mul_conj(d_chain, scaled(4, to_p)).re;
    dg1 += d_chain.re;
    dg2 += mul_conj(d_chain, mul(hq, hq)).re;
    b_re[k] = dB.re;
    b_im[k] = dB.im;
    a_re[k] = dA.re;
    a_im[k] = dA.im;
    if (dX) {
      const pair dx = mul_conj(dy, mul(at.biquad, at.chain));
      dX[2 * k] = dx.re;
      dX[2 * k + 1] = dx.im;
    }
  }
  if (!d) return;
  d->p = dp;
  d->g1 = dg1;
  d->g2 = f.g2 < 0 ? -dg2 : f.g2 > 0 ? dg2 : 0;
  sum_powers(grid, 3, 1, b_re, b_im, d->b);
  sum_powers(grid, 3, -1, a_re, a_im, d->a);
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
