/** How kernels cut the workspace into aligned arrays, and which thread runs. */
#ifndef APF_CPU_SCRATCH_H
#define APF_CPU_SCRATCH_H

#include "core/context.h"
#include "core/precision.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum { APF_SCRATCH_LINE = 64 / (int)sizeof(real) };

/** The room that an array of n values takes, in values. */
static inline int64_t scratch_room(int64_t n)
{
  return (n + APF_SCRATCH_LINE - 1) / APF_SCRATCH_LINE * APF_SCRATCH_LINE;
}

/** The next n values; moves *cursor past them. */
static inline real *scratch_take(real **cursor, int64_t n)
{
  real *taken = *cursor;
  *cursor += scratch_room(n);
  return taken;
}

/** Number of the calling thread in its parallel region. */
static inline int scratch_thread(void)
{
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/** How many threads its parallel region has. */
static inline int scratch_threads(void)
{
#ifdef _OPENMP
  return omp_get_num_threads();
#else
  return 1;
#endif
}

#endif
