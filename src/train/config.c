#include "train/config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "effects/effect.h"
#include "io/file.h"
#include "train/config_parts.h"
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
  json_object_set_new(json, "recipe", json_string(name));
  json_object_set_new(json, "allpole", json_string(apf_version()));
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
  APF_TRY_GOTO(apf_config_from_options(ctx, options, &over), done);
  APF_TRY_GOTO(merge(ctx, given, over, "options"), done);
  APF_TRY_GOTO(add_defaults(ctx, given, config->json), done);
  APF_TRY_GOTO(merge(ctx, config->json, given, options->config ? options->config : "options"),
               done);
  APF_TRY_GOTO(apf_config_decode(ctx, config), done);
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
  status = apf_config_decode(ctx, config);
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
  return apf_config_wrong(ctx, name, value, "a text or a number");
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
  if (!json_is_object(set))
    return apf_config_wrong(ctx, "set", set, "an object of names and values");
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
