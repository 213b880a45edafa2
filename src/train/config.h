/**
 * What a run is told to do: recipe, then the configuration file, then the caller's options, each
 * over the one before. It is kept as JSON, so that the resolved configuration is what was merged,
 * and decoded once, with one set of checks.
 */
#ifndef APF_TRAIN_CONFIG_H
#define APF_TRAIN_CONFIG_H

#include <allpole/train.h>

#include <jansson.h>
#include <stdbool.h>

#include "core/context.h"

typedef enum apf_method {
  APF_METHOD_LM,
  APF_METHOD_SGD,
  APF_METHOD_ADAM,
  APF_METHOD_ADAMW
} apf_method;

typedef struct apf_train_config {
  json_t *json; /**< everything, as config.json holds it; owns the strings below */
  const char *effect, *input, *recipe;
  const char *target; /**< NULL for effects that take notes; for these: */
  const char *notes;  /**< the list, or NULL */
  bool skip_bad;
  int64_t epochs; /**< decides the steps where these are 0 */
  uint64_t split_seed;
  apf_method method;
  bool spsa;
  apf_dtype dtype;
  double segment[2], valid[2]; /**< s; valid[1] and segment[1] may be INFINITY: to the end */
  double excerpt;              /**< s; 0: the whole part */
  int64_t batch, steps, restarts;
  int64_t valid_every, save_every; /**< steps; with notes: epochs */
  double learning_rate, learning_rate_end, momentum, weight_decay, clip_norm; /**< clip 0: none */
  uint64_t seed;
} apf_train_config;

/** Merges and decodes; on failure `config` is empty. */
apf_status apf_config_resolve(apf_context *ctx, const apf_train_options *options,
                              apf_train_config *config);
/** Reads a resolved configuration (of a run that goes on). */
apf_status apf_config_read(apf_context *ctx, const char *path, apf_train_config *config);
apf_status apf_config_write(apf_context *ctx, const apf_train_config *config, const char *path);
void apf_config_clear(apf_train_config *config);

/** Applies the "set" entries: options first, since they give parameters their initial values. */
apf_status apf_config_apply(apf_context *ctx, const apf_train_config *config, apf_model *model);
/** APF_ERR_MISMATCH where the model from `path` is another effect, or one with other options. */
apf_status apf_config_check(apf_context *ctx, const apf_train_config *config,
                            const apf_model *model, const char *path);

#endif
