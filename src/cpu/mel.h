/**
 * Triangular filters on a mel scale, applied to one frame's bins. Every bin lies on one rising and
 * one falling slope: the bank is two weights per bin, not a matrix.
 */
#ifndef APF_CPU_MEL_H
#define APF_CPU_MEL_H

#include "core/context.h"
#include "core/precision.h"

typedef enum mel_kind {
  MEL_HTK,   /* 2595 log10(1 + f/700); filters peak at 1 */
  MEL_SLANEY /* linear below 1 kHz, logarithmic above; filters of equal area */
} mel_kind;

typedef struct mel_bank {
  int64_t K, bands;
  int32_t *band; /* K: of the rising slope; bands if there is none */
  real *rise;    /* K: weight in that band */
  real *fall;    /* K: weight in the band below */
} mel_bank;

/** Room for a bank, in reals. */
int64_t APF_CPU(mel_room)(int64_t K);

/** Fills a bank of filters between low and high (Hz) for bins 0..K-1 from 0 Hz to rate / 2. */
mel_bank APF_CPU(mel_fill)(mel_kind kind, int64_t K, int64_t bands, double rate, double low,
                           double high, real *room);

/** out[1 + m] = sum_k weight[m,k] s[k], m < bands; out[0] and out[bands + 1] are scratch. */
void APF_CPU(mel_apply)(const mel_bank *bank, const real *s, real *out);
/** ds[k] = sum_m weight[m,k] d_out[1 + m]; d_out[0] and d_out[bands + 1] must be finite. */
void APF_CPU(mel_adjoint)(const mel_bank *bank, const real *d_out, real *ds);

#endif
