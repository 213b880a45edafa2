/**
 * What an effect must provide, and the model that holds its parameters.
 *
 * An effect is a constant table of this type: its names and units, how raw tensors map to human
 * units, and its equations as forward-only graph code. Trainer, renderer, files and the command
 * work on any such table; a new effect is one more entry in effect.c.
 */
#ifndef APF_EFFECTS_EFFECT_H
#define APF_EFFECTS_EFFECT_H

#include <allpole/effects.h>

#include "core/context.h"
#include "graph/graph.h"

enum { APF_OPTION_SIZE = 32, APF_MODEL_RANK = 4 };

/** A raw tensor: what training moves. Row-major; a scalar has rank 0 and one value. */
typedef struct apf_raw_tensor {
  char name[64];
  int rank;
  int64_t shape[APF_MODEL_RANK];
  int64_t count;
  double *values;
} apf_raw_tensor;

struct apf_model {
  const struct apf_effect *effect;
  int sample_rate;
  char (*options)[APF_OPTION_SIZE]; /**< texts, in the order of effect->options */
  apf_raw_tensor *tensors;
  int tensor_count;
};

/** Where the equations differ between training and rendering (damping, dropout). */
typedef enum apf_mode { APF_MODE_TRAIN, APF_MODE_EVALUATE } apf_mode;

/** What is known of each note of a batch, (B) each: for effects that take notes. */
typedef struct apf_notes {
  apf_var f0;       /**< Hz */
  apf_var duration; /**< s, from note on to note off */
  apf_var phase;    /**< radians, where the oscillator starts */
} apf_notes;

/** What a model is described for. */
typedef struct apf_signal {
  apf_var x;    /**< (1, B, C, T) */
  int64_t sets; /**< parameter sets side by side */
  apf_mode mode;
  double start;    /**< s; where in the recording frame 0 of x lies: an LFO runs on from there */
  apf_notes notes; /**< if the effect takes notes: x is then what the notes should sound like */
  apf_var step;    /**< one value, the number of the training step, for dropout; optional */
} apf_signal;

typedef struct apf_effect {
  const char *name;
  const apf_parameter_info *parameters;
  int parameter_count;
  const apf_option_info *options;
  int option_count;
  bool takes_notes; /**< x holds notes, one a row, and is also the target */
  const apf_parameter_info *note_parameters; /**< then: what it finds out about each */
  int note_parameter_count;

  /** Adds the tensors that the model's options ask for, with initial values drawn from the seed. */
  apf_status (*initialise)(apf_context *ctx, apf_model *model, uint64_t seed);
  double (*get)(const apf_model *model, int parameter);
  void (*set)(apf_model *model, int parameter, double value);

  /**
   * The equations: declares every tensor as a graph parameter of its name with a leading axis of
   * signal.sets parameter sets, and returns y (sets, B, C, T).
   */
  apf_var (*describe)(apf_graph *graph, const apf_model *model, apf_signal signal);

  /** It runs on through the part that it is trained on: no excerpts, and its option "origin" is
   *  where that part starts. */
  bool runs_on;
  /** "td" and "fs" of its option "variant" are two renderings of the same tensors: training
   * validates both, and td decides. */
  bool two_renderings;

  bool preemphasized; /**< the best model is the one with the least esr_preemphasized, else esr */

  /** What training minimises for y and target of the same shape: one value per parameter set. */
  apf_var (*loss)(apf_graph *graph, apf_var y, apf_var target);

  /** The real-time twin, see processor.c. The state has processor_bytes() bytes, zeroed. */
  size_t (*processor_bytes)(const apf_model *model, int sample_rate, int channels);
  void (*processor_start)(void *state, const apf_model *model, int sample_rate, int channels);
  void (*processor_reset)(void *state);
  int (*processor_latency)(const void *state);
  void (*processor_set)(void *state, int parameter, double value);
  void (*processor_process)(void *state, int64_t frames, const float *const *in, float *const *out);
} apf_effect;

/** NULL where no effect has that name. */
const apf_effect *apf_effect_find(const char *name);

/** For initialise: appends a tensor of zeros and returns its values; NULL without memory. */
double *apf_model_add_tensor(apf_model *model, const char *name, int rank, const int64_t *shape);
/** The tensor of that name, or NULL. */
apf_raw_tensor *apf_model_find_tensor(const apf_model *model, const char *name);
/** A scalar tensor's value; the tensor must exist. */
double *apf_model_scalar(const apf_model *model, const char *name);
/** The option's text; the option must exist. */
const char *apf_model_option_text(const apf_model *model, const char *name);
/** Throws the tensors away and makes them new with values drawn from the seed. */
apf_status apf_model_initialise(apf_context *ctx, apf_model *model, uint64_t seed);

/** The candidate nearest to `name` by edit distance, or NULL where none is near. */
const char *apf_nearest_name(const char *name, int count,
                             const char *(*candidate)(int, const void *), const void *data);

/**
 * A graph that renders a model for one signal shape, built once and run many times. `model` decides
 * the options; run() takes the tensor values of any model with the same options.
 */
typedef struct apf_renderer apf_renderer;
apf_status apf_renderer_create(apf_context *ctx, const apf_model *model, apf_dtype dtype,
                               int64_t channels, int64_t frames, double start_s,
                               apf_renderer **out);
/** x, y: (channels, frames) host arrays, planar; may be equal. */
apf_status apf_renderer_run(apf_renderer *renderer, const apf_model *model, const float *x,
                            float *y);
void apf_renderer_destroy(apf_renderer *renderer);

/** Copies the tensors of `sets` models into the graph parameters of their names, and back. The
 *  leading axis of each parameter is the set. */
apf_status apf_models_to_graph(apf_graph *graph, const apf_model *const *models, int64_t sets);
apf_status apf_models_from_graph(apf_graph *graph, apf_model *const *models, int64_t sets);

#endif
