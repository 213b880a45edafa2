/** Real transforms on top of the complex engine; equations in fft.h. */
#include "cpu/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/fft_engine.h"
#include "cpu/fft_pow2.h"

enum { BUCKETS = 64, ALIGNMENT = 64 };

/* One cache serves both types; a context's calls all come from one instruction set. */
typedef struct fft_cache {
  fft_plan *f32[BUCKETS];
  fft_plan *f64[BUCKETS];
  void (*free_f32)(fft_plan *plan);
  void (*free_f64)(fft_plan *plan);
} fft_cache;

static void free_plan(fft_plan *plan)
{
  if (!plan) return;
  if (plan->engine) APF_FN(apf_fft_engine_close)(plan->engine);
  free(plan->twiddle);
  free(plan->chirp);
  free(plan->chirp_filter);
  free(plan->pow2);
  free(plan->turn);
  free(plan);
}

static void free_buckets(fft_plan **buckets, void (*free_one)(fft_plan *plan))
{
  for (int i = 0; i < BUCKETS; i++)
    for (fft_plan *plan = buckets[i], *next; plan; plan = next) {
      next = plan->next;
      free_one(plan);
    }
}

static void free_cache(void *memory)
{
  fft_cache *cache = memory;
  free_buckets(cache->f32, cache->free_f32);
  free_buckets(cache->f64, cache->free_f64);
  free(cache);
}

