#include "train/config.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "effects/effect.h"
#include "io/file.h"
#include "train/recipes.h"

enum { CONFIG_LIMIT = 1 << 20 };

static const char *const keys[] = {
    "effect",     "input",
    "target",     "recipe",
    "optimizer",  "gradient",
    "dtype",      "set",
    "segment",    "valid",
    "excerpt",    "batch",
    "steps",      "learning_rate",
    "momentum",   "weight_decay",
    "clip_norm",  "valid_every",
    "save_every", "seed",
    "allpole",    "learning_rate_end",
    "truth",      "restarts",
    "notes",      "skip_bad",
    "epochs",     "split_seed",
};
enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

static const char *key_at(int index, const void *data)
{
  (void)data;
  return keys[index];
}

static bool is_key(const char *name)
{
  for (int i = 0; i < KEY_COUNT; i++)
    if (strcmp(keys[i], name) == 0) return true;
  return false;
}

/* --- merging ---------------------------------------------------------------------------------- */

/** Every entry of `over` replaces that of `into`; the "set" objects are merged entry by entry. */
static apf_status merge(apf_context *ctx, json_t *into, json_t *over, const char *source)
{
  const char *key;
  json_t *value;
  json_object_foreach(over, key, value)
  {
    if (!is_key(key)) {
      const char *nearest = apf_nearest_name(key, KEY_COUNT, key_at, NULL);
      return apf_fail(ctx, APF_ERR_FORMAT, "apf_train", "%s has the unknown key \"%s\"%s%s%s",
                      source, key, nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                      nearest ? "\"?" : "");
    }
    json_t *old = json_object_get(into, key);
    int failed = strcmp(key, "set") == 0 && json_is_object(old) && json_is_object(value)
                     ? json_object_update(old, value)
                     : json_object_set_new(into, key, json_deep_copy(value));
    if (failed) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for the settings");
  }
  return APF_OK;
}

static apf_status merge_text(apf_context *ctx, json_t *into, const char *text)
{
  json_t *parsed = json_loads(text, 0, NULL);
  if (!parsed) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for the recipe");
  apf_status status = merge(ctx, into, parsed, "the recipe");
  json_decref(parsed);
  return status;
}

static apf_status read_json(apf_context *ctx, const char *path, json_t **out)
{
  char *text;
  size_t count;
  APF_TRY(apf_read_file(ctx, path, CONFIG_LIMIT, &text, &count));
  json_error_t error;
  *out = json_loadb(text, count, JSON_REJECT_DUPLICATES, &error);
  free(text);
  if (!*out)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_train", "%s, line %d: %s", path, error.line,
                    error.text);
  if (json_is_object(*out)) return APF_OK;
  json_decref(*out);
  return apf_fail(ctx, APF_ERR_FORMAT, "apf_train", "%s is not a JSON object of settings", path);
}

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

/** The caller's options as JSON: only what was given. */
static apf_status options_to_json(apf_context *ctx, const apf_train_options *options, json_t **out)
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

/* --- decoding --------------------------------------------------------------------------------- */

static apf_status wrong(apf_context *ctx, const char *key, const json_t *value,
                        const char *expected)
{
  char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  apf_status status = apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train", "%s is %.200s, expected %s", key,
                               text ? text : "missing", expected);
  free(text);
  return status;
}

static apf_status get_text(apf_context *ctx, const json_t *json, const char *key, const char **out)
{
  const json_t *value = json_object_get(json, key);
  if (!json_is_string(value)) return wrong(ctx, key, value, "a text");
  *out = json_string_value(value);
  return APF_OK;
}

/** The index of the text under `key` among `names`, which ends with NULL. */
static apf_status get_choice(apf_context *ctx, const json_t *json, const char *key,
                             const char *const *names, const char *expected, int *out)
{
  const json_t *value = json_object_get(json, key);
  if (json_is_string(value))
    for (*out = 0; names[*out]; (*out)++)
      if (strcmp(names[*out], json_string_value(value)) == 0) return APF_OK;
  return wrong(ctx, key, value, expected);
}

