/** Any bytes as a safetensors file: they are refused with a message, or all of it can be used. */
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void require(int condition)
{
  if (!condition) abort();
}

static void use(const apf_safetensors *file)
{
  for (int i = 0; i < file->tensor_count; i++) {
    const apf_tensor *tensor = &file->tensors[i];
    const int64_t elements = apf_tensor_elements(tensor);
    require(elements >= 0 && (uintptr_t)tensor->data % 64 == 0);
    require(apf_safetensors_find(file, tensor->name) == tensor);
    double *values = malloc((size_t)elements * sizeof(double) + 1);
    if (values) apf_tensor_to_f64(tensor, values);
    free(values);
  }
  for (int i = 0; i < file->metadata_count; i++)
    require(apf_safetensors_metadata(file, file->metadata[i].key) == file->metadata[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
  apf_safetensors *file = NULL;
  const apf_status status = apf_safetensors_parse(NULL, "fuzz", bytes, count, &file);
  require((status == APF_OK) == (file != NULL));
  if (file)
    use(file);
  else
    require(status != APF_ERR_ARGUMENT && strstr(apf_last_error(NULL), "fuzz") != NULL);
  apf_safetensors_free(file);
  return 0;
}
