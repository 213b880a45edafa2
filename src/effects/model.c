/** Models: options and raw tensors behind names and human units. No arithmetic of any effect here.
 */
#include "effects/effect.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINIMUM_RATE = 8000, MAXIMUM_RATE = 384000 };

static void clear_tensors(apf_model *model)
{
  for (int i = 0; i < model->tensor_count; i++) free(model->tensors[i].values);
  free(model->tensors);
  model->tensors = NULL;
  model->tensor_count = 0;
}

double *apf_model_add_tensor(apf_model *model, const char *name, int rank, const int64_t *shape)
{
  apf_raw_tensor *larger =
      realloc(model->tensors, sizeof *larger * (size_t)(model->tensor_count + 1));
  if (!larger) return NULL;
  model->tensors = larger;
  apf_raw_tensor *tensor = &larger[model->tensor_count];
  memset(tensor, 0, sizeof *tensor);
  snprintf(tensor->name, sizeof tensor->name, "%s", name);
  tensor->rank = rank;
  for (int i = 0; i < rank; i++) tensor->shape[i] = shape[i];
  tensor->count = apf_product(rank, shape);
  if (tensor->count < 0) return NULL;
  tensor->values = calloc(tensor->count ? (size_t)tensor->count : 1, sizeof *tensor->values);
  if (!tensor->values) return NULL;
  model->tensor_count++;
  return tensor->values;
}

apf_raw_tensor *apf_model_find_tensor(const apf_model *model, const char *name)
{
  for (int i = 0; i < model->tensor_count; i++)
    if (strcmp(model->tensors[i].name, name) == 0) return &model->tensors[i];
  return NULL;
}

double *apf_model_scalar(const apf_model *model, const char *name)
{
  return apf_model_find_tensor(model, name)->values;
}

static int option_index(const apf_model *model, const char *name)
{
  for (int i = 0; i < model->effect->option_count; i++)
    if (strcmp(model->effect->options[i].name, name) == 0) return i;
  return -1;
}

static int parameter_index(const apf_model *model, const char *name)
{
  for (int i = 0; i < model->effect->parameter_count; i++)
    if (strcmp(model->effect->parameters[i].name, name) == 0) return i;
  return -1;
}

const char *apf_model_option_text(const apf_model *model, const char *name)
{
  return model->options[option_index(model, name)];
}

apf_status apf_model_initialise(apf_context *ctx, apf_model *model, uint64_t seed)
{
  clear_tensors(model);
  return model->effect->initialise(ctx, model, seed);
}

static apf_model *allocate_model(const apf_effect *effect, int sample_rate)
{
  apf_model *model = calloc(1, sizeof *model);
  if (!model) return NULL;
  model->effect = effect;
  model->sample_rate = sample_rate;
  model->options = calloc((size_t)effect->option_count + 1, sizeof *model->options);
  if (!model->options) {
    free(model);
    return NULL;
  }
  for (int i = 0; i < effect->option_count; i++)
    snprintf(model->options[i], APF_OPTION_SIZE, "%s", effect->options[i].initial);
  return model;
}

static void list_effects(char *text, size_t size)
{
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < apf_effect_count() && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", apf_effect_name(i));
}

static apf_status check_rate(apf_context *ctx, const char *function, int sample_rate)
{
  if (sample_rate >= MINIMUM_RATE && sample_rate <= MAXIMUM_RATE) return APF_OK;
  return apf_fail(ctx, APF_ERR_ARGUMENT, function, "sample_rate is %d Hz, expected %d to %d",
                  sample_rate, MINIMUM_RATE, MAXIMUM_RATE);
}

apf_status apf_model_create(apf_context *ctx, const char *effect, int sample_rate, apf_model **out)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "out is NULL");
  *out = NULL;
  const apf_effect *found = effect ? apf_effect_find(effect) : NULL;
  if (!found) {
    char known[256];
    list_effects(known, sizeof known);
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "effect is \"%s\", expected one of: %s",
                    effect ? effect : "NULL", known);
  }
  APF_TRY(check_rate(ctx, __func__, sample_rate));
  apf_model *model = allocate_model(found, sample_rate);
  if (!model) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a model");
  apf_status status = apf_model_initialise(ctx, model, ctx->seed);
  if (status != APF_OK) {
    apf_model_destroy(model);
    return status;
  }
  *out = model;
  return APF_OK;
}

