/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A block of four 32-bit words is a function of a 64-bit
 * key and a 128-bit counter and of nothing else, so any thread of any backend can make any of them,
 * in any order.
 */
#ifndef APF_CORE_PHILOX_H
#define APF_CORE_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
#define APF_HOST_DEVICE __host__ __device__
#else
#define APF_HOST_DEVICE
#endif

typedef struct apf_philox {
  uint32_t word[4];
} apf_philox;

/** Block `index` of the sequence (stream, step) under `seed`. */
APF_HOST_DEVICE static inline apf_philox apf_philox_block(uint64_t seed, uint64_t index,
                                                          uint32_t stream, uint32_t step)
{
  uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
  apf_philox x = {{(uint32_t)index, (uint32_t)(index >> 32), stream, step}};
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xD2511F53u * x.word[0];
    const uint64_t p1 = (uint64_t)0xCD9E8D57u * x.word[2];
    const apf_philox next = {{(uint32_t)(p1 >> 32) ^ x.word[1] ^ key0, (uint32_t)p1,
                              (uint32_t)(p0 >> 32) ^ x.word[3] ^ key1, (uint32_t)p0}};
    x = next;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return x;
}

#endif
