/**
 * Decay over a note, one note per row.
 *
 *   r[n] = (n + epsilon) / (sample_rate duration) + epsilon,  u = max(0, 1 - r)
 *   y[n] = u^alpha          (0 after the note, 1 throughout for alpha = 0)
 *
 *   dalpha = sum dy y ln u;   dduration = sum dy alpha u^(alpha-1) (n + epsilon)
 *                                         / (sample_rate duration^2),   both over u > 0
 *
 * Time runs in double, so that long notes in float keep their slope; sums over it too.
 */
#include "cpu/cpu.h"
#include "cpu/vmath.h"

apf_status APF_CPU(envelope_forward)(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                                     double epsilon, const real *duration, const real *alpha,
                                     real *y)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    const double step = 1 / (sample_rate * (double)duration[b]);
    const real exponent = alpha[b], after = exponent == 0 ? 1 : 0;
    real *row = y + b * T;
#pragma omp simd
    for (int64_t n = 0; n < T; n++) {
      const real u = (real)(1 - (((double)n + epsilon) * step + epsilon));
      const real value = APF_FN(vm_exp)(exponent * APF_FN(vm_log)(u));
      row[n] = u > 0 ? value : after;
    }
  }
  return APF_OK;
}

apf_status APF_CPU(envelope_backward)(apf_context *ctx, int64_t B, int64_t T, double sample_rate,
                                      double epsilon, const real *dy, const real *duration,
                                      const real *alpha, real *dduration, real *dalpha)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    const double step = 1 / (sample_rate * (double)duration[b]);
    const real exponent = alpha[b];
    const real *row = dy + b * T;
    double of_alpha = 0, of_step = 0;
#pragma omp simd reduction(+ : of_alpha, of_step)
    for (int64_t n = 0; n < T; n++) {
      const real u = (real)(1 - (((double)n + epsilon) * step + epsilon));
      const real safe = u > 0 ? u : 1, logarithm = APF_FN(vm_log)(safe);
      const real upstream = u > 0 ? row[n] * APF_FN(vm_exp)(exponent * logarithm) : 0;
      of_alpha += (double)(upstream * logarithm);
      of_step -= ((double)n + epsilon) * (double)(upstream * exponent / safe);
    }
    if (dalpha) dalpha[b] = (real)of_alpha;
    if (dduration) dduration[b] = (real)(-of_step * step / (double)duration[b]);
  }
  return APF_OK;
}
