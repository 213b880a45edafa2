/**
 * One step of training: forward, backward, clipping and update. A backend that can record work gets
 * it as one recording (on CUDA, one graph launch instead of a launch for every operator), taken
 * after a few ordinary steps have allocated what there is to allocate.
 */
#ifndef APF_GRAPH_TRAINING_STEP_H
#define APF_GRAPH_TRAINING_STEP_H

#include "graph/graph.h"
#include "graph/optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct apf_training_step apf_training_step;

/** For a built graph with a loss and an optimiser of it, which must outlive it. */
APF_MUST_CHECK apf_status apf_training_step_create(apf_graph *g, apf_optimizer *optimizer,
                                                   apf_training_step **out);
/** NULL is allowed. */
void apf_training_step_destroy(apf_training_step *step);

/** On the inputs and parameters that the graph holds. Loss and outputs can be read afterwards;
 *  APF_ERR_NOT_FINITE as apf_optimizer_step(), and they can be read then as well. */
APF_MUST_CHECK apf_status apf_training_step_run(apf_training_step *step);

/** Whether the last step was a replay. */
bool apf_training_step_is_recorded(const apf_training_step *step);
/** Why steps are not recorded although the backend can; "" otherwise. */
const char *apf_training_step_note(const apf_training_step *step);

#ifdef __cplusplus
}
#endif
#endif
