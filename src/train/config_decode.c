/** A configuration from JSON to its members, with all checks that need no recording. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "effects/effect.h"
#include "train/config_parts.h"

apf_status apf_config_wrong(apf_context *ctx, const char *key, const json_t *value,
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
  if (!json_is_string(value)) return apf_config_wrong(ctx, key, value, "a text");
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
  return apf_config_wrong(ctx, key, value, expected);
}

static apf_status get_number(apf_context *ctx, const json_t *json, const char *key, double minimum,
                             const char *expected, double *out)
{
  const json_t *value = json_object_get(json, key);
  *out = json_number_value(value);
  if (!json_is_number(value) || !(*out >= minimum))
    return apf_config_wrong(ctx, key, value, expected);
  return APF_OK;
}

static apf_status get_count(apf_context *ctx, const json_t *json, const char *key, int64_t minimum,
                            const char *expected, int64_t *out)
{
  const json_t *value = json_object_get(json, key);
  *out = json_integer_value(value);
  if (!json_is_integer(value) || *out < minimum) return apf_config_wrong(ctx, key, value, expected);
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
    return apf_config_wrong(ctx, key, value, "[start, end] in seconds");
  out[0] = json_number_value(start);
  out[1] = open ? INFINITY : json_number_value(end);
  if (!(out[0] >= 0 && out[1] > out[0]))
    return apf_config_wrong(ctx, key, value, "0 <= start < end");
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
    return apf_config_wrong(ctx, "target", json_object_get(json, "target"),
                            "none: the notes of the input are the target");
  if (json_object_get(json, "notes")) APF_TRY(get_text(ctx, json, "notes", &c->notes));
  if (skip && !json_is_boolean(skip))
    return apf_config_wrong(ctx, "skip_bad", skip, "true or false");
  APF_TRY(get_count(ctx, json, "split_seed", 0, "a whole number >= 0", &split_seed));
  APF_TRY(get_count(ctx, json, "epochs", 1, "a whole number >= 1", &c->epochs));
  APF_TRY(get_count(ctx, json, "steps", 0, "a whole number >= 0", &c->steps));
  c->skip_bad = json_is_true(skip);
  c->split_seed = (uint64_t)split_seed;
  return APF_OK;
}

apf_status apf_config_decode(apf_context *ctx, apf_train_config *c)
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
