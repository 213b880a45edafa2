/**
 * Effects that learn: models, their parameters in the units people use, files, rendering.
 *
 * A model is one effect with its options (which variant, which window) and its parameters. Options
 * and parameters have names; parameters are numbers in human units (dB, ms, Hz, ratio, Q). Beside
 * these the model holds the raw tensors that training moves. Everything here works on host memory;
 * signals are planar: channel c of frame t of `x` is x[c * frames + t].
 *
 * Threads: a model may be read by several threads as long as none changes it.
 */
#ifndef ALLPOLE_EFFECTS_H
#define ALLPOLE_EFFECTS_H

#include <allpole/core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct apf_model apf_model;

typedef struct apf_parameter_info {
  const char *name;        /**< "ratio" */
  const char *unit;        /**< "dB", "ms", "Hz", or "" */
  const char *description; /**< one sentence */
  double minimum, maximum; /**< what set accepts */
  double initial;          /**< where training starts */
} apf_parameter_info;

typedef struct apf_option_info {
  const char *name;
  const char *choices; /**< "td|simple|fs", or "number", or "integer" */
  const char *initial;
  const char *description;
} apf_option_info;

/** Effects of this build: names for 0 <= index < apf_effect_count(); NULL outside. */
APF_API int apf_effect_count(void);
APF_API const char *apf_effect_name(int index);

/**
 * A model with the effect's initial parameters.
 * @param sample_rate Hz, 8000 to 384000.
 * @return APF_OK; APF_ERR_ARGUMENT (unknown effect: the message lists them, rate outside),
 * APF_ERR_MEMORY.
 */
APF_API APF_MUST_CHECK apf_status apf_model_create(apf_context *ctx, const char *effect,
                                                   int sample_rate, apf_model **out);
APF_API APF_MUST_CHECK apf_status apf_model_copy(apf_context *ctx, const apf_model *model,
                                                 apf_model **out);
APF_API void apf_model_destroy(apf_model *model);

/**
 * Reads a model file (.safetensors with the settings in its metadata).
 * @return APF_OK; APF_ERR_FILE; APF_ERR_FORMAT (not safetensors, not a model, tensors missing or of
 *         another shape); APF_ERR_ARGUMENT (an effect that this build does not know);
 * APF_ERR_MEMORY.
 */
APF_API APF_MUST_CHECK apf_status apf_model_load(apf_context *ctx, const char *path,
                                                 apf_model **out);
/** Writes to a temporary file, then renames: `path` holds the old or the new model, never half. */
APF_API APF_MUST_CHECK apf_status apf_model_save(apf_context *ctx, const apf_model *model,
                                                 const char *path);

/**
 * Takes the raw tensors of a safetensors file that is no model file, such as published parameters,
 * by their names; the options must be set as the tensors ask for. What the model has no name for is
 * left out. Errors as apf_model_load(); the model is then as before.
 */
APF_API APF_MUST_CHECK apf_status apf_model_import(apf_context *ctx, apf_model *model,
                                                   const char *path);

APF_API const char *apf_model_effect(const apf_model *model);
APF_API int apf_model_sample_rate(const apf_model *model);
/** The same model for another rate: times and frequencies keep their values in ms and Hz. */
APF_API APF_MUST_CHECK apf_status apf_model_set_sample_rate(apf_context *ctx, apf_model *model,
                                                            int sample_rate);

/** The same parameters, filtered by recursion from now on, whichever way the model was trained.
 *  APF_ERR_ARGUMENT for a variant without a filter. */
APF_API APF_MUST_CHECK apf_status apf_model_use_recursion(apf_context *ctx, apf_model *model);
/** Non-zero: it plays notes (apf_model_play()) instead of processing a signal. */
APF_API int apf_model_takes_notes(const apf_model *model);
/** What such a model finds out about each note, with its range; NULL outside 0 <= index < count. */
APF_API int apf_model_note_parameter_count(const apf_model *model);
APF_API const apf_parameter_info *apf_model_note_parameter_info(const apf_model *model, int index);

