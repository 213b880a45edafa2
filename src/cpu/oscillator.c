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
 * Everything is computed again in the backward pass. Sums over time are in double.
 */
#include "cpu/cpu.h"
#include "cpu/turns.h"

#include <math.h>

typedef struct note {
  double start, step; /* in turns */
  double k, dk;       /* dk/df0 */
  real shape, gain;
} note;

static note note_of(double sample_rate, const real *f0, const real *phase, const real *shape,
                    int64_t b)
{
  const double f = f0[b], decades = log10(f), k = TURNS_TWO_PI / 4 * 12000 / (f * decades);
  return (note){.start = phase ? phase[b] / TURNS_TWO_PI : 0,
                .step = f / sample_rate,
                .k = k,
                .dk = -k * (decades + 0.43429448190325182765) / (f * decades),
                .shape = shape[b],
                .gain = 1 - shape[b] / 2};
}

apf_status APF_CPU(oscillator_forward)(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                                       const real *f0, const real *phase, const real *shape,
                                       real *y)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    const note p = note_of(sample_rate, f0, phase, shape, b);
    const real k = (real)p.k;
    real *row = y + b * T;
#pragma omp simd
    for (int64_t n = 0; n < T; n++) {
      const real theta = angle_of_turns(p.start + (double)(n + 1) * p.step);
      const real q = APF_FN(vm_tanh)(k * APF_FN(vm_sin)(theta));
      row[n] = p.gain * q * (1 + p.shape * APF_FN(vm_cos)(theta));
    }
  }
  return APF_OK;
}

apf_status APF_CPU(oscillator_backward)(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                                        const real *dy, const real *f0, const real *phase,
                                        const real *shape, real *df0, real *dphase, real *dshape)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    const note p = note_of(sample_rate, f0, phase, shape, b);
    const real k = (real)p.k;
    const real *row = dy + b * T;
    double of_theta = 0, of_step = 0, of_k = 0, of_shape = 0;
#pragma omp simd reduction(+ : of_theta, of_step, of_k, of_shape)
    for (int64_t n = 0; n < T; n++) {
      const real theta = angle_of_turns(p.start + (double)(n + 1) * p.step);
      const real s = APF_FN(vm_sin)(theta), c = APF_FN(vm_cos)(theta);
      const real q = APF_FN(vm_tanh)(k * s), slope = 1 - q * q, saw = 1 + p.shape * c;
      const real upstream = p.gain * row[n];
      const double dtheta = (double)(upstream * (slope * k * c * saw - q * p.shape * s));
      of_theta += dtheta;
      of_step += (double)(n + 1) * dtheta;
      of_k += (double)(upstream * saw * slope * s);
      of_shape += (double)(row[n] * q * (p.gain * c - saw * (real)0.5));
    }
    if (df0) df0[b] = (real)(TURNS_TWO_PI / sample_rate * of_step + p.dk * of_k);
    if (dphase) dphase[b] = (real)of_theta;
    if (dshape) dshape[b] = (real)of_shape;
  }
  return APF_OK;
}
