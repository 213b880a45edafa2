/**
 * The widest vector of this instruction set as a type with the plain operators (gcc's and clang's
 * vector extension), for kernels that hold tiles in registers. Arrays of vec are 64-byte aligned
 * where they come from the workspace.
 */
#ifndef APF_CPU_VECTOR_H
#define APF_CPU_VECTOR_H

#include "core/precision.h"

#if defined(__AVX512F__)
#define VEC_BYTES 64
#elif defined(__AVX2__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif

enum { VEC_LANES = VEC_BYTES / (int)sizeof(real) };

/* may_alias: arrays of real are read and written through it. */
typedef real vec __attribute__((vector_size(VEC_BYTES), may_alias));

#define APF_INLINE   static inline __attribute__((always_inline))
#define APF_NOINLINE __attribute__((noinline))

/** n rounded up to whole vectors. */
static inline int64_t vec_round_up(int64_t n)
{
  return (n + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
}

#endif
