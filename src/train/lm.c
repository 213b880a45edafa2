#include "train/lm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Dampings relative to the diagonal of J'J. */
static const double first_damping = 0.1, least_damping = 1e-9, most_damping = 1e9;
/* Neighbouring rungs of the ladder, where few points are to be had. */
static const double widest_rung = 6;
/* Steps in a row that fall by less than the tolerance, or fail, before a start has ended. */
enum { PATIENCE = 3 };

/** Where one start is. Doubles only: an array of these is the state. */
typedef struct start {
  double cost, damping, phase /* apf_lm_end or DROPPED */, idle, failed;
  double point[APF_LM_MAX_PARAMETERS], gradient[APF_LM_MAX_PARAMETERS];
  double hessian[APF_LM_MAX_PARAMETERS * APF_LM_MAX_PARAMETERS];
} start;

enum { DROPPED = -1, HEADER = 1 /* steps taken */, START_SIZE = sizeof(start) / sizeof(double) };

struct apf_lm {
  apf_context *ctx;
  apf_lm_problem problem;
  apf_lm_options options;
  double *state;
  double *points, *cost, *gradient, *hessian, *damping; /* of a batch */
  int *first; /* of the batch, per start: where its candidates begin */
};

static start *start_at(const apf_lm *lm, int i)
{
  return (start *)(lm->state + HEADER) + i;
}

static double clamp(const apf_lm *lm, int i, double value)
{
  const double low = lm->problem.lower[i], high = lm->problem.upper[i];
  return value < low ? low : value > high ? high : value;
}

static apf_status check(apf_context *ctx, const apf_lm_problem *problem,
                        const apf_lm_options *options)
{
  if (problem->parameters < 1 || problem->parameters > APF_LM_MAX_PARAMETERS)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_lm_create", "parameters is %d, expected 1 to %d",
                    problem->parameters, APF_LM_MAX_PARAMETERS);
  if (options->starts < 1 || options->batch < options->starts)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_lm_create",
                    "starts is %d and batch %d, expected at least 1 and at least starts",
                    options->starts, options->batch);
  for (int i = 0; i < problem->parameters; i++)
    if (!(problem->lower[i] <= problem->upper[i]) || !(problem->max_step[i] > 0))
      return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_lm_create",
                      "parameter %d has bounds %g to %g and steps of %g, expected lower <= upper "
                      "and a positive step",
                      i, problem->lower[i], problem->upper[i], problem->max_step[i]);
  return APF_OK;
}

apf_status apf_lm_create(apf_context *ctx, const apf_lm_problem *problem,
                         const apf_lm_options *options, const double *points, apf_lm **out)
{
  *out = NULL;
  APF_TRY(check(ctx, problem, options));
  const size_t n = (size_t)problem->parameters, batch = (size_t)options->batch;
  apf_lm *lm = calloc(1, sizeof *lm);
  if (!lm) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a fit");
  lm->ctx = ctx;
  lm->problem = *problem;
  lm->options = *options;
  lm->state = calloc(HEADER + (size_t)options->starts * START_SIZE, sizeof(double));
  lm->points = calloc(batch * (2 + 2 * n + n * n), sizeof(double));
  lm->first = calloc((size_t)options->starts + 1, sizeof *lm->first);
  if (!lm->state || !lm->points || !lm->first) {
    apf_lm_destroy(lm);
    return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for %d points", options->batch);
  }
  lm->gradient = lm->points + batch * n;
  lm->hessian = lm->gradient + batch * n;
  lm->cost = lm->hessian + batch * n * n;
  lm->damping = lm->cost + batch;
  for (int s = 0; s < options->starts; s++) {
    start *at = start_at(lm, s);
    at->cost = INFINITY;
    at->damping = first_damping;
    for (int i = 0; i < problem->parameters; i++)
      at->point[i] = clamp(lm, i, points[s * problem->parameters + i]);
  }
  *out = lm;
  return APF_OK;
}

void apf_lm_destroy(apf_lm *lm)
{
  if (!lm) return;
  free(lm->state);
  free(lm->points);
  free(lm->first);
  free(lm);
}

/** Solves (H + damping diag H) step = -gradient over the rows marked free by Cholesky; false where
 * the matrix is not positive. `step` is zero elsewhere. */
