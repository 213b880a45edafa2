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
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/file.h"
#include "train/learner.h"
#include "train/model_file.h"
#include "train/validation.h"

enum { PATH_SIZE = 4096, METRICS_LIMIT = 1 << 30 };

/* The metrics, by the names that files use. */
static const struct {
  const char *name;
  size_t offset;
} metric_fields[] = {
    {"esr", offsetof(apf_metrics, esr)},
    {"esr_preemphasized", offsetof(apf_metrics, esr_preemphasized)},
    {"l1_preemphasized", offsetof(apf_metrics, l1_preemphasized)},
    {"loudness_difference", offsetof(apf_metrics, loudness_difference)},
    {"mss", offsetof(apf_metrics, mss)},
    {"mel_stft", offsetof(apf_metrics, mel_stft)},
    {"mfcc_l1", offsetof(apf_metrics, mfcc_l1)},
};
enum { METRICS = sizeof metric_fields / sizeof metric_fields[0], PAIR_METRICS = 4 };

typedef struct run {
  apf_context *ctx;
  const char *folder;
  apf_train_config config;
  apf_data data;
  apf_model *model, *best;
  apf_learner *learner;
  apf_validation *validation;
  FILE *metrics_file;
  int64_t step;
  double best_error, valid_error, other_error; /* by the other of two renderings */
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

/* --- the folder ------------------------------------------------------------------------------- */

static double *metric(apf_metrics *metrics, int i)
{
  return (double *)(void *)((char *)metrics + metric_fields[i].offset);
}

static apf_status save_last(run *r)
{
  char path[PATH_SIZE], step[32];
  apf_state state = {0};
  apf_status status = APF_OK;
  double numbers[2 + METRICS] = {r->best_error, r->valid_error};
  for (int i = 0; i < METRICS; i++) numbers[2 + i] = *metric(&r->before, i);
  snprintf(step, sizeof step, "%lld", (long long)r->step);
  const apf_metadata metadata[] = {{"step", step}};
  if (r->metrics_file && fflush(r->metrics_file) != 0) {
    status = apf_fail(r->ctx, APF_ERR_FILE, "apf_train", "cannot write %s: %s",
                      path_in(r, "metrics.jsonl", path), strerror(errno));
    goto done;
  }
  APF_TRY_GOTO(apf_state_add(r->ctx, &state, "step", APF_TENSOR_I64, 1, &r->step), done);
  APF_TRY_GOTO(apf_state_add(r->ctx, &state, "errors", APF_TENSOR_F64, 2 + METRICS, numbers), done);
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
  double numbers[2 + METRICS];
  apf_status status = APF_OK;
  APF_TRY(apf_safetensors_read(r->ctx, path_in(r, "last.safetensors", path), &file));
  APF_TRY_GOTO(apf_model_file_parse(r->ctx, file, &r->model), done);
  APF_TRY_GOTO(apf_state_get(r->ctx, file, "step", APF_TENSOR_I64, 1, &r->step), done);
  APF_TRY_GOTO(apf_state_get(r->ctx, file, "errors", APF_TENSOR_F64, 2 + METRICS, numbers), done);
  r->best_error = numbers[0];
  r->valid_error = numbers[1];
  for (int i = 0; i < METRICS; i++) *metric(&r->before, i) = numbers[2 + i];
  APF_TRY_GOTO(apf_config_check(r->ctx, &r->config, r->model, path), done);
  APF_TRY_GOTO(apf_learner_create(r->ctx, &r->config, &r->data, r->model, &r->learner), done);
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
  if (validated)
    fprintf(r->metrics_file, ", \"valid_%s\": %.17g", r->model->effect->takes_notes ? "mss" : "esr",
            r->valid_error);
  if (validated && r->model->effect->two_renderings)
    fprintf(r->metrics_file, ", \"valid_esr_fs\": %.17g", r->other_error);
  for (int i = 0; i < r->model->effect->parameter_count; i++)
    fprintf(r->metrics_file, ", \"%s\": %.17g", r->model->effect->parameters[i].name,
            r->model->effect->get(r->model, i));
  if (r->learner->type->log) r->learner->type->log(r->learner, r->metrics_file);
  fputs("}\n", r->metrics_file);
}

/** Those of the effect; null where one could not be measured. */
static json_t *metrics_json(const apf_effect *effect, apf_metrics metrics)
{
  json_t *json = json_object();
  for (int i = 0; i < METRICS; i++) {
    const double value = *metric(&metrics, i);
    if (effect->takes_notes != (i >= PAIR_METRICS)) continue;
    json_object_set_new(json, metric_fields[i].name,
                        isfinite(value) ? json_real(value) : json_null());
  }
  return json;
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
                           metrics_json(r->best->effect, result->before), "after",
                           metrics_json(r->best->effect, result->after), "parameters", parameters);
  if (json && other) json_object_set_new(json, "after_fs", metrics_json(r->best->effect, *other));
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
  r->best_error = r->valid_error;
  return apf_model_save(r->ctx, r->best, path_in(r, "best.safetensors", path));
}