static apf_status get_number(apf_context *ctx, const json_t *json, const char *key, double minimum,
                             const char *expected, double *out)
{
  const json_t *value = json_object_get(json, key);
  *out = json_number_value(value);
  if (!json_is_number(value) || !(*out >= minimum)) return wrong(ctx, key, value, expected);
  return APF_OK;
}

static apf_status get_count(apf_context *ctx, const json_t *json, const char *key, int64_t minimum,
                            const char *expected, int64_t *out)
{
  const json_t *value = json_object_get(json, key);
  *out = json_integer_value(value);
  if (!json_is_integer(value) || *out < minimum) return wrong(ctx, key, value, expected);
  return APF_OK;
}

static apf_status get_part(apf_context *ctx, const json_t *json, const char *key, double out[2])
{
  const json_t *value = json_object_get(json, key);
  out[0] = out[1] = NAN;
  if (!value || json_is_null(value)) return APF_OK;
  const json_t *start = json_array_get(value, 0), *end = json_array_get(value, 1);
  bool open = json_is_null(end);
  if (json_array_size(value) != 2 || !json_is_number(start) || !(open || json_is_number(end)))
    return wrong(ctx, key, value, "[start, end] in seconds");
  out[0] = json_number_value(start);
  out[1] = open ? INFINITY : json_number_value(end);
  if (!(out[0] >= 0 && out[1] > out[0])) return wrong(ctx, key, value, "0 <= start < end");
  return APF_OK;
}

/** Where the material is: a pair of recordings, or notes. */
static apf_status decode_material(apf_context *ctx, apf_train_config *c)
{
  const apf_effect *effect = apf_effect_find(c->effect);
  const json_t *json = c->json, *skip = json_object_get(json, "skip_bad");
  int64_t split_seed;
  APF_TRY(get_text(ctx, json, "input", &c->input));
  if (!effect || !effect->takes_notes) {
    APF_TRY(get_text(ctx, json, "target", &c->target));
    return get_count(ctx, json, "steps", 1, "a whole number >= 1", &c->steps);
  }
  if (json_object_get(json, "target"))
    return wrong(ctx, "target", json_object_get(json, "target"),
                 "none: the notes of the input are the target");
  if (json_object_get(json, "notes")) APF_TRY(get_text(ctx, json, "notes", &c->notes));
  if (skip && !json_is_boolean(skip)) return wrong(ctx, "skip_bad", skip, "true or false");
  APF_TRY(get_count(ctx, json, "split_seed", 0, "a whole number >= 0", &split_seed));
  APF_TRY(get_count(ctx, json, "epochs", 1, "a whole number >= 1", &c->epochs));
  APF_TRY(get_count(ctx, json, "steps", 0, "a whole number >= 0", &c->steps));
  c->skip_bad = json_is_true(skip);
  c->split_seed = (uint64_t)split_seed;
  return APF_OK;
}

static apf_status decode(apf_context *ctx, apf_train_config *c)
{
  static const char *const methods[] = {"lm", "sgd", "adam", "adamw", NULL};
  static const char *const dtypes[] = {"f32", "f64", NULL};
  static const char *const gradients[] = {"exact", "spsa", NULL};
  const json_t *json = c->json;
  int method, dtype, gradient;
  int64_t seed;
  APF_TRY(get_text(ctx, json, "effect", &c->effect));
  APF_TRY(decode_material(ctx, c));
  APF_TRY(get_text(ctx, json, "recipe", &c->recipe));
  APF_TRY(get_choice(ctx, json, "optimizer", methods, "lm, sgd, adam or adamw", &method));
  APF_TRY(get_choice(ctx, json, "dtype", dtypes, "f32 or f64", &dtype));
  APF_TRY(get_choice(ctx, json, "gradient", gradients, "exact or spsa", &gradient));
  APF_TRY(get_part(ctx, json, "segment", c->segment));
  APF_TRY(get_part(ctx, json, "valid", c->valid));
  APF_TRY(get_number(ctx, json, "excerpt", 0, "seconds >= 0", &c->excerpt));
  APF_TRY(get_count(ctx, json, "batch", 1, "a whole number >= 1", &c->batch));
  APF_TRY(get_count(ctx, json, "valid_every", 1, "a whole number >= 1", &c->valid_every));
  APF_TRY(get_count(ctx, json, "save_every", 1, "a whole number >= 1", &c->save_every));
  APF_TRY(get_count(ctx, json, "restarts", 1, "a whole number >= 1", &c->restarts));
  APF_TRY(get_count(ctx, json, "seed", 0, "a whole number >= 0", &seed));
  APF_TRY(get_number(ctx, json, "learning_rate", 0, "a number >= 0", &c->learning_rate));
  APF_TRY(get_number(ctx, json, "momentum", 0, "a number >= 0", &c->momentum));
  APF_TRY(get_number(ctx, json, "weight_decay", 0, "a number >= 0", &c->weight_decay));
  APF_TRY(get_number(ctx, json, "clip_norm", 0, "a number >= 0", &c->clip_norm));
  c->learning_rate_end = c->learning_rate;
  if (json_object_get(json, "learning_rate_end"))
    APF_TRY(get_number(ctx, json, "learning_rate_end", 0, "a number >= 0", &c->learning_rate_end));
  c->method = (apf_method)method;
  c->dtype = (apf_dtype)dtype;
  c->spsa = gradient == 1;
  c->seed = (uint64_t)seed;
  if (c->spsa && c->method == APF_METHOD_LM)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train",
                    "gradient is spsa with optimizer lm, expected sgd, adam or adamw");
  return APF_OK;
}

