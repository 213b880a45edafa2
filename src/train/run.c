/**
 * A run: the loop around a learner, and the folder that survives anything.
 *
 * What makes a resumed run equal to one that never stopped: last.safetensors is replaced in one
 * step and holds everything that the next step reads (model, the learner's memory, best error so
 * far); random draws depend on seed and step alone; metrics.jsonl is cut back to the step of the
 * checkpoint on resume and holds no times; best.safetensors, if newer than the checkpoint, is
 * written again with the same bytes when its step is repeated.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <allpole/audio.h>

#include "io/file.h"
#include "train/learner.h"
#include "train/model_file.h"

enum { PATH_SIZE = 4096, METRICS_LIMIT = 1 << 30 };

typedef struct run {
  apf_context *ctx;
  const char *folder;
  apf_train_config config;
  apf_pair train, valid;
  apf_model *model, *best;
  apf_learner *learner;
  apf_renderer *renderer; /* decides */
  apf_renderer *other;    /* frequency-sampled, of effects with two renderings; else NULL */
  float *rendered;        /* of the validation part */
  FILE *metrics_file;
  int64_t step;
  double best_esr, valid_esr, other_esr;
  apf_metrics before;
  struct timespec start;
} run;

/** A path inside the run's folder, in a buffer of PATH_SIZE. */
static const char *path_in(const run *r, const char *name, char *buffer)
{
  snprintf(buffer, PATH_SIZE, "%s/%s", r->folder, name);
  return buffer;
}

static double seconds_since(const struct timespec *start)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/** The error that decides which model is best: the effect's own. */
static double deciding_esr(const run *r, const apf_metrics *m)
{
  return r->model->effect->preemphasized ? m->esr_preemphasized : m->esr;
}

static apf_status validate(run *r, apf_renderer *renderer, const apf_model *model, apf_metrics *out)
{
  APF_TRY(apf_renderer_run(renderer, model, r->valid.input, r->rendered));
  return apf_evaluate(r->ctx, r->valid.sample_rate, r->valid.channels, r->valid.frames, r->rendered,
                      r->valid.target, out);
}

/* --- the folder ------------------------------------------------------------------------------- */

static apf_status save_last(run *r)
{
  char path[PATH_SIZE], step[32];
  apf_state state = {0};
  apf_status status = APF_OK;
  const double numbers[] = {r->best_esr,
                            r->valid_esr,
                            r->before.esr,
                            r->before.esr_preemphasized,
                            r->before.l1_preemphasized,
                            r->before.loudness_difference};
  snprintf(step, sizeof step, "%lld", (long long)r->step);
  const apf_metadata metadata[] = {{"step", step}};
  if (r->metrics_file && fflush(r->metrics_file) != 0) {
    status = apf_fail(r->ctx, APF_ERR_FILE, "apf_train", "cannot write %s: %s",
                      path_in(r, "metrics.jsonl", path), strerror(errno));
    goto done;
  }
  APF_TRY_GOTO(apf_state_add(r->ctx, &state, "step", APF_TENSOR_I64, 1, &r->step), done);
  APF_TRY_GOTO(apf_state_add(r->ctx, &state, "errors", APF_TENSOR_F64, 6, numbers), done);
  APF_TRY_GOTO(r->learner->type->save(r->learner, &state), done);
  APF_TRY_GOTO(apf_model_file_write(r->ctx, r->model, path_in(r, "last.safetensors", path),
                                    state.count, state.tensors, 1, metadata),
               done);
done:
  apf_state_clear(&state);
  return status;
}