static bool solve(int n, const start *at, double damping, const bool *is_free, double *step)
{
  double L[APF_LM_MAX_PARAMETERS][APF_LM_MAX_PARAMETERS];
  double largest = 0;
  for (int i = 0; i < n; i++)
    if (is_free[i]) largest = fmax(largest, at->hessian[i * n + i]);
  for (int i = 0; i < n; i++) {
    for (int j = 0; j <= i; j++) {
      const bool used = is_free[i] && is_free[j];
      double sum = used ? at->hessian[i * n + j] : i == j;
      if (used && i == j) sum += damping * fmax(sum, 1e-12 * largest);
      for (int k = 0; k < j; k++) sum -= L[i][k] * L[j][k];
      if (i == j) {
        if (!(sum > 0)) return false;
        L[i][i] = sqrt(sum);
      } else {
        L[i][j] = sum / L[j][j];
      }
    }
  }
  for (int i = 0; i < n; i++) {
    step[i] = is_free[i] ? -at->gradient[i] : 0;
    for (int k = 0; k < i; k++) step[i] -= L[i][k] * step[k];
    step[i] /= L[i][i];
  }
  for (int i = n - 1; i >= 0; i--) {
    for (int k = i + 1; k < n; k++) step[i] -= L[k][i] * step[k];
    step[i] /= L[i][i];
  }
  return true;
}

/** A damped step from a start, within bounds and step sizes; false where there is none. */
static bool propose(const apf_lm *lm, const start *at, double damping, double *point)
{
  const int n = lm->problem.parameters;
  double step[APF_LM_MAX_PARAMETERS];
  bool is_free[APF_LM_MAX_PARAMETERS];
  for (int i = 0; i < n; i++) { /* at a bound, and pushed outwards: not free */
    const bool low = at->point[i] <= lm->problem.lower[i] && at->gradient[i] > 0;
    const bool high = at->point[i] >= lm->problem.upper[i] && at->gradient[i] < 0;
    is_free[i] = !low && !high && at->hessian[i * n + i] > 0;
  }
  if (!solve(n, at, damping, is_free, step)) return false;
  double scale = 1;
  for (int i = 0; i < n; i++)
    if (fabs(step[i]) * scale > lm->problem.max_step[i])
      scale = lm->problem.max_step[i] / fabs(step[i]);
  bool moved = false;
  for (int i = 0; i < n; i++) {
    point[i] = clamp(lm, i, at->point[i] + scale * step[i]);
    moved = moved || point[i] != at->point[i];
  }
  return moved;
}

/** Takes over point k of the batch. */
static void move_to(const apf_lm *lm, start *at, int k)
{
  const int n = lm->problem.parameters;
  at->cost = lm->cost[k];
  memcpy(at->point, lm->points + k * n, (size_t)n * sizeof(double));
  memcpy(at->gradient, lm->gradient + k * n, (size_t)n * sizeof(double));
  memcpy(at->hessian, lm->hessian + k * n * n, (size_t)(n * n) * sizeof(double));
}

static bool is_finite_point(const apf_lm *lm, int k)
{
  const int n = lm->problem.parameters;
  bool finite = isfinite(lm->cost[k]);
  for (int i = 0; i < n; i++) finite = finite && isfinite(lm->gradient[k * n + i]);
  for (int i = 0; i < n * n; i++) finite = finite && isfinite(lm->hessian[k * n * n + i]);
  return finite;
}

static apf_status evaluate(apf_lm *lm, int points)
{
  if (points == 0) return APF_OK;
  return lm->problem.evaluate(lm->problem.user, points, lm->points, lm->cost, lm->gradient,
                              lm->hessian);
}

static apf_status evaluate_starts(apf_lm *lm)
{
  const int n = lm->problem.parameters;
  for (int s = 0; s < lm->options.starts; s++)
    memcpy(lm->points + s * n, start_at(lm, s)->point, (size_t)n * sizeof(double));
  APF_TRY(evaluate(lm, lm->options.starts));
  for (int s = 0; s < lm->options.starts; s++) {
    start *at = start_at(lm, s);
    if (is_finite_point(lm, s)) {
      move_to(lm, at, s);
      at->phase = at->cost <= 0 ? APF_LM_PERFECT : APF_LM_RUNNING;
    } else {
      at->phase = DROPPED;
    }
  }
  return APF_OK;
}

/** Judges a start by candidates first..end of the batch. */
static void choose(const apf_lm *lm, start *at, int first, int end)
{
  int best = -1;
  for (int k = first; k < end; k++)
    if (is_finite_point(lm, k) && lm->cost[k] < (best < 0 ? at->cost : lm->cost[best])) best = k;
  if (best < 0) {
    at->damping =
        fmin(most_damping, 2 * widest_rung * (end > first ? lm->damping[end - 1] : at->damping));
    at->failed++;
    if (at->failed >= PATIENCE || at->damping >= most_damping) at->phase = APF_LM_STUCK;
    return;
  }
  const double fall = (at->cost - lm->cost[best]) / at->cost;
  at->damping = fmax(least_damping, lm->damping[best] / 2);
  at->failed = 0;
  at->idle = fall < lm->options.tolerance ? at->idle + 1 : 0;
  move_to(lm, at, best);
  if (at->cost <= 0)
    at->phase = APF_LM_PERFECT;
  else if (at->idle >= PATIENCE)
    at->phase = APF_LM_CONVERGED;
}

