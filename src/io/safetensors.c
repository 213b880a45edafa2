/** Element types, look-up and conversion; reading is in safetensors_read.c. */
#include "io/safetensors.h"

#include "core/context.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  size_t bytes;
} types[] = {
    [APF_TENSOR_BOOL] = {"BOOL", 1}, [APF_TENSOR_U8] = {"U8", 1},   [APF_TENSOR_I8] = {"I8", 1},
    [APF_TENSOR_U16] = {"U16", 2},   [APF_TENSOR_I16] = {"I16", 2}, [APF_TENSOR_U32] = {"U32", 4},
    [APF_TENSOR_I32] = {"I32", 4},   [APF_TENSOR_U64] = {"U64", 8}, [APF_TENSOR_I64] = {"I64", 8},
    [APF_TENSOR_F32] = {"F32", 4},   [APF_TENSOR_F64] = {"F64", 8},
};

const char *apf_tensor_type_name(apf_tensor_type type)
{
  return types[type].name;
}

size_t apf_tensor_type_bytes(apf_tensor_type type)
{
  return types[type].bytes;
}

int64_t apf_tensor_elements(const apf_tensor *tensor)
{
  return apf_product(tensor->rank, tensor->shape);
}

const apf_tensor *apf_safetensors_find(const apf_safetensors *file, const char *name)
{
  for (int i = 0; i < file->tensor_count; i++)
    if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
  return NULL;
}

const char *apf_safetensors_metadata(const apf_safetensors *file, const char *key)
{
  for (int i = 0; i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
  return NULL;
}

/** "[2, 160, any]" */
static void print_shape(char *text, size_t size, int rank, const int64_t *shape)
{
  size_t used = (size_t)snprintf(text, size, "[");
  for (int i = 0; i < rank && used < size; i++) {
    const char *separator = i ? ", " : "";
    if (shape[i] < 0)
      used += (size_t)snprintf(text + used, size - used, "%sany", separator);
    else
      used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, separator, shape[i]);
  }
  if (used < size) snprintf(text + used, size - used, "]");
}

apf_status apf_safetensors_require(apf_context *ctx, const apf_safetensors *file, const char *name,
                                   int rank, const int64_t *shape, const apf_tensor **out)
{
  const apf_tensor *tensor = apf_safetensors_find(file, name);
  *out = tensor;
  if (!tensor)
    return apf_fail(ctx, APF_ERR_FORMAT, __func__, "%s has no tensor '%s'", file->path, name);
  bool same = tensor->rank == rank;
  for (int i = 0; same && i < rank; i++) same = shape[i] < 0 || tensor->shape[i] == shape[i];
  if (same) return APF_OK;
  enum { SHAPE_TEXT = APF_TENSOR_MAX_RANK * 24 };
  char got[SHAPE_TEXT], want[SHAPE_TEXT];
  print_shape(got, sizeof got, tensor->rank, tensor->shape);
  print_shape(want, sizeof want, rank, shape);
  *out = NULL;
  return apf_fail(ctx, APF_ERR_MISMATCH, __func__, "%s: tensor '%s' has shape %s, expected %s",
                  file->path, name, got, want);
}

static double element(const apf_tensor *tensor, int64_t i)
{
  switch (tensor->type) {
    case APF_TENSOR_BOOL:
    case APF_TENSOR_U8: return ((const uint8_t *)tensor->data)[i];
    case APF_TENSOR_I8: return ((const int8_t *)tensor->data)[i];
    case APF_TENSOR_U16: return ((const uint16_t *)tensor->data)[i];
    case APF_TENSOR_I16: return ((const int16_t *)tensor->data)[i];
    case APF_TENSOR_U32: return ((const uint32_t *)tensor->data)[i];
    case APF_TENSOR_I32: return ((const int32_t *)tensor->data)[i];
    case APF_TENSOR_U64: return (double)((const uint64_t *)tensor->data)[i];
    case APF_TENSOR_I64: return (double)((const int64_t *)tensor->data)[i];
    case APF_TENSOR_F32: return ((const float *)tensor->data)[i];
    case APF_TENSOR_F64: return ((const double *)tensor->data)[i];
  }
  return 0;
}

void apf_tensor_to_f64(const apf_tensor *tensor, double *out)
{
  const int64_t n = apf_tensor_elements(tensor);
  for (int64_t i = 0; i < n; i++) out[i] = element(tensor, i);
}

void apf_tensor_to_f32(const apf_tensor *tensor, float *out)
{
  const int64_t n = apf_tensor_elements(tensor);
  for (int64_t i = 0; i < n; i++) out[i] = (float)element(tensor, i);
}
