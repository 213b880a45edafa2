#include "train/data.h"

#include <stdlib.h>
#include <string.h>

#include "core/random.h"

static const double PI = 3.14159265358979323846;

static apf_status check_batch(apf_context *ctx, const apf_train_config *config,
                              const apf_note_set *notes)
{
  const int64_t count = notes->first[APF_PART_TRAIN + 1];
  if (config->batch <= count) return APF_OK;
  return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train",
                  "batch is %lld notes, but there are %lld to train on (three fifths of %lld)",
                  (long long)config->batch, (long long)count, (long long)notes->count);
}

apf_status apf_data_read(apf_context *ctx, apf_train_config *config, apf_data *out)
{
  memset(out, 0, sizeof *out);
  out->steps_per_epoch = 1;
  if (!apf_effect_find(config->effect)->takes_notes) {
    APF_TRY(apf_pairs_read(ctx, config, &out->train, &out->valid));
    out->sample_rate = out->train.sample_rate;
    return APF_OK;
  }
  const apf_note_source source = {config->input, config->notes, config->excerpt, config->skip_bad};
  apf_status status = apf_notes_read(ctx, &source, &out->notes);
  if (status == APF_OK)
    status = apf_notes_divide(ctx, config->input, config->split_seed, &out->notes);
  if (status == APF_OK) status = check_batch(ctx, config, &out->notes);
  if (status != APF_OK) {
    apf_data_clear(out);
    return status;
  }
  out->sample_rate = out->notes.sample_rate;
  out->steps_per_epoch = out->notes.first[APF_PART_TRAIN + 1] / config->batch;
  if (config->steps == 0) {
    config->steps = config->epochs * out->steps_per_epoch;
    json_object_set_new(config->json, "steps", json_integer(config->steps));
  }
  return APF_OK;
}

void apf_data_clear(apf_data *data)
{
  apf_pair_clear(&data->train);
  apf_pair_clear(&data->valid);
  apf_notes_clear(&data->notes);
}

/* --- batches of notes ------------------------------------------------------------------------- */

apf_status apf_note_batch_create(apf_context *ctx, int64_t rows, int64_t samples,
                                 apf_note_batch *out)
{
  enum { PER_NOTE = 3 };
  double *memory = malloc((size_t)(rows * (samples + PER_NOTE)) * sizeof *memory + 1);
  if (!memory) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for a batch");
  *out = (apf_note_batch){.rows = rows,
                          .samples = samples,
                          .x = memory,
                          .f0 = memory + rows * samples,
                          .duration = memory + rows * (samples + 1),
                          .phase = memory + rows * (samples + 2)};
  return APF_OK;
}

void apf_note_batch_clear(apf_note_batch *batch)
{
  free(batch->x);
  memset(batch, 0, sizeof *batch);
}

void apf_note_batch_take(apf_note_batch *batch, int64_t row, const apf_note_set *set, int64_t note,
                         double phase)
{
  const float *from = set->audio + note * set->samples;
  double *to = batch->x + row * batch->samples;
  for (int64_t t = 0; t < batch->samples; t++) to[t] = (double)from[t];
  batch->f0[row] = set->notes[note].f0;
  batch->duration[row] = set->notes[note].duration;
  batch->phase[row] = phase;
}

double apf_note_phase(int64_t note)
{
  apf_random random = apf_random_start(0, (uint64_t)note);
  return PI * (2 * apf_random_uniform(&random) - 1);
}

apf_signal apf_note_batch_declare(apf_graph *graph, const apf_note_batch *batch, apf_mode mode)
{
  const apf_shape rows = APF_SHAPE(batch->rows);
  apf_signal signal = {
      .x = apf_graph_input(graph, "x", APF_SHAPE(1, batch->rows, 1, batch->samples)),
      .sets = 1,
      .mode = mode,
      .notes = {.f0 = apf_graph_input(graph, "f0", rows),
                .duration = apf_graph_input(graph, "duration", rows),
                .phase = apf_graph_input(graph, "phase", rows)}};
  if (mode == APF_MODE_TRAIN) signal.step = apf_graph_input(graph, "step", APF_SCALAR);
  return signal;
}

apf_status apf_note_batch_set(apf_graph *graph, const apf_note_batch *batch)
{
  APF_TRY(apf_graph_set(graph, apf_graph_find(graph, "x"), batch->x));
  APF_TRY(apf_graph_set(graph, apf_graph_find(graph, "f0"), batch->f0));
  APF_TRY(apf_graph_set(graph, apf_graph_find(graph, "duration"), batch->duration));
  return apf_graph_set(graph, apf_graph_find(graph, "phase"), batch->phase);
}
