/**
 * A run on its way: the learner, and the folder that survives anything.
 *
 * What makes a resumed run equal to one that never stopped: last.safetensors is replaced in one
 * step and holds everything that the next step reads (model, the learner's memory, best error so
 * far); random draws depend on seed and step alone; metrics.jsonl is cut back to the step of the
 * checkpoint on resume and holds no times; best.safetensors, if newer than the checkpoint, is
 * written again with the same bytes when its step is repeated.
 */
#ifndef APF_TRAIN_RUN_H
#define APF_TRAIN_RUN_H

#include <stdio.h>
#include <time.h>

#include "train/learner.h"
#include "train/validation.h"

enum { APF_RUN_PATH = 4096 };

typedef struct apf_run {
  apf_context *ctx;
  const char *folder;
  apf_train_config config;
  apf_data data;
  apf_model *model, *best;
  apf_learner *learner;
  apf_validation *validation;
  FILE *metrics_file;
  int64_t step;
  double best_error, valid_error, other_error; /* by the other of two renderings */
  apf_metrics before;
  struct timespec start;
} apf_run;

/** A path inside the run's folder, in a buffer of APF_RUN_PATH. */
const char *apf_run_path(const apf_run *r, const char *name, char *buffer);

/** last.safetensors, after what metrics.jsonl still holds back. */
apf_status apf_run_save_last(apf_run *r);
/** From it: model, learner, step and errors so far. */
apf_status apf_run_load_last(apf_run *r);

/** Drops the lines of steps that will be taken again. */
apf_status apf_run_cut_metrics(apf_run *r);
apf_status apf_run_open_metrics(apf_run *r);
void apf_run_write_metrics(apf_run *r, double loss, bool validated);

/** How it ended; its presence says that the run has ended. No times: see the top. */
apf_status apf_run_write_result(apf_run *r, const apf_train_result *result,
                                const apf_metrics *other);
/** The result of a run that has ended, from its files; *ended is false where there is none. */
apf_status apf_run_read_result(apf_run *r, apf_train_result *result, bool *ended);

#endif
