/** Windowing, transforms and overlap-add; definitions in stft_frames.h. */
#include "cpu/stft_frames.h"

#include <math.h>
#include <string.h>

#include "cpu/scratch.h"

/** Where the window lies inside its frame. */
static int64_t window_offset(const stft_shape *shape)
{
  return (shape->n_fft - shape->window) / 2;
}

/** The sample under the window's first value in frame f; may lie outside the signal. */
static int64_t first_sample(const stft_shape *shape, int64_t f)
{
  return f * shape->hop - shape->n_fft / 2 + window_offset(shape);
}

/** The sample that stands at position t; -1 where that is zero. */
static int64_t source(const stft_shape *shape, int64_t t)
{
  if (t >= 0 && t < shape->T) return t;
  if (!shape->reflect) return -1;
  return t < 0 ? -t : 2 * (shape->T - 1) - t;
}

static void fill_window(const stft_work *work)
{
  const double pi = 3.14159265358979323846;
  for (int64_t i = 0; i < work->shape.window; i++) {
    double s = sin(pi * (double)i / (double)work->shape.window);
    work->hann[i] = (real)(s * s);
  }
}

static void fill_scale(const stft_work *work)
{
  const int64_t T = work->shape.T, window = work->shape.window;
  memset(work->scale, 0, (size_t)T * sizeof(real));
  for (int64_t f = 0; f < work->F; f++) {
    const int64_t start = first_sample(&work->shape, f);
    const int64_t low = start < 0 ? -start : 0;
    const int64_t high = start + window > T ? T - start : window;
    for (int64_t i = low; i < high; i++) work->scale[start + i] += work->hann[i] * work->hann[i];
  }
  for (int64_t t = 0; t < T; t++) work->scale[t] = 1 / ((real)work->shape.n_fft * work->scale[t]);
}

/** Rows alone keep the threads busy once there are several for each. */
static void plan_runs(stft_work *work, int threads)
{
  const int64_t B = work->shape.B;
  const int64_t runs = threads == 1 || B >= 4 * threads ? 1 : (4 * threads + B - 1) / B;
  work->run_frames = (work->F + runs - 1) / runs;
  work->runs = (work->F + work->run_frames - 1) / work->run_frames;
  work->run_samples = (work->run_frames - 1) * work->shape.hop + work->shape.window;
}

apf_status APF_CPU(stft_begin)(apf_context *ctx, const stft_shape *shape, int parts, int64_t extra,
                               int64_t shared, real **shared_memory, stft_work *work)
{
  *work = (stft_work){.shape = *shape, .F = shape->T / shape->hop + 1, .K = shape->n_fft / 2 + 1};
  APF_TRY(APF_CPU(fft_plan_for)(ctx, shape->n_fft, &work->fft));
  plan_runs(work, ctx->threads);
  const int64_t scale_room = parts & STFT_SCALE ? shape->T : 0;
  const int64_t sums_room = parts & STFT_OVERLAP ? shape->B * work->runs * work->run_samples : 0;
  work->each = scratch_room(shape->n_fft) + scratch_room(work->fft->scratch) + scratch_room(extra);

  void *memory = NULL;
  const int64_t room = scratch_room(shape->window) + scratch_room(scale_room) +
                       scratch_room(sums_room) + scratch_room(shared) + ctx->threads * work->each;
  APF_TRY(apf_workspace(ctx, (size_t)room * sizeof(real), &memory));
  real *cursor = memory;
  work->hann = scratch_take(&cursor, shape->window);
  work->scale = scratch_take(&cursor, scale_room);
  work->sums = scratch_take(&cursor, sums_room);
  real *taken = scratch_take(&cursor, shared);
  if (shared_memory) *shared_memory = taken;
  work->threads = cursor;

  fill_window(work);
  if (parts & STFT_SCALE) fill_scale(work);
  return APF_OK;
}

void APF_CPU(stft_frame_load)(const stft_work *work, const real *x, const real *scale, int64_t f,
                              real *out)
{
  const stft_shape *shape = &work->shape;
  const int64_t window = shape->window, before = window_offset(shape);
  const int64_t start = first_sample(shape, f);
  const real *hann = work->hann;
  real *middle = out + before;
  memset(out, 0, (size_t)before * sizeof(real));
  memset(middle + window, 0, (size_t)(shape->n_fft - before - window) * sizeof(real));

  if (start < 0 || start + window > shape->T) {
    for (int64_t i = 0; i < window; i++) {
      const int64_t t = source(shape, start + i);
      middle[i] = t < 0 ? 0 : hann[i] * x[t] * (scale ? scale[t] : 1);
    }
  } else if (scale) {
    for (int64_t i = 0; i < window; i++) middle[i] = hann[i] * x[start + i] * scale[start + i];
  } else {
    for (int64_t i = 0; i < window; i++) middle[i] = hann[i] * x[start + i];
  }
}

