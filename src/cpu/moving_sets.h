/**
 * Which values an optimiser's step moves: those of parameter sets whose gradient has a finite norm.
 * A set's values lie in runs, so the steps ask once a run and keep their inner loops free of it.
 */
#ifndef APF_CPU_MOVING_SETS_H
#define APF_CPU_MOVING_SETS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct moving_sets {
  int64_t S;
  const int32_t *set; /**< of each value; NULL: 0 */
  const double *norm; /**< of each set; NULL: all move */
} moving_sets;

static inline bool moving_sets_has(const moving_sets *sets, int64_t i)
{
  const int64_t s = sets->set ? sets->set[i] : 0;
  return s >= 0 && s < sets->S && (!sets->norm || isfinite(sets->norm[s]));
}

/** Where the run of equal sets that holds `i` stops, at most at `end`. */
static inline int64_t moving_sets_run_end(const moving_sets *sets, int64_t i, int64_t end)
{
  if (!sets->set) return end;
  int64_t stop = i + 1;
  while (stop < end && sets->set[stop] == sets->set[i]) stop++;
  return stop;
}

#endif