APF_API int apf_model_parameter_count(const apf_model *model);
/** NULL outside 0 <= index < count. */
APF_API const apf_parameter_info *apf_model_parameter_info(const apf_model *model, int index);
/** Value in human units; NaN outside 0 <= index < count. */
APF_API double apf_model_parameter(const apf_model *model, int index);
APF_API int apf_model_option_count(const apf_model *model);
APF_API const apf_option_info *apf_model_option_info(const apf_model *model, int index);
APF_API const char *apf_model_option(const apf_model *model, int index);

/** Value of the parameter or option of that name; @return APF_ERR_ARGUMENT with the nearest name.
 */
APF_API APF_MUST_CHECK apf_status apf_model_get(apf_context *ctx, const apf_model *model,
                                                const char *name, double *value);
APF_API APF_MUST_CHECK apf_status apf_model_set(apf_context *ctx, apf_model *model,
                                                const char *name, double value);
/** Sets a parameter or option from text: "ratio" "4", "variant" "fs". Setting an option gives all
 *  parameters their initial values again: options first, then parameters. */
APF_API APF_MUST_CHECK apf_status apf_model_set_text(apf_context *ctx, apf_model *model,
                                                     const char *name, const char *value);

/** The raw tensors that training moves: double, row-major. Returns the rank (0: a scalar), -1
 * outside. */
APF_API int apf_model_tensor_count(const apf_model *model);
APF_API int apf_model_tensor(const apf_model *model, int index, const char **name, int64_t shape[4],
                             const double **values);

/**
 * Renders a whole signal with the context's backend, as training and validation do (evaluation
 * mode: an undamped LFO, no dropout). The state is fresh at frame 0.
 * @param start_s where in the recording frame 0 lies, in seconds: an LFO runs on from there.
 * @param x (channels, frames)   @param y (channels, frames); may equal x.
 * @return APF_OK; APF_ERR_ARGUMENT; APF_ERR_NOT_FINITE (x has NaN or infinity); APF_ERR_MEMORY;
 * APF_ERR_CUDA.
 */
APF_API APF_MUST_CHECK apf_status apf_model_render(apf_context *ctx, const apf_model *model,
                                                   int64_t channels, int64_t frames, double start_s,
                                                   const float *x, float *y);

/**
 * Plays notes again with a model that takes notes: each is heard in x and takes its place in y.
 * Notes in files: apf_render_notes() in train.h.
 * @param f0 (count) Hz, above 1.   @param duration (count) s, from note on to note off.
 * @param phase (count) radians, where the oscillator starts.
 * @param x (count, frames) from note on, more than 512 frames.   @param y (count, frames); may be x
 * @return APF_OK; APF_ERR_ARGUMENT (a model that takes no notes, a value outside its range, notes
 * too short); APF_ERR_NOT_FINITE (x has NaN or infinity); APF_ERR_MEMORY; APF_ERR_CUDA. On error y
 * is untouched.
 */
APF_API APF_MUST_CHECK apf_status apf_model_play(apf_context *ctx, const apf_model *model,
                                                 int64_t count, int64_t frames, const double *f0,
                                                 const double *duration, const double *phase,
                                                 const float *x, float *y);

/* --- real time
 * ------------------------------------------------------------------------------------ */

/** Runs a model block by block with carried state: same output as apf_model_render to rounding,
 *  whatever the block sizes. Processing never allocates, locks or fails. */
typedef struct apf_processor apf_processor;

/** @param sample_rate of the host; times and frequencies keep their values in ms and Hz. */
APF_API APF_MUST_CHECK apf_status apf_processor_create(apf_context *ctx, const apf_model *model,
                                                       int sample_rate, int channels,
                                                       apf_processor **out);
APF_API void apf_processor_destroy(apf_processor *processor);
/** Back to silence. Real-time safe. */
APF_API void apf_processor_reset(apf_processor *processor);
/** Frames by which the output lags behind apf_model_render (look-ahead). */
APF_API int apf_processor_latency(const apf_processor *processor);
/** A new value in human units, clamped to its range, reached without a click. Real-time safe. */
APF_API void apf_processor_set(apf_processor *processor, int parameter_index, double value);
/** `in` and `out` are arrays of `channels` pointers to `frames` samples; they may be equal.
 *  Non-finite input is taken as silence. Real-time safe. */
APF_API void apf_processor_process(apf_processor *processor, int64_t frames, const float *const *in,
                                   float *const *out);

#ifdef __cplusplus
}
#endif
#endif
