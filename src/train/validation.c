#include "train/validation.h"

#include <allpole/audio.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "effects/synth.h"
#include "effects/synth_voice.h"
#include "io/file.h"

enum { PATH_SIZE = 4096 };

/** A graph that renders `batch.rows` notes and measures them. */
typedef struct note_grader {
  apf_graph *graph;
  apf_note_batch batch;
} note_grader;

enum { FULL, REST, GRADERS };

/* Graph outputs with one value a note, and those with rows over time; a model has some of them.
 * Then what files call them, and how they become values in human units. */
typedef struct note_output {
  const char *output, *columns;
  double (*convert)(double);
} note_output;
static const note_output controls[] = {{APF_SYNTH_OSC_SHAPE, "osc_shape", NULL},
                                       {APF_SYNTH_OSC_GAIN, "osc_gain", NULL},
                                       {APF_SYNTH_DIST_GAIN, "dist_gain", NULL},
                                       {APF_SYNTH_ALPHA, "alpha", NULL},
                                       {APF_SYNTH_RESONANCE, "q", apf_voice_q}};
static const note_output curves[] = {{APF_SYNTH_CUTOFF, "cutoff_hz", apf_voice_cutoff_hz},
                                     {APF_SYNTH_A, "a1,a2", NULL},
                                     {APF_SYNTH_B, "b0,b1,b2", NULL}};
enum { CONTROLS = sizeof controls / sizeof *controls, CURVES = sizeof curves / sizeof *curves };

struct apf_validation {
  apf_context *ctx;
  const apf_data *data;
  apf_part part;
  apf_renderer *renderer;      /* of pairs */
  apf_renderer *other;         /* frequency-sampled, of effects with two renderings; else NULL */
  note_grader grader[GRADERS]; /* of notes: whole batches and what is left, if any */
  int channels;
  int64_t frames;
  float *rendered;           /* (channels, frames) */
  double *control[CONTROLS]; /* (notes) or NULL */
  double *curve[CURVES];     /* (notes, curve_values) or NULL */
  int64_t curve_values[CURVES];
};

/* --- notes ------------------------------------------------------------------------------------ */

static apf_status create_grader(apf_validation *v, const apf_model *model, int64_t rows,
                                note_grader *grader)
{
  if (rows == 0) return APF_OK;
  const double rate = model->sample_rate;
  APF_TRY(apf_note_batch_create(v->ctx, rows, v->data->notes.samples, &grader->batch));
  APF_TRY(apf_graph_create(v->ctx, APF_F32, &grader->graph));
  apf_graph *g = grader->graph;
  const apf_signal signal = apf_note_batch_declare(g, &grader->batch, APF_MODE_EVALUATE);
  apf_var y = apf_graph_output(g, model->effect->describe(g, model, signal), "y");
  apf_graph_output(g, apf_mrstft_loss(g, y, signal.x, 0), "mss");
  apf_graph_output(g, apf_mel_stft_loss(g, y, signal.x, rate, 0), "mel_stft");
  apf_graph_output(g, apf_mfcc_l1(g, y, signal.x, rate, 0), "mfcc_l1");
  apf_graph_set_training(g, false);
  return apf_graph_build(g, APF_NO_VAR);
}

/** Adds rows times the metric to *sum. */
static apf_status add_metric(const note_grader *grader, const char *name, double *sum)
{
  double value;
  APF_TRY(apf_graph_get(grader->graph, apf_graph_find(grader->graph, name), &value));
  *sum += value * (double)grader->batch.rows;
  return APF_OK;
}

/** Copies an output of `rows` notes from note `at` of the part on; *memory is made at first. */
static apf_status keep_output(const apf_validation *v, const note_grader *grader, const char *name,
                              int64_t at, double **memory, int64_t *per_note)
{
  const apf_var output = apf_graph_find(grader->graph, name);
  if (output.id == 0) return APF_OK;
  const int64_t *first = v->data->notes.first, notes = first[v->part + 1] - first[v->part];
  *per_note = apf_shape_count(apf_graph_shape(grader->graph, output)) / grader->batch.rows;
  if (!*memory) *memory = malloc((size_t)(notes * *per_note) * sizeof **memory + 1);
  if (!*memory) return apf_fail(v->ctx, APF_ERR_MEMORY, "apf_validate", "no memory for %s", name);
  return apf_graph_get(grader->graph, output, *memory + at * *per_note);
}

