/** Real transforms on top of the complex engine; equations in fft.h. */
#include "cpu/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/fft_engine.h"

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

static bin *new_bins(int64_t n)
{
  size_t bytes = ((size_t)n * sizeof(bin) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return aligned_alloc(ALIGNMENT, bytes);
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

static fft_plan *make_plan(int64_t n, int threads)
{
  fft_plan *plan = calloc(1, sizeof *plan);
  if (!plan) return NULL;
  const int even = n % 2 == 0;
  plan->n = n;
  plan->bins = n / 2 + 1;
  plan->m = even ? n / 2 : n;
  plan->threads = threads;
  if (!apf_fft_engine_likes(plan->m)) plan->padded = smooth_length(2 * plan->m - 1);
  plan->scratch = (even ? 2 : 4) * plan->m + 4 * plan->padded + 4 * ALIGNMENT;
  plan->engine = APF_FN(apf_fft_engine_open)(plan->padded ? plan->padded : plan->m, threads);
  int made = plan->engine != NULL;
  if (made && plan->padded) made = make_chirp(plan);
  if (made && even) made = make_twiddle(plan);
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

void APF_CPU(fft_forward)(const fft_plan *plan, int thread, const real *x, bin *X, real *scratch)
{
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
