/**
 * Rational and phaser responses; definitions in response.h.
 *
 * Applying a response is one pass over the bins, a thread for each. For gradients a block takes a
 * frame, its threads sum over their bins in registers, and the block adds that up in a fixed order.
 * Beyond second order that would be as many sums as coefficients: there the sums over bins
 *   db[i] = sum_k Re(G[k] e^{+2 pi j i k / n_fft})
 * are an inverse transform, of which the first Kb values are kept.
 *
 * A filter on the device has its parameters in registers and
 *   response(z)            H
 *   add_gradients(z, G, d) adds Re(G conj(dH/dc)) to d[COUNT]; returns H
 *   keep(d, frame, i, v)   stores the sum of gradient i
 */
#include "cuda/response.h"

#include "cuda/fft.h"
#include "cuda/reduce.h"
#include "cuda/spectral.h"
#include "cuda/tables.h"

namespace apf_cuda {

enum { GRADIENT_THREADS = 128, SUM_THREADS = 256, MOST_ROWS = 65535 };

/* --- filters on the device -------------------------------------------------------------------- */

template <class real>
__device__ Bin<real> polynomial(const real (&c)[3], Bin<real> z)
{
  Bin<real> sum = scale(z, c[2]);
  sum.re += c[1];
  sum = mul(sum, z);
  sum.re += c[0];
  return sum;
}
template <class real>
__device__ Bin<real> polynomial(int64_t n, const real *c, Bin<real> z)
{
  Bin<real> sum = {load(c + n - 1), 0};
  for (int64_t i = n - 2; i >= 0; i--) {
    sum = mul(sum, z);
    sum.re += load(c + i);
  }
  return sum;
}

/** Adds the gradients of three coefficients of a polynomial in z: Re(g conj(z^i)). */
template <class real>
__device__ void add_three(Bin<real> g, Bin<real> z, real *d)
{
  const Bin<real> g1 = mul_conj(g, z);
  d[0] += g.re;
  d[1] += g1.re;
  d[2] += mul_conj(g1, z).re;
}

template <class real>
struct AnyOrder {
  Rational<real> at;

  __device__ AnyOrder(const Rational<real> &filter, int64_t frame)
      : at{filter.Kb, filter.Ka, filter.b + frame * filter.Kb, filter.a + frame * filter.Ka}
  {
  }
  __device__ Bin<real> numerator(Bin<real> z) const { return polynomial(at.Kb, at.b, z); }
  __device__ Bin<real> over_A(Bin<real> z) const { return reciprocal(polynomial(at.Ka, at.a, z)); }
  __device__ Bin<real> response(Bin<real> z) const { return mul(numerator(z), over_A(z)); }
};

template <class real>
struct SecondOrder {
  enum { COUNT = 6 };
  struct Gradients {
    real *b, *a;
  };
  real b[3], a[3];

  __device__ SecondOrder(const Rational<real> &filter, int64_t frame)
  {
    for (int i = 0; i < 3; i++) {
      b[i] = load(filter.b + frame * 3 + i);
      a[i] = load(filter.a + frame * 3 + i);
    }
  }
  __device__ Bin<real> response(Bin<real> z) const
  {
    return mul(polynomial(b, z), reciprocal(polynomial(a, z)));
  }
  __device__ Bin<real> add_gradients(Bin<real> z, Bin<real> G, real (&d)[COUNT]) const
  {
    const Bin<real> over_A = reciprocal(polynomial(a, z)), H = mul(polynomial(b, z), over_A);
    const Bin<real> dB = mul_conj(G, over_A);
    add_three(dB, z, d);
    add_three(negate(mul_conj(dB, H)), z, d + 3);
    return H;
  }
  __device__ static void keep(const Gradients &d, int64_t frame, int i, real v)
  {
    real *const row = i < 3 ? d.b : d.a;
    if (row) store(row + frame * 3 + i % 3, v);
  }
};

template <class real>
struct PhaserAt {
  enum { COUNT = 1 + PHASER_SHARED };
  struct Gradients {
    int64_t first, all_frames;
    real *p, *shared;
  };
  real p, g1, feedback, sign; /* g2 = sign feedback */
  real b[3], a[3];