/** Notes first, first + 1, ... of the set. */
static apf_status grade(apf_validation *v, note_grader *grader, const apf_model *model,
                        int64_t first, apf_metrics *sum)
{
  const apf_note_set *notes = &v->data->notes;
  const int64_t rows = grader->batch.rows, count = rows * notes->samples;
  for (int64_t row = 0; row < rows; row++)
    apf_note_batch_take(&grader->batch, row, notes, first + row, apf_note_phase(first + row));
  APF_TRY(apf_models_to_graph(grader->graph, &model, 1));
  APF_TRY(apf_note_batch_set(grader->graph, &grader->batch));
  APF_TRY(apf_graph_forward(grader->graph));
  APF_TRY(add_metric(grader, "mss", &sum->mss));
  APF_TRY(add_metric(grader, "mel_stft", &sum->mel_stft));
  APF_TRY(add_metric(grader, "mfcc_l1", &sum->mfcc_l1));
  APF_TRY(apf_graph_get(grader->graph, apf_graph_find(grader->graph, "y"), grader->batch.x));
  const int64_t at = first - notes->first[v->part];
  float *to = v->rendered + at * notes->samples;
  for (int64_t i = 0; i < count; i++) to[i] = (float)grader->batch.x[i];
  int64_t one;
  for (int i = 0; i < CONTROLS; i++)
    APF_TRY(keep_output(v, grader, controls[i].output, at, &v->control[i], &one));
  for (int i = 0; i < CURVES; i++)
    APF_TRY(keep_output(v, grader, curves[i].output, at, &v->curve[i], &v->curve_values[i]));
  return APF_OK;
}

/** A text that grows; `failed` once there is no memory. */
typedef struct text {
  char *bytes;
  size_t used, room;
  bool failed;
} text;

__attribute__((format(printf, 2, 3))) static void put(text *t, const char *format, ...)
{
  enum { LONGEST = 512 };
  if (t->room - t->used < LONGEST && !t->failed) {
    char *larger = realloc(t->bytes, 2 * t->room + LONGEST);
    t->failed = larger == NULL;
    if (larger) t->bytes = larger, t->room = 2 * t->room + LONGEST;
  }
  if (t->failed) return;
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(t->bytes + t->used, LONGEST, format, arguments);
  va_end(arguments);
  t->used += written < LONGEST ? (size_t)written : LONGEST - 1;
}

static apf_status write_text(apf_context *ctx, const char *folder, const char *name, text *t)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  apf_status status = t->failed
                          ? apf_fail(ctx, APF_ERR_MEMORY, "apf_validate", "no memory for %s", path)
                          : apf_write_file(ctx, path, t->bytes, t->used);
  free(t->bytes);
  return status;
}

static void put_value(text *t, const note_output *of, double value)
{
  put(t, ",%.9g", of->convert ? of->convert(value) : value);
}

static apf_status write_controls(const apf_validation *v, const char *folder)
{
  const apf_note_set *set = &v->data->notes;
  text t = {0};
  put(&t, "note,f0_hz,duration_s");
  for (int i = 0; i < CONTROLS; i++)
    if (v->control[i]) put(&t, ",%s", controls[i].columns);
  for (int64_t n = set->first[v->part]; n < set->first[v->part + 1]; n++) {
    put(&t, "\n%s", set->notes[n].name);
    put(&t, ",%.9g,%.9g", set->notes[n].f0, set->notes[n].duration);
    for (int i = 0; i < CONTROLS; i++)
      if (v->control[i]) put_value(&t, &controls[i], v->control[i][n - set->first[v->part]]);
  }
  put(&t, "\n");
  return write_text(v->ctx, folder, "valid_notes.csv", &t);
}

static apf_status write_curves(const apf_validation *v, const char *folder)
{
  const apf_note_set *set = &v->data->notes;
  const int64_t notes = set->first[v->part + 1] - set->first[v->part];
  const int64_t F = set->samples / APF_VOICE_HOP + 1;
  text t = {0};
  put(&t, "note,time_s");
  for (int i = 0; i < CURVES; i++)
    if (v->curve[i]) put(&t, ",%s", curves[i].columns);
  for (int64_t n = 0; n < notes; n++)
    for (int64_t f = 0; f < F; f++) {
      put(&t, "\n%s,%.6f", set->notes[set->first[v->part] + n].name,
          (double)(f * APF_VOICE_HOP) / set->sample_rate);
      for (int i = 0; i < CURVES; i++) {
        const int64_t values = v->curve[i] ? v->curve_values[i] / F : 0;
        for (int64_t k = 0; k < values; k++)
          put_value(&t, &curves[i], v->curve[i][(n * F + f) * values + k]);
      }
    }
  put(&t, "\n");
  return write_text(v->ctx, folder, "valid_curves.csv", &t);
}

static apf_status write_audio(const apf_validation *v, const char *folder, const char *name,
                              float *samples)
{
  char path[PATH_SIZE];
  const apf_audio audio = {.sample_rate = v->data->sample_rate,
                           .channels = v->channels,
                           .frames = v->frames,
                           .samples = samples};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return apf_audio_write(v->ctx, path, APF_AUDIO_FLOAT32, &audio);
}

static apf_status run_notes(apf_validation *v, const apf_model *model, apf_metrics *out)
{
  const int64_t *first = v->data->notes.first, end = first[v->part + 1];
  const double count = (double)(end - first[v->part]);
  *out = (apf_metrics){
      .esr = NAN, .esr_preemphasized = NAN, .l1_preemphasized = NAN, .loudness_difference = NAN};
  for (int64_t at = first[v->part]; at < end;) {
    const int whole = end - at >= v->grader[FULL].batch.rows;
    note_grader *grader = &v->grader[whole ? FULL : REST];
    APF_TRY(grade(v, grader, model, at, out));
    at += grader->batch.rows;
  }
  out->mss /= count;
  out->mel_stft /= count;
  out->mfcc_l1 /= count;
  if (isfinite(out->mss)) return APF_OK;
  return apf_fail(v->ctx, APF_ERR_NOT_FINITE, "apf_validate", "the validation loss is %g",
                  out->mss);
}

