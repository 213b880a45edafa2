#include "train/learner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/model_file.h"

apf_status apf_state_add(apf_context *ctx, apf_state *state, const char *name, apf_tensor_type type,
                         int64_t count, const void *values)
{
  size_t bytes = (size_t)count * apf_tensor_type_bytes(type), length = strlen(name);
  apf_tensor *larger = realloc(state->tensors, sizeof *larger * (size_t)(state->count + 1));
  if (larger) state->tensors = larger;
  /* The name behind the values: one allocation to free. */
  char *memory = larger ? malloc(bytes + sizeof APF_STATE_PREFIX + length) : NULL;
  if (!memory) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for %s", name);
  memcpy(memory, values, bytes);
  memcpy(memory + bytes, APF_STATE_PREFIX, sizeof APF_STATE_PREFIX - 1);
  memcpy(memory + bytes + sizeof APF_STATE_PREFIX - 1, name, length + 1);
  larger[state->count++] = (apf_tensor){
      .name = memory + bytes, .type = type, .rank = 1, .shape = {count}, .data = memory};
  return APF_OK;
}

void apf_state_clear(apf_state *state)
{
  for (int i = 0; i < state->count; i++) free((void *)state->tensors[i].data);
  free(state->tensors);
  *state = (apf_state){0};
}

apf_status apf_state_get(apf_context *ctx, const apf_safetensors *file, const char *name,
                         apf_tensor_type type, int64_t count, void *values)
{
  char full[128];
  snprintf(full, sizeof full, APF_STATE_PREFIX "%s", name);
  const apf_tensor *tensor = apf_safetensors_find(file, full);
  if (!tensor || tensor->type != type || apf_tensor_elements(tensor) != count)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_resume",
                    "%s: tensor \"%s\" is missing or not %lld values of type %s", file->path, full,
                    (long long)count, apf_tensor_type_name(type));
  memcpy(values, tensor->data, (size_t)count * apf_tensor_type_bytes(type));
  return APF_OK;
}

apf_status apf_learner_create(apf_context *ctx, const apf_train_config *config,
                              const apf_data *data, apf_model *model, apf_learner **out)
{
  apf_learner start = {
      .ctx = ctx, .config = config, .train = &data->train, .notes = &data->notes, .model = model};
  if (config->method == APF_METHOD_LM && strcmp(config->effect, "compressor") != 0)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train",
                    "optimizer is lm, which is for the compressor; expected sgd, adam or adamw");
  if (config->method == APF_METHOD_LM) return apf_lm_learner_create(&start, out);
  return apf_gradient_learner_create(&start, out);
}

void apf_learner_destroy(apf_learner *learner)
{
  if (learner) learner->type->destroy(learner);
}
