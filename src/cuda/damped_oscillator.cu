/**
 * Damped complex oscillator, real part, one per row.
 *
 *   y[n] = Re(amplitude e^{i phase} z^n),  z = e^{-sigma^2 + i omega}
 *        = amplitude e^{-sigma^2 n} cos(omega n + phase)
 *
 * With v[n] the sine in place of the cosine:
 *
 *   damplitude = sum dy y / amplitude;   dphase = -sum dy v
 *   dsigma = -2 sigma sum n dy y;        domega = -sum n dy v
 *
 * sigma NULL is the undamped oscillator, |z| = 1. Powers are evaluated directly, phases in double:
 * nothing accumulates over n. rows.h shares out the samples and adds up over time, in double.
 */
#include "cuda/rows.h"
#include "cuda/turns.h"

namespace apf_cuda {

template <class real>
struct DampedOscillator {
  const real *amplitude, *phase, *sigma, *omega;
  real *damplitude, *dphase, *dsigma, *domega;

  struct Row {
    double start, step; /**< in turns */
    double damping;
    real amplitude;
  };

  __device__ Row row(int64_t b) const
  {
    const double root = sigma ? load(sigma + b) : 0;
    return {load(phase + b) / APF_TWO_PI, load(omega + b) / APF_TWO_PI, root * root,
            load(amplitude + b)};
  }

  __device__ real sample(const Row &p, int64_t n) const
  {
    return p.amplitude * decay(p, n) * at(p, n).cosine;
  }

  enum { SUMS = 4, OF_COSINE = 0, OF_SINE, OF_DAMPING, OF_OMEGA };

  __device__ void add(const Row &p, int64_t n, real dy, double *sums) const
  {
    const SineCosine<real> angle = at(p, n);
    const real upstream = dy * decay(p, n);
    const double cosine = upstream * angle.cosine, sine = upstream * angle.sine;
    sums[OF_COSINE] += cosine;
    sums[OF_SINE] += sine;
    sums[OF_DAMPING] += static_cast<double>(n) * cosine;
    sums[OF_OMEGA] += static_cast<double>(n) * sine;
  }

  __device__ void finish(int64_t b, const double *sums) const
  {
    const double size = load(amplitude + b), root = sigma ? load(sigma + b) : 0;
    const double of_sigma = -2 * root * size * sums[OF_DAMPING];
    if (damplitude) store(damplitude + b, static_cast<real>(sums[OF_COSINE]));
    if (dphase) store(dphase + b, static_cast<real>(-size * sums[OF_SINE]));
    if (dsigma) store(dsigma + b, sigma ? static_cast<real>(of_sigma) : 0);
    if (domega) store(domega + b, static_cast<real>(-size * sums[OF_OMEGA]));
  }

 private:
  __device__ static real decay(const Row &p, int64_t n)
  {
    return exp(static_cast<real>(-p.damping * static_cast<double>(n)));
  }
  __device__ static SineCosine<real> at(const Row &p, int64_t n)
  {
    return sine_cosine_of_turns<real>(p.start + static_cast<double>(n) * p.step);
  }
};

template <class real>
apf_status damped_oscillator_forward(apf_context *ctx, int64_t B, int64_t T, const real *amplitude,
                                     const real *phase, const real *sigma, const real *omega,
                                     real *y)
{
  const DampedOscillator<real> rows = {amplitude, phase,   sigma,   omega,
                                       nullptr,   nullptr, nullptr, nullptr};
  return row_samples(ctx, rows, B, T, y);
}
APF_INSTANTIATE_REAL(damped_oscillator_forward);

template <class real>
apf_status damped_oscillator_backward(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                      const real *amplitude, const real *phase, const real *sigma,
                                      const real *omega, real *damplitude, real *dphase,
                                      real *dsigma, real *domega)
{
  const DampedOscillator<real> rows = {amplitude,  phase,  sigma,  omega,
                                       damplitude, dphase, dsigma, domega};
  return row_gradients(ctx, rows, B, T, dy);
}
APF_INSTANTIATE_REAL(damped_oscillator_backward);

}  // namespace apf_cuda