/* --- all -------------------------------------------------------------------------------------- */

static apf_status create_notes(apf_validation *v, const apf_train_config *config,
                               const apf_model *model)
{
  const int64_t *first = v->data->notes.first, count = first[v->part + 1] - first[v->part];
  const int64_t rows = config->batch < count ? config->batch : count;
  v->channels = 1;
  v->frames = count * v->data->notes.samples;
  APF_TRY(create_grader(v, model, rows, &v->grader[FULL]));
  return create_grader(v, model, count % rows, &v->grader[REST]);
}

static apf_status create_renderer(const apf_validation *v, const apf_model *model,
                                  apf_renderer **out)
{
  const apf_pair *pair = &v->data->valid;
  return apf_renderer_create(v->ctx, model, APF_F64, pair->channels, pair->frames, pair->start,
                             out);
}

/** Renders the model's tensors with that variant, whichever was trained. */
static apf_status create_variant(const apf_validation *v, const apf_model *model,
                                 const char *variant, apf_renderer **out)
{
  apf_model *copy;
  APF_TRY(apf_model_copy(v->ctx, model, &copy));
  apf_status status = apf_model_set_text(v->ctx, copy, "variant", variant);
  if (status == APF_OK) status = create_renderer(v, copy, out);
  apf_model_destroy(copy);
  return status;
}

static apf_status create_pair(apf_validation *v, const apf_model *model)
{
  v->channels = (int)v->data->valid.channels;
  v->frames = v->data->valid.frames;
  if (!model->effect->two_renderings) return create_renderer(v, model, &v->renderer);
  APF_TRY(create_variant(v, model, "fs", &v->other));
  return create_variant(v, model, "td", &v->renderer);
}

apf_status apf_validation_create(apf_context *ctx, const apf_train_config *config,
                                 const apf_data *data, apf_part part, const apf_model *model,
                                 apf_validation **out)
{
  apf_status status = APF_OK;
  *out = NULL;
  apf_validation *v = calloc(1, sizeof *v);
  if (!v) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for validation");
  v->ctx = ctx;
  v->data = data;
  v->part = part;
  APF_TRY_GOTO(data->notes.count ? create_notes(v, config, model) : create_pair(v, model), done);
  v->rendered = malloc((size_t)(v->channels * v->frames) * sizeof *v->rendered);
  if (!v->rendered)
    status = apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for the validation part");
done:
  if (status != APF_OK) {
    apf_validation_destroy(v);
    return status;
  }
  *out = v;
  return APF_OK;
}

void apf_validation_destroy(apf_validation *v)
{
  if (!v) return;
  for (int i = 0; i < GRADERS; i++) {
    apf_graph_destroy(v->grader[i].graph);
    apf_note_batch_clear(&v->grader[i].batch);
  }
  apf_renderer_destroy(v->renderer);
  apf_renderer_destroy(v->other);
  for (int i = 0; i < CONTROLS; i++) free(v->control[i]);
  for (int i = 0; i < CURVES; i++) free(v->curve[i]);
  free(v->rendered);
  free(v);
}

static apf_status run_pair(apf_validation *v, apf_renderer *renderer, const apf_model *model,
                           apf_metrics *out)
{
  const apf_pair *pair = &v->data->valid;
  APF_TRY(apf_renderer_run(renderer, model, pair->input, v->rendered));
  return apf_evaluate(v->ctx, pair->sample_rate, pair->channels, pair->frames, v->rendered,
                      pair->target, out);
}

apf_status apf_validation_run(apf_validation *v, const apf_model *model, apf_metrics *out)
{
  return v->renderer ? run_pair(v, v->renderer, model, out) : run_notes(v, model, out);
}

apf_status apf_validation_run_other(apf_validation *v, const apf_model *model, apf_metrics *out)
{
  return run_pair(v, v->other, model, out);
}

apf_status apf_validation_write(const apf_validation *v, const char *folder)
{
  const apf_note_set *notes = &v->data->notes;
  APF_TRY(write_audio(v, folder, "valid.wav", v->rendered));
  if (v->renderer) return APF_OK;
  APF_TRY(write_audio(v, folder, "valid_target.wav",
                      notes->audio + notes->first[v->part] * notes->samples));
  APF_TRY(write_controls(v, folder));
  return write_curves(v, folder);
}

double apf_deciding_error(const apf_effect *effect, const apf_metrics *m)
{
  if (effect->takes_notes) return m->mss;
  return effect->preemphasized ? m->esr_preemphasized : m->esr;
}

const char *apf_deciding_error_name(const apf_effect *effect)
{
  return effect->takes_notes ? "MSS" : "ESR";
}