static apf_status load_last(run *r)
{
  char path[PATH_SIZE];
  apf_safetensors *file;
  double numbers[6];
  apf_status status = APF_OK;
  APF_TRY(apf_safetensors_read(r->ctx, path_in(r, "last.safetensors", path), &file));
  APF_TRY_GOTO(apf_model_file_parse(r->ctx, file, &r->model), done);
  APF_TRY_GOTO(apf_state_get(r->ctx, file, "step", APF_TENSOR_I64, 1, &r->step), done);
  APF_TRY_GOTO(apf_state_get(r->ctx, file, "errors", APF_TENSOR_F64, 6, numbers), done);
  r->best_esr = numbers[0];
  r->valid_esr = numbers[1];
  r->before = (apf_metrics){numbers[2], numbers[3], numbers[4], numbers[5]};
  if (strcmp(r->model->effect->name, r->config.effect) != 0) {
    status = apf_fail(r->ctx, APF_ERR_MISMATCH, "apf_resume",
                      "%s is a %s, but the run's configuration says %s", path,
                      r->model->effect->name, r->config.effect);
    goto done;
  }
  APF_TRY_GOTO(apf_learner_create(r->ctx, &r->config, &r->train, r->model, &r->learner), done);
  APF_TRY_GOTO(r->learner->type->load(r->learner, file), done);
done:
  apf_safetensors_free(file);
  return status;
}

/** Drops the lines of steps that will be taken again. */
static apf_status cut_metrics(run *r)
{
  char path[PATH_SIZE], *text;
  if (access(path_in(r, "metrics.jsonl", path), F_OK) != 0) return APF_OK;
  APF_TRY(apf_read_file(r->ctx, path, METRICS_LIMIT, &text, NULL));
  char *end = text;
  for (long long step; sscanf(end, "{\"step\": %lld", &step) == 1 && step <= r->step;) {
    char *newline = strchr(end, '\n');
    if (!newline) break;
    end = newline + 1;
  }
  apf_status status = apf_write_file(r->ctx, path, text, (size_t)(end - text));
  free(text);
  return status;
}

static apf_status open_metrics(run *r)
{
  char path[PATH_SIZE];
  r->metrics_file = fopen(path_in(r, "metrics.jsonl", path), "a");
  if (!r->metrics_file)
    return apf_fail(r->ctx, APF_ERR_FILE, "apf_train", "cannot write %s: %s", path,
                    strerror(errno));
  return APF_OK;
}

static void write_metrics(run *r, double loss, bool validated)
{
  fprintf(r->metrics_file, "{\"step\": %lld, \"loss\": %.17g", (long long)r->step, loss);
  if (validated) fprintf(r->metrics_file, ", \"valid_esr\": %.17g", r->valid_esr);
  if (validated && r->other) fprintf(r->metrics_file, ", \"valid_esr_fs\": %.17g", r->other_esr);
  for (int i = 0; i < r->model->effect->parameter_count; i++)
    fprintf(r->metrics_file, ", \"%s\": %.17g", r->model->effect->parameters[i].name,
            r->model->effect->get(r->model, i));
  if (r->learner->type->log) r->learner->type->log(r->learner, r->metrics_file);
  fputs("}\n", r->metrics_file);
}

static json_t *metrics_json(const apf_metrics *m)
{
  return json_pack(
      "{s:f, s:f, s:f, s:o}", "esr", m->esr, "esr_preemphasized", m->esr_preemphasized,
      "l1_preemphasized", m->l1_preemphasized, "loudness_difference",
      isfinite(m->loudness_difference) ? json_real(m->loudness_difference) : json_null());
}

/** How it ended; its presence says that the run has ended. No times: see the top. */
static apf_status write_result(run *r, const apf_train_result *result, const apf_metrics *other)
{
  static const char *const ends[] = {"steps done", "converged", "stopped", "diverged"};
  char path[PATH_SIZE];
  json_t *parameters = json_object();
  for (int i = 0; i < r->best->effect->parameter_count; i++)
    json_object_set_new(parameters, r->best->effect->parameters[i].name,
                        json_real(r->best->effect->get(r->best, i)));
  json_t *json = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "end", ends[result->end], "reason",
                           result->reason, "steps", (json_int_t)result->steps, "before",
                           metrics_json(&result->before), "after", metrics_json(&result->after),
                           "parameters", parameters);
  if (json && other) json_object_set_new(json, "after_fs", metrics_json(other));
  char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
  json_decref(json);
  if (!text) return apf_fail(r->ctx, APF_ERR_MEMORY, "apf_train", "no memory for result.json");
  apf_status status = apf_write_file(r->ctx, path_in(r, "result.json", path), text, strlen(text));
  free(text);
  return status;
}

