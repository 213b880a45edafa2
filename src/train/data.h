/** What a run learns from: a pair of recordings, or a set of notes. */
#ifndef APF_TRAIN_DATA_H
#define APF_TRAIN_DATA_H

#include "graph/graph.h"
#include "effects/effect.h"
#include "train/config.h"
#include "train/notes.h"
#include "train/recording.h"

typedef struct apf_data {
  int sample_rate;
  apf_pair train, valid;   /**< empty for effects that take notes */
  apf_note_set notes;      /**< empty for the others */
  int64_t steps_per_epoch; /**< 1 for pairs */
} apf_data;

/** Reads what the configuration names, and completes it: the parts that were taken, the steps. */
apf_status apf_data_read(apf_context *ctx, apf_train_config *config, apf_data *out);
void apf_data_clear(apf_data *data);

/** `rows` notes on their way into a graph. */
typedef struct apf_note_batch {
  int64_t rows, samples;
  double *x;                     /**< (rows, samples) */
  double *f0, *duration, *phase; /**< (rows) */
} apf_note_batch;

apf_status apf_note_batch_create(apf_context *ctx, int64_t rows, int64_t samples,
                                 apf_note_batch *out);
void apf_note_batch_clear(apf_note_batch *batch);
/** Puts note `note` of the set into row `row`. */
void apf_note_batch_take(apf_note_batch *batch, int64_t row, const apf_note_set *set, int64_t note,
                         double phase);

/** Radians: where the oscillator starts when note number `note` is rendered, always the same. */
double apf_note_phase(int64_t note);

/** Declares the inputs of a batch in a graph of one parameter set. */
apf_signal apf_note_batch_declare(apf_graph *graph, const apf_note_batch *batch, apf_mode mode);
apf_status apf_note_batch_set(apf_graph *graph, const apf_note_batch *batch);

#endif
