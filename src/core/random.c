#include "core/random.h"

#include <math.h>

#include "core/philox.h"

apf_random apf_random_start(uint64_t seed, uint64_t stream)
{
  return (apf_random){.seed = seed, .stream = stream, .draws = 0};
}

uint64_t apf_random_bits(apf_random *random)
{
  apf_philox block = apf_philox_block(random->seed, random->draws++, (uint32_t)random->stream,
                                      (uint32_t)(random->stream >> 32));
  return (uint64_t)block.word[1] << 32 | block.word[0];
}

double apf_random_uniform(apf_random *random)
{
  return (double)(apf_random_bits(random) >> 11) * 0x1p-53;
}

double apf_random_normal(apf_random *random)
{
  /* Box and Muller; 1 - u is in (0, 1]. */
  double radius = sqrt(-2 * log(1 - apf_random_uniform(random)));
  return radius * cos(6.283185307179586 * apf_random_uniform(random));
}
