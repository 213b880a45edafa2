/**
 * Logarithmic mel spectrogram and its gradient, frame by frame.
 *
 *   X = STFT of x (reflected ends), S = |X|^2, M = mel filters S,
 *   y = ln max(M, eps)   or, with `offset`, ln(M + eps)
 *   dM = dy / M where M > eps (or dy / (M + eps)),  dS = filters' dM,  dX = 2 X dS, then back
 *
 * Backward computes X and M again: nothing but one frame is kept in between.
 */
#include "cpu/cpu.h"
#include "cpu/mel.h"
#include "cpu/scratch.h"
#include "cpu/stft_frames.h"
#include "cpu/vmath.h"

typedef struct log_mel_work {
  stft_work stft;
  mel_bank bank;
  real eps;
  int offset;
} log_mel_work;

/** One thread's arrays. */
typedef struct log_mel_arrays {
  real *frame;   /* n_fft */
  bin *X;        /* K */
  real *power;   /* K */
  real *bands;   /* n_mels + 2 */
  real *scratch; /* of the transform */
  int thread;
} log_mel_arrays;

static apf_status begin(apf_context *ctx, const stft_shape *shape, int parts, int64_t n_mels,
                        double rate, double low, double high, double eps, int offset,
                        log_mel_work *work)
{
  const int64_t K = shape->n_fft / 2 + 1;
  const int64_t each = scratch_room(2 * K) + scratch_room(K) + scratch_room(n_mels + 2);
  real *room = NULL;
  APF_TRY(APF_CPU(stft_begin)(ctx, shape, parts, each, APF_CPU(mel_room)(K), &room, &work->stft));
  work->bank = APF_CPU(mel_fill)(MEL_HTK, K, n_mels, rate, low, high, room);
  work->eps = (real)eps;
  work->offset = offset;
  return APF_OK;
}

static log_mel_arrays arrays_of(const log_mel_work *work)
{
  log_mel_arrays mine = {.thread = scratch_thread()};
  real *cursor = work->stft.threads + mine.thread * work->stft.each;
  mine.frame = scratch_take(&cursor, work->stft.shape.n_fft);
  mine.X = (bin *)(void *)scratch_take(&cursor, 2 * work->stft.K);
  mine.power = scratch_take(&cursor, work->stft.K);
  mine.bands = scratch_take(&cursor, work->bank.bands + 2);
  mine.scratch = cursor;
  return mine;
}

/** X and bands[1..n_mels] = M of frame f of one row. */
static void mel_frame(const log_mel_work *work, const real *x, int64_t f, log_mel_arrays *mine)
{
  APF_CPU(stft_frame_load)(&work->stft, x, NULL, f, mine->frame);
  APF_CPU(fft_forward)(work->stft.fft, mine->thread, mine->frame, mine->X, mine->scratch);
  const bin *X = mine->X;
#pragma omp simd
  for (int64_t k = 0; k < work->stft.K; k++) mine->power[k] = X[k].re * X[k].re + X[k].im * X[k].im;
  APF_CPU(mel_apply)(&work->bank, mine->power, mine->bands);
}

apf_status APF_CPU(log_mel_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                    int64_t window, int64_t hop, int64_t n_mels, double sample_rate,
                                    double low, double high, double eps, int offset, const real *x,
                                    real *y)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 1};
  log_mel_work work;
  APF_TRY(begin(ctx, &shape, 0, n_mels, sample_rate, low, high, eps, offset, &work));
  const int64_t F = work.stft.F;
#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) {
    for (int64_t f = 0; f < F; f++) {
      log_mel_arrays mine = arrays_of(&work);
      mel_frame(&work, x + b * T, f, &mine);
      real *M = mine.bands + 1;
#pragma omp simd
      for (int64_t m = 0; m < n_mels; m++) {
        const real floored = M[m] > work.eps ? M[m] : work.eps;
        M[m] = APF_FN(vm_log)(work.offset ? M[m] + work.eps : floored);
      }
      for (int64_t m = 0; m < n_mels; m++) y[(b * n_mels + m) * F + f] = M[m];
    }
  }
  return APF_OK;
}

/** M -> dM, in place, for one frame of dy. */
static void log_gradient(const log_mel_work *work, const real *dy, int64_t stride, real *bands)
{
  const int64_t n_mels = work->bank.bands;
  real *M = bands + 1;
  for (int64_t m = 0; m < n_mels; m++) {
    if (work->offset)
      M[m] = dy[m * stride] / (M[m] + work->eps);
    else
      M[m] = M[m] > work->eps ? dy[m * stride] / M[m] : 0;
  }
  bands[0] = bands[n_mels + 1] = 0;
}

apf_status APF_CPU(log_mel_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t n_fft,
                                     int64_t window, int64_t hop, int64_t n_mels,
                                     double sample_rate, double low, double high, double eps,
                                     int offset, const real *dy, const real *x, real *dx)
{
  const stft_shape shape = {B, T, n_fft, window, hop, 1};
  log_mel_work work;
  APF_TRY(begin(ctx, &shape, STFT_OVERLAP, n_mels, sample_rate, low, high, eps, offset, &work));
  const stft_work *stft = &work.stft;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < B * stft->runs; job++) {
    const int64_t b = job / stft->runs, run = job % stft->runs;
    log_mel_arrays mine = arrays_of(&work);
    for (int64_t f = run * stft->run_frames; f < stft->F && f < (run + 1) * stft->run_frames; f++) {
      mel_frame(&work, x + b * T, f, &mine);
      log_gradient(&work, dy + b * n_mels * stft->F + f, stft->F, mine.bands);
      APF_CPU(mel_adjoint)(&work.bank, mine.bands, mine.power);
      /* The factor 2 of |X|^2 goes with the 1/2 of the bins that stand for two. */
      for (int64_t k = 0; k < stft->K; k++) {
        const real d = k == 0 || k == stft->K - 1 ? 2 * mine.power[k] : mine.power[k];
        mine.X[k] = (bin){d * mine.X[k].re, d * mine.X[k].im};
      }
      APF_CPU(fft_inverse)(stft->fft, mine.thread, mine.X, mine.frame, mine.scratch);
      APF_CPU(stft_overlap_add)(stft, b, run, f, mine.frame);
    }
  }
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < B; b++) APF_CPU(stft_overlap_finish)(stft, b, NULL, dx + b * T);
  return APF_OK;
}