/* --- whole configurations --------------------------------------------------------------------- */

static const apf_recipe *find_recipe(const apf_recipe *recipes, size_t count, const char *effect,
                                     const char *name)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(recipes[i].effect, effect) == 0 && strcmp(recipes[i].name, name) == 0)
      return &recipes[i];
  return NULL;
}

/** What a recipe says of one variant only, or NULL. */
static const apf_recipe *find_particular(const char *effect, const char *name, const json_t *given)
{
  char full[64];
  const json_t *variant = json_object_get(json_object_get(given, "set"), "variant");
  if (!json_is_string(variant)) return NULL;
  snprintf(full, sizeof full, "%s/%s", name, json_string_value(variant));
  return find_recipe(apf_recipes, sizeof apf_recipes / sizeof *apf_recipes, effect, full);
}

/** What the optimizer starts from for this effect, else for any, then what SPSA changes. */
static apf_status add_optimizer_defaults(apf_context *ctx, const char *effect, const char *name,
                                         const json_t *given, json_t *json)
{
  const size_t count = sizeof apf_optimizer_defaults / sizeof *apf_optimizer_defaults;
  const char *gradient = json_string_value(json_object_get(given, "gradient"));
  const apf_recipe *found = find_recipe(apf_optimizer_defaults, count, effect, name);
  if (!found) found = find_recipe(apf_optimizer_defaults, count, "*", name);
  if (found) APF_TRY(merge_text(ctx, json, found->json));
  if (!gradient || strcmp(gradient, "spsa") != 0) return APF_OK;
  char with_spsa[64];
  snprintf(with_spsa, sizeof with_spsa, "%s/spsa", name);
  found = find_recipe(apf_optimizer_defaults, count, effect, with_spsa);
  return found ? merge_text(ctx, json, found->json) : APF_OK;
}

/** `given`: what the caller and the file said, merged; the defaults beneath are found from it. */
static apf_status add_defaults(apf_context *ctx, json_t *given, json_t *json)
{
  const char *effect = json_string_value(json_object_get(given, "effect"));
  const char *name = json_string_value(json_object_get(given, "recipe"));
  const char *optimizer = json_string_value(json_object_get(given, "optimizer"));
  if (!name) name = "default";
  if (!effect) return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train", "effect is missing");
  const apf_recipe *recipe =
      find_recipe(apf_recipes, sizeof apf_recipes / sizeof *apf_recipes, effect, name);
  const apf_recipe *particular = find_particular(effect, name, given);
  if (!recipe)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train",
                    "recipe is \"%s\" for the effect \"%s\", expected default or paper for one of "
                    "the effects that this build trains",
                    name, effect);
  APF_TRY(merge_text(ctx, json, APF_RECIPE_COMMON));
  APF_TRY(merge_text(ctx, json, recipe->json));
  if (particular) APF_TRY(merge_text(ctx, json, particular->json));
  put_text(json, "recipe", name);
  put_text(json, "allpole", apf_version());
  const char *usual = json_string_value(json_object_get(json, "optimizer"));
  if (optimizer && strcmp(optimizer, usual) != 0)
    APF_TRY(add_optimizer_defaults(ctx, effect, optimizer, given, json));
  return APF_OK;
}