void APF_CPU(stft_weigh_bins)(const stft_work *work, real factor, bin *X)
{
  for (int64_t k = 1; k < work->K - 1; k++) X[k] = (bin){factor * X[k].re, factor * X[k].im};
}

void APF_CPU(stft_overlap_add)(const stft_work *work, int64_t row, int64_t run, int64_t f,
                               const real *frame)
{
  const int64_t first = run * work->run_frames;
  const real *middle = frame + window_offset(&work->shape), *hann = work->hann;
  real *sums = work->sums + (row * work->runs + run) * work->run_samples;
  if (f == first) memset(sums, 0, (size_t)work->run_samples * sizeof(real));
  sums += (f - first) * work->shape.hop;
  for (int64_t i = 0; i < work->shape.window; i++) sums[i] += hann[i] * middle[i];
}

void APF_CPU(stft_overlap_finish)(const stft_work *work, int64_t row, const real *scale, real *y)
{
  const stft_shape *shape = &work->shape;
  const int64_t T = shape->T;
  memset(y, 0, (size_t)T * sizeof(real));
  for (int64_t run = 0; run < work->runs; run++) {
    const int64_t first = run * work->run_frames;
    const int64_t left = work->F - first;
    const int64_t count = left < work->run_frames ? left : work->run_frames;
    const int64_t samples = (count - 1) * shape->hop + shape->window;
    const int64_t start = first_sample(shape, first);
    const int64_t low = start < 0 ? -start : 0;
    const int64_t high = start + samples > T ? T - start : samples;
    const real *sums = work->sums + (row * work->runs + run) * work->run_samples;
    for (int64_t i = low; i < high; i++) y[start + i] += sums[i];
    if (!shape->reflect) continue;
    for (int64_t i = 0; i < low; i++) y[source(shape, start + i)] += sums[i];
    for (int64_t i = high; i < samples; i++) y[source(shape, start + i)] += sums[i];
  }
  if (!scale) return;
  for (int64_t t = 0; t < T; t++) y[t] *= scale[t];
}

apf_status APF_CPU(stft_analyze)(apf_context *ctx, const stft_shape *shape, int inverse,
                                 const real *x, real *X)
{
  stft_work work;
  APF_TRY(APF_CPU(stft_begin)(ctx, shape, inverse ? STFT_SCALE : 0, 0, 0, NULL, &work));
  const real *scale = inverse ? work.scale : NULL;

#pragma omp parallel for collapse(2) num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < shape->B; b++) {
    for (int64_t f = 0; f < work.F; f++) {
      const int thread = scratch_thread();
      real *cursor = work.threads + thread * work.each;
      real *frame = scratch_take(&cursor, shape->n_fft);
      bin *out = (bin *)(void *)(X + (b * work.F + f) * 2 * work.K);
      APF_CPU(stft_frame_load)(&work, x + b * shape->T, scale, f, frame);
      APF_CPU(fft_forward)(work.fft, thread, frame, out, cursor);
      if (inverse) APF_CPU(stft_weigh_bins)(&work, 2, out);
    }
  }
  return APF_OK;
}

apf_status APF_CPU(stft_synthesize)(apf_context *ctx, const stft_shape *shape, int inverse,
                                    const real *X, real *y)
{
  stft_work work;
  const int parts = STFT_OVERLAP | (inverse ? STFT_SCALE : 0);
  APF_TRY(APF_CPU(stft_begin)(ctx, shape, parts, shape->n_fft + 2, 0, NULL, &work));

#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < shape->B * work.runs; job++) {
    const int thread = scratch_thread();
    const int64_t b = job / work.runs, run = job % work.runs;
    real *cursor = work.threads + thread * work.each;
    real *frame = scratch_take(&cursor, shape->n_fft);
    bin *spectrum = (bin *)(void *)scratch_take(&cursor, 2 * work.K);
    for (int64_t f = run * work.run_frames; f < work.F && f < (run + 1) * work.run_frames; f++) {
      const real *from = X + (b * work.F + f) * 2 * work.K;
      memcpy(spectrum, from, (size_t)work.K * sizeof(bin));
      if (!inverse) APF_CPU(stft_weigh_bins)(&work, (real)0.5, spectrum);
      APF_CPU(fft_inverse)(work.fft, thread, spectrum, frame, cursor);
      APF_CPU(stft_overlap_add)(&work, b, run, f, frame);
    }
  }
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t b = 0; b < shape->B; b++)
    APF_CPU(stft_overlap_finish)(&work, b, inverse ? work.scale : NULL, y + b * shape->T);
  return APF_OK;
}
