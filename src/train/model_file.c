#include "train/model_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "effects/effect.h"

enum { TEXT_SIZE = 96 };
static const char format_name[] = "allpole-model";
static const char format_version[] = "1";

/* --- writing ---------------------------------------------------------------------------------- */

/** Texts that the metadata points to: two per entry. */
typedef struct text_pair {
  char key[TEXT_SIZE], value[TEXT_SIZE];
} text_pair;

static void add_text(text_pair *texts, int *count, const char *prefix, const char *name,
                     const char *value)
{
  text_pair *t = &texts[(*count)++];
  snprintf(t->key, sizeof t->key, "%s%s", prefix, name);
  snprintf(t->value, sizeof t->value, "%s", value);
}

static int describe_model(const apf_model *model, text_pair *texts)
{
  int count = 0;
  char number[TEXT_SIZE];
  add_text(texts, &count, "", "format", format_name);
  add_text(texts, &count, "", "version", format_version);
  add_text(texts, &count, "", "allpole", apf_version());
  add_text(texts, &count, "", "effect", model->effect->name);
  snprintf(number, sizeof number, "%d", model->sample_rate);
  add_text(texts, &count, "", "sample_rate", number);
  for (int i = 0; i < model->effect->option_count; i++)
    add_text(texts, &count, "option.", model->effect->options[i].name, model->options[i]);
  for (int i = 0; i < model->effect->parameter_count; i++) {
    const apf_parameter_info *info = &model->effect->parameters[i];
    snprintf(number, sizeof number, "%.9g%s%s", model->effect->get(model, i),
             info->unit[0] ? " " : "", info->unit);
    add_text(texts, &count, "parameter.", info->name, number);
  }
  return count;
}

apf_status apf_model_file_write(apf_context *ctx, const apf_model *model, const char *path,
                                int extra_count, const apf_tensor *extra, int metadata_count,
                                const apf_metadata *metadata)
{
  int most = 5 + model->effect->option_count + model->effect->parameter_count;
  text_pair *texts = calloc((size_t)most, sizeof *texts);
  apf_metadata *pairs = calloc((size_t)(most + metadata_count), sizeof *pairs);
  apf_tensor *tensors = calloc((size_t)(model->tensor_count + extra_count) + 1, sizeof *tensors);
  apf_status status = APF_OK;
  if (!texts || !pairs || !tensors) {
    status = apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory to write %s", path);
    goto done;
  }
  int count = describe_model(model, texts);
  for (int i = 0; i < count; i++) pairs[i] = (apf_metadata){texts[i].key, texts[i].value};
  for (int i = 0; i < metadata_count; i++) pairs[count + i] = metadata[i];
  for (int i = 0; i < model->tensor_count; i++) {
    const apf_raw_tensor *from = &model->tensors[i];
    tensors[i] = (apf_tensor){
        .name = from->name, .type = APF_TENSOR_F64, .rank = from->rank, .data = from->values};
    memcpy(tensors[i].shape, from->shape, sizeof from->shape);
  }
  for (int i = 0; i < extra_count; i++) tensors[model->tensor_count + i] = extra[i];
  status = apf_safetensors_write(ctx, path, model->tensor_count + extra_count, tensors,
                                 count + metadata_count, pairs);
done:
  free(texts);
  free(pairs);
  free(tensors);
  return status;
}

apf_status apf_model_save(apf_context *ctx, const apf_model *model, const char *path)
{
  if (!model || !path) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model or path is NULL");
  return apf_model_file_write(ctx, model, path, 0, NULL, 0, NULL);
}

/* --- reading ---------------------------------------------------------------------------------- */

static const char *find_metadata(const apf_safetensors *file, const char *prefix, const char *name)
{
  size_t length = strlen(prefix);
  for (int i = 0; i < file->metadata_count; i++)
    if (strncmp(file->metadata[i].key, prefix, length) == 0 &&
        strcmp(file->metadata[i].key + length, name) == 0)
      return file->metadata[i].value;
  return NULL;
}

static apf_status check_format(apf_context *ctx, const apf_safetensors *file)
{
  const char *format = find_metadata(file, "", "format");
  const char *version = find_metadata(file, "", "version");
  if (!format || strcmp(format, format_name) != 0)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load",
                    "%s is a safetensors file, but no allpole model (metadata \"format\" is %s)",
                    file->path, format ? format : "missing");
  if (!version || strcmp(version, format_version) != 0)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load",
                    "%s has model format version %s, this library reads version %s", file->path,
                    version ? version : "(none)", format_version);
  return APF_OK;
}