/* --- the loop --------------------------------------------------------------------------------- */

static apf_status keep_best(run *r)
{
  char path[PATH_SIZE];
  for (int i = 0; i < r->model->tensor_count; i++)
    memcpy(r->best->tensors[i].values, r->model->tensors[i].values,
           (size_t)r->model->tensors[i].count * sizeof(double));
  r->best_esr = r->valid_esr;
  return apf_model_save(r->ctx, r->best, path_in(r, "best.safetensors", path));
}

/** Validates the present model; keeps it if it is the best so far. */
static apf_status validate_step(run *r)
{
  apf_metrics metrics;
  if (r->other) {
    APF_TRY(validate(r, r->other, r->model, &metrics));
    r->other_esr = deciding_esr(r, &metrics);
  }
  APF_TRY(validate(r, r->renderer, r->model, &metrics));
  r->valid_esr = deciding_esr(r, &metrics);
  if (r->step == 0) r->before = metrics;
  if (r->step == 0 || r->valid_esr < r->best_esr) return keep_best(r);
  return APF_OK;
}

static int report(const run *r, double loss, apf_train_callback callback, void *user)
{
  apf_train_progress progress = {.step = r->step,
                                 .steps = r->config.steps,
                                 .loss = loss,
                                 .valid_esr = r->valid_esr,
                                 .best_esr = r->best_esr,
                                 .seconds = seconds_since(&r->start),
                                 .model = r->model};
  return callback ? callback(&progress, user) : 0;
}

static apf_status end_with(apf_train_result *result, apf_train_end end, const char *reason)
{
  result->end = end;
  snprintf(result->reason, sizeof result->reason, "%s", reason);
  return APF_OK;
}

/** One step and what belongs to it; *over when the run has come to an end, told in `result`. */
static apf_status take_step(run *r, apf_train_callback callback, void *user,
                            apf_train_result *result, bool *over)
{
  double loss = NAN;
  apf_status status = r->learner->type->step(r->learner, r->step + 1, &loss);
  *over = true;
  if (status == APF_ERR_NOT_FINITE) {
    char reason[sizeof result->reason];
    snprintf(reason, sizeof reason, "loss or gradient was not finite at step %lld (loss %g)",
             (long long)r->step + 1, loss);
    return end_with(result, APF_TRAIN_DIVERGED, reason);
  }
  APF_TRY(status);
  r->step++;
  bool last = r->step >= r->config.steps || r->learner->converged;
  bool validating = last || r->step % r->config.valid_every == 0;
  if (validating) {
    status = validate_step(r);
    if (status == APF_ERR_NOT_FINITE) {
      char reason[sizeof result->reason];
      snprintf(reason, sizeof reason,
               "the model rendered values that are not finite after step %lld", (long long)r->step);
      return end_with(result, APF_TRAIN_DIVERGED, reason);
    }
    APF_TRY(status);
  }
  write_metrics(r, loss, validating);
  if (last || r->step % r->config.save_every == 0) APF_TRY(save_last(r));
  int stop = report(r, loss, callback, user);
  if (r->learner->converged) return end_with(result, APF_TRAIN_CONVERGED, r->learner->reason);
  if (last) return end_with(result, APF_TRAIN_STEPS_DONE, "all steps were taken");
  if (stop) return end_with(result, APF_TRAIN_STOPPED, "stopped by request");
  *over = false;
  return APF_OK;
}

