/**
 * Decay over a note, one note per row.
 *
 *   r[n] = (n + epsilon) / (sample_rate duration) + epsilon,  u = max(0, 1 - r)
 *   y[n] = u^alpha          (0 after the note, 1 throughout for alpha = 0)
 *
 *   dalpha = sum dy y ln u;   dduration = sum dy alpha u^(alpha-1) (n + epsilon)
 *                                         / (sample_rate duration^2),   both over u > 0
 *
 * Time runs in double, so that long notes in float keep their slope; sums over it too. rows.h
 * shares out the samples.
 */
#include "cuda/rows.h"

namespace apf_cuda {

template <class real>
struct Envelope {
  double sample_rate, epsilon;
  const real *duration, *alpha;
  real *dduration, *dalpha;

  struct Row {
    double step; /**< of r, per sample */
    real exponent, after;
  };

  __device__ Row row(int64_t b) const
  {
    const real exponent = load(alpha + b);
    return {step_of(b), exponent, static_cast<real>(exponent == 0)};
  }

  __device__ real sample(const Row &p, int64_t n) const
  {
    const real u = at(p, n);
    return u > 0 ? exp(p.exponent * log(u)) : p.after;
  }

  enum { SUMS = 2, OF_ALPHA = 0, OF_STEP };

  __device__ void add(const Row &p, int64_t n, real dy, double *sums) const
  {
    const real u = at(p, n);
    if (!(u > 0)) return;
    const real logarithm = log(u), upstream = dy * exp(p.exponent * logarithm);
    sums[OF_ALPHA] += static_cast<double>(upstream * logarithm);
    sums[OF_STEP] -=
        (static_cast<double>(n) + epsilon) * static_cast<double>(upstream * p.exponent / u);
  }

  __device__ void finish(int64_t b, const double *sums) const
  {
    if (dalpha) store(dalpha + b, static_cast<real>(sums[OF_ALPHA]));
    if (!dduration) return;
    const double seconds = load(duration + b);
    store(dduration + b, static_cast<real>(-sums[OF_STEP] * step_of(b) / seconds));
  }

 private:
  __device__ double step_of(int64_t b) const
  {
    return 1 / (sample_rate * static_cast<double>(load(duration + b)));
  }
  __device__ real at(const Row &p, int64_t n) const
  {
    return static_cast<real>(1 - ((static_cast<double>(n) + epsilon) * p.step + epsilon));
  }
};

template <class real>
apf_status envelope_forward(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                            double epsilon, const real *duration, const real *alpha, real *y)
{
  const Envelope<real> notes = {sample_rate, epsilon, duration, alpha, nullptr, nullptr};
  return row_samples(ctx, notes, B, T, y);
}
APF_INSTANTIATE_REAL(envelope_forward);

template <class real>
apf_status envelope_backward(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                             double epsilon, const real *dy, const real *duration,
                             const real *alpha, real *dduration, real *dalpha)
{
  const Envelope<real> notes = {sample_rate, epsilon, duration, alpha, dduration, dalpha};
  return row_gradients(ctx, notes, B, T, dy);
}
APF_INSTANTIATE_REAL(envelope_backward);

}  // namespace apf_cuda
