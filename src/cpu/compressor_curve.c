/**
 * The static curve of a compressor with an expander: averaged power to gain, and its adjoint.
 *
 * In nepers (k = ln(10)/20 of one dB), l = ln(p)/2, s = 1 - 1/ratio:
 *   a = s (k threshold - l), e likewise for the expander, gain = exp(min(0, a, e))
 * Where a branch holds, with dg = dgain gain:
 *   dp = -s dg / (2 p), dthreshold = k s sum dg, dratio = sum dg (k threshold - l) / ratio^2
 *
 * One logarithm and one exponential a sample forward, one logarithm backward, all vectorised. Work
 * is cut in time too; the sums of the spans are added in order, so a result does not depend on the
 * number of threads.
 */
#include "cpu/cpu.h"
#include "cpu/prefetch.h"
#include "cpu/vmath.h"

#include <math.h>

enum { SPAN = 2048, BLOCK = 256 }; /* sums over a block run in `real` */

/* Digital silence: below any level that matters, yet with a finite logarithm. */
static const real least_power = APF_REAL_IS_FLOAT ? (real)1e-30 : (real)1e-200;

static const double neper_per_db = 0.11512925464970228420;

/** A straight line that bends the curve: slope (nepers/neper) and threshold (nepers). */
typedef struct line {
  real threshold, slope;
} line;

static line line_of(const real *threshold, const real *ratio, int64_t b)
{
  if (!threshold) return (line){0, 0};
  return (line){(real)(neper_per_db * (double)threshold[b]), (real)(1 - 1 / (double)ratio[b])};
}

static inline real level_of(real p)
{
  return (real)0.5 * APF_FN(vm_log_normal)(p > least_power ? p : least_power);
}

static void forward_block(int64_t n, line down, line low, const real *p, real *gain)
{
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const real l = level_of(p[i]);
    const real a = down.slope * (down.threshold - l), e = low.slope * (low.threshold - l);
    const real lower = a < e ? a : e;
    gain[i] = APF_FN(vm_exp)(lower < 0 ? lower : 0);
  }
}

apf_status APF_CPU(compressor_curve_forward)(apf_context *ctx, int64_t B, int64_t T, const real *p,
                                             const real *threshold, const real *ratio,
                                             const real *exp_threshold, const real *exp_ratio,
                                             real *gain)
{
  const int64_t spans = (T + SPAN - 1) / SPAN;
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t span = 0; span < spans; span++) {
      const int64_t start = b * T + span * SPAN;
      const int64_t n = T - span * SPAN < SPAN ? T - span * SPAN : SPAN;
      const line down = line_of(threshold, ratio, b), low = line_of(exp_threshold, exp_ratio, b);
      for (int64_t i = 0; i < n; i += BLOCK) {
        prefetch_ahead(p + start + i, BLOCK);
        prefetch_ahead(gain + start + i, BLOCK);
        forward_block(n - i < BLOCK ? n - i : BLOCK, down, low, p + start + i, gain + start + i);
      }
    }
  }
  return APF_OK;
}

/** Sums over one span: of dg, and of dg (threshold - level), for the compressor and the expander.
 */
typedef struct curve_sums {
  double down, down_distance, low, low_distance;
} curve_sums;

static curve_sums backward_block(int64_t n, line down, line low, const real *dgain, const real *p,
                                 const real *gain, real *dp)
{
  real s_down = 0, s_down_distance = 0, s_low = 0, s_low_distance = 0;
#pragma omp simd reduction(+ : s_down, s_down_distance, s_low, s_low_distance)
  for (int64_t i = 0; i < n; i++) {
    const real l = level_of(p[i]);
    const real to_threshold = down.threshold - l, to_low_threshold = low.threshold - l;
    const real a = down.slope * to_threshold, e = low.slope * to_low_threshold;
    const real lower = a < e ? a : e;
    const real dg = lower < 0 ? dgain[i] * gain[i] : 0;
    const real to_down = a < e ? dg : 0, to_low = dg - to_down;
    s_down += to_down;
    s_down_distance += to_down * to_threshold;
    s_low += to_low;
    s_low_distance += to_low * to_low_threshold;
    const real dl = -(to_down * down.slope + to_low * low.slope);
    dp[i] = p[i] > least_power ? (real)0.5 * dl / p[i] : 0;
  }
  return (curve_sums){(double)s_down, (double)s_down_distance, (double)s_low,
                      (double)s_low_distance};
}

static void add_sums(const curve_sums *sums, curve_sums *total)
{
  total->down += sums->down;
  total->down_distance += sums->down_distance;
  total->low += sums->low;
  total->low_distance += sums->low_distance;
}

static curve_sums backward_span(int64_t n, line down, line low, const real *dgain, const real *p,
                                const real *gain, real *dp)
{
  real unwanted[BLOCK];
  curve_sums total = {0};
  for (int64_t i = 0; i < n; i += BLOCK) {
    const int64_t count = n - i < BLOCK ? n - i : BLOCK;
    prefetch_ahead(dgain + i, count);
    prefetch_ahead(p + i, count);
    prefetch_ahead(gain + i, count);
    if (dp) prefetch_ahead(dp + i, count);
    const curve_sums sums =
        backward_block(count, down, low, dgain + i, p + i, gain + i, dp ? dp + i : unwanted);
    add_sums(&sums, &total);
  }
  return total;
}

/** Adds the spans of one row in order. */
static curve_sums total_of(int64_t spans, const curve_sums *sums)
{
  curve_sums total = {0};
  for (int64_t i = 0; i < spans; i++) add_sums(&sums[i], &total);
  return total;
}

apf_status APF_CPU(compressor_curve_backward)(apf_context *ctx, int64_t B, int64_t T,
                                              const real *dgain, const real *p,
                                              const real *threshold, const real *ratio,
                                              const real *exp_threshold, const real *exp_ratio,
                                              const real *gain, real *dp, real *dthreshold,
                                              real *dratio, real *dexp_threshold, real *dexp_ratio)
{
  const int64_t spans = (T + SPAN - 1) / SPAN;
  curve_sums *sums;
  APF_TRY(apf_workspace(ctx, (size_t)(B * spans) * sizeof *sums, (void **)&sums));
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t span = 0; span < spans; span++) {
      const int64_t start = b * T + span * SPAN;
      const int64_t n = T - span * SPAN < SPAN ? T - span * SPAN : SPAN;
      sums[b * spans + span] =
          backward_span(n, line_of(threshold, ratio, b), line_of(exp_threshold, exp_ratio, b),
                        dgain + start, p + start, gain + start, dp ? dp + start : NULL);
    }
  }
  for (int64_t b = 0; b < B; b++) {
    const curve_sums sum = total_of(spans, sums + b * spans);
    const line down = line_of(threshold, ratio, b), low = line_of(exp_threshold, exp_ratio, b);
    if (dthreshold) dthreshold[b] = (real)(neper_per_db * (double)down.slope * sum.down);
    if (dratio) dratio[b] = (real)(sum.down_distance / ((double)ratio[b] * (double)ratio[b]));
    if (dexp_threshold) dexp_threshold[b] = (real)(neper_per_db * (double)low.slope * sum.low);
    if (dexp_ratio)
      dexp_ratio[b] = (real)(sum.low_distance / ((double)exp_ratio[b] * (double)exp_ratio[b]));
  }
  return APF_OK;
}
