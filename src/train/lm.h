/**
 * Levenberg-Marquardt for a few parameters and residuals too long to store: the problem hands over
 * cost, gradient J'r and hessian J'J, many points at once.
 *
 * Several starts run side by side. A step makes, for every start that is still running, candidates
 * with a ladder of dampings (as many as fit in a batch), evaluates all of them in one call, and
 * moves each start to its best candidate: no separate trials, the derivatives of the accepted point
 * are there already. Starts that fall behind the best, or that arrive where a better one is, are
 * dropped.
 *
 * Everything that changes lies in one array of doubles, so a run can be stored and continued
 * exactly.
 */
#ifndef APF_TRAIN_LM_H
#define APF_TRAIN_LM_H

#include "core/context.h"

#include <stdbool.h>

enum { APF_LM_MAX_PARAMETERS = 16 };

/** Residuals r(point) of some length; the library never sees them. */
typedef struct apf_lm_problem {
  int parameters;      /**< 1 to APF_LM_MAX_PARAMETERS */
  const double *lower; /**< (parameters) bounds that every point obeys; equal ones fix it */
  const double *upper;
  const double *max_step; /**< (parameters) how far a step may move each */
  /** For `points` (sets, parameters): cost r'r (sets), gradient J'r (sets, parameters), hessian J'J
   *  (sets, parameters, parameters). A cost that is not finite is taken as a failed point. */
  apf_status (*evaluate)(void *user, int64_t sets, const double *points, double *cost,
                         double *gradient, double *hessian);
  void *user;
} apf_lm_problem;

typedef struct apf_lm_options {
  int starts;       /**< at least 1 */
  int batch;        /**< points of one evaluation; at least starts */
  double tolerance; /**< relative fall of the cost that no longer counts; 1e-6 is sensible */
} apf_lm_options;

typedef enum apf_lm_end {
  APF_LM_RUNNING = 0,
  APF_LM_CONVERGED, /**< the cost no longer falls */
  APF_LM_STUCK,     /**< no damping gives a lower cost: a minimum, or a kink */
  APF_LM_PERFECT,   /**< the cost is zero */
  APF_LM_NOT_FINITE /**< no start has a finite cost */
} apf_lm_end;

typedef struct apf_lm apf_lm;

/** @param points (starts, parameters); clamped to the bounds. The problem is copied, its arrays are
 * not.
 *  @return APF_OK, APF_ERR_ARGUMENT, APF_ERR_MEMORY. */
APF_MUST_CHECK apf_status apf_lm_create(apf_context *ctx, const apf_lm_problem *problem,
                                        const apf_lm_options *options, const double *points,
                                        apf_lm **out);
void apf_lm_destroy(apf_lm *lm);

/** One evaluation: of the starts at first, then of candidates. Does nothing once it has ended. */
APF_MUST_CHECK apf_status apf_lm_step(apf_lm *lm);

apf_lm_end apf_lm_ended(const apf_lm *lm);
/** A sentence for people; never NULL. */
const char *apf_lm_reason(apf_lm_end end);

/** The best point so far and its cost; INFINITY before the first step. */
const double *apf_lm_best(const apf_lm *lm, double *cost);
/** Starts that are neither dropped nor at their end. */
int apf_lm_running(const apf_lm *lm);
/** One start, for reports and tests: its point, its cost, whether it was dropped. */
const double *apf_lm_start(const apf_lm *lm, int start, double *cost, bool *dropped);

/** What changes from step to step, of a length fixed by problem and options. */
const double *apf_lm_state(const apf_lm *lm, int64_t *count);
/** @return APF_ERR_MISMATCH where the count is not that of this lm. */
APF_MUST_CHECK apf_status apf_lm_restore(apf_lm *lm, const double *state, int64_t count);

#endif
