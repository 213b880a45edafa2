/** A finished or stopped run's best model on the material that its configuration names. */
#include <stdio.h>

#include "train/validation.h"

enum { PATH_SIZE = 4096 };

apf_status apf_evaluate_run(apf_context *ctx, const char *folder, apf_run_part part, int recursion,
                            apf_metrics *out)
{
  char path[PATH_SIZE];
  apf_train_config config;
  apf_data data = {0};
  apf_model *model = NULL;
  apf_validation *validation = NULL;
  apf_status status = APF_OK;
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!folder || !out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "folder or out is NULL");
  snprintf(path, sizeof path, "%s/config.json", folder);
  APF_TRY(apf_config_read(ctx, path, &config));
  snprintf(path, sizeof path, "%s/best.safetensors", folder);
  APF_TRY_GOTO(apf_model_load(ctx, path, &model), done);
  APF_TRY_GOTO(apf_config_check(ctx, &config, model, path), done);
  if (recursion) APF_TRY_GOTO(apf_model_use_recursion(ctx, model), done);
  APF_TRY_GOTO(apf_data_read(ctx, &config, &data), done);
  if (part == APF_RUN_TEST && data.notes.count == 0) {
    status = apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                      "part is test, but a run on a pair of recordings has none");
    goto done;
  }
  APF_TRY_GOTO(apf_validation_create(ctx, &config, &data,
                                     part == APF_RUN_TEST ? APF_PART_TEST : APF_PART_VALID, model,
                                     &validation),
               done);
  APF_TRY_GOTO(apf_validation_run(validation, model, out), done);
done:
  apf_validation_destroy(validation);
  apf_data_clear(&data);
  apf_model_destroy(model);
  apf_config_clear(&config);
  return status;
}