apf_status apf_model_copy(apf_context *ctx, const apf_model *model, apf_model **out)
{
  if (!model || !out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model or out is NULL");
  *out = NULL;
  apf_model *copy = allocate_model(model->effect, model->sample_rate);
  bool complete = copy != NULL;
  for (int i = 0; complete && i < model->tensor_count; i++) {
    const apf_raw_tensor *from = &model->tensors[i];
    double *values = apf_model_add_tensor(copy, from->name, from->rank, from->shape);
    complete = values != NULL;
    if (complete) memcpy(values, from->values, (size_t)from->count * sizeof *values);
  }
  if (!complete) {
    apf_model_destroy(copy);
    return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a copy of the model");
  }
  memcpy(copy->options, model->options,
         (size_t)model->effect->option_count * sizeof *model->options);
  *out = copy;
  return APF_OK;
}

void apf_model_destroy(apf_model *model)
{
  if (!model) return;
  clear_tensors(model);
  free(model->options);
  free(model);
}

const char *apf_model_effect(const apf_model *model)
{
  return model->effect->name;
}

int apf_model_sample_rate(const apf_model *model)
{
  return model->sample_rate;
}

apf_status apf_model_set_sample_rate(apf_context *ctx, apf_model *model, int sample_rate)
{
  if (!model) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model is NULL");
  APF_TRY(check_rate(ctx, __func__, sample_rate));
  if (sample_rate == model->sample_rate) return APF_OK;
  const apf_effect *effect = model->effect;
  double *values = malloc(sizeof *values * (size_t)(effect->parameter_count + 1));
  if (!values) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for the parameters");
  for (int i = 0; i < effect->parameter_count; i++) values[i] = effect->get(model, i);
  model->sample_rate = sample_rate;
  for (int i = 0; i < effect->parameter_count; i++) effect->set(model, i, values[i]);
  free(values);
  return APF_OK;
}

int apf_model_takes_notes(const apf_model *model)
{
  return model && model->effect->takes_notes;
}

int apf_model_note_parameter_count(const apf_model *model)
{
  return model->effect->note_parameter_count;
}

const apf_parameter_info *apf_model_note_parameter_info(const apf_model *model, int index)
{
  if (index < 0 || index >= model->effect->note_parameter_count) return NULL;
  return &model->effect->note_parameters[index];
}

int apf_model_parameter_count(const apf_model *model)
{
  return model->effect->parameter_count;
}

const apf_parameter_info *apf_model_parameter_info(const apf_model *model, int index)
{
  if (index < 0 || index >= model->effect->parameter_count) return NULL;
  return &model->effect->parameters[index];
}

double apf_model_parameter(const apf_model *model, int index)
{
  if (index < 0 || index >= model->effect->parameter_count) return NAN;
  return model->effect->get(model, index);
}

int apf_model_option_count(const apf_model *model)
{
  return model->effect->option_count;
}

const apf_option_info *apf_model_option_info(const apf_model *model, int index)
{
  if (index < 0 || index >= model->effect->option_count) return NULL;
  return &model->effect->options[index];
}

const char *apf_model_option(const apf_model *model, int index)
{
  if (index < 0 || index >= model->effect->option_count) return NULL;
  return model->options[index];
}

int apf_model_tensor_count(const apf_model *model)
{
  return model->tensor_count;
}

int apf_model_tensor(const apf_model *model, int index, const char **name, int64_t shape[4],
                     const double **values)
{
  if (index < 0 || index >= model->tensor_count) return -1;
  const apf_raw_tensor *tensor = &model->tensors[index];
  if (name) *name = tensor->name;
  if (values) *values = tensor->values;
  for (int i = 0; shape && i < tensor->rank; i++) shape[i] = tensor->shape[i];
  return tensor->rank;
}

/* --- names and values ------------------------------------------------------------------------- */

/** Levenshtein distance; names are short, longer ones are cut. */
static int edit_distance(const char *a, const char *b)
{
  enum { LONGEST = 48 };
  int row[LONGEST + 1];
  int n = (int)strnlen(a, LONGEST), m = (int)strnlen(b, LONGEST);
  for (int j = 0; j <= m; j++) row[j] = j;
  for (int i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      int substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      int shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      row[j] = substitute < shorter ? substitute : shorter;
    }
  }
  return row[m];
}