  __device__ PhaserAt(const Phaser<real> &phaser, int64_t frame)
  {
    const int64_t at = phaser.first + frame, row = at / phaser.F;
    const real g2 = load(phaser.g2 + row);
    p = load(phaser.p + at);
    g1 = load(phaser.g1 + row);
    feedback = fabs(g2);
    sign = g2 < 0 ? -1 : g2 > 0 ? 1 : 0;
    for (int i = 0; i < 3; i++) {
      b[i] = load(phaser.b + row * 3 + i);
      a[i] = load(phaser.a + row * 3 + i);
    }
  }

  /** What the response is made of: docs/phaser_response.md. */
  struct Parts {
    Bin<real> biquad, over_A;
    Bin<real> over_d; /* 1 / (1 - p z) */
    Bin<real> u3, h, q, chain;
  };
  __device__ Parts parts(Bin<real> z) const
  {
    Parts at;
    at.over_A = reciprocal(polynomial(a, z));
    at.biquad = mul(polynomial(b, z), at.over_A);
    at.over_d = reciprocal(Bin<real>{1 - p * z.re, -p * z.im});
    const Bin<real> u = mul(Bin<real>{p - z.re, -z.im}, at.over_d);
    at.u3 = mul(u, mul(u, u));
    at.h = mul(at.u3, u);
    at.q = reciprocal(Bin<real>{1 - feedback * at.h.re, -feedback * at.h.im});
    at.chain = mul(at.h, at.q);
    at.chain.re += g1;
    return at;
  }
  __device__ Bin<real> response(Bin<real> z) const
  {
    const Parts at = parts(z);
    return mul(at.biquad, at.chain);
  }
  __device__ Bin<real> add_gradients(Bin<real> z, Bin<real> G, real (&d)[COUNT]) const
  {
    const Parts at = parts(z);
    const Bin<real> d_chain = mul_conj(G, at.biquad);
    const Bin<real> z2 = mul(z, z), hq = mul(at.h, at.q), q_over_d = mul(at.q, at.over_d);
    const Bin<real> to_p = mul(mul(at.u3, mul(q_over_d, q_over_d)), {1 - z2.re, -z2.im});
    d[0] += 4 * mul_conj(d_chain, to_p).re;
    d[1] += d_chain.re;
    d[2] += sign * mul_conj(d_chain, mul(hq, hq)).re;
    const Bin<real> dB = mul_conj(mul_conj(G, at.chain), at.over_A);
    add_three(dB, z, d + 3);
    add_three(negate(mul_conj(dB, at.biquad)), z, d + 6);
    return mul(at.biquad, at.chain);
  }
  __device__ static void keep(const Gradients &d, int64_t frame, int i, real v)
  {
    const int64_t at = d.first + frame;
    if (i > 0)
      store(d.shared + (i - 1) * d.all_frames + at, v);
    else if (d.p)
      store(d.p + at, v);
  }
};

/** Whether a bin stands for itself alone. */
__device__ static bool is_end(int64_t k, int64_t K)
{
  return k == 0 || k == K - 1;
}

/* --- kernels ---------------------------------------------------------------------------------- */

/** Y = X H, or X conj(H) with `conjugate`. */
template <class real, class Filter, class Settings>
__global__ void response_apply_kernel(int64_t frames, int64_t K, Settings settings, bool conjugate,
                                      bool within, const real *circle, const real *X, real *Y)
{
  APF_ROW_LOOP(frame, frames)
  {
    const Filter filter(settings, frame);
    APF_GRID_LOOP(k, K)
    {
      const Bin<real> H = filter.response(load_bin(circle, k));
      const Bin<real> y = mul(load_bin(X, frame * K + k), conjugate ? conj(H) : H);
      store_bin(Y, frame * K + k, real_if(within && is_end(k, K), y));
    }
  }
}

template <class real, class Filter, class Settings>
__global__ void response_gradient_kernel(int64_t frames, int64_t K, Settings settings, bool within,
                                         const real *circle, const real *dY, const real *X,
                                         real *dX, typename Filter::Gradients d)
{
  for (int64_t frame = blockIdx.x; frame < frames; frame += gridDim.x) {
    const Filter filter(settings, frame);
    real sums[Filter::COUNT] = {};
    for (int64_t k = threadIdx.x; k < K; k += blockDim.x) {
      const Bin<real> dy = load_bin(dY, frame * K + k), x = load_bin(X, frame * K + k);
      const bool end = is_end(k, K);
      const Bin<real> G = scale(mul_conj(dy, x), within && !end ? 2 : 1);
      const Bin<real> H = filter.add_gradients(load_bin(circle, k), G, sums);
      if (dX) store_bin(dX, frame * K + k, real_if(within && end, mul_conj(dy, H)));
    }
    block_sums<GRADIENT_THREADS>(sums);
    if (threadIdx.x > 0) continue;
#pragma unroll
    for (int i = 0; i < Filter::COUNT; i++) Filter::keep(d, frame, i, sums[i]);
  }
}

/** dX, and the spectra whose inverse transforms begin with db and da (each may be NULL). The
 *  transform counts inner bins twice and wants real ends. */
template <class real>
__global__ void any_order_gradient_kernel(int64_t frames, int64_t K, Rational<real> settings,
                                          bool within, const real *circle, const real *dY,
                                          const real *X, real *dX, real *to_b, real *to_a)
{
  APF_ROW_LOOP(frame, frames)
  {
    const AnyOrder<real> filter(settings, frame);
    APF_GRID_LOOP(k, K)
    {
      const int64_t at = frame * K + k;
      const Bin<real> z = load_bin(circle, k), dy = load_bin(dY, at), x = load_bin(X, at);
      const Bin<real> over_A = filter.over_A(z), H = mul(filter.numerator(z), over_A);
      const bool end = is_end(k, K);
      const Bin<real> G = scale(mul_conj(dy, x), within || end ? 1 : real(0.5));
      const Bin<real> dB = mul_conj(G, over_A);
      const Bin<real> dA = negate(mul_conj(dB, H));
      if (to_b) store_bin(to_b, at, real_if(end, dB));
      if (to_a) store_bin(to_a, at, real_if(end, dA));
      if (dX) store_bin(dX, at, real_if(within && end, mul_conj(dy, H)));
    }
  }
}

/** Block (i, row): the sum over the row's frames of gradient i. */
template <class real>
__global__ void phaser_sum_kernel(int64_t B, int64_t F, const real *shared, real *dg1, real *dg2,
                                  real *db, real *da)
{
  const int i = blockIdx.x;
  real *const rows = i == 0 ? dg1 : i == 1 ? dg2 : i < 5 ? db : da;
  if (!rows) return;
  APF_ROW_LOOP(row, B)
  {
    const real *from = shared + (i * B + row) * F;
    double sum = 0;
    for (int64_t f = threadIdx.x; f < F; f += blockDim.x) sum += load(from + f);
    const double total = block_sum<SUM_THREADS>(sum);
    if (threadIdx.x > 0) continue;
    store(i < 2 ? rows + row : rows + row * 3 + (i - 2) % 3, static_cast<real>(total));
  }
}

/* --- launches --------------------------------------------------------------------------------- */

template <class Filter, class real, class Settings>
static apf_status apply(apf_context *ctx, int64_t n_fft, int64_t frames, const Settings &settings,
                        bool conjugate, bool within, const real *X, real *Y)
{
  const int64_t K = n_fft / 2 + 1;
  const real *circle;
  APF_TRY(half_circle(ctx, n_fft, &circle));
  const Sheet sheet = sheet_for(ctx, frames, K);
  return APF_LAUNCH(ctx, (response_apply_kernel<real, Filter, Settings>), sheet.grid, sheet.threads,
                    0, frames, K, settings, conjugate, within, circle, X, Y);
}

template <class Filter, class real, class Settings>
static apf_status gradient(apf_context *ctx, int64_t n_fft, int64_t frames,
                           const Settings &settings, bool within, const real *dY, const real *X,
                           real *dX, const typename Filter::Gradients &d)
{
  const int64_t K = n_fft / 2 + 1;
  const real *circle;
  APF_TRY(half_circle(ctx, n_fft, &circle));
  return APF_LAUNCH(ctx, (response_gradient_kernel<real, Filter, Settings>),
                    grid_for(ctx, frames, 1), GRADIENT_THREADS, 0, frames, K, settings, within,
                    circle, dY, X, dX, d);
}

static bool is_second_order(int64_t Kb, int64_t Ka)
{
  return Kb == 3 && Ka == 3;
}

template <class real>
apf_status rational_apply(apf_context *ctx, int64_t n_fft, int64_t frames,
                          const Rational<real> &filter, bool within, const real *X, real *Y)
{
  if (is_second_order(filter.Kb, filter.Ka))
    return apply<SecondOrder<real>>(ctx, n_fft, frames, filter, false, within, X, Y);
  return apply<AnyOrder<real>>(ctx, n_fft, frames, filter, false, within, X, Y);
}

int64_t rational_room(int64_t n_fft, int64_t Kb, int64_t Ka)
{
  return is_second_order(Kb, Ka) ? 0 : 2 * fft_row(n_fft);
}

template <class real>
static apf_status any_order_gradient(apf_context *ctx, int64_t n_fft, int64_t frames,
                                     const Rational<real> &filter, bool within, const real *dY,
                                     const real *X, real *dX, real *db, real *da, real *room)
{
  const int64_t K = n_fft / 2 + 1, row = fft_row(n_fft);
  real *to_b = db ? room : nullptr, *to_a = da ? room + (db ? frames * row : 0) : nullptr;
  const real *circle;
  APF_TRY(half_circle(ctx, n_fft, &circle));
  const Sheet sheet = sheet_for(ctx, frames, K);
  APF_TRY(APF_LAUNCH(ctx, any_order_gradient_kernel<real>, sheet.grid, sheet.threads, 0, frames, K,
                     filter, within, circle, dY, X, dX, to_b, to_a));
  APF_TRY(fft_inverse(ctx, n_fft, db && da ? 2 * frames : frames, room));
  if (db) APF_TRY(copy_rows<real>(ctx, frames, filter.Kb, to_b, row, db, filter.Kb));
  return da ? copy_rows<real>(ctx, frames, filter.Ka, to_a, row, da, filter.Ka) : APF_OK;
}

template <class real>
apf_status rational_gradient(apf_context *ctx, int64_t n_fft, int64_t frames,
                             const Rational<real> &filter, bool within, const real *dY,
                             const real *X, real *dX, real *db, real *da, real *room)
{
  const bool second = is_second_order(filter.Kb, filter.Ka);
  if (db || da)
    return second ? gradient<SecondOrder<real>>(ctx, n_fft, frames, filter, within, dY, X, dX,
                                                {db, da})
                  : any_order_gradient(ctx, n_fft, frames, filter, within, dY, X, dX, db, da, room);
  if (!dX) return APF_OK;
  return second ? apply<SecondOrder<real>>(ctx, n_fft, frames, filter, true, within, dY, dX)
                : apply<AnyOrder<real>>(ctx, n_fft, frames, filter, true, within, dY, dX);
}

template <class real>
apf_status phaser_apply(apf_context *ctx, int64_t n_fft, int64_t frames, const Phaser<real> &phaser,
                        bool within, const real *X, real *Y)
{
  return apply<PhaserAt<real>>(ctx, n_fft, frames, phaser, false, within, X, Y);
}

template <class real>
apf_status phaser_gradient(apf_context *ctx, int64_t n_fft, int64_t frames,
                           const Phaser<real> &phaser, bool within, const real *dY, const real *X,
                           real *dX, real *dp, int64_t all_frames, real *shared)
{
  if (shared)
    return gradient<PhaserAt<real>>(ctx, n_fft, frames, phaser, within, dY, X, dX,
                                    {phaser.first, all_frames, dp, shared});
  return dX ? apply<PhaserAt<real>>(ctx, n_fft, frames, phaser, true, within, dY, dX) : APF_OK;
}

template <class real>
apf_status phaser_gradients_sum(apf_context *ctx, int64_t B, int64_t F, const real *shared,
                                real *dg1, real *dg2, real *db, real *da)
{
  const dim3 grid(PHASER_SHARED, static_cast<unsigned>(std::min<int64_t>(B, MOST_ROWS)));
  return APF_LAUNCH(ctx, phaser_sum_kernel<real>, grid, SUM_THREADS, 0, B, F, shared, dg1, dg2, db,
                    da);
}

APF_INSTANTIATE_REAL(rational_apply);
APF_INSTANTIATE_REAL(rational_gradient);
APF_INSTANTIATE_REAL(phaser_apply);
APF_INSTANTIATE_REAL(phaser_gradient);
APF_INSTANTIATE_REAL(phaser_gradients_sum);

}  // namespace apf_cuda