/** From the present step to an end, then what is written at the end. */
static apf_status train(run *r, apf_train_callback callback, void *user, apf_train_result *result)
{
  char path[PATH_SIZE];
  APF_TRY(open_metrics(r));
  for (bool over = r->step >= r->config.steps; !over;)
    APF_TRY(take_step(r, callback, user, result, &over));
  if (result->end != APF_TRAIN_DIVERGED) APF_TRY(save_last(r)); /* else the last good one stays */

  result->steps = r->step;
  result->before = r->before;
  apf_metrics other;
  if (r->other) APF_TRY(validate(r, r->other, r->best, &other));
  APF_TRY(validate(r, r->renderer, r->best, &result->after));
  const apf_audio audio = {.sample_rate = r->valid.sample_rate,
                           .channels = (int)r->valid.channels,
                           .frames = r->valid.frames,
                           .samples = r->rendered};
  APF_TRY(apf_audio_write(r->ctx, path_in(r, "valid.wav", path), APF_AUDIO_FLOAT32, &audio));
  if (result->end != APF_TRAIN_STOPPED) APF_TRY(write_result(r, result, r->other ? &other : NULL));
  result->seconds = seconds_since(&r->start);
  return APF_OK;
}

/* --- beginning and going on ------------------------------------------------------------------- */

static void close_run(run *r)
{
  if (r->metrics_file) fclose(r->metrics_file);
  apf_learner_destroy(r->learner);
  apf_renderer_destroy(r->renderer);
  apf_renderer_destroy(r->other);
  apf_model_destroy(r->best);
  apf_model_destroy(r->model);
  free(r->rendered);
  apf_pair_clear(&r->train);
  apf_pair_clear(&r->valid);
  apf_config_clear(&r->config);
}

/** Renders the model's tensors with that variant, whichever was trained. */
static apf_status create_variant(const run *r, const char *variant, apf_renderer **out)
{
  apf_model *model;
  APF_TRY(apf_model_copy(r->ctx, r->model, &model));
  apf_status status = apf_model_set_text(r->ctx, model, "variant", variant);
  if (status == APF_OK)
    status = apf_renderer_create(r->ctx, model, APF_F64, r->valid.channels, r->valid.frames,
                                 r->valid.start, out);
  apf_model_destroy(model);
  return status;
}

/** What needs the model: its validation renderer and the best model beside it. */
static apf_status open_validation(run *r)
{
  const apf_pair *valid = &r->valid;
  r->rendered = malloc((size_t)(valid->channels * valid->frames) * sizeof *r->rendered);
  if (!r->rendered)
    return apf_fail(r->ctx, APF_ERR_MEMORY, "apf_train", "no memory for the validation part");
  if (r->model->effect->two_renderings) {
    APF_TRY(create_variant(r, "fs", &r->other));
    APF_TRY(create_variant(r, "td", &r->renderer));
  } else {
    APF_TRY(apf_renderer_create(r->ctx, r->model, APF_F64, valid->channels, valid->frames,
                                valid->start, &r->renderer));
  }
  return apf_model_copy(r->ctx, r->model, &r->best);
}

static apf_status refuse_existing_run(const run *r)
{
  char path[PATH_SIZE];
  if (access(path_in(r, "config.json", path), F_OK) != 0) return APF_OK;
  return apf_fail(r->ctx, APF_ERR_STATE, "apf_train",
                  "out is \"%s\", which holds a run already; resume it or choose another folder",
                  r->folder);
}

/** An oscillator's phase is that at the start of the training part. */
static void record_origin(run *r)
{
  char text[32];
  snprintf(text, sizeof text, "%.17g", r->train.start);
  json_object_set_new(json_object_get(r->config.json, "set"), "origin", json_string(text));
}

/** Everything that can be wrong with options and recordings comes before the folder is touched. */
static apf_status begin(run *r, const apf_train_options *options)
{
  char path[PATH_SIZE];
  APF_TRY(apf_config_resolve(r->ctx, options, &r->config));
  APF_TRY(refuse_existing_run(r));
  APF_TRY(apf_pairs_read(r->ctx, &r->config, &r->train, &r->valid));
  r->ctx->seed = r->config.seed;
  APF_TRY(apf_model_create(r->ctx, r->config.effect, r->train.sample_rate, &r->model));
  if (r->model->effect->runs_on) record_origin(r);
  APF_TRY(apf_config_apply(r->ctx, &r->config, r->model));
  APF_TRY(apf_learner_create(r->ctx, &r->config, &r->train, r->model, &r->learner));
  APF_TRY(open_validation(r));
  APF_TRY(apf_make_directory(r->ctx, r->folder));
  APF_TRY(validate_step(r));
  APF_TRY(save_last(r));
  return apf_config_write(r->ctx, &r->config, path_in(r, "config.json", path));
}

