/**
 * Training: from a dry/wet pair of recordings to a model, with checkpoints that survive anything.
 *
 * A run is a folder:
 *   config.json         everything that was decided, defaults included; may be given as `config`
 *   metrics.jsonl       one line a step: {"step":1,"loss":...,"valid_esr":...} (synth: valid_mss);
 *                       no times, so that a resumed run writes the bytes of one that never stopped
 *   best.safetensors    the model with the lowest validation error
 *   last.safetensors    the model of the last step, optimiser and random state, step
 *   valid.wav           the validation part as best.safetensors renders it, written at the end
 *   result.json         how it ended: reason, steps, metrics before and after
 */
#ifndef ALLPOLE_TRAIN_H
#define ALLPOLE_TRAIN_H

#include <allpole/audio.h>
#include <allpole/core.h>
#include <allpole/effects.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Errors between a rendering and its target, all over channels and frames. */
typedef struct apf_metrics {
  double esr;                 /**< mean((y-t)^2) / (mean(t^2) + 1e-8) */
  double esr_preemphasized;   /**< the same after v[t] = x[t] - x[t-1] + 0.995 v[t-1] on both */
  double l1_preemphasized;    /**< mean |pre(y) - pre(t)|: the compressor's training loss */
  double loudness_difference; /**< LU, rendering minus target, ITU-R BS.1770 integrated; NaN in
                                 builds without libebur128 */
  /* Of effects that take notes, whose phase is free; NaN for others, as are those above for these.
   * Averages over batches. */
  double mss;      /**< multi-resolution STFT loss: the synth's training loss */
  double mel_stft; /**< one resolution on 128 mel bands */
  double mfcc_l1;  /**< mean absolute difference of 40 cepstral coefficients */
} apf_metrics;

/** @param y, target (channels, frames) planar host arrays. Errors: APF_ERR_ARGUMENT,
 * APF_ERR_NOT_FINITE. */
APF_API APF_MUST_CHECK apf_status apf_evaluate(apf_context *ctx, int sample_rate, int64_t channels,
                                               int64_t frames, const float *y, const float *target,
                                               apf_metrics *out);

/** Which part of a run's material: pairs of recordings have no test part. */
typedef enum apf_run_part { APF_RUN_VALID = 0, APF_RUN_TEST = 1 } apf_run_part;

/**
 * Errors of a run's best model on a part of the run's material.
 * @param folder of the run. @param recursion non-zero: filter by recursion, whichever way the model
 *        was trained. Errors: as apf_resume().
 */
APF_API APF_MUST_CHECK apf_status apf_evaluate_run(apf_context *ctx, const char *folder,
                                                   apf_run_part part, int recursion,
                                                   apf_metrics *out);

/** Initialise with apf_notes_options_init(). */
typedef struct apf_notes_options {
  size_t struct_size;
  const char *input; /**< path of a recording, or of a folder with a file for each note */
  const char *notes; /**< path of the list, CSV (docs/synth.md); NULL: the folder's names say it */
  const char *out;   /**< path of the rendering; for a folder, the folder of the renderings */
  double excerpt;    /**< s of each note that are heard and played (0.125, as the recipe trains) */
  int skip_bad;      /**< leave out notes that are broken or out of range */
  apf_audio_format format; /**< of what is written */
} apf_notes_options;

APF_API void apf_notes_options_init(apf_notes_options *options);

/**
 * Plays notes again with a model that takes notes. Of a recording with a list the rendering is as
 * long, the notes at their places and silence elsewhere; of a folder, one WAV file a note, under
 * the note's name in the folder `out`.
 * @param skipped how many were left out; may be NULL.
 * @return APF_OK; APF_ERR_ARGUMENT (a model that takes no notes, notes that are out of range or
 * past the end of the audio, two that would get the same file); APF_ERR_FILE, APF_ERR_FORMAT;
 *         APF_ERR_MISMATCH (another sample rate than the model's); APF_ERR_MEMORY; APF_ERR_CUDA.
 *         Nothing is left half-written.
 */
APF_API APF_MUST_CHECK apf_status apf_render_notes(apf_context *ctx, const apf_model *model,
                                                   const apf_notes_options *options,
                                                   int64_t *skipped);

