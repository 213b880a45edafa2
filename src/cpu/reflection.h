/**
 * What the two conversions between reflection coefficients and the direct form share. Lanes are
 * rows, so a filter's M values are M vectors.
 *
 * The gradients of both need all levels of the step-up recursion. They are computed again from k:
 * going down from a divides by 1-k[m]^2 at every level, which loses all digits for filters near the
 * unit circle.
 */
#ifndef APF_CPU_REFLECTION_H
#define APF_CPU_REFLECTION_H

#include <allpole/ops.h>

#include "cpu/simd.h"

enum { REFLECTION_LEVELS = APF_MAX_ORDER * (APF_MAX_ORDER + 1) / 2 };

/** Where the level of order m (m coefficients) starts among all levels 1, 2, ... */
static inline int64_t reflection_level(int64_t m)
{
  return m * (m - 1) / 2;
}

/** a^(1), a^(2), ..., a^(M) one after the other. */
static inline void reflection_levels(int64_t M, const vreal *k, vreal *levels)
{
  for (int64_t m = 1; m <= M; m++) {
    const vreal *below = levels + reflection_level(m - 1);
    vreal *level = levels + reflection_level(m);
    for (int64_t i = 0; i < m - 1; i++) level[i] = below[i] + k[m - 1] * below[m - 2 - i];
    level[m - 1] = k[m - 1];
  }
}

/** v[i] = scale (v[i] + k v[n-1-i]) for the first n. */
static inline void reflection_mix(int64_t n, vreal k, vreal scale, vreal *v)
{
  for (int64_t i = 0, j = n - 1; i <= j; i++, j--) {
    const vreal vi = v[i], vj = v[j];
    v[i] = scale * (vi + k * vj);
    v[j] = scale * (vj + k * vi);
  }
}

/** How many of N rows the vector that begins with row n holds. */
static inline int reflection_rows(int64_t n, int64_t N)
{
  return N - n < SIMD_LANES ? (int)(N - n) : SIMD_LANES;
}

#endif