static apf_status advance(apf_lm *lm)
{
  const int n = lm->problem.parameters, running = apf_lm_running(lm);
  const int rungs = lm->options.batch / running;
  const double rung = rungs > 1 ? fmin(widest_rung, pow(1e6, 1.0 / (rungs - 1))) : 1;
  int used = 0;
  for (int s = 0; s < lm->options.starts; s++) {
    start *at = start_at(lm, s);
    lm->first[s] = used;
    if (at->phase != APF_LM_RUNNING) continue;
    for (int k = 0; k < rungs; k++) {
      const double damping = at->damping * pow(rung, k - (rungs - 1) / 2);
      lm->damping[used] = fmin(most_damping, fmax(least_damping, damping));
      if (propose(lm, at, lm->damping[used], lm->points + used * n)) used++;
    }
  }
  lm->first[lm->options.starts] = used;
  APF_TRY(evaluate(lm, used));
  for (int s = 0; s < lm->options.starts; s++)
    if (start_at(lm, s)->phase == APF_LM_RUNNING)
      choose(lm, start_at(lm, s), lm->first[s], lm->first[s + 1]);
  return APF_OK;
}

/** Whether two points lie so close that their starts have met. */
static bool have_met(const apf_lm *lm, const start *a, const start *b)
{
  for (int i = 0; i < lm->problem.parameters; i++)
    if (fabs(a->point[i] - b->point[i]) > 0.01 * lm->problem.max_step[i]) return false;
  return true;
}

static int best_start(const apf_lm *lm)
{
  int best = 0;
  for (int s = 1; s < lm->options.starts; s++)
    if (start_at(lm, s)->cost < start_at(lm, best)->cost) best = s;
  return best;
}

/** Drops starts whose cost is too far above the best one's for their age, and those that met it. */
static void drop_hopeless(apf_lm *lm)
{
  const double age = lm->state[0];
  const int best = best_start(lm);
  const double allowed = age < 4 ? INFINITY : 1 + 4 * exp2(-(age - 4) / 2);
  for (int s = 0; s < lm->options.starts; s++) {
    start *at = start_at(lm, s);
    if (s == best || at->phase != APF_LM_RUNNING) continue;
    if (at->cost > allowed * start_at(lm, best)->cost || have_met(lm, at, start_at(lm, best)))
      at->phase = DROPPED;
  }
}

apf_status apf_lm_step(apf_lm *lm)
{
  if (apf_lm_ended(lm) != APF_LM_RUNNING) return APF_OK;
  if (lm->state[0] == 0)
    APF_TRY(evaluate_starts(lm));
  else
    APF_TRY(advance(lm));
  lm->state[0]++;
  drop_hopeless(lm);
  return APF_OK;
}

int apf_lm_running(const apf_lm *lm)
{
  int running = 0;
  for (int s = 0; s < lm->options.starts; s++) running += start_at(lm, s)->phase == APF_LM_RUNNING;
  return running;
}

apf_lm_end apf_lm_ended(const apf_lm *lm)
{
  if (lm->state[0] == 0 || apf_lm_running(lm) > 0) return APF_LM_RUNNING;
  const start *best = start_at(lm, best_start(lm));
  return isfinite(best->cost) ? (apf_lm_end)best->phase : APF_LM_NOT_FINITE;
}

const char *apf_lm_reason(apf_lm_end end)
{
  switch (end) {
    case APF_LM_RUNNING: return "not ended yet";
    case APF_LM_CONVERGED: return "converged: the error no longer falls";
    case APF_LM_STUCK: return "converged: no further step lowers the error";
    case APF_LM_PERFECT: return "converged: the error is zero";
    case APF_LM_NOT_FINITE: return "no start has a finite error";
  }
  return "unknown";
}

const double *apf_lm_best(const apf_lm *lm, double *cost)
{
  const start *best = start_at(lm, best_start(lm));
  if (cost) *cost = best->cost;
  return best->point;
}

const double *apf_lm_start(const apf_lm *lm, int index, double *cost, bool *dropped)
{
  const start *at = start_at(lm, index);
  if (cost) *cost = at->cost;
  if (dropped) *dropped = at->phase == DROPPED;
  return at->point;
}

const double *apf_lm_state(const apf_lm *lm, int64_t *count)
{
  *count = HEADER + (int64_t)lm->options.starts * START_SIZE;
  return lm->state;
}

apf_status apf_lm_restore(apf_lm *lm, const double *state, int64_t count)
{
  int64_t expected;
  apf_lm_state(lm, &expected);
  if (count != expected)
    return apf_fail(lm->ctx, APF_ERR_MISMATCH, __func__, "the state has %lld values, expected %lld",
                    (long long)count, (long long)expected);
  memcpy(lm->state, state, (size_t)count * sizeof *state);
  return APF_OK;
}
