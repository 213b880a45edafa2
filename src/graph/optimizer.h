/**
 * Optimisers over the flat parameters of a graph: gradients in, new parameters out, on the graph's
 * backend. A graph may hold several parameter sets side by side (the leading axis of every
 * parameter): each is clipped by its own norm and otherwise lives alone.
 */
#ifndef APF_GRAPH_OPTIMIZER_H
#define APF_GRAPH_OPTIMIZER_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum apf_optimizer_kind { APF_SGD, APF_ADAM, APF_ADAMW } apf_optimizer_kind;

typedef struct apf_optimizer_options {
  apf_optimizer_kind kind;
  double learning_rate;         /**< of the first step */
  double learning_rate_end;     /**< of step `steps` and later; in between it moves linearly */
  int64_t steps;                /**< 0: learning_rate throughout */
  double momentum;              /**< SGD */
  double beta1, beta2, epsilon; /**< Adam and AdamW */
  double weight_decay;
  double clip_norm; /**< 0: none */
  int64_t sets;     /**< leading axis of every parameter */
} apf_optimizer_options;

/** Adam's usual constants, one set, no clipping, no decay. */
apf_optimizer_options apf_optimizer_defaults(apf_optimizer_kind kind, double learning_rate);

typedef struct apf_optimizer apf_optimizer;

/** For a built graph with a loss, which must outlive it. APF_ERR_ARGUMENT where a parameter has
 *  another leading axis than `sets`. */
APF_MUST_CHECK apf_status apf_optimizer_create(apf_graph *g, const apf_optimizer_options *options,
                                               apf_optimizer **out);
void apf_optimizer_destroy(apf_optimizer *optimizer);

/**
 * One update from the graph's gradients (which clipping changes). A set whose gradient is not
 * finite keeps its parameters and what is remembered of them.
 * @return APF_ERR_NOT_FINITE when that is so for every set: nothing has changed.
 */
APF_MUST_CHECK apf_status apf_optimizer_step(apf_optimizer *optimizer);

/* The same in three parts, for a step whose work on the backend is recorded once and replayed. */

/** On the host: uploads the numbers of the next step. */
APF_MUST_CHECK apf_status apf_optimizer_prepare(apf_optimizer *optimizer);
/** On the backend alone: clips and updates. */
APF_MUST_CHECK apf_status apf_optimizer_enqueue(apf_optimizer *optimizer);
/** On the host: waits for the norms, and counts the step unless it returns APF_ERR_NOT_FINITE. */
APF_MUST_CHECK apf_status apf_optimizer_finish(apf_optimizer *optimizer);

/** Norms before clipping at the last step, one a set. */
const double *apf_optimizer_norms(const apf_optimizer *optimizer);
double apf_optimizer_learning_rate(const apf_optimizer *optimizer, int64_t step);

/** What it remembers between steps, as doubles that hold the graph's type exactly: the number of
 *  steps, then its buffers. */
int64_t apf_optimizer_state_count(const apf_optimizer *optimizer);
APF_MUST_CHECK apf_status apf_optimizer_get_state(const apf_optimizer *optimizer, double *state);
APF_MUST_CHECK apf_status apf_optimizer_set_state(apf_optimizer *optimizer, const double *state);

#ifdef __cplusplus
}
#endif
#endif
