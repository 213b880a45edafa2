/** A run: the loop around a learner. */
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"

static double seconds_since(const struct timespec *start)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* --- the loop --------------------------------------------------------------------------------- */

static apf_status keep_best(apf_run *r)
{
  char path[APF_RUN_PATH];
  for (int i = 0; i < r->model->tensor_count; i++)
    memcpy(r->best->tensors[i].values, r->model->tensors[i].values,
           (size_t)r->model->tensors[i].count * sizeof(double));
  r->best_error = r->valid_error;
  return apf_model_save(r->ctx, r->best, apf_run_path(r, "best.safetensors", path));
}

/** Validates the present model; keeps it if it is the best so far. */
static apf_status validate_step(apf_run *r)
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

static int report(const apf_run *r, double loss, apf_train_callback callback, void *user)
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

static bool is_due(const apf_run *r, int64_t every)
{
  return r->step % (every * r->data.steps_per_epoch) == 0;
}

/** One step and what belongs to it; *over when the run has come to an end, told in `result`. */
static apf_status take_step(apf_run *r, apf_train_callback callback, void *user,
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
  apf_run_write_metrics(r, loss, validating);
  if (last || is_due(r, r->config.save_every)) APF_TRY(apf_run_save_last(r));
  int stop = report(r, loss, callback, user);
  if (r->learner->converged) return end_with(result, APF_TRAIN_CONVERGED, r->learner->reason);
  if (last) return end_with(result, APF_TRAIN_STEPS_DONE, "all steps were taken");
  if (stop) return end_with(result, APF_TRAIN_STOPPED, "stopped by request");
  *over = false;
  return APF_OK;
}

/** From the present step to an end, then what is written at the end. */
static apf_status train(apf_run *r, apf_train_callback callback, void *user,
                        apf_train_result *result)
{
  APF_TRY(apf_run_open_metrics(r));
  for (bool over = r->step >= r->config.steps; !over;)
    APF_TRY(take_step(r, callback, user, result, &over));
  if (result->end != APF_TRAIN_DIVERGED)
    APF_TRY(apf_run_save_last(r)); /* else the last good one stays */

  result->steps = r->step;
  result->before = r->before;
  result->skipped = r->data.notes.skipped;
  const bool two = r->best->effect->two_renderings;
  apf_metrics other;
  if (two) APF_TRY(apf_validation_run_other(r->validation, r->best, &other));
  APF_TRY(apf_validation_run(r->validation, r->best, &result->after));
  APF_TRY(apf_validation_write(r->validation, r->folder));
  if (result->end != APF_TRAIN_STOPPED)
    APF_TRY(apf_run_write_result(r, result, two ? &other : NULL));
  result->seconds = seconds_since(&r->start);
  return APF_OK;
}

/* --- beginning and going on ------------------------------------------------------------------- */

static void close_run(apf_run *r)
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
static apf_status open_validation(apf_run *r)
{
  APF_TRY(apf_validation_create(r->ctx, &r->config, &r->data, APF_PART_VALID, r->model,
                                &r->validation));
  return apf_model_copy(r->ctx, r->model, &r->best);
}

static apf_status refuse_existing_run(const apf_run *r)
{
  char path[APF_RUN_PATH];
  if (access(apf_run_path(r, "config.json", path), F_OK) != 0) return APF_OK;
  return apf_fail(r->ctx, APF_ERR_STATE, "apf_train",
                  "out is \"%s\", which holds a run already; resume it or choose another folder",
                  r->folder);
}

/** An oscillator's phase is that at the start of the training part. */
static void record_origin(apf_run *r)
{
  char text[32];
  snprintf(text, sizeof text, "%.17g", r->data.train.start);
  json_object_set_new(json_object_get(r->config.json, "set"), "origin", json_string(text));
}

/** Everything that can be wrong with options and recordings comes before the folder is touched. */
static apf_status begin(apf_run *r, const apf_train_options *options)
{
  char path[APF_RUN_PATH];
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
  APF_TRY(apf_run_save_last(r));
  return apf_config_write(r->ctx, &r->config, apf_run_path(r, "config.json", path));
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
  apf_run r = {.ctx = ctx, .folder = options->out, .valid_error = NAN, .best_error = INFINITY};
  clock_gettime(CLOCK_MONOTONIC, &r.start);
  apf_status status = begin(&r, options);
  if (status == APF_OK) status = train(&r, callback, user, result);
  close_run(&r);
  return status;
}

static apf_status reopen(apf_run *r, int64_t steps)
{
  char path[APF_RUN_PATH];
  APF_TRY(apf_config_read(r->ctx, apf_run_path(r, "config.json", path), &r->config));
  r->ctx->seed = r->config.seed;
  APF_TRY(apf_data_read(r->ctx, &r->config, &r->data));
  APF_TRY(apf_run_load_last(r));
  APF_TRY(open_validation(r));
  apf_model *best;
  APF_TRY(apf_model_load(r->ctx, apf_run_path(r, "best.safetensors", path), &best));
  apf_model_destroy(r->best);
  r->best = best;
  if (steps > r->config.steps) {
    r->config.steps = steps;
    json_object_set_new(r->config.json, "steps", json_integer(steps));
    APF_TRY(apf_config_write(r->ctx, &r->config, apf_run_path(r, "config.json", path)));
    if (!r->learner->converged) unlink(apf_run_path(r, "result.json", path));
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
  apf_run r = {.ctx = ctx, .folder = out};
  clock_gettime(CLOCK_MONOTONIC, &r.start);
  bool ended = false;
  apf_status status = reopen(&r, steps);
  if (status == APF_OK) status = apf_run_read_result(&r, result, &ended);
  if (status == APF_OK && !ended) status = apf_run_cut_metrics(&r);
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
