/**
 * Model files: safetensors whose metadata says which effect, options and sample rate; the raw
 * tensors under their names; the parameters once more in human units, as text, for whoever looks
 * inside. Tensors named "state.*" belong to a checkpoint and are no part of the model.
 */
#ifndef APF_TRAIN_MODEL_FILE_H
#define APF_TRAIN_MODEL_FILE_H

#include <allpole/effects.h>

#include "io/safetensors.h"

#define APF_STATE_PREFIX "state."

/** Writes the model and, for checkpoints, more tensors and metadata, atomically. */
apf_status apf_model_file_write(apf_context *ctx, const apf_model *model, const char *path,
                                int extra_count, const apf_tensor *extra, int metadata_count,
                                const apf_metadata *metadata);
/** The model of an opened file. */
apf_status apf_model_file_parse(apf_context *ctx, const apf_safetensors *file, apf_model **out);

#endif
