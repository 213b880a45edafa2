/**
 * Sums that decay by a constant factor d a sample, f[t] = x[t] + d f[t-1], in vectors whose lanes
 * run along time.
 *
 * d being constant, the sums within a vector are those of log2(LANES) shifted copies,
 *   s_1 = x,   s_2k[t] = s_k[t] + d^k s_k[t-k],
 * and only one multiply-add waits for the vector before. What is carried from vector to vector is
 * double: slow sums would lose digits in proportion to their time constant. Powers of d that a
 * float could hold only as subnormal numbers are zero.
 */
#ifndef APF_CPU_DECAY_H
#define APF_CPU_DECAY_H

#include "cpu/lanes.h"

#include <math.h>

typedef struct decay {
  double d, across; /* d^LANES */
  vec power[4];     /* d, d^2, d^4, d^8 in every lane */
  vec up, down;     /* d^(i+1), d^(LANES-i) in lane i */
} decay;

/** d^n, which is near 1 for slow sums whatever the type. */
static inline double decay_power(double d, int64_t n)
{
  const double power = pow(d, (double)n);
  return fabs(power) < (APF_REAL_IS_FLOAT ? 1e-30 : 1e-290) ? 0 : power;
}

static inline decay decay_of(double d)
{
  decay c = {.d = d, .across = decay_power(d, LANES)};
  for (int k = 0; k < 4; k++) c.power[k] = vec_of((real)decay_power(d, 1 << k));
  for (int i = 0; i < LANES; i++) {
    const real power = (real)decay_power(d, i + 1);
    c.up[i] = power;
    c.down[LANES - 1 - i] = power;
  }
  return c;
}

#define DECAY_STEP(SHIFT, k, n) sum += c->power[k] * SHIFT(sum, zero, n);
#if LANES == 2
#define DECAY_STEPS(SHIFT) DECAY_STEP(SHIFT, 0, 1)
#elif LANES == 4
#define DECAY_STEPS(SHIFT) DECAY_STEP(SHIFT, 0, 1) DECAY_STEP(SHIFT, 1, 2)
#elif LANES == 8
#define DECAY_STEPS(SHIFT) DECAY_STEP(SHIFT, 0, 1) DECAY_STEP(SHIFT, 1, 2) DECAY_STEP(SHIFT, 2, 4)
#else
#define DECAY_STEPS(SHIFT) \
  DECAY_STEP(SHIFT, 0, 1)  \
  DECAY_STEP(SHIFT, 1, 2) DECAY_STEP(SHIFT, 2, 4) DECAY_STEP(SHIFT, 3, 8)
#endif

/** f over the vector x. *before is the f before it and becomes the one of its last lane. */
static inline vec decay_up(const decay *c, vec x, double *before)
{
  const vec zero = vec_of(0);
  vec sum = x;
  DECAY_STEPS(SVEC_UP)
  const vec f = sum + c->up * vec_of((real)*before);
  *before = c->across * *before + (double)sum[LANES - 1];
  return f;
}

/** The same backwards in time: *behind is the f of the sample behind x, then of its first lane. */
static inline vec decay_down(const decay *c, vec x, double *behind)
{
  const vec zero = vec_of(0);
  vec sum = x;
  DECAY_STEPS(SVEC_DOWN)
  const vec f = sum + c->down * vec_of((real)*behind);
  *behind = c->across * *behind + (double)sum[0];
  return f;
}

/** Call it every so many vectors: a sum that has died away would become subnormal, which is slow.
 */
static inline double decay_flush(double f)
{
  return fabs(f) < (APF_REAL_IS_FLOAT ? 1e-37 : 1e-307) ? 0 : f;
}

#endif
