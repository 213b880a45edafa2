/**
 * A compressor's output: the signal times the (looked-ahead) gain times the make-up gain.
 *
 *   y[b,c,t] = m_b x[b,c,t] g[t],  g[t] = gain[b,t+delay] for t < T - delay, else 1,  m =
 * 10^(make_up/20) dx[b,c,t] = dy m g[t];  dgain[b,t+delay] = m sum_c dy x, 0 for the first delay
 * samples; dmake_up = ln(10)/20 sum dy y
 *
 * Memory bound. Work is cut in time too; the sums of the spans are added in order, so a result does
 * not depend on the number of threads.
 */
#include "cpu/cpu.h"

#include <math.h>

enum { SPAN = 4096 };

static real amplitude_of(const real *make_up, int64_t b)
{
  return make_up ? (real)pow(10, (double)make_up[b] / 20) : 1;
}

static int64_t spans_of(int64_t T)
{
  return (T + SPAN - 1) / SPAN;
}

apf_status APF_CPU(compressor_apply_forward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                             int64_t delay, const real *x, const real *gain,
                                             const real *make_up, real *y)
{
  const int64_t spans = spans_of(T), ahead = delay < T ? T - delay : 0;
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t row = 0; row < B * C; row++) {
    for (int64_t span = 0; span < spans; span++) {
      const int64_t start = span * SPAN, end = start + SPAN < T ? start + SPAN : T;
      const int64_t turn = ahead < start ? start : ahead < end ? ahead : end;
      const real m = amplitude_of(make_up, row / C), *in = x + row * T, *g = gain + row / C * T;
      real *out = y + row * T;
      for (int64_t t = start; t < turn; t++) out[t] = m * in[t] * g[t + delay];
      for (int64_t t = turn; t < end; t++) out[t] = m * in[t];
    }
  }
  return APF_OK;
}

/** One row's arrays, at time 0. */
typedef struct apply_row {
  const real *dy, *x, *gain;
  real *dx, *dgain;
  int64_t C, T, delay, ahead;
  real m;
} apply_row;

/** Gradients over start..end of one row; returns the sum of dy x g without the make-up gain. */
static double backward_span(const apply_row *r, int64_t start, int64_t end, int want_sum)
{
  const int64_t turn = r->ahead < start ? start : r->ahead < end ? r->ahead : end;
  const real *g = r->gain + r->delay;
  double sum = 0;
  if (r->dgain) {
    for (int64_t t = start; t < end && t < r->delay; t++) r->dgain[t] = 0;
    for (int64_t t = start; t < turn; t++) r->dgain[t + r->delay] = 0;
  }
  for (int64_t c = 0; c < r->C; c++) {
    const real *dy = r->dy + c * r->T, *x = r->x + c * r->T;
    if (r->dgain)
      for (int64_t t = start; t < turn; t++) r->dgain[t + r->delay] += r->m * dy[t] * x[t];
    if (r->dx) {
      real *dx = r->dx + c * r->T;
      for (int64_t t = start; t < turn; t++) dx[t] = r->m * dy[t] * g[t];
      for (int64_t t = turn; t < end; t++) dx[t] = r->m * dy[t];
    }
    if (want_sum) {
      double part = 0;
#pragma omp simd reduction(+ : part)
      for (int64_t t = start; t < turn; t++) part += (double)(dy[t] * x[t] * g[t]);
#pragma omp simd reduction(+ : part)
      for (int64_t t = turn; t < end; t++) part += (double)(dy[t] * x[t]);
      sum += part;
    }
  }
  return sum;
}

apf_status APF_CPU(compressor_apply_backward)(apf_context *ctx, int64_t B, int64_t C, int64_t T,
                                              int64_t delay, const real *dy, const real *x,
                                              const real *gain, const real *make_up, real *dx,
                                              real *dgain, real *dmake_up)
{
  const int64_t spans = spans_of(T), ahead = delay < T ? T - delay : 0;
  double *sums = NULL;
  if (dmake_up) APF_TRY(apf_workspace(ctx, (size_t)(B * spans) * sizeof *sums, (void **)&sums));
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t span = 0; span < spans; span++) {
      const int64_t start = span * SPAN, end = start + SPAN < T ? start + SPAN : T;
      const apply_row row = {dy + b * C * T,
                             x + b * C * T,
                             gain + b * T,
                             dx ? dx + b * C * T : NULL,
                             dgain ? dgain + b * T : NULL,
                             C,
                             T,
                             delay,
                             ahead,
                             amplitude_of(make_up, b)};
      double sum = backward_span(&row, start, end, sums != NULL);
      if (sums) sums[b * spans + span] = sum;
    }
  }
  if (!dmake_up) return APF_OK;
  for (int64_t b = 0; b < B; b++) {
    double sum = 0;
    for (int64_t span = 0; span < spans; span++) sum += sums[b * spans + span];
    dmake_up[b] = (real)(sum * (double)amplitude_of(make_up, b) * log(10) / 20);
  }
  return APF_OK;
}
