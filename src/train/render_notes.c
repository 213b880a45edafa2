/** Notes played again: each is heard by the model and takes the place of what was heard. */
#include <allpole/train.h>

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/file.h"
#include "train/data.h"

enum { PATH_SIZE = 4096, MOST_ROWS = 32 };
static const char function[] = "apf_render_notes";

void apf_notes_options_init(apf_notes_options *options)
{
  if (!options) return;
  *options = (apf_notes_options){.struct_size = sizeof *options, .excerpt = 0.125};
}

/* --- playing ---------------------------------------------------------------------------------- */

/** Single precision, as validation measures. */
static apf_status build_player(apf_context *ctx, const apf_model *model,
                               const apf_note_batch *batch, apf_graph **out)
{
  APF_TRY(apf_graph_create(ctx, APF_F32, out));
  const apf_signal signal = apf_note_batch_declare(*out, batch, APF_MODE_EVALUATE);
  apf_graph_output(*out, model->effect->describe(*out, model, signal), "y");
  apf_graph_set_training(*out, false);
  APF_TRY(apf_graph_build(*out, APF_NO_VAR));
  return apf_models_to_graph(*out, &model, 1);
}

/** A batch from note `first` on; the rows past the last note repeat it and are dropped. */
static apf_status play_batch(apf_graph *graph, apf_note_batch *batch, int64_t first,
                             apf_note_set *set)
{
  for (int64_t row = 0; row < batch->rows; row++) {
    const int64_t note = first + row < set->count ? first + row : set->count - 1;
    apf_note_batch_take(batch, row, set, note, apf_note_phase(note));
  }
  APF_TRY(apf_note_batch_set(graph, batch));
  APF_TRY(apf_graph_forward(graph));
  APF_TRY(apf_graph_get(graph, apf_graph_find(graph, "y"), batch->x));
  const int64_t left = set->count - first, rows = left < batch->rows ? left : batch->rows;
  float *to = set->audio + first * set->samples;
  for (int64_t i = 0; i < rows * set->samples; i++) to[i] = (float)batch->x[i];
  return APF_OK;
}

/** Replaces the audio of all notes. */
static apf_status play(apf_context *ctx, const apf_model *model, apf_note_set *set)
{
  apf_status status = APF_OK;
  apf_graph *graph = NULL;
  apf_note_batch batch;
  const int64_t rows = set->count < MOST_ROWS ? set->count : MOST_ROWS;
  APF_TRY(apf_note_batch_create(ctx, rows, set->samples, &batch));
  APF_TRY_GOTO(build_player(ctx, model, &batch, &graph), done);
  for (int64_t first = 0; first < set->count; first += rows)
    APF_TRY_GOTO(play_batch(graph, &batch, first, set), done);
done:
  apf_graph_destroy(graph);
  apf_note_batch_clear(&batch);
  return status;
}

/* --- files ------------------------------------------------------------------------------------ */

/** One file as long as the recording; notes that overlap are added. */
static apf_status write_recording(apf_context *ctx, const apf_notes_options *options,
                                  const apf_note_set *set)
{
  float *samples = calloc((size_t)set->recording, sizeof *samples);
  if (!samples) return apf_fail(ctx, APF_ERR_MEMORY, function, "no memory for the rendering");
  for (int64_t n = 0; n < set->count; n++)
    for (int64_t t = 0; t < set->samples; t++)
      samples[set->notes[n].start + t] += set->audio[n * set->samples + t];
  const apf_audio audio = {1, set->sample_rate, set->recording, samples};
  apf_status status = apf_audio_write(ctx, options->out, options->format, &audio);
  free(samples);
  return status;
}

enum { NAME_SIZE = sizeof((apf_note *)NULL)->name + sizeof ".wav" };
typedef struct file_name {
  char text[NAME_SIZE];
} file_name;

/** "sub/bass.flac" is written as bass.wav. */
static file_name output_name(const apf_note *note)
{
  char name[sizeof note->name];
  file_name out;
  memcpy(name, note->name, sizeof name);
  char *base = basename(name), *dot = strrchr(base, '.');
  if (dot && dot != base) *dot = '\0';
  snprintf(out.text, sizeof out.text, "%s.wav", base);
  return out;
}

