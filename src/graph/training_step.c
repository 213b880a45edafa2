#include "graph/training_step.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/context.h"

/** Steps before the recording: they grow the workspace and make plans, which recording cannot. */
enum { WARM_UP = 2 };

struct apf_training_step {
  apf_context *ctx;
  apf_graph *graph;
  apf_optimizer *optimizer;
  int64_t runs;
  void *recording;
  uint64_t generation; /* of ctx, when it was recorded: see apf_context */
  bool replayed, refused;
  char note[APF_MESSAGE_SIZE];
};

apf_status apf_training_step_create(apf_graph *g, apf_optimizer *optimizer, apf_training_step **out)
{
  apf_context *ctx = apf_graph_context(g);
  *out = calloc(1, sizeof **out);
  if (!*out) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a step");
  **out = (apf_training_step){.ctx = ctx, .graph = g, .optimizer = optimizer};
  return APF_OK;
}

static void forget(apf_training_step *step)
{
  if (step->recording) step->ctx->table->forget(step->ctx, step->recording);
  step->recording = NULL;
}

void apf_training_step_destroy(apf_training_step *step)
{
  if (!step) return;
  forget(step);
  free(step);
}

static apf_status enqueue(apf_training_step *step)
{
  APF_TRY(apf_graph_forward(step->graph));
  APF_TRY(apf_graph_backward(step->graph));
  return apf_optimizer_enqueue(step->optimizer);
}

static apf_status record(apf_training_step *step)
{
  apf_context *ctx = step->ctx;
  APF_TRY(ctx->table->record_begin(ctx));
  const apf_status status = enqueue(step);
  if (status != APF_OK) {
    ctx->table->record_abandon(ctx);
    return status;
  }
  step->generation = ctx->generation;
  return ctx->table->record_end(ctx, &step->recording);
}

/** A recording that can be replayed now, if there is one or one can be made. */
static bool has_recording(apf_training_step *step)
{
  apf_context *ctx = step->ctx;
  if (!ctx->table->record_begin || step->refused || step->runs < WARM_UP) return false;
  if (step->recording && step->generation != ctx->generation) forget(step);
  if (step->recording || record(step) == APF_OK) return true;
  step->refused = true;
  snprintf(step->note, sizeof step->note, "%s", apf_last_error(ctx));
  return false;
}

apf_status apf_training_step_run(apf_training_step *step)
{
  APF_TRY(apf_optimizer_prepare(step->optimizer));
  step->replayed = has_recording(step);
  if (step->replayed)
    APF_TRY(step->ctx->table->replay(step->ctx, step->recording));
  else
    APF_TRY(enqueue(step));
  step->runs++;
  return apf_optimizer_finish(step->optimizer);
}

bool apf_training_step_is_recorded(const apf_training_step *step)
{
  return step->replayed;
}

const char *apf_training_step_note(const apf_training_step *step)
{
  return step->note;
}
