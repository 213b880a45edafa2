/** Between the files of a configuration: options to JSON, JSON to its decoded form. */
#ifndef APF_TRAIN_CONFIG_PARTS_H
#define APF_TRAIN_CONFIG_PARTS_H

#include "train/config.h"

/** The caller's options as JSON: only what was given. *out is the caller's also after a failure. */
apf_status apf_config_from_options(apf_context *ctx, const apf_train_options *options,
                                   json_t **out);

/** Fills in everything but config->json from it, with all checks that need no recording. */
apf_status apf_config_decode(apf_context *ctx, apf_train_config *config);

/** "KEY is VALUE, expected ..."; APF_ERR_ARGUMENT. */
apf_status apf_config_wrong(apf_context *ctx, const char *key, const json_t *value,
                            const char *expected);

#endif
