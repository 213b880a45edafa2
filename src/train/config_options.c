/** A configuration from the caller's options: as JSON, only what was given. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/config_parts.h"

/** "name=value" texts as an object under `key`. */
static apf_status put_entries(apf_context *ctx, json_t *json, const char *key,
                              const char *const *entries, int count)
{
  if (count == 0) return APF_OK;
  json_t *object = json_object();
  json_object_set_new(json, key, object);
  for (int i = 0; i < count; i++) {
    const char *equals = strchr(entries[i], '=');
    if (!equals || equals == entries[i])
      return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train", "%s is \"%s\", expected name=value", key,
                      entries[i]);
    char *name = strndup(entries[i], (size_t)(equals - entries[i]));
    if (!name || json_object_set_new(object, name, json_string(equals + 1)) != 0) {
      free(name);
      return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train", "%s is \"%s\", expected UTF-8 text", key,
                      entries[i]);
    }
    free(name);
  }
  return APF_OK;
}

static void put_text(json_t *json, const char *key, const char *text)
{
  if (text) json_object_set_new(json, key, json_string(text));
}

static void put_count(json_t *json, const char *key, int64_t value)
{
  if (value != 0) json_object_set_new(json, key, json_integer(value));
}

/** Paths are kept absolute: a run may go on from another folder. */
static void put_path(json_t *json, const char *key, const char *path)
{
  if (!path) return;
  char *absolute = realpath(path, NULL);
  put_text(json, key, absolute ? absolute : path);
  free(absolute);
}

/** A part of the recording; a negative end (to the end of the file) is null in JSON. */
static void put_part(json_t *json, const char *key, const double part[2])
{
  if (isnan(part[0])) return;
  json_t *end = part[1] >= 0 ? json_real(part[1]) : json_null();
  json_object_set_new(json, key, json_pack("[f, o]", part[0], end));
}

apf_status apf_config_from_options(apf_context *ctx, const apf_train_options *options, json_t **out)
{
  static const char *const dtypes[] = {"f32", "f64"};
  json_t *json = json_object();
  *out = json;
  if (!json) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for the settings");
  put_text(json, "effect", options->effect);
  put_path(json, "input", options->input);
  put_path(json, "target", options->target);
  put_path(json, "notes", options->notes);
  if (options->skip_bad) json_object_set_new(json, "skip_bad", json_true());
  put_count(json, "epochs", options->epochs);
  put_count(json, "split_seed", (int64_t)options->split_seed);
  put_text(json, "recipe", options->recipe);
  put_text(json, "optimizer", options->optimizer);
  put_text(json, "gradient", options->gradient);
  if (options->dtype == APF_F32 || options->dtype == APF_F64)
    put_text(json, "dtype", dtypes[options->dtype]);
  else if (options->dtype != -1)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train",
                    "dtype is %d, expected APF_F32, APF_F64 or -1", options->dtype);
  put_part(json, "segment", options->segment);
  put_part(json, "valid", options->valid);
  if (options->excerpt != 0) json_object_set_new(json, "excerpt", json_real(options->excerpt));
  put_count(json, "batch", options->batch);
  put_count(json, "steps", options->steps);
  put_count(json, "valid_every", options->valid_every);
  put_count(json, "save_every", options->save_every);
  put_count(json, "restarts", options->restarts);
  put_count(json, "seed", (int64_t)options->seed);
  if (!isnan(options->learning_rate))
    json_object_set_new(json, "learning_rate", json_real(options->learning_rate));
  APF_TRY(put_entries(ctx, json, "set", options->set, options->set_count));
  return put_entries(ctx, json, "truth", options->truth, options->truth_count);
}
