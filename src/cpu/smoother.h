/** The step of attack and release smoothing, for lanes that are sequences or spans of time. */
#ifndef APF_CPU_SMOOTHER_H
#define APF_CPU_SMOOTHER_H

#include "cpu/simd.h"

/* The state is double for float signals too: rounding it to float in every sample would add up over
 * a slow release's time constant. SIMD_LANES of them are one vector for double signals, two for
 * float ones. */
typedef double vdouble __attribute__((vector_size(SIMD_BYTES)));
enum { PARTS = SIMD_LANES * (int)sizeof(double) / SIMD_BYTES };

/* Between one vector of floats and its halves as doubles; written out for AVX, where compilers go
 * by way of memory. */
static inline void widen(vreal lanes, vdouble *parts)
{
#if APF_REAL_IS_FLOAT && defined(__AVX__)
  parts[0] = _mm256_cvtps_pd(_mm256_castps256_ps128((__m256)lanes));
  parts[1] = _mm256_cvtps_pd(_mm256_extractf128_ps((__m256)lanes, 1));
#elif APF_REAL_IS_FLOAT
  for (int i = 0; i < SIMD_LANES; i++) parts[i / 2][i % 2] = (double)lanes[i];
#else
  parts[0] = lanes;
#endif
}

static inline vreal narrow(const vdouble *parts)
{
#if APF_REAL_IS_FLOAT && defined(__AVX__)
  return (vreal)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(parts[0])),
                                     _mm256_cvtpd_ps(parts[1]), 1);
#elif APF_REAL_IS_FLOAT
  vreal lanes;
  for (int i = 0; i < SIMD_LANES; i++) lanes[i] = (float)parts[i / 2][i % 2];
  return lanes;
#else
  return parts[0];
#endif
}

/** u < v ? a : b. Compilers turn the plain expression into a jump, which is mispredicted often. */
static inline vdouble choose_below(vdouble u, vdouble v, vdouble a, vdouble b)
{
#if defined(__AVX512VL__)
  return _mm256_mask_blend_pd(_mm256_cmp_pd_mask(u, v, _CMP_LT_OQ), b, a);
#elif defined(__AVX__)
  return _mm256_blendv_pd(b, a, _mm256_cmp_pd(u, v, _CMP_LT_OQ));
#else
  typedef int64_t mask __attribute__((vector_size(SIMD_BYTES)));
  const mask below = u < v;
  return (vdouble)(((mask)a & below) | ((mask)b & ~below));
#endif
}

typedef struct smoother {
  vdouble at, rt, keep_at, keep_rt, state;
} smoother;

static inline smoother make_smoother(vdouble zi, vdouble at, vdouble rt)
{
  return (smoother){at, rt, 1 - at, 1 - rt, zi};
}

static inline vdouble smoother_step(smoother *s, vdouble x)
{
  s->state = choose_below(x, s->state, s->keep_at * s->state + s->at * x,
                          s->keep_rt * s->state + s->rt * x);
  return s->state;
}

static inline vdouble repeat(double value)
{
  return value - (vdouble){0};
}

#endif
