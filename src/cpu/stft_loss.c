/**
 * Spectral distance of two signals in one resolution, and its gradient.
 *
 *   |S| = sqrt(max(|STFT|^2, 1e-8)), then mel bands of it where n_mels > 0; x of pred, y of target
 *   loss = ||y - x||_F / ||y||_F + mean |ln x - ln y|,   norms and mean over all rows of a set
 *   dx = (x - y) / (||y - x|| ||y||) + sgn(x - y) / (N x),   dX = X / |X| d|X|,
 *   nothing where |X|^2 was raised to 1e-8
 *
 * Backward computes the spectra again from the signals; what is kept of forward are three sums per
 * set.
 */
#include "cpu/cpu.h"
#include "cpu/mel.h"
#include "cpu/scratch.h"
#include "cpu/stft_frames.h"
#include "cpu/vmath.h"

#include <math.h>

static const real POWER_FLOOR = (real)1e-8;
/* A mel band narrower than the distance of two bins may hold none: its magnitude counts as this. */
static const real BAND_FLOOR = (real)1e-30;

enum { SUMS = 3 }; /* of (x - y)^2, y^2, |ln x - ln y| */

typedef struct loss_work {
  stft_work stft;
  mel_bank bank;
  int64_t bands; /* bins or mel bands of a frame */
  int use_mel;
  double *sums; /* forward: rows x runs x SUMS */
} loss_work;

/** One thread's arrays. */
typedef struct loss_arrays {
  real *frame;     /* n_fft */
  bin *X;          /* K: the last spectrum */
  real *magnitude; /* K: of it */
  real *x, *y;     /* magnitudes or mel bands of pred and target, from index 1 */
  real *scratch;   /* of the transform */
  int thread;
} loss_arrays;

static apf_status begin(apf_context *ctx, const stft_shape *shape, int parts, int64_t n_mels,
                        double rate, loss_work *work)
{
  const int64_t K = shape->n_fft / 2 + 1, bands = n_mels > 0 ? n_mels : K;
  const int64_t each = scratch_room(2 * K) + scratch_room(K) + 2 * scratch_room(bands + 2);
  const int64_t most_jobs = shape->B + 4 * (int64_t)ctx->threads;
  const int64_t sums = most_jobs * SUMS * (int64_t)(sizeof(double) / sizeof(real));
  real *room = NULL;
  APF_TRY(APF_CPU(stft_begin)(ctx, shape, parts, each, APF_CPU(mel_room)(K) + sums, &room,
                              &work->stft));
  work->bands = bands;
  work->use_mel = n_mels > 0;
  if (work->use_mel) work->bank = APF_CPU(mel_fill)(MEL_SLANEY, K, n_mels, rate, 0, rate / 2, room);
  work->sums = (double *)(void *)(room + APF_CPU(mel_room)(K));
  return APF_OK;
}

static loss_arrays arrays_of(const loss_work *work)
{
  loss_arrays mine = {.thread = scratch_thread()};
  real *cursor = work->stft.threads + mine.thread * work->stft.each;
  mine.frame = scratch_take(&cursor, work->stft.shape.n_fft);
  mine.X = (bin *)(void *)scratch_take(&cursor, 2 * work->stft.K);
  mine.magnitude = scratch_take(&cursor, work->stft.K);
  mine.x = scratch_take(&cursor, work->bands + 2);
  mine.y = scratch_take(&cursor, work->bands + 2);
  mine.scratch = cursor;
  return mine;
}

/** X and |X| of frame f; out[1..bands] = |X| or its mel bands. */
static void magnitudes(const loss_work *work, const real *signal, int64_t f, loss_arrays *mine,
                       real *out)
{
  real *magnitude = work->use_mel ? mine->magnitude : out + 1;
  APF_CPU(stft_frame_load)(&work->stft, signal, NULL, f, mine->frame);
  APF_CPU(fft_forward)(work->stft.fft, mine->thread, mine->frame, mine->X, mine->scratch);
  const bin *X = mine->X;
#pragma omp simd
  for (int64_t k = 0; k < work->stft.K; k++) {
    const real power = X[k].re * X[k].re + X[k].im * X[k].im;
    magnitude[k] = APF_MATH(sqrt)(power > POWER_FLOOR ? power : POWER_FLOOR);
  }
  if (!work->use_mel) return;
  APF_CPU(mel_apply)(&work->bank, magnitude, out);
  for (int64_t m = 1; m <= work->bands; m++) out[m] = out[m] > BAND_FLOOR ? out[m] : BAND_FLOOR;
}

static void add_frame(const loss_work *work, const real *x, const real *y, double *sums)
{
  double difference = 0, target = 0, logarithm = 0;
#pragma omp simd reduction(+ : difference, target, logarithm)
  for (int64_t m = 1; m <= work->bands; m++) {
    const double d = (double)x[m] - (double)y[m];
    difference += d * d;
    target += (double)y[m] * (double)y[m];
    logarithm += (double)APF_MATH(fabs)(APF_FN(vm_log)(x[m] / y[m]));
  }
  sums[0] += difference;
  sums[1] += target;
  sums[2] += logarithm;
}

