/** Seeded random numbers that depend on (seed, stream) and the number of draws alone. */
#ifndef APF_CORE_RANDOM_H
#define APF_CORE_RANDOM_H

#include <stdint.h>

typedef struct apf_random {
  uint64_t seed, stream, draws;
} apf_random;

/** `stream`: what the numbers are for, such as a step, so that streams of one seed are unrelated.
 */
apf_random apf_random_start(uint64_t seed, uint64_t stream);
/** 64 random bits. */
uint64_t apf_random_bits(apf_random *random);
/** Uniform in [0, 1). */
double apf_random_uniform(apf_random *random);
/** Standard normal. */
double apf_random_normal(apf_random *random);

#endif
