#include "train/starts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/phaser_starts.h"

enum { FIRST_ROUND = 16 };
static const double handicap = 1.1; /* of the loss, for each place in the order */

/* --- life ------------------------------------------------------------------------------------- */

static apf_status propose(const apf_starts *s, const apf_train_config *config, const apf_pair *pair)
{
  for (int i = 0; i + 1 < s->count; i++)
    APF_TRY(apf_model_initialise(s->ctx, s->models[i], config->seed + 1 + (uint64_t)i));
  if (s->count < 2 || strcmp(config->effect, "phaser") != 0) return APF_OK;
  return apf_phaser_starts(s->ctx, pair, s->count - 1, s->models);
}

apf_status apf_starts_create(apf_context *ctx, const apf_train_config *config, const apf_pair *pair,
                             const apf_model *model, apf_starts **out)
{
  *out = NULL;
  apf_status status = APF_OK;
  const int count = (int)config->restarts;
  apf_starts *s = calloc(1, sizeof *s);
  if (!s) return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for starts");
  s->ctx = ctx;
  s->place = calloc((size_t)count, sizeof *s->place);
  s->loss = calloc((size_t)count, sizeof *s->loss);
  s->models = calloc((size_t)count, sizeof(apf_model *));
  if (!s->place || !s->loss || !s->models) {
    status = apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for %d starts", count);
    goto done;
  }
  for (; s->count < count; s->count++) {
    APF_TRY_GOTO(apf_model_copy(ctx, model, &s->models[s->count]), done);
    s->place[s->count] = s->count;
  }
  s->left = count;
  APF_TRY_GOTO(propose(s, config, pair), done);
done:
  if (status != APF_OK) {
    apf_starts_destroy(s);
    return status;
  }
  *out = s;
  return APF_OK;
}

void apf_starts_destroy(apf_starts *s)
{
  if (!s) return;
  for (int i = 0; s->models && i < s->count; i++) apf_model_destroy(s->models[i]);
  free(s->models);
  free(s->place);
  free(s->loss);
  free(s);
}

/* --- choosing --------------------------------------------------------------------------------- */

static double score(const apf_starts *s, int i)
{
  return isfinite(s->loss[i]) ? s->loss[i] * pow(handicap, s->place[i]) : INFINITY;
}

int apf_starts_best(const apf_starts *s)
{
  int best = -1;
  double least = INFINITY;
  for (int i = 0; i < s->left; i++) {
    if (!(score(s, i) < least)) continue;
    least = score(s, i);
    best = i;
  }
  return best;
}

/** Exchanges two starts; models behind `left` stay for those who free them. */
static void swap(apf_starts *s, int i, int j)
{
  const int place = s->place[i];
  const double loss = s->loss[i];
  apf_model *model = s->models[i];
  s->place[i] = s->place[j];
  s->loss[i] = s->loss[j];
  s->models[i] = s->models[j];
  s->place[j] = place;
  s->loss[j] = loss;
  s->models[j] = model;
}

bool apf_starts_drop(apf_starts *s, int64_t step)
{
  if (s->left < 2 || step < s->since * 2 + FIRST_ROUND) return false;
  for (int i = 0; i + 1 < s->left; i++) /* best first */
    for (int j = i + 1; j < s->left; j++)
      if (score(s, j) < score(s, i)) swap(s, i, j);
  s->left = (s->left + 1) / 2;
  s->since = step;
  return true;
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static void tensor_name(char *name, size_t size, int i, const apf_raw_tensor *tensor)
{
  snprintf(name, size, "start.%d.%s", i, tensor->name);
}

apf_status apf_starts_save(const apf_starts *s, apf_state *state)
{
  if (s->count == 1) return APF_OK; /* it is the model */
  const int64_t numbers[] = {s->left, s->since};
  int64_t *places = malloc((size_t)s->left * sizeof *places);
  if (!places) return apf_fail(s->ctx, APF_ERR_MEMORY, "apf_train", "no memory to save");
  for (int i = 0; i < s->left; i++) places[i] = s->place[i];
  apf_status status = APF_OK;
  APF_TRY_GOTO(apf_state_add(s->ctx, state, "starts", APF_TENSOR_I64, 2, numbers), done);
  APF_TRY_GOTO(apf_state_add(s->ctx, state, "places", APF_TENSOR_I64, s->left, places), done);
  for (int i = 0; i < s->left; i++)
    for (int k = 0; k < s->models[i]->tensor_count; k++) {
      const apf_raw_tensor *tensor = &s->models[i]->tensors[k];
      char name[96];
      tensor_name(name, sizeof name, i, tensor);
      APF_TRY_GOTO(
          apf_state_add(s->ctx, state, name, APF_TENSOR_F64, tensor->count, tensor->values), done);
    }
done:
  free(places);
  return status;
}

apf_status apf_starts_load(apf_starts *s, const apf_safetensors *file)
{
  if (s->count == 1) return APF_OK;
  int64_t numbers[2];
  APF_TRY(apf_state_get(s->ctx, file, "starts", APF_TENSOR_I64, 2, numbers));
  if (numbers[0] < 1 || numbers[0] > s->count)
    return apf_fail(s->ctx, APF_ERR_FORMAT, "apf_resume", "%s has %lld starts, expected 1 to %d",
                    file->path, (long long)numbers[0], s->count);
  s->left = (int)numbers[0];
  s->since = numbers[1];
  int64_t *places = malloc((size_t)s->left * sizeof *places);
  if (!places) return apf_fail(s->ctx, APF_ERR_MEMORY, "apf_train", "no memory to resume");
  apf_status status = APF_OK;
  APF_TRY_GOTO(apf_state_get(s->ctx, file, "places", APF_TENSOR_I64, s->left, places), done);
  for (int i = 0; i < s->left; i++) {
    s->place[i] = (int)places[i];
    for (int k = 0; k < s->models[i]->tensor_count; k++) {
      apf_raw_tensor *tensor = &s->models[i]->tensors[k];
      char name[96];
      tensor_name(name, sizeof name, i, tensor);
      APF_TRY_GOTO(apf_state_get(s->ctx, file, name, APF_TENSOR_F64, tensor->count, tensor->values),
                   done);
    }
  }
done:
  free(places);
  return status;
}