static int by_text(const void *a, const void *b)
{
  return strcmp(((const file_name *)a)->text, ((const file_name *)b)->text);
}

static apf_status check_names(apf_context *ctx, const apf_note_set *set)
{
  apf_status status = APF_OK;
  file_name *names = malloc((size_t)set->count * sizeof *names);
  if (!names) return apf_fail(ctx, APF_ERR_MEMORY, function, "no memory for the names");
  for (int64_t n = 0; n < set->count; n++) names[n] = output_name(&set->notes[n]);
  qsort(names, (size_t)set->count, sizeof *names, by_text);
  for (int64_t n = 1; n < set->count && status == APF_OK; n++)
    if (by_text(&names[n - 1], &names[n]) == 0)
      status = apf_fail(ctx, APF_ERR_ARGUMENT, function,
                        "two notes would be written to %s; their files must have different names",
                        names[n].text);
  free(names);
  return status;
}

static apf_status write_folder(apf_context *ctx, const apf_notes_options *options,
                               const apf_note_set *set)
{
  char path[PATH_SIZE];
  APF_TRY(apf_make_directory(ctx, options->out));
  for (int64_t n = 0; n < set->count; n++) {
    const apf_audio audio = {1, set->sample_rate, set->samples, set->audio + n * set->samples};
    snprintf(path, sizeof path, "%s/%s", options->out, output_name(&set->notes[n]).text);
    APF_TRY(apf_audio_write(ctx, path, options->format, &audio));
  }
  return APF_OK;
}

/* --- all -------------------------------------------------------------------------------------- */

static apf_status check_options(apf_context *ctx, const apf_model *model,
                                const apf_notes_options *options)
{
  if (!model) return apf_fail(ctx, APF_ERR_ARGUMENT, function, "model is NULL");
  if (!model->effect->takes_notes)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "a %s takes no notes", model->effect->name);
  if (!options || options->struct_size != sizeof *options)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "options is NULL or was not made by apf_notes_options_init");
  if (!options->input || !options->out)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "options.%s is NULL",
                    options->input ? "out" : "input");
  if (!(options->excerpt > 0))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "excerpt is %g s, expected a time > 0",
                    options->excerpt);
  struct stat in, out;
  if (stat(options->input, &in) == 0 && stat(options->out, &out) == 0 && in.st_dev == out.st_dev &&
      in.st_ino == out.st_ino)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "out is \"%s\", which holds the notes themselves; choose another name",
                    options->out);
  return APF_OK;
}

static apf_status check_notes(apf_context *ctx, const apf_model *model,
                              const apf_notes_options *options, const apf_note_set *set)
{
  if (set->count == 0)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "%s holds no good notes",
                    options->notes ? options->notes : options->input);
  if (set->sample_rate != model->sample_rate)
    return apf_fail(ctx, APF_ERR_MISMATCH, function,
                    "%s has %d Hz, but the model has learned to hear %d Hz; resample the notes",
                    options->input, set->sample_rate, model->sample_rate);
  return set->recording ? APF_OK : check_names(ctx, set);
}

apf_status apf_render_notes(apf_context *ctx, const apf_model *model,
                            const apf_notes_options *options, int64_t *skipped)
{
  apf_note_set set;
  apf_status status = APF_OK;
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, function, "ctx is NULL");
  APF_TRY(check_options(ctx, model, options));
  const apf_note_source source = {options->input, options->notes, options->excerpt,
                                  options->skip_bad};
  APF_TRY(apf_notes_read(ctx, &source, &set));
  APF_TRY_GOTO(check_notes(ctx, model, options, &set), done);
  APF_TRY_GOTO(play(ctx, model, &set), done);
  APF_TRY_GOTO((set.recording ? write_recording : write_folder)(ctx, options, &set), done);
  if (skipped) *skipped = set.skipped;
done:
  apf_notes_clear(&set);
  return status;
}