const char *apf_nearest_name(const char *name, int count,
                             const char *(*candidate)(int, const void *), const void *data)
{
  const char *nearest = NULL;
  int least = (int)strlen(name) / 2 + 2; /* farther than this is no help */
  for (int i = 0; i < count; i++) {
    int distance = edit_distance(name, candidate(i, data));
    if (distance < least) {
      least = distance;
      nearest = candidate(i, data);
    }
  }
  return nearest;
}

static const char *name_of(int index, const void *data)
{
  const apf_effect *effect = data;
  if (index < effect->parameter_count) return effect->parameters[index].name;
  return effect->options[index - effect->parameter_count].name;
}

static apf_status unknown_name(apf_context *ctx, const apf_model *model, const char *function,
                               const char *name)
{
  const apf_effect *effect = model->effect;
  int count = effect->parameter_count + effect->option_count;
  const char *nearest = apf_nearest_name(name, count, name_of, effect);
  char known[512];
  size_t used = 0;
  for (int i = 0; i < count && used < sizeof known; i++)
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                             name_of(i, effect));
  return apf_fail(ctx, APF_ERR_ARGUMENT, function, "the %s has no \"%s\"%s%s%s; it has: %s",
                  effect->name, name, nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                  nearest ? "\"?" : "", known);
}

apf_status apf_model_get(apf_context *ctx, const apf_model *model, const char *name, double *value)
{
  if (!model || !name || !value)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model, name or value is NULL");
  int index = parameter_index(model, name);
  if (index < 0) return unknown_name(ctx, model, __func__, name);
  *value = model->effect->get(model, index);
  return APF_OK;
}

apf_status apf_model_set(apf_context *ctx, apf_model *model, const char *name, double value)
{
  if (!model || !name) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model or name is NULL");
  int index = parameter_index(model, name);
  if (index < 0) return unknown_name(ctx, model, __func__, name);
  const apf_parameter_info *info = &model->effect->parameters[index];
  if (!(value >= info->minimum && value <= info->maximum))
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "%s is %g%s%s, expected %g to %g", name, value,
                    info->unit[0] ? " " : "", info->unit, info->minimum, info->maximum);
  model->effect->set(model, index, value);
  return APF_OK;
}

/** Is `value` one of "td|simple|fs"? */
static bool is_choice(const char *choices, const char *value)
{
  size_t length = strlen(value);
  for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
    if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0'))
      return length > 0;
  return false;
}

static bool parse_number(const char *text, double *value)
{
  char *end;
  *value = strtod(text, &end);
  return end != text && *end == '\0' && isfinite(*value);
}

static apf_status set_option(apf_context *ctx, apf_model *model, int index, const char *value)
{
  const apf_option_info *info = &model->effect->options[index];
  double number;
  bool valid;
  if (strcmp(info->choices, "number") == 0)
    valid = parse_number(value, &number);
  else if (strcmp(info->choices, "integer") == 0)
    valid = parse_number(value, &number) && number == floor(number);
  else
    valid = is_choice(info->choices, value);
  if (!valid || strlen(value) >= APF_OPTION_SIZE)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_model_set_text", "%s is \"%s\", expected %s",
                    info->name, value, info->choices);

  char old[APF_OPTION_SIZE];
  memcpy(old, model->options[index], sizeof old);
  snprintf(model->options[index], APF_OPTION_SIZE, "%s", value);
  apf_status status = apf_model_initialise(ctx, model, ctx->seed);
  if (status != APF_OK) { /* the effect refused the combination: as before, with its message */
    char message[APF_MESSAGE_SIZE];
    memcpy(message, ctx->message, sizeof message);
    memcpy(model->options[index], old, sizeof old);
    if (apf_model_initialise(ctx, model, ctx->seed) == APF_OK)
      memcpy(ctx->message, message, sizeof message);
  }
  return status;
}

apf_status apf_model_set_text(apf_context *ctx, apf_model *model, const char *name,
                              const char *value)
{
  if (!ctx || !model || !name || !value)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "ctx, model, name or value is NULL");
  int index = option_index(model, name);
  if (index >= 0) return set_option(ctx, model, index, value);
  if (parameter_index(model, name) < 0) return unknown_name(ctx, model, __func__, name);
  double number;
  if (!parse_number(value, &number))
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "%s is \"%s\", expected a number", name,
                    value);
  return apf_model_set(ctx, model, name, number);
}