/** The rows' sums to loss[P] and parts[P, SUMS], in order. */
static void finish_sets(const loss_work *work, int64_t P, real *loss, real *parts)
{
  const int64_t rows = work->stft.shape.B / P;
  const double count = (double)(rows * work->stft.F * work->bands);
  for (int64_t p = 0; p < P; p++) {
    const double *sums = work->sums + p * rows * work->stft.runs * SUMS;
    double total[SUMS] = {0};
    for (int64_t i = 0; i < rows * work->stft.runs; i++)
      for (int s = 0; s < SUMS; s++) total[s] += sums[i * SUMS + s];
    loss[p] = (real)(sqrt(total[0] / total[1]) + total[2] / count);
    for (int s = 0; s < SUMS; s++) parts[p * SUMS + s] = (real)total[s];
  }
}

apf_status APF_CPU(stft_loss_forward)(apf_context *ctx, int64_t P, int64_t B, int64_t T,
                                      int shared_target, int64_t n_fft, int64_t window, int64_t hop,
                                      int64_t n_mels, double sample_rate, const real *pred,
                                      const real *target, real *loss, real *parts)
{
  const stft_shape shape = {P * B, T, n_fft, window, hop, 1};
  loss_work work;
  APF_TRY(begin(ctx, &shape, 0, n_mels, sample_rate, &work));
  const stft_work *stft = &work.stft;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < shape.B * stft->runs; job++) {
    const int64_t row = job / stft->runs, run = job % stft->runs;
    const real *from = pred + row * T, *to = target + (shared_target ? row % B : row) * T;
    loss_arrays mine = arrays_of(&work);
    double sums[SUMS] = {0};
    for (int64_t f = run * stft->run_frames; f < stft->F && f < (run + 1) * stft->run_frames; f++) {
      magnitudes(&work, to, f, &mine, mine.y);
      magnitudes(&work, from, f, &mine, mine.x);
      add_frame(&work, mine.x, mine.y, sums);
    }
    for (int s = 0; s < SUMS; s++) work.sums[job * SUMS + s] = sums[s];
  }
  finish_sets(&work, P, loss, parts);
  return APF_OK;
}

/** x -> dx in place, then mine->X = dX with what the transform back wants. */
static void gradient_frame(const loss_work *work, real convergence, real logarithm,
                           loss_arrays *mine)
{
  real *x = mine->x, *d = x + 1;
  const real *y = mine->y;
  bin *X = mine->X;
  const int64_t last = work->stft.K - 1;
#pragma omp simd
  for (int64_t m = 1; m <= work->bands; m++) {
    const real sign = (real)(x[m] > y[m]) - (real)(x[m] < y[m]);
    x[m] = convergence * (x[m] - y[m]) + logarithm * sign / x[m];
  }
  if (work->use_mel) {
    x[0] = x[work->bands + 1] = 0;
    d = mine->magnitude;
    APF_CPU(mel_adjoint)(&work->bank, x, d);
  }
#pragma omp simd
  for (int64_t k = 0; k <= last; k++) {
    const real power = X[k].re * X[k].re + X[k].im * X[k].im;
    const real floored = power > POWER_FLOOR ? power : POWER_FLOOR;
    const real factor = power >= POWER_FLOOR ? d[k] / APF_MATH(sqrt)(floored) : 0;
    X[k] = (bin){factor * X[k].re, factor * X[k].im};
  }
  APF_CPU(stft_weigh_bins)(&work->stft, (real)0.5, X);
}

apf_status APF_CPU(stft_loss_backward)(apf_context *ctx, int64_t P, int64_t B, int64_t T,
                                       int shared_target, int64_t n_fft, int64_t window,
                                       int64_t hop, int64_t n_mels, double sample_rate,
                                       const real *dloss, const real *pred, const real *target,
                                       const real *parts, real *dpred)
{
  const stft_shape shape = {P * B, T, n_fft, window, hop, 1};
  loss_work work;
  APF_TRY(begin(ctx, &shape, STFT_OVERLAP, n_mels, sample_rate, &work));
  const stft_work *stft = &work.stft;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < shape.B * stft->runs; job++) {
    const int64_t row = job / stft->runs, run = job % stft->runs;
    const real *from = pred + row * T, *to = target + (shared_target ? row % B : row) * T;
    const real *sums = parts + row / B * SUMS, up = dloss[row / B];
    const double norms = sqrt((double)sums[0]) * sqrt((double)sums[1]);
    const real convergence = norms > 0 ? (real)((double)up / norms) : 0;
    const real logarithm = (real)((double)up / (double)(B * stft->F * work.bands));
    loss_arrays mine = arrays_of(&work);
    for (int64_t f = run * stft->run_frames; f < stft->F && f < (run + 1) * stft->run_frames; f++) {
      magnitudes(&work, to, f, &mine, mine.y);
      magnitudes(&work, from, f, &mine, mine.x);
      gradient_frame(&work, convergence, logarithm, &mine);
      APF_CPU(fft_inverse)(stft->fft, mine.thread, mine.X, mine.frame, mine.scratch);
      APF_CPU(stft_overlap_add)(stft, row, run, f, mine.frame);
    }
  }
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t row = 0; row < shape.B; row++)
    APF_CPU(stft_overlap_finish)(stft, row, NULL, dpred + row * T);
  return APF_OK;
}