/** Replaces the message by one that names the file and keeps the old message's text. */
static apf_status blame_file(apf_context *ctx, const apf_safetensors *file, apf_status status)
{
  if (status == APF_ERR_MEMORY) return status;
  char message[APF_MESSAGE_SIZE];
  snprintf(message, sizeof message, "%s", apf_last_error(ctx));
  const char *text = strstr(message, ": ");
  return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load", "%s: %s", file->path,
                  text ? text + 2 : message);
}

static apf_status read_options(apf_context *ctx, const apf_safetensors *file, apf_model *model)
{
  for (int i = 0; i < model->effect->option_count; i++) {
    const char *name = model->effect->options[i].name;
    const char *value = find_metadata(file, "option.", name);
    if (!value)
      return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load", "%s lacks the metadata \"option.%s\"",
                      file->path, name);
    if (strcmp(value, model->options[i]) == 0) continue;
    apf_status status = apf_model_set_text(ctx, model, name, value);
    if (status != APF_OK) return blame_file(ctx, file, status);
  }
  return APF_OK;
}

static bool same_shape(const apf_tensor *a, const apf_raw_tensor *b)
{
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

/** `published`: from elsewhere, where a scalar may be an array of one. */
static apf_status read_tensors(apf_context *ctx, const apf_safetensors *file, bool published,
                               apf_model *model)
{
  for (int i = 0; i < model->tensor_count; i++) {
    apf_raw_tensor *to = &model->tensors[i];
    const apf_tensor *from = apf_safetensors_find(file, to->name);
    if (!from)
      return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load", "%s lacks the tensor \"%s\" of a %s",
                      file->path, to->name, model->effect->name);
    if (from->type != APF_TENSOR_F32 && from->type != APF_TENSOR_F64)
      return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load",
                      "%s: tensor \"%s\" is of type %s, expected F32 or F64", file->path, to->name,
                      apf_tensor_type_name(from->type));
    if (published ? apf_tensor_elements(from) != to->count : !same_shape(from, to))
      return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load",
                      "%s: tensor \"%s\" has %lld values in %d axes, expected %lld in %d",
                      file->path, to->name, (long long)apf_tensor_elements(from), from->rank,
                      (long long)to->count, to->rank);
    apf_tensor_to_f64(from, to->values);
    for (int64_t k = 0; k < to->count; k++)
      if (!isfinite(to->values[k]))
        return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load",
                        "%s: tensor \"%s\" holds %g, expected finite values", file->path, to->name,
                        to->values[k]);
  }
  return APF_OK;
}

apf_status apf_model_file_parse(apf_context *ctx, const apf_safetensors *file, apf_model **out)
{
  *out = NULL;
  APF_TRY(check_format(ctx, file));
  const char *effect = find_metadata(file, "", "effect");
  const char *rate = find_metadata(file, "", "sample_rate");
  if (!effect || !rate)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_model_load",
                    "%s lacks the metadata \"effect\" or \"sample_rate\"", file->path);
  apf_model *model;
  apf_status status = apf_model_create(ctx, effect, atoi(rate), &model);
  if (status != APF_OK) return blame_file(ctx, file, status);
  status = read_options(ctx, file, model);
  if (status == APF_OK) status = read_tensors(ctx, file, false, model);
  if (status != APF_OK) {
    apf_model_destroy(model);
    return status;
  }
  *out = model;
  return APF_OK;
}

apf_status apf_model_load(apf_context *ctx, const char *path, apf_model **out)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!path || !out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "path or out is NULL");
  *out = NULL;
  apf_safetensors *file;
  APF_TRY(apf_safetensors_read(ctx, path, &file));
  apf_status status = apf_model_file_parse(ctx, file, out);
  apf_safetensors_free(file);
  return status;
}

apf_status apf_model_import(apf_context *ctx, apf_model *model, const char *path)
{
  if (!model || !path) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "model or path is NULL");
  apf_safetensors *file;
  apf_model *copy = NULL; /* so that a file with a fault halfway changes nothing */
  APF_TRY(apf_safetensors_read(ctx, path, &file));
  apf_status status = apf_model_copy(ctx, model, &copy);
  if (status == APF_OK) status = read_tensors(ctx, file, true, copy);
  for (int i = 0; status == APF_OK && i < model->tensor_count; i++)
    memcpy(model->tensors[i].values, copy->tensors[i].values,
           (size_t)model->tensors[i].count * sizeof(double));
  apf_model_destroy(copy);
  apf_safetensors_free(file);
  return status;
}
