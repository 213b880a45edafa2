/**
 * One-pole average by frequency sampling over the whole signal, and its adjoint.
 *
 *   V = rfft(x), H = c / A, A = 1 - (1-c) e^{-jw}, w = 2 pi k / T;   y = irfft(V H)
 *   with G = rfft(dy):  dx = irfft(G conj(H)),
 *   dc = (1/T) sum over the whole spectrum of Re(G conj(V dH/dc)),  dH/dc = (1 - e^{-jw}) / A^2
 *
 * 1 - e^{-jw} = 2 s (s + j r) with s = sin(w/2), r = cos(w/2), and A = c + (1-c)(1 - e^{-jw}): no
 * difference of nearly equal numbers, however slow the average. Responses are computed in double.
 */
#include "cpu/cpu.h"
#include "cpu/fft.h"
#include "cpu/scratch.h"
#include "cpu/vmath.h"

#include <string.h>

/** Arrays of one thread. */
typedef struct arrays {
  real *signal;  /* T */
  bin *spectrum; /* of the signal */
  bin *other;    /* backward: of x */
  real *scratch;
} arrays;

static apf_status begin(apf_context *ctx, int64_t T, const fft_plan **plan, real **memory,
                        int64_t *each)
{
  APF_TRY(APF_CPU(fft_plan_for)(ctx, T, plan));
  *each = scratch_room(T) + 2 * scratch_room(2 * (*plan)->bins) + scratch_room((*plan)->scratch);
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)(ctx->threads * *each) * sizeof(real), &workspace));
  *memory = workspace;
  return APF_OK;
}

static arrays arrays_of(const fft_plan *plan, real *cursor)
{
  arrays mine;
  mine.signal = scratch_take(&cursor, plan->n);
  mine.spectrum = (bin *)(void *)scratch_take(&cursor, 2 * plan->bins);
  mine.other = (bin *)(void *)scratch_take(&cursor, 2 * plan->bins);
  mine.scratch = cursor;
  return mine;
}

/** H / T at bin k, and 1 - e^{-jw} and 1 / A on the way. */
typedef struct response {
  double H_re, H_im, over_A_re, over_A_im, rise_re, rise_im;
} response;

static inline response response_at(int64_t k, double c, double over_T)
{
  const double half = 3.14159265358979323846 * (double)k * over_T;
  const double s = vm_sin_f64(half), r = vm_cos_f64(half);
  response at;
  at.rise_re = 2 * s * s;
  at.rise_im = 2 * s * r;
  const double A_re = c + (1 - c) * at.rise_re, A_im = (1 - c) * at.rise_im;
  const double over_square = 1 / (A_re * A_re + A_im * A_im);
  at.over_A_re = A_re * over_square;
  at.over_A_im = -A_im * over_square;
  at.H_re = c * over_T * at.over_A_re;
  at.H_im = c * over_T * at.over_A_im;
  return at;
}

apf_status APF_CPU(fft_one_pole_forward)(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                         const real *c, real *y)
{
  const fft_plan *plan;
  real *memory;
  int64_t each;
  APF_TRY(begin(ctx, T, &plan, &memory, &each));
  const double over_T = 1 / (double)T;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    const int thread = scratch_thread();
    const arrays mine = arrays_of(plan, memory + thread * each);
    bin *V = mine.spectrum;
    memcpy(mine.signal, x + b * T, (size_t)T * sizeof(real));
    APF_CPU(fft_forward)(plan, thread, mine.signal, V, mine.scratch);
#pragma omp simd
    for (int64_t k = 0; k < plan->bins; k++) {
      const response at = response_at(k, c[b], over_T);
      const double re = V[k].re, im = V[k].im;
      V[k].re = (real)(re * at.H_re - im * at.H_im);
      V[k].im = (real)(re * at.H_im + im * at.H_re);
    }
    APF_CPU(fft_inverse)(plan, thread, V, mine.signal, mine.scratch);
    memcpy(y + b * T, mine.signal, (size_t)T * sizeof(real));
  }
  return APF_OK;
}

/** G <- G conj(H) / T; returns the sum over bins of Re(G conj(V dH/dc)), inner bins counted twice.
 */
static double gradient_bins(const fft_plan *plan, double c, bin *G, const bin *V)
{
  const double over_T = 1 / (double)plan->n;
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < plan->bins; k++) {
    const response at = response_at(k, c, over_T);
    const double g_re = G[k].re, g_im = G[k].im, v_re = V[k].re, v_im = V[k].im;
    const double square_re = at.over_A_re * at.over_A_re - at.over_A_im * at.over_A_im;
    const double square_im = 2 * at.over_A_re * at.over_A_im;
    const double dH_re = at.rise_re * square_re - at.rise_im * square_im;
    const double dH_im = at.rise_re * square_im + at.rise_im * square_re;
    /* Re(G conj(V) conj(dH)) */
    const double gv_re = g_re * v_re + g_im * v_im, gv_im = g_im * v_re - g_re * v_im;
    const double weight = k == 0 || 2 * k == plan->n ? 1 : 2;
    sum += weight * (gv_re * dH_re + gv_im * dH_im);
    G[k].re = (real)(g_re * at.H_re + g_im * at.H_im);
    G[k].im = (real)(g_im * at.H_re - g_re * at.H_im);
  }
  return sum;
}

apf_status APF_CPU(fft_one_pole_backward)(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                          const real *x, const real *c, real *dx, real *dc)
{
  const fft_plan *plan;
  real *memory;
  int64_t each;
  APF_TRY(begin(ctx, T, &plan, &memory, &each));
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    const int thread = scratch_thread();
    const arrays mine = arrays_of(plan, memory + thread * each);
    if (dc) {
      memcpy(mine.signal, x + b * T, (size_t)T * sizeof(real));
      APF_CPU(fft_forward)(plan, thread, mine.signal, mine.other, mine.scratch);
    } else {
      memset(mine.other, 0, (size_t)plan->bins * sizeof(bin));
    }
    memcpy(mine.signal, dy + b * T, (size_t)T * sizeof(real));
    APF_CPU(fft_forward)(plan, thread, mine.signal, mine.spectrum, mine.scratch);
    const double sum = gradient_bins(plan, c[b], mine.spectrum, mine.other);
    if (dc) dc[b] = (real)(sum / (double)T);
    if (!dx) continue;
    APF_CPU(fft_inverse)(plan, thread, mine.spectrum, mine.signal, mine.scratch);
    memcpy(dx + b * T, mine.signal, (size_t)T * sizeof(real));
  }
  return APF_OK;
}
