#include "core/random.h"

#include <math.h>

#include "core/philox.h"

apf_random apf_random_start(uint64_t seed, uint64_t stream)
{
  /* A block of the seed's own sequence is the stream's key: unrelated for neighbouring streams. */
  apf_philox block = apf_philox_block(seed, stream);
  return (apf_random){.key = (uint64_t)block.word[1] << 32 | block.word[0], .draws = 0};
}

uint64_t apf_random_bits(apf_random *random)
{
  apf_philox block = apf_philox_block(random->key, random->draws++);
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
