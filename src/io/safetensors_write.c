/** Writing safetensors: the whole header is made and checked before the file is touched. */
#include "io/safetensors.h"

#include "core/context.h"
#include "io/file.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/** What apf_safetensors_write() was given. */
typedef struct request {
  apf_context *ctx;
  const char *path;
  int tensor_count;
  const apf_tensor *tensors;
  int metadata_count;
  const apf_metadata *metadata;
} request;

#define REFUSE(it, ...) apf_fail((it)->ctx, APF_ERR_ARGUMENT, "apf_safetensors_write", __VA_ARGS__)

static apf_status no_memory(const request *it)
{
  return apf_fail(it->ctx, APF_ERR_MEMORY, "apf_safetensors_write",
                  "cannot allocate the header of %s", it->path);
}

/** Adds `value` (whose reference it takes) under a name that must be UTF-8 and new. */
static apf_status add(const request *it, json_t *map, const char *what, const char *name,
                      json_t *value)
{
  apf_status status = APF_OK;
  json_t *checked = name ? json_string(name) : NULL; /* NULL where it is not UTF-8 */
  if (!value)
    status = no_memory(it);
  else if (!checked)
    status = REFUSE(it, "the name of a %s is %s, expected UTF-8 text", what,
                    name ? "not UTF-8" : "NULL");
  else if (json_object_get(map, name))
    status = REFUSE(it, "the %s '%s' is there twice", what, name);
  json_decref(checked);
  if (status != APF_OK) {
    json_decref(value);
    return status;
  }
  return json_object_set_new(map, name, value) == 0 ? APF_OK : no_memory(it);
}

static apf_status add_metadata(const request *it, json_t *header)
{
  if (it->metadata_count == 0) return APF_OK;
  json_t *map = json_object();
  if (!map) return no_memory(it);
  apf_status status = APF_OK;
  for (int i = 0; i < it->metadata_count && status == APF_OK; i++) {
    const apf_metadata *entry = &it->metadata[i];
    json_t *value = entry->value ? json_string(entry->value) : NULL;
    if (value)
      status = add(it, map, "metadata entry", entry->key, value);
    else
      status = REFUSE(it, "the value of metadata '%s' is %s, expected UTF-8 text",
                      entry->key ? entry->key : "(NULL)", entry->value ? "not UTF-8" : "NULL");
  }
  if (status != APF_OK) {
    json_decref(map);
    return status;
  }
  return add(it, header, "metadata map", "__metadata__", map);
}

/** Bytes of a tensor; refuses what cannot be written. */
static apf_status measure(const request *it, const apf_tensor *tensor, int64_t *bytes)
{
  const char *name = tensor->name ? tensor->name : "(NULL)";
  if (strcmp(name, "__metadata__") == 0)
    return REFUSE(it, "a tensor is called __metadata__, which is reserved");
  if ((int)tensor->type < 0 || tensor->type > APF_TENSOR_F64)
    return REFUSE(it, "the type of tensor '%s' is %d", name, (int)tensor->type);
  if (tensor->rank < 0 || tensor->rank > APF_TENSOR_MAX_RANK)
    return REFUSE(it, "the rank of tensor '%s' is %d, expected 0 to %d", name, tensor->rank,
                  APF_TENSOR_MAX_RANK);
  for (int i = 0; i < tensor->rank; i++)
    if (tensor->shape[i] < 0)
      return REFUSE(it, "a size of tensor '%s' is %" PRId64 ", expected >= 0", name,
                    tensor->shape[i]);
  const int64_t sizes[] = {apf_tensor_elements(tensor),
                           (int64_t)apf_tensor_type_bytes(tensor->type)};
  *bytes = sizes[0] < 0 ? -1 : apf_product(2, sizes);
  if (*bytes < 0) return REFUSE(it, "the size of tensor '%s' overflows 64 bits", name);
  if (*bytes > 0 && !tensor->data)
    return REFUSE(it, "the data of tensor '%s' is NULL, expected an array", name);
  return APF_OK;
}