/** Validates the present model; keeps it if it is the best so far. */
static apf_status validate_step(run *r)
{
  apf_metrics metrics;
  if (r->model->effect->two_renderings) {
    APF_TRY(apf_validation_run_other(r->validation, r->model, &metrics));
    r->other_error = apf_deciding_error(r->model->effect, &metrics);
  }
  APF_TRY(apf_validation_run(r->validation, r->model, &metrics));
  r->valid_error = apf_deciding_error(r->model->effect, &metrics);
  if (r->step == 0) r->before = metrics;
  if (r->step == 0 || r->valid_error < r->best_error) return keep_best(r);
  return APF_OK;
}

static int report(const run *r, double loss, apf_train_callback callback, void *user)
{
  apf_train_progress progress = {.step = r->step,
                                 .steps = r->config.steps,
                                 .loss = loss,
                                 .error_name = apf_deciding_error_name(r->model->effect),
                                 .valid_error = r->valid_error,
                                 .best_error = r->best_error,
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

static bool is_due(const run *r, int64_t every)
{
  return r->step % (every * r->data.steps_per_epoch) == 0;
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
  bool validating = last || is_due(r, r->config.valid_every);
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
  if (last || is_due(r, r->config.save_every)) APF_TRY(save_last(r));
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
  APF_TRY(open_metrics(r));
  for (bool over = r->step >= r->config.steps; !over;)
    APF_TRY(take_step(r, callback, user, result, &over));
  if (result->end != APF_TRAIN_DIVERGED) APF_TRY(save_last(r)); /* else the last good one stays */

  result->steps = r->step;
  result->before = r->before;
  result->skipped = r->data.notes.skipped;
  const bool two = r->best->effect->two_renderings;
  apf_metrics other;
  if (two) APF_TRY(apf_validation_run_other(r->validation, r->best, &other));
  APF_TRY(apf_validation_run(r->validation, r->best, &result->after));
  APF_TRY(apf_validation_write(r->validation, r->folder));
  if (result->end != APF_TRAIN_STOPPED) APF_TRY(write_result(r, result, two ? &other : NULL));
  result->seconds = seconds_since(&r->start);
  return APF_OK;
}

/* --- beginning and going on ------------------------------------------------------------------- */

static void close_run(run *r)
{
  if (r->metrics_file) fclose(r->metrics_file);
  apf_learner_destroy(r->learner);
  apf_validation_destroy(r->validation);
  apf_model_destroy(r->best);
  apf_model_destroy(r->model);
  apf_data_clear(&r->data);
  apf_config_clear(&r->config);
}

/** What needs the model: its validation and the best model beside it. */
static apf_status open_validation(run *r)
{
  APF_TRY(apf_validation_create(r->ctx, &r->config, &r->data, APF_PART_VALID, r->model,
                                &r->validation));
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
  snprintf(text, sizeof text, "%.17g", r->data.train.start);
  json_object_set_new(json_object_get(r->config.json, "set"), "origin", json_string(text));
}

/** Everything that can be wrong with options and recordings comes before the folder is touched. */
static apf_status begin(run *r, const apf_train_options *options)
{
  char path[PATH_SIZE];
  APF_TRY(apf_config_resolve(r->ctx, options, &r->config));
  APF_TRY(refuse_existing_run(r));
  APF_TRY(apf_data_read(r->ctx, &r->config, &r->data));
  r->ctx->seed = r->config.seed;
  APF_TRY(apf_model_create(r->ctx, r->config.effect, r->data.sample_rate, &r->model));
  if (r->model->effect->runs_on) record_origin(r);
  APF_TRY(apf_config_apply(r->ctx, &r->config, r->model));
  APF_TRY(apf_learner_create(r->ctx, &r->config, &r->data, r->model, &r->learner));
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
  run r = {.ctx = ctx, .folder = options->out, .valid_error = NAN, .best_error = INFINITY};
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
  result->skipped = r->data.notes.skipped;
  return apf_validation_run(r->validation, r->best, &result->after);
}

static apf_status reopen(run *r, int64_t steps)
{
  char path[PATH_SIZE];
  APF_TRY(apf_config_read(r->ctx, path_in(r, "config.json", path), &r->config));
  r->ctx->seed = r->config.seed;
  APF_TRY(apf_data_read(r->ctx, &r->config, &r->data));
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
