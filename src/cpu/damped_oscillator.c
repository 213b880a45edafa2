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
 * nothing accumulates over n.
 */
#include "cpu/cpu.h"
#include "cpu/turns.h"

apf_status APF_CPU(damped_oscillator_forward)(apf_context *ctx, int64_t B, int64_t T,
                                              const real *amplitude, const real *phase,
                                              const real *sigma, const real *omega, real *y)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= 4096)
  for (int64_t b = 0; b < B; b++) {
    const double start = phase[b] / TURNS_TWO_PI, step = omega[b] / TURNS_TWO_PI;
    const double damping = sigma ? (double)sigma[b] * (double)sigma[b] : 0;
    real *row = y + b * T;
#pragma omp simd
    for (int64_t n = 0; n < T; n++) {
      const real decay = APF_FN(vm_exp)((real)(-damping * (double)n));
      const real theta = angle_of_turns(start + (double)n * step);
      row[n] = amplitude[b] * decay * APF_FN(vm_cos)(theta);
    }
  }
  return APF_OK;
}

apf_status APF_CPU(damped_oscillator_backward)(apf_context *ctx, int64_t B, int64_t T,
                                               const real *dy, const real *amplitude,
                                               const real *phase, const real *sigma,
                                               const real *omega, real *damplitude, real *dphase,
                                               real *dsigma, real *domega)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= 4096)
  for (int64_t b = 0; b < B; b++) {
    const double start = phase[b] / TURNS_TWO_PI, step = omega[b] / TURNS_TWO_PI;
    const double damping = sigma ? (double)sigma[b] * (double)sigma[b] : 0, size = amplitude[b];
    const real *row = dy + b * T;
    double of_cosine = 0, of_sine = 0, of_damping = 0, of_omega = 0;
#pragma omp simd reduction(+ : of_cosine, of_sine, of_damping, of_omega)
    for (int64_t n = 0; n < T; n++) {
      const real theta = angle_of_turns(start + (double)n * step);
      const real upstream = row[n] * APF_FN(vm_exp)((real)(-damping * (double)n));
      const double cosine = (double)(upstream * APF_FN(vm_cos)(theta));
      const double sine = (double)(upstream * APF_FN(vm_sin)(theta));
      of_cosine += cosine;
      of_sine += sine;
      of_damping += (double)n * cosine;
      of_omega += (double)n * sine;
    }
    if (damplitude) damplitude[b] = (real)of_cosine;
    if (dphase) dphase[b] = (real)(-size * of_sine);
    if (dsigma) dsigma[b] = sigma ? (real)(-2 * (double)sigma[b] * size * of_damping) : 0;
    if (domega) domega[b] = (real)(-size * of_omega);
  }
  return APF_OK;
}
