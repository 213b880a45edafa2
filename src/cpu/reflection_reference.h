/**
 * The levels of the step-up recursion, which both conversions between reflection coefficients and
 * the direct form need for their gradients. Recomputed from k: going down from a divides by
 * 1-k[m]^2 at every level, which loses all digits for filters near the unit circle.
 */
#ifndef APF_CPU_REFLECTION_REFERENCE_H
#define APF_CPU_REFLECTION_REFERENCE_H

#include "core/precision.h"

#include <allpole/ops.h>

enum { REFLECTION_LEVELS = APF_MAX_ORDER * (APF_MAX_ORDER + 1) / 2 };

/** Where the level of order m (m coefficients) starts among all levels 1, 2, ... */
static inline int64_t reflection_level(int64_t m)
{
  return m * (m - 1) / 2;
}

/** a^(1), a^(2), ..., a^(M) one after the other. */
static inline void reflection_levels(int64_t M, const real *k, real *levels)
{
  for (int64_t m = 1; m <= M; m++) {
    const real *below = levels + reflection_level(m - 1);
    real *level = levels + reflection_level(m);
    for (int64_t i = 0; i < m - 1; i++) level[i] = below[i] + k[m - 1] * below[m - 2 - i];
    level[m - 1] = k[m - 1];
  }
}

#endif
