/**
 * Fetching what a loop will need. A processor sees on by itself only as far as its window of
 * instructions and its guesses reach, which stop at every page. Loops that compute much for each
 * line of memory, or walk several arrays, wait for memory unless they are told ahead.
 */
#ifndef APF_CPU_PREFETCH_H
#define APF_CPU_PREFETCH_H

#include "core/precision.h"

enum { PREFETCH_LINE = 64 / (int)sizeof(real), PREFETCH_AHEAD = 2048 / (int)sizeof(real) };

/** Fetches the lines of p[0..n) moved PREFETCH_AHEAD values on; they may lie past the array. */
static inline void prefetch_ahead(const real *p, int64_t n)
{
  for (int64_t i = 0; i < n; i += PREFETCH_LINE) __builtin_prefetch(p + i + PREFETCH_AHEAD);
}

/** The same for loops that walk backwards. */
static inline void prefetch_behind(const real *p, int64_t n)
{
  for (int64_t i = 0; i < n; i += PREFETCH_LINE) __builtin_prefetch(p + i - PREFETCH_AHEAD);
}

#endif