/** Initialise with apf_train_options_init(); NULL, 0 and NaN mean: what the recipe says. */
typedef struct apf_train_options {
  size_t struct_size;
  const char *effect;  /**< "compressor"; NULL: as `config` says */
  const char *input;   /**< path of the dry recording; for the synth of the notes, a recording or a
                          folder of files */
  const char *target;  /**< path of the wet recording; the synth has none */
  const char *notes;   /**< path of the notes' list, CSV; docs/synth.md */
  int skip_bad;        /**< leave out notes that are broken or out of range */
  int64_t epochs;      /**< times that the notes are gone through; decides steps if these are 0 */
  uint64_t split_seed; /**< of the division into notes to train, validate and test on */
  const char *out;     /**< folder of the run; must not hold another run */
  const char *config;  /**< path of a JSON file with any of these settings; those given here win */
  const char *recipe;  /**< "default" or "paper" (as published) */
  const char *optimizer; /**< "lm", "sgd", "adam", "adamw" */
  const char *gradient;  /**< "exact" or "spsa" */
  const char *const
      *set; /**< "name=value" for parameters (initial values) and options of the model */
  int set_count;
  const char *const *truth; /**< "name=value": settings known to be true, for the report only */
  int truth_count;
  double segment[2]; /**< s; training part, start and end; end < 0: to the end of the file */
  double valid[2];   /**< s; validation part, likewise */
  double excerpt;    /**< s; length of the excerpts a batch is made of; 0: the part as one */
  int64_t batch;     /**< excerpts a step */
  int64_t steps;
  int64_t restarts; /**< starts trained side by side, of which the best goes on */
  double learning_rate;
  int64_t valid_every; /**< steps between validations; epochs where notes are trained on */
  int64_t save_every;  /**< steps between checkpoints; likewise */
  int dtype;           /**< APF_F32, APF_F64 or -1: the recipe's */
  uint64_t seed;
} apf_train_options;

APF_API void apf_train_options_init(apf_train_options *options);

typedef struct apf_train_progress {
  int64_t step, steps;
  double loss;            /**< of this step, before its update */
  const char *error_name; /**< what validation measures: "ESR", "MSS" */
  double valid_error;     /**< of the last validation; NaN before the first */
  double best_error;
  double seconds; /**< since this process began the run */
  const apf_model *model;
} apf_train_progress;

/** Called after every step. Non-zero: stop here, with checkpoints written. */
typedef int (*apf_train_callback)(const apf_train_progress *progress, void *user);

typedef enum apf_train_end {
  APF_TRAIN_STEPS_DONE = 0,
  APF_TRAIN_CONVERGED = 1,
  APF_TRAIN_STOPPED = 2, /**< by the callback */
  APF_TRAIN_DIVERGED = 3 /**< loss or gradient not finite; the best and last good models are kept */
} apf_train_end;

typedef struct apf_train_result {
  apf_train_end end;
  char reason[256];          /**< one sentence: why it ended */
  int64_t steps;             /**< taken, over all sittings */
  double seconds;            /**< of this sitting */
  apf_metrics before, after; /**< on the validation part: initial and best model */
  int64_t skipped;           /**< notes that were left out; see skip_bad */
} apf_train_result;

/**
 * Trains a model into a new run folder. @param callback, result may be NULL.
 * @return APF_OK also where training stopped or diverged (see result->end); APF_ERR_ARGUMENT;
 *         APF_ERR_FILE, APF_ERR_FORMAT (recordings, folder); APF_ERR_MISMATCH (rates, channels,
 *         lengths); APF_ERR_NOT_FINITE (recordings); APF_ERR_STATE (folder holds a run);
 *         APF_ERR_MEMORY; APF_ERR_CUDA. Nothing is left half-written.
 */
APF_API APF_MUST_CHECK apf_status apf_train(apf_context *ctx, const apf_train_options *options,
                                            apf_train_callback callback, void *user,
                                            apf_train_result *result);
/**
 * Goes on with the run in `out` from last.safetensors, bit for bit as if it had never stopped (same
 * machine, same thread count), also after the process was killed at any moment. A run that has
 * ended is only reported again. @param steps more than the run's: trains on to there; 0: as
 * configured.
 */
APF_API APF_MUST_CHECK apf_status apf_resume(apf_context *ctx, const char *out, int64_t steps,
                                             apf_train_callback callback, void *user,
                                             apf_train_result *result);

#ifdef __cplusplus
}
#endif
#endif
