/**
 * A step of training with its data, or a single node of the graph (nodes.c): what effect_step.c
 * builds and times, effect_check.c checks.
 */
#ifndef APF_BENCH_EFFECT_STEP_H
#define APF_BENCH_EFFECT_STEP_H

#include "bench.h"
#include "graph/training_step.h"
#include "train/data.h"

typedef struct step_kind {
  const char *name, *effect, *variant; /* no effect: a single node */
  bool alone;             /* nothing is updated: the synth's path without the encoder; a node */
  bool windowed;          /* has frames of the window's size */
  double float_tolerance; /* relative, of loss and gradient */
  apf_optimizer_kind optimizer;
  apf_dtype dtype; /* usual, as are: */
  int64_t B, T;
} step_kind;

typedef struct effect_step {
  const step_kind *kind;
  bench_step shape;
  apf_context *ctx;
  apf_model *model;
  apf_graph *graph;
  apf_optimizer *optimizer; /* none of what is alone: its parameters are nobody's */
  apf_training_step *training;
  apf_note_batch notes;   /* of the synth; of other effects: */
  double *input, *target; /* (B, T) */
} effect_step;

/** The kinds of steps that are single nodes, and their description up to the loss. */
const step_kind *bench_node_kind(int index);
apf_status bench_node_describe(apf_graph *g, const bench_step *shape, int index, apf_var *loss);

/** Of a step whose first three members are set; destroy it also after a failure. */
apf_status effect_step_create(effect_step *s);
void effect_step_destroy(effect_step *s);
bool effect_step_is_synth(const effect_step *s);

/** Creates the step and checks what it gives. APF_ERR_MISMATCH says what is wrong. */
apf_status effect_step_check(effect_step *s, bench_step_result *result);

#endif
