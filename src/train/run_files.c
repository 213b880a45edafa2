/** What a run keeps in its folder: checkpoint, metrics, result. */
#include "train/run.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "train/model_file.h"

enum { METRICS_LIMIT = 1 << 30 };

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

/* The ends of a run, by the names that files use. */
static const char *const ends[] = {
    [APF_TRAIN_STEPS_DONE] = "steps done",
    [APF_TRAIN_CONVERGED] = "converged",
    [APF_TRAIN_STOPPED] = "stopped",
    [APF_TRAIN_DIVERGED] = "diverged",
};
enum { ENDS = sizeof ends / sizeof *ends };

const char *apf_run_path(const apf_run *r, const char *name, char *buffer)
{
  snprintf(buffer, APF_RUN_PATH, "%s/%s", r->folder, name);
  return buffer;
}

static double *metric(apf_metrics *metrics, int i)
{
  return (double *)(void *)((char *)metrics + metric_fields[i].offset);
}

apf_status apf_run_save_last(apf_run *r)
{
  char path[APF_RUN_PATH], step[32];
  apf_state state = {0};
  apf_status status = APF_OK;
  double numbers[2 + METRICS] = {r->best_error, r->valid_error};
  for (int i = 0; i < METRICS; i++) numbers[2 + i] = *metric(&r->before, i);
  snprintf(step, sizeof step, "%lld", (long long)r->step);
  const apf_metadata metadata[] = {{"step", step}};
  if (r->metrics_file && fflush(r->metrics_file) != 0) {
    status = apf_fail(r->ctx, APF_ERR_FILE, "apf_train", "cannot write %s: %s",
                      apf_run_path(r, "metrics.jsonl", path), strerror(errno));
    goto done;
  }
  APF_TRY_GOTO(apf_state_add(r->ctx, &state, "step", APF_TENSOR_I64, 1, &r->step), done);
  APF_TRY_GOTO(apf_state_add(r->ctx, &state, "errors", APF_TENSOR_F64, 2 + METRICS, numbers), done);
  APF_TRY_GOTO(r->learner->type->save(r->learner, &state), done);
  APF_TRY_GOTO(apf_model_file_write(r->ctx, r->model, apf_run_path(r, "last.safetensors", path),
                                    state.count, state.tensors, 1, metadata),
               done);
done:
  apf_state_clear(&state);
  return status;
}

apf_status apf_run_load_last(apf_run *r)
{
  char path[APF_RUN_PATH];
  apf_safetensors *file;
  double numbers[2 + METRICS];
  apf_status status = APF_OK;
  APF_TRY(apf_safetensors_read(r->ctx, apf_run_path(r, "last.safetensors", path), &file));
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

apf_status apf_run_cut_metrics(apf_run *r)
{
  char path[APF_RUN_PATH], *text;
  if (access(apf_run_path(r, "metrics.jsonl", path), F_OK) != 0) return APF_OK;
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

apf_status apf_run_open_metrics(apf_run *r)
{
  char path[APF_RUN_PATH];
  r->metrics_file = fopen(apf_run_path(r, "metrics.jsonl", path), "a");
  if (!r->metrics_file)
    return apf_fail(r->ctx, APF_ERR_FILE, "apf_train", "cannot write %s: %s", path,
                    strerror(errno));
  return APF_OK;
}

void apf_run_write_metrics(apf_run *r, double loss, bool validated)
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

apf_status apf_run_write_result(apf_run *r, const apf_train_result *result,
                                const apf_metrics *other)
{
  char path[APF_RUN_PATH];
  json_t *parameters = json_object();
  for (int i = 0; i < r->best->effect->parameter_count; i++)
    json_object_set_new(parameters, r->best->effect->parameters[i].name,
                        json_real(r->best->effect->get(r->best, i)));
  json_t *json = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "end", ends[result->end], "reason",
                           result->reason, "steps", (json_int_t)result->steps, "before",
                           metrics_json(r->best->effect, result->before), "after",
                           metrics_json(r->best->effect, result->after), "parameters", parameters);
  if (json && other) json_object_set_new(json, "after_fs", metrics_json(r->best->effect, *other));
  if (json && *r->learner->not_recorded)
    json_object_set_new(json, "not_recorded", json_string(r->learner->not_recorded));
  char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
  json_decref(json);
  if (!text) return apf_fail(r->ctx, APF_ERR_MEMORY, "apf_train", "no memory for result.json");
  apf_status status =
      apf_write_file(r->ctx, apf_run_path(r, "result.json", path), text, strlen(text));
  free(text);
  return status;
}

apf_status apf_run_read_result(apf_run *r, apf_train_result *result, bool *ended)
{
  char path[APF_RUN_PATH];
  json_error_t error;
  json_t *json = json_load_file(apf_run_path(r, "result.json", path), 0, &error);
  *ended = json != NULL;
  if (!json) return APF_OK;
  const char *end = json_string_value(json_object_get(json, "end"));
  const char *reason = json_string_value(json_object_get(json, "reason"));
  for (int i = 0; end && i < ENDS; i++)
    if (strcmp(end, ends[i]) == 0) result->end = (apf_train_end)i;
  snprintf(result->reason, sizeof result->reason, "%s", reason ? reason : "");
  json_decref(json);
  result->steps = r->step;
  result->before = r->before;
  result->skipped = r->data.notes.skipped;
  return apf_validation_run(r->validation, r->best, &result->after);
}