apf_status apf_config_resolve(apf_context *ctx, const apf_train_options *options,
                              apf_train_config *config)
{
  apf_status status = APF_OK;
  json_t *given = NULL, *over = NULL;
  memset(config, 0, sizeof *config);
  config->json = json_object();
  if (options->config)
    APF_TRY_GOTO(read_json(ctx, options->config, &given), done);
  else
    given = json_object();
  APF_TRY_GOTO(options_to_json(ctx, options, &over), done);
  APF_TRY_GOTO(merge(ctx, given, over, "options"), done);
  APF_TRY_GOTO(add_defaults(ctx, given, config->json), done);
  APF_TRY_GOTO(merge(ctx, config->json, given, options->config ? options->config : "options"),
               done);
  APF_TRY_GOTO(decode(ctx, config), done);
done:
  json_decref(given);
  json_decref(over);
  if (status != APF_OK) apf_config_clear(config);
  return status;
}

apf_status apf_config_read(apf_context *ctx, const char *path, apf_train_config *config)
{
  memset(config, 0, sizeof *config);
  apf_status status = APF_OK;
  APF_TRY(read_json(ctx, path, &config->json));
  status = decode(ctx, config);
  if (status != APF_OK) apf_config_clear(config);
  return status;
}

apf_status apf_config_write(apf_context *ctx, const apf_train_config *config, const char *path)
{
  char *text = json_dumps(config->json, JSON_INDENT(2) | JSON_SORT_KEYS);
  if (!text) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for the configuration");
  apf_status status = apf_write_file(ctx, path, text, strlen(text));
  free(text);
  return status;
}

void apf_config_clear(apf_train_config *config)
{
  json_decref(config->json);
  memset(config, 0, sizeof *config);
}

static apf_status apply_one(apf_context *ctx, apf_model *model, const char *name,
                            const json_t *value)
{
  if (json_is_string(value)) return apf_model_set_text(ctx, model, name, json_string_value(value));
  if (json_is_number(value)) return apf_model_set(ctx, model, name, json_number_value(value));
  return wrong(ctx, name, value, "a text or a number");
}

static bool is_option(const apf_model *model, const char *name)
{
  for (int i = 0; i < model->effect->option_count; i++)
    if (strcmp(model->effect->options[i].name, name) == 0) return true;
  return false;
}

apf_status apf_config_apply(apf_context *ctx, const apf_train_config *config, apf_model *model)
{
  json_t *set = json_object_get(config->json, "set");
  if (!json_is_object(set)) return wrong(ctx, "set", set, "an object of names and values");
  for (int options = 1; options >= 0; options--) {
    const char *name;
    json_t *value;
    json_object_foreach(set, name, value)
    {
      if (is_option(model, name) != options) continue;
      APF_TRY(apply_one(ctx, model, name, value));
    }
  }
  return APF_OK;
}

apf_status apf_config_check(apf_context *ctx, const apf_train_config *config,
                            const apf_model *model, const char *path)
{
  const char *name;
  json_t *value;
  if (strcmp(model->effect->name, config->effect) != 0)
    return apf_fail(ctx, APF_ERR_MISMATCH, "apf_resume",
                    "%s is a %s, but the run's configuration says %s", path, model->effect->name,
                    config->effect);
  json_object_foreach(json_object_get(config->json, "set"), name, value)
  {
    const char *wanted = json_string_value(value);
    if (!wanted || !is_option(model, name)) continue;
    const char *found = apf_model_option_text(model, name);
    if (strcmp(found, wanted) != 0)
      return apf_fail(ctx, APF_ERR_MISMATCH, "apf_resume",
                      "%s has %s %s, but the run's configuration says %s", path, name, found,
                      wanted);
  }
  return APF_OK;
}
