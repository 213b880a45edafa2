/** Responses between STFT and inverse; definitions in stft_response.h. */
#include "cpu/stft_response.h"

#include "cpu/scratch.h"

/** One thread's arrays. */
typedef struct arrays {
  real *frame;   /* n_fft */
  bin *X, *dY;   /* K */
  real *room;    /* of the gradient */
  real *scratch; /* of the transform */
  int thread;
} arrays;

typedef struct response_work {
  stft_work stft;
  response_grid grid;
  int64_t room; /* of one thread's gradient */
  real *shared;
} response_work;

static apf_status begin(apf_context *ctx, const stft_shape *shape, int parts, int64_t room,
                        int64_t shared, response_work *work)
{
  const int64_t K = shape->n_fft / 2 + 1;
  work->room = room;
  const int64_t each = 2 * scratch_room(2 * K) + scratch_room(work->room);
  real *memory = NULL;
  APF_TRY(APF_CPU(stft_begin)(ctx, shape, parts, each, 2 * scratch_room(K) + shared, &memory,
                              &work->stft));
  real *re = scratch_take(&memory, K), *im = scratch_take(&memory, K);
  work->grid = APF_CPU(response_grid_fill)(shape->n_fft, re, im);
  work->shared = memory;
  return APF_OK;
}

static arrays arrays_of(const response_work *work)
{
  arrays mine = {.thread = scratch_thread()};
  real *cursor = work->stft.threads + mine.thread * work->stft.each;
  mine.frame = scratch_take(&cursor, work->stft.shape.n_fft);
  mine.X = (bin *)(void *)scratch_take(&cursor, 2 * work->stft.K);
  mine.dY = (bin *)(void *)scratch_take(&cursor, 2 * work->stft.K);
  mine.room = scratch_take(&cursor, work->room);
  mine.scratch = cursor;
  return mine;
}

apf_status APF_CPU(stft_response_forward)(apf_context *ctx, const stft_shape *shape,
                                          const stft_response *response, const real *x, real *y)
{
  response_work work;
  APF_TRY(begin(ctx, shape, STFT_SCALE | STFT_OVERLAP, 0, 0, &work));
  const stft_work *stft = &work.stft;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < shape->B * stft->runs; job++) {
    const int64_t row = job / stft->runs, run = job % stft->runs;
    const arrays mine = arrays_of(&work);
    for (int64_t f = run * stft->run_frames; f < stft->F && f < (run + 1) * stft->run_frames; f++) {
      APF_CPU(stft_frame_load)(stft, x + row * shape->T, NULL, f, mine.frame);
      APF_CPU(fft_forward)(stft->fft, mine.thread, mine.frame, mine.X, mine.scratch);
      response->apply(response->user, &work.grid, row, f, (real *)mine.X);
      APF_CPU(fft_inverse)(stft->fft, mine.thread, mine.X, mine.frame, mine.scratch);
      APF_CPU(stft_overlap_add)(stft, row, run, f, mine.frame);
    }
  }
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t row = 0; row < shape->B; row++)
    APF_CPU(stft_overlap_finish)(stft, row, stft->scale, y + row * shape->T);
  return APF_OK;
}

apf_status APF_CPU(stft_response_backward)(apf_context *ctx, const stft_shape *shape,
                                           const stft_response *response, int64_t shared_room,
                                           const real *dy, const real *x, real *dx, real **shared)
{
  response_work work;
  APF_TRY(begin(ctx, shape, STFT_SCALE | STFT_OVERLAP, response->room, shared_room, &work));
  const stft_work *stft = &work.stft;
  *shared = work.shared;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t job = 0; job < shape->B * stft->runs; job++) {
    const int64_t row = job / stft->runs, run = job % stft->runs;
    const arrays mine = arrays_of(&work);
    for (int64_t f = run * stft->run_frames; f < stft->F && f < (run + 1) * stft->run_frames; f++) {
      if (x) {
        APF_CPU(stft_frame_load)(stft, x + row * shape->T, NULL, f, mine.frame);
        APF_CPU(fft_forward)(stft->fft, mine.thread, mine.frame, mine.X, mine.scratch);
        /* The doubling of bins by the inverse's adjoint and the halving before the transform back
         * cancel in dx: only the parameters see it, and take it from here. */
        APF_CPU(stft_weigh_bins)(stft, 2, mine.X);
      }
      APF_CPU(stft_frame_load)(stft, dy + row * shape->T, stft->scale, f, mine.frame);
      APF_CPU(fft_forward)(stft->fft, mine.thread, mine.frame, mine.dY, mine.scratch);
      response->gradient(response->user, &work.grid, row, f, x ? (real *)mine.X : NULL,
                         (real *)mine.dY, work.shared, mine.room);
      if (!dx) continue;
      APF_CPU(fft_inverse)(stft->fft, mine.thread, mine.dY, mine.frame, mine.scratch);
      APF_CPU(stft_overlap_add)(stft, row, run, f, mine.frame);
    }
  }
  if (!dx) return APF_OK;
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t row = 0; row < shape->B; row++)
    APF_CPU(stft_overlap_finish)(stft, row, NULL, dx + row * shape->T);
  return APF_OK;
}
