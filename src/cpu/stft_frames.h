/**
 * Windowed frames of a signal: what every operator between samples and frames is made of.
 *
 * Frame f is n_fft samples long and centred on sample f * hop; the periodic Hann window
 * w[i] = sin^2(pi i / window) sits in its middle, so that only `window` samples count. Samples
 * outside the signal are zero or, with `reflect`, x[-t] and x[2(T-1) - t].
 */
#ifndef APF_CPU_STFT_FRAMES_H
#define APF_CPU_STFT_FRAMES_H

#include "cpu/fft.h"

typedef struct stft_shape {
  int64_t B, T;
  int64_t n_fft, window, hop;
  int reflect;
} stft_shape;

/**
 * One call's frames, overlap-add and scratch memory, all cut from the workspace.
 *
 * Overlap-add: every row is split into runs of frames that threads work on alone. A run adds to
 * memory of its own; stft_overlap_finish adds the runs up in a fixed order.
 */
typedef struct stft_work {
  stft_shape shape;
  int64_t F; /* frames of a row: T / hop + 1 */
  int64_t K; /* bins of a frame: n_fft / 2 + 1 */
  const fft_plan *fft;
  real *hann;  /* window */
  real *scale; /* T: 1 / (n_fft * sum of w^2 over the frames), what the inverse multiplies by */

  int64_t runs, run_frames; /* runs of a row; frames of a run, the last may have fewer */
  int64_t run_samples;      /* samples that a run touches */
  real *sums;               /* B x runs x run_samples */

  real *threads; /* scratch of thread 0; others follow at `each` */
  int64_t each;
} stft_work;

enum { STFT_SCALE = 1, STFT_OVERLAP = 2 };

/**
 * Fills *work. `parts` says which optional arrays are wanted; `extra` is room in reals that every
 * thread needs beside one frame and the transform's scratch; `shared` room for all of them, whose
 * address goes to *shared_memory (NULL if not wanted).
 */
apf_status APF_CPU(stft_begin)(apf_context *ctx, const stft_shape *shape, int parts, int64_t extra,
                               int64_t shared, real **shared_memory, stft_work *work);

/** out[n_fft] = windowed frame f of x[T]; scale[T], where not NULL, multiplies x first. */
void APF_CPU(stft_frame_load)(const stft_work *work, const real *x, const real *scale, int64_t f,
                              real *out);

/** The bins that stand for two (all but the first and the last) times `factor`, in place. */
void APF_CPU(stft_weigh_bins)(const stft_work *work, real factor, bin *X);

/** Adds frame f, windowed, to the sums of `run`; the first frame of a run clears them. */
void APF_CPU(stft_overlap_add)(const stft_work *work, int64_t row, int64_t run, int64_t f,
                               const real *frame);

/** y[T] = sums of one row, times scale where not NULL; reflected samples fold back. */
void APF_CPU(stft_overlap_finish)(const stft_work *work, int64_t row, const real *scale, real *y);

/** X[B,F,K] = transforms of the frames of x; `inverse`: the adjoint of the inverse STFT instead. */
apf_status APF_CPU(stft_analyze)(apf_context *ctx, const stft_shape *shape, int inverse,
                                 const real *x, real *X);

/** y[B,T] = inverse STFT of X with `inverse`, else the adjoint of the STFT. */
apf_status APF_CPU(stft_synthesize)(apf_context *ctx, const stft_shape *shape, int inverse,
                                    const real *X, real *y);

#endif
