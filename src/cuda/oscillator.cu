/**
 * Band-limited square and saw oscillator, one note per row.
 *
 *   theta[n] = phase + 2 pi (n + 1) f0 / sample_rate       (the first sample is one step on)
 *   k = pi K / 2,  K = 12000 / (f0 log10 f0) partials
 *   y[n] = (1 - shape/2) q (1 + shape cos theta),  q = tanh(k sin theta)      shape 0: square, 1:
 * saw
 *
 *   d theta: dy (1 - shape/2) ((1 - q^2) k cos theta (1 + shape cos theta) - q shape sin theta)
 *   dphase = sum d theta;  dshape = sum dy q ((1 - shape/2) cos theta - (1 + shape cos theta)/2)
 *   df0 = 2 pi / sample_rate sum (n + 1) d theta
 *         + dk/df0 sum dy (1 - shape/2) (1 + shape cos theta) (1 - q^2) sin theta
 *   dk/df0 = -k (log10 f0 + 1/ln 10) / (f0 log10 f0)
 *
 * Every sample is computed from its index, and again in the backward pass; rows.h shares out the
 * samples and adds up over time, in double.
 */
#include "cuda/rows.h"
#include "cuda/turns.h"

namespace apf_cuda {

template <class real>
struct Oscillator {
  double sample_rate;
  const real *f0, *phase, *shape;
  real *df0, *dphase, *dshape;

  struct Row {
    double start, step; /**< in turns */
    real k, shape, gain;
  };

  __device__ Row row(int64_t b) const
  {
    const double f = load(f0 + b);
    const real saw = load(shape + b);
    return {phase ? load(phase + b) / APF_TWO_PI : 0, f / sample_rate,
            static_cast<real>(k_of(f, log10(f))), saw, 1 - saw / 2};
  }

  __device__ real sample(const Row &p, int64_t n) const
  {
    const auto [sine, cosine] = at(p, n);
    return p.gain * tanh(p.k * sine) * (1 + p.shape * cosine);
  }

  enum { SUMS = 4, OF_THETA = 0, OF_STEP, OF_K, OF_SHAPE };

  __device__ void add(const Row &p, int64_t n, real dy, double *sums) const
  {
    const auto [s, c] = at(p, n);
    const real q = tanh(p.k * s), slope = 1 - q * q, saw = 1 + p.shape * c;
    const real upstream = p.gain * dy;
    const double dtheta = upstream * (slope * p.k * c * saw - q * p.shape * s);
    sums[OF_THETA] += dtheta;
    sums[OF_STEP] += static_cast<double>(n + 1) * dtheta;
    sums[OF_K] += static_cast<double>(upstream * saw * slope * s);
    sums[OF_SHAPE] += static_cast<double>(dy * q * (p.gain * c - saw * static_cast<real>(0.5)));
  }

  __device__ void finish(int64_t b, const double *sums) const
  {
    const double f = load(f0 + b), decades = log10(f);
    const double dk = -k_of(f, decades) * (decades + 0.43429448190325182765) / (f * decades);
    const double of_f0 = APF_TWO_PI / sample_rate * sums[OF_STEP] + dk * sums[OF_K];
    if (df0) store(df0 + b, static_cast<real>(of_f0));
    if (dphase) store(dphase + b, static_cast<real>(sums[OF_THETA]));
    if (dshape) store(dshape + b, static_cast<real>(sums[OF_SHAPE]));
  }

 private:
  __device__ static double k_of(double f, double decades)
  {
    return APF_TWO_PI / 4 * 12000 / (f * decades);
  }
  __device__ static SineCosine<real> at(const Row &p, int64_t n)
  {
    return sine_cosine_of_turns<real>(p.start + static_cast<double>(n + 1) * p.step);
  }
};

template <class real>
apf_status oscillator_forward(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                              const real *f0, const real *phase, const real *shape, real *y)
{
  const Oscillator<real> notes = {sample_rate, f0, phase, shape, nullptr, nullptr, nullptr};
  return row_samples(ctx, notes, B, T, y);
}
APF_INSTANTIATE_REAL(oscillator_forward);

template <class real>
apf_status oscillator_backward(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                               const real *dy, const real *f0, const real *phase, const real *shape,
                               real *df0, real *dphase, real *dshape)
{
  const Oscillator<real> notes = {sample_rate, f0, phase, shape, df0, dphase, dshape};
  return row_gradients(ctx, notes, B, T, dy);
}
APF_INSTANTIATE_REAL(oscillator_backward);

}  // namespace apf_cuda