static json_t *describe(const apf_tensor *tensor, int64_t begin, int64_t end)
{
  json_t *shape = json_array();
  for (int i = 0; i < tensor->rank; i++)
    if (json_array_append_new(shape, json_integer(tensor->shape[i])) != 0) {
      json_decref(shape);
      return NULL;
    }
  return json_pack("{s:s, s:o, s:[I, I]}", "dtype", apf_tensor_type_name(tensor->type), "shape",
                   shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
}

/** Calls what follows for every tensor in the order of the file: widest elements first. */
#define FOR_EACH_IN_FILE_ORDER(it, tensor)                                                       \
  for (size_t width_ = 8; width_ > 0; width_ /= 2)                                               \
    for (const apf_tensor *tensor = (it)->tensors; tensor != (it)->tensors + (it)->tensor_count; \
         tensor++)                                                                               \
      if (apf_tensor_type_bytes(tensor->type) == width_)

static apf_status build_header(const request *it, json_t *header)
{
  APF_TRY(add_metadata(it, header));
  int64_t bytes = 0, at = 0;
  for (int i = 0; i < it->tensor_count; i++) APF_TRY(measure(it, &it->tensors[i], &bytes));
  FOR_EACH_IN_FILE_ORDER(it, tensor)
  {
    APF_TRY(measure(it, tensor, &bytes));
    APF_TRY(add(it, header, "tensor", tensor->name, describe(tensor, at, at + bytes)));
    if (__builtin_add_overflow(at, bytes, &at))
      return REFUSE(it, "the tensors together overflow 64 bits");
  }
  return APF_OK;
}

/** The header as text, padded with spaces so that the data begins at a multiple of 8. */
static apf_status write_header(const request *it, const json_t *header, apf_output *output)
{
  char *text = json_dumps(header, JSON_COMPACT);
  if (!text) return no_memory(it);
  const size_t length = strlen(text);
  const uint64_t padded = (length + 7) / 8 * 8;
  apf_status status = apf_output_write(output, &padded, sizeof padded);
  if (status == APF_OK) status = apf_output_write(output, text, length);
  if (status == APF_OK) status = apf_output_write(output, "       ", (size_t)padded - length);
  free(text);
  return status;
}

static apf_status write_all(const request *it, const json_t *header, apf_output *output)
{
  int64_t bytes = 0;
  APF_TRY(write_header(it, header, output));
  FOR_EACH_IN_FILE_ORDER(it, tensor)
  {
    APF_TRY(measure(it, tensor, &bytes));
    APF_TRY(apf_output_write(output, tensor->data, (size_t)bytes));
  }
  return APF_OK;
}

apf_status apf_safetensors_write(apf_context *ctx, const char *path, int tensor_count,
                                 const apf_tensor *tensors, int metadata_count,
                                 const apf_metadata *metadata)
{
  const request it = {ctx, path, tensor_count, tensors, metadata_count, metadata};
  if (!path) return REFUSE(&it, "path is NULL, expected a file name");
  if (tensor_count < 0 || (tensor_count > 0 && !tensors))
    return REFUSE(&it, "tensor_count is %d with %s list", tensor_count, tensors ? "a" : "no");
  if (metadata_count < 0 || (metadata_count > 0 && !metadata))
    return REFUSE(&it, "metadata_count is %d with %s list", metadata_count, metadata ? "a" : "no");
  json_t *header = json_object();
  if (!header) return no_memory(&it);
  apf_output *output = NULL;
  apf_status status = build_header(&it, header);
  if (status == APF_OK) status = apf_output_open(ctx, path, &output);
  if (status == APF_OK) status = write_all(&it, header, output);
  json_decref(header);
  if (status == APF_OK) return apf_output_commit(output);
  apf_output_discard(output);
  return status;
}