static void *new_memory(size_t bytes)
{
  return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static bin *new_bins(int64_t n)
{
  return new_memory((size_t)n * sizeof(bin));
}

static bin multiply(bin a, bin b)
{
  return (bin){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static bin conjugate(bin a)
{
  return (bin){a.re, -a.im};
}

/** e^{-pi j numerator / denominator}, in double whatever the type. */
static bin unit(int64_t numerator, int64_t denominator)
{
  const double pi = 3.14159265358979323846;
  double angle = pi * (double)numerator / (double)denominator;
  return (bin){(real)cos(angle), (real)-sin(angle)};
}

/** The smallest multiple of 8 of at least `low` whose other factors are only 2, 3 and 5. */
static int64_t smooth_length(int64_t low)
{
  int64_t best = INT64_MAX;
  for (int64_t five = 1; five <= 25; five *= 5)
    for (int64_t three = five; three <= 27 * five; three *= 3) {
      int64_t n = 8 * three; /* keeps what follows it aligned */
      while (n < low) n *= 2;
      if (n < best) best = n;
    }
  return best;
}

static int make_chirp(fft_plan *plan)
{
  const int64_t m = plan->m, padded = plan->padded;
  plan->chirp = new_bins(m);
  plan->chirp_filter = new_bins(padded);
  bin *wrapped = new_bins(padded);
  if (!plan->chirp || !plan->chirp_filter || !wrapped) {
    free(wrapped);
    return 0;
  }
  memset(wrapped, 0, (size_t)padded * sizeof(bin));
  for (int64_t k = 0, square = 0; k < m; k++) {
    plan->chirp[k] = unit(square, m); /* square = k^2 mod 2m: the angle stays small */
    bin back = conjugate(plan->chirp[k]);
    back.re /= (real)padded;
    back.im /= (real)padded;
    wrapped[k] = back;
    if (k > 0) wrapped[padded - k] = back;
    square = (square + 2 * k + 1) % (2 * m);
  }
  APF_FN(apf_fft_engine_run)(plan->engine, 0, wrapped, plan->chirp_filter);
  free(wrapped);
  return 1;
}

static int make_twiddle(fft_plan *plan)
{
  plan->twiddle = new_bins(plan->m / 2 + 1);
  if (!plan->twiddle) return 0;
  for (int64_t k = 0; k <= plan->m / 2; k++) plan->twiddle[k] = unit(k, plan->m);
  return 1;
}

/** Whether fft_pow2.h transforms the m complex values of an even length. */
static int takes_pow2(int64_t m)
{
  return !apf_fft_engine_is_vectorised() && m >= FFT_POW2_LEAST && m <= FFT_POW2_MOST &&
         (m & (m - 1)) == 0;
}

static int make_pow2(fft_plan *plan)
{
  const int64_t m = plan->m;
  plan->pow2 = new_memory((size_t)APF_CPU(fft_pow2_room)(m) * sizeof(real));
  plan->turn = new_memory((size_t)(2 * m) * sizeof(real));
  if (!plan->pow2 || !plan->turn) return 0;
  APF_CPU(fft_pow2_table)(m, plan->pow2);
  for (int64_t k = 0; k < m; k++) {
    const bin w = unit(k, m);
    plan->turn[k] = w.re;
    plan->turn[m + k] = w.im;
  }
  return 1;
}

/** The engine, with all that Bluestein and the packing of even lengths need beside it. */
static int make_engine(fft_plan *plan, int threads)
{
  if (!apf_fft_engine_likes(plan->m)) plan->padded = smooth_length(2 * plan->m - 1);
  plan->engine = APF_FN(apf_fft_engine_open)(plan->padded ? plan->padded : plan->m, threads);
  if (!plan->engine) return 0;
  if (plan->padded && !make_chirp(plan)) return 0;
  return plan->n % 2 != 0 || make_twiddle(plan);
}

static fft_plan *make_plan(int64_t n, int threads)
{
  fft_plan *plan = calloc(1, sizeof *plan);
  if (!plan) return NULL;
  const int even = n % 2 == 0;
  plan->n = n;
  plan->bins = n / 2 + 1;
  plan->m = even ? n / 2 : n;
  plan->threads = threads;
  const int pow2 = even && takes_pow2(plan->m);
  const int made = pow2 ? make_pow2(plan) : make_engine(plan, threads);
  plan->scratch = (pow2 ? 6 : even ? 2 : 4) * plan->m + 4 * plan->padded + 8 * ALIGNMENT;
  if (made) return plan;
  free_plan(plan);
  return NULL;
}

apf_status APF_CPU(fft_plan_for)(apf_context *ctx, int64_t n, const fft_plan **plan)
{
  fft_cache *cache = ctx->cache;
  if (!cache) {
    cache = calloc(1, sizeof *cache);
    if (!cache) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "cannot keep FFT plans");
    ctx->cache = cache;
    ctx->cache_free = free_cache;
  }
  cache->APF_CAT(free, APF_SUFFIX) = free_plan;
  fft_plan **bucket = &cache->APF_SUFFIX[n % BUCKETS];
  fft_plan *found = *bucket;
  while (found && found->n != n) found = found->next;
  if (!found) {
    found = make_plan(n, ctx->threads);
    if (!found)
      return apf_fail(ctx, APF_ERR_MEMORY, __func__, "cannot plan an FFT of length %lld",
                      (long long)n);
    found->next = *bucket;
    *bucket = found;
  }
  *plan = found;
  return APF_OK;
}

/** y = complex transform of x, both of length m and apart; scratch holds 2 * padded bins. */
static void transform(const fft_plan *plan, int thread, const bin *x, bin *y, bin *scratch)
{
  const int64_t m = plan->m, padded = plan->padded;
  if (m == 1) {
    y[0] = x[0];
    return;
  }
  if (!padded) {
    APF_FN(apf_fft_engine_run)(plan->engine, thread, x, y);
    return;
  }
  bin *a = scratch, *b = scratch + padded;
  for (int64_t k = 0; k < m; k++) a[k] = multiply(x[k], plan->chirp[k]);
  memset(a + m, 0, (size_t)(padded - m) * sizeof(bin));
  APF_FN(apf_fft_engine_run)(plan->engine, thread, a, b);
  /* The inverse transform is the forward one between two conjugations. */
  for (int64_t k = 0; k < padded; k++) b[k] = conjugate(multiply(b[k], plan->chirp_filter[k]));
  APF_FN(apf_fft_engine_run)(plan->engine, thread, b, a);
  for (int64_t k = 0; k < m; k++) y[k] = multiply(conjugate(a[k]), plan->chirp[k]);
}

/** `count` bins of the scratch memory, aligned. */
static bin *take(real **scratch, int64_t count)
{
  const int64_t line = ALIGNMENT / (int64_t)sizeof(bin);
  bin *taken = (bin *)(void *)*scratch;
  *scratch += 2 * ((count + line - 1) / line * line);
  return taken;
}

/** X[k] = E + w O, X[m-k] = conj(E - w O): E, O are the spectra of the even and odd samples. */
static void unpack(const fft_plan *plan, const bin *z, bin *X)
{
  const int64_t m = plan->m;
  X[0] = (bin){z[0].re + z[0].im, 0};
  X[m] = (bin){z[0].re - z[0].im, 0};
  for (int64_t k = 1; k <= m / 2; k++) {
    const bin low = z[k], high = z[m - k], w = plan->twiddle[k];
    const bin even = {(low.re + high.re) / 2, (low.im - high.im) / 2};
    const bin odd = {(low.im + high.im) / 2, (high.re - low.re) / 2};
    const bin turned = multiply(w, odd);
    X[k] = (bin){even.re + turned.re, even.im + turned.im};
    X[m - k] = (bin){even.re - turned.re, turned.im - even.im};
  }
}

/** The opposite of unpack, conjugated: its forward transform is the conjugate of the signal. */
static void pack(const fft_plan *plan, const bin *X, bin *z)
{
  const int64_t m = plan->m;
  z[0] = (bin){X[0].re + X[m].re, X[m].re - X[0].re};
  for (int64_t k = 1; k <= m / 2; k++) {
    const bin low = X[k], high = X[m - k], w = conjugate(plan->twiddle[k]);
    const bin even = {low.re + high.re, low.im - high.im};
    const bin difference = {low.re - high.re, low.im + high.im};
    const bin odd = multiply(w, difference);
    z[k] = (bin){even.re - odd.im, -even.im - odd.re};
    z[m - k] = (bin){even.re + odd.im, even.im - odd.re};
  }
}

/** unpack, from separate parts; every bin by itself, so that the loop fills vectors. */
static void unpack_parts(int64_t m, const real *restrict turn, const real *restrict z,
                         real *restrict X)
{
  const real *re = z, *im = z + m + FFT_POW2_GAP;
  X[0] = re[0] + im[0];
  X[1] = 0;
  X[2 * m] = re[0] - im[0];
  X[2 * m + 1] = 0;
#pragma omp simd
  for (int64_t k = 1; k < m; k++) {
    const real even_re = re[k] + re[m - k], even_im = im[k] - im[m - k];
    const real odd_re = im[k] + im[m - k], odd_im = re[m - k] - re[k];
    const real w_re = turn[k], w_im = turn[m + k];
    X[2 * k] = (real)0.5 * (even_re + (w_re * odd_re - w_im * odd_im));
    X[2 * k + 1] = (real)0.5 * (even_im + (w_re * odd_im + w_im * odd_re));
  }
}

/** The opposite, from bins with separate parts. */
static void pack_parts(int64_t m, const real *restrict turn, const real *restrict re,
                       const real *restrict im, real *restrict z)
{
  real *restrict z_im = z + m + FFT_POW2_GAP;
  z[0] = re[0] + re[m];
  z_im[0] = re[0] - re[m];
#pragma omp simd
  for (int64_t k = 1; k < m; k++) {
    const real even_re = re[k] + re[m - k], even_im = im[k] - im[m - k];
    const real difference_re = re[k] - re[m - k], difference_im = im[k] + im[m - k];
    const real w_re = turn[k], w_im = -turn[m + k];
    z[k] = even_re - (w_re * difference_im + w_im * difference_re);
    z_im[k] = even_im + (w_re * difference_re - w_im * difference_im);
  }
}

static void pow2_forward(const fft_plan *plan, const real *x, bin *X, real *scratch)
{
  const int64_t m = plan->m, work = 2 * (m + FFT_POW2_GAP);
  const real *z = APF_CPU(fft_pow2_run)(m, plan->pow2, x, NULL, scratch, scratch + work);
  unpack_parts(m, plan->turn, z, (real *)(void *)X);
}

static void pow2_inverse(const fft_plan *plan, const bin *X, real *restrict x, real *scratch)
{
  const int64_t m = plan->m, imaginary = m + FFT_POW2_GAP, work = 2 * imaginary;
  real *a = scratch, *b = a + work, *c = b + work; /* m + 1 bins fit b: the gap is more than one */
  const real *bins = (const real *)(const void *)X;
#pragma omp simd
  for (int64_t k = 0; k <= m; k++) {
    b[k] = bins[2 * k];
    b[imaginary + k] = bins[2 * k + 1];
  }
  pack_parts(m, plan->turn, b, b + imaginary, a);
  /* Parts exchanged: the inverse transform. */
  const real *z = APF_CPU(fft_pow2_run)(m, plan->pow2, a + imaginary, a, b, c);
#pragma omp simd
  for (int64_t i = 0; i < m; i++) {
    x[2 * i] = z[imaginary + i];
    x[2 * i + 1] = z[i];
  }
}

void APF_CPU(fft_forward)(const fft_plan *plan, int thread, const real *x, bin *X, real *scratch)
{
  if (plan->pow2) {
    pow2_forward(plan, x, X, scratch);
    return;
  }
  const int64_t m = plan->m;
  bin *z = take(&scratch, m);
  if (plan->n % 2 == 0) {
    transform(plan, thread, (const bin *)(const void *)x, z, (bin *)(void *)scratch);
    unpack(plan, z, X);
    return;
  }
  bin *complex_x = take(&scratch, m);
  for (int64_t i = 0; i < m; i++) complex_x[i] = (bin){x[i], 0};
  transform(plan, thread, complex_x, z, (bin *)(void *)scratch);
  memcpy(X, z, (size_t)plan->bins * sizeof(bin));
  X[0].im = 0;
}

void APF_CPU(fft_inverse)(const fft_plan *plan, int thread, const bin *X, real *x, real *scratch)
{
  if (plan->pow2) {
    pow2_inverse(plan, X, x, scratch);
    return;
  }
  const int64_t m = plan->m;
  bin *z = take(&scratch, m);
  if (plan->n % 2 == 0) {
    pack(plan, X, z);
    transform(plan, thread, z, (bin *)(void *)x, (bin *)(void *)scratch);
    for (int64_t i = 1; i < plan->n; i += 2) x[i] = -x[i];
    return;
  }
  z[0] = (bin){X[0].re, 0};
  for (int64_t k = 1; k < plan->bins; k++) {
    z[k] = conjugate(X[k]);
    z[m - k] = X[k];
  }
  bin *signal = take(&scratch, m);
  transform(plan, thread, z, signal, (bin *)(void *)scratch);
  for (int64_t i = 0; i < m; i++) x[i] = signal[i].re;
}