apf_status apf_train(apf_context *ctx, const apf_train_options *options,
                     apf_train_callback callback, void *user, apf_train_result *result)
{
  apf_train_result unused;
  if (!result) result = &unused;
  memset(result, 0, sizeof *result);
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!options || options->struct_size != sizeof *options)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                    "options is NULL or was not made by apf_train_options_init");
  if (!options->out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "options.out is NULL");
  run r = {.ctx = ctx, .folder = options->out, .valid_esr = NAN, .best_esr = INFINITY};
  clock_gettime(CLOCK_MONOTONIC, &r.start);
  apf_status status = begin(&r, options);
  if (status == APF_OK) status = train(&r, callback, user, result);
  close_run(&r);
  return status;
}

/** The result of a run that has ended, from its files. */
static apf_status read_ended(run *r, apf_train_result *result, bool *ended)
{
  static const char *const ends[] = {"steps done", "converged", "stopped", "diverged"};
  char path[PATH_SIZE];
  json_error_t error;
  json_t *json = json_load_file(path_in(r, "result.json", path), 0, &error);
  *ended = json != NULL;
  if (!json) return APF_OK;
  const char *end = json_string_value(json_object_get(json, "end"));
  const char *reason = json_string_value(json_object_get(json, "reason"));
  for (int i = 0; end && i < 4; i++)
    if (strcmp(end, ends[i]) == 0) result->end = (apf_train_end)i;
  snprintf(result->reason, sizeof result->reason, "%s", reason ? reason : "");
  json_decref(json);
  result->steps = r->step;
  result->before = r->before;
  return validate(r, r->renderer, r->best, &result->after);
}

static apf_status reopen(run *r, int64_t steps)
{
  char path[PATH_SIZE];
  APF_TRY(apf_config_read(r->ctx, path_in(r, "config.json", path), &r->config));
  r->ctx->seed = r->config.seed;
  APF_TRY(apf_pairs_read(r->ctx, &r->config, &r->train, &r->valid));
  APF_TRY(load_last(r));
  APF_TRY(open_validation(r));
  apf_model *best;
  APF_TRY(apf_model_load(r->ctx, path_in(r, "best.safetensors", path), &best));
  apf_model_destroy(r->best);
  r->best = best;
  if (steps > r->config.steps) {
    r->config.steps = steps;
    json_object_set_new(r->config.json, "steps", json_integer(steps));
    APF_TRY(apf_config_write(r->ctx, &r->config, path_in(r, "config.json", path)));
    if (!r->learner->converged) unlink(path_in(r, "result.json", path));
  }
  return APF_OK;
}

apf_status apf_resume(apf_context *ctx, const char *out, int64_t steps, apf_train_callback callback,
                      void *user, apf_train_result *result)
{
  apf_train_result unused;
  if (!result) result = &unused;
  memset(result, 0, sizeof *result);
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "out is NULL");
  run r = {.ctx = ctx, .folder = out};
  clock_gettime(CLOCK_MONOTONIC, &r.start);
  bool ended = false;
  apf_status status = reopen(&r, steps);
  if (status == APF_OK) status = read_ended(&r, result, &ended);
  if (status == APF_OK && !ended) status = cut_metrics(&r);
  if (status == APF_OK && !ended) status = train(&r, callback, user, result);
  close_run(&r);
  return status;
}

void apf_train_options_init(apf_train_options *options)
{
  if (!options) return;
  memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
  options->segment[0] = options->segment[1] = NAN;
  options->valid[0] = options->valid[1] = NAN;
  options->learning_rate = NAN;
  options->dtype = -1;
}
