/**
 * First-order recurrences inside one vector whose lanes run along time: a scan of affine maps.
 *
 * The map of a sample is v -> a v + x. Composing each lane's map with that of the lane 1, 2, 4, ...
 * before it gives every lane the map from the state before the vector to its own output, in log2 of
 * the lanes steps. Only applying that to the state depends on earlier vectors: one multiply-add
 * and one broadcast for LANES samples. Exact in real arithmetic whatever the coefficients.
 */
#ifndef APF_CPU_SCAN_H
#define APF_CPU_SCAN_H

#include "cpu/lanes.h"

#include "core/context.h"

/** The map v -> gain v + offset, in every lane. */
typedef struct affine {
  svec gain, offset;
} affine;

#define SCAN_STEP(SHIFT, n)                                            \
  m.offset = svec_mul_add(m.gain, SHIFT(m.offset, zero, n), m.offset); \
  m.gain = svec_mul(m.gain, SHIFT(m.gain, one, n));

#if LANES == 2
#define SCAN_STEPS(SHIFT) SCAN_STEP(SHIFT, 1)
#elif LANES == 4
#define SCAN_STEPS(SHIFT) SCAN_STEP(SHIFT, 1) SCAN_STEP(SHIFT, 2)
#elif LANES == 8
#define SCAN_STEPS(SHIFT) SCAN_STEP(SHIFT, 1) SCAN_STEP(SHIFT, 2) SCAN_STEP(SHIFT, 4)
#else
#define SCAN_STEPS(SHIFT) \
  SCAN_STEP(SHIFT, 1) SCAN_STEP(SHIFT, 2) SCAN_STEP(SHIFT, 4) SCAN_STEP(SHIFT, 8)
#endif

/** Lane i: the composition of the maps of lanes 0..i, the last of them applied last. */
static inline affine scan_up(affine m)
{
  const svec zero = svec_of(scalar_of(0)), one = svec_of(scalar_of(1));
  SCAN_STEPS(SVEC_UP)
  return m;
}

/** Lane i: the composition of the maps of lanes LANES-1..i, the first of them applied last. */
static inline affine scan_down(affine m)
{
  const svec zero = svec_of(scalar_of(0)), one = svec_of(scalar_of(1));
  SCAN_STEPS(SVEC_DOWN)
  return m;
}

static inline svec affine_apply(affine m, svec state)
{
  return svec_mul_add(m.gain, state, m.offset);
}

/** Every lane the map of the first (last) lane. */
static inline affine affine_first(affine m)
{
  return (affine){svec_first(m.gain), svec_first(m.offset)};
}

static inline affine affine_last(affine m)
{
  return (affine){svec_last(m.gain), svec_last(m.offset)};
}

/** The map `m` followed by the map `next`. */
static inline affine affine_then(affine m, affine next)
{
  return (affine){svec_mul(next.gain, m.gain), svec_mul_add(next.gain, m.offset, next.offset)};
}

/** The same for scalars: what one sample, or a span of them, does to the state before it. */
typedef struct scalar_affine {
  scalar gain, offset;
} scalar_affine;

static inline scalar scalar_affine_apply(scalar_affine m, scalar state)
{
  return scalar_mul_add(m.gain, state, m.offset);
}

static inline scalar_affine scalar_affine_then(scalar_affine m, scalar_affine next)
{
  return (scalar_affine){scalar_mul(next.gain, m.gain), scalar_affine_apply(next, m.offset)};
}

enum { SCAN_SUMS = 2 };

/**
 * A first-order recurrence over B sequences of T samples. The functions get `arrays` and the
 * sequence's number; spans [from, to) follow each other in time, or in reverse time.
 */
typedef struct scan_operator {
  const void *arrays;
  int64_t B, T;
  int reverse;
  /** The state before the first span. */
  scalar (*start)(const void *arrays, int64_t b);
  /** What a span does to the state; never asked about the first span. */
  scalar_affine (*map)(const void *arrays, int64_t b, int64_t from, int64_t to);
  /** Computes the outputs of a span from the state before it, adds to the sums of the sequence,
   *  returns the state after it. */
  scalar (*run)(const void *arrays, int64_t b, int64_t from, int64_t to, scalar state, wide *sums);
  /** Receives the state after the last span, and the sums. */
  void (*finish)(const void *arrays, int64_t b, scalar state, const wide *sums);
} scan_operator;

/** Runs it on the context's threads: a sequence each, or together on one after the other where the
 *  sequences are few and long. The same number of threads gives the same result. */
apf_status APF_CPU(scan_sequences)(apf_context *ctx, const scan_operator *op);

#endif
