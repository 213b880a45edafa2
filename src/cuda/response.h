/**
 * Frequency responses applied to the spectra of many frames, and their gradients; equations in
 * src/cpu/response.h, docs/frequency_filter.md and docs/phaser_response.md.
 *
 * Spectra are (frames, K, 2) with K = n_fft / 2 + 1. `within` says that they lie between STFT and
 * inverse: then what is written has the real first and last bin that a transform back wants, and
 * for the parameters' gradients, not for dX, each bin between the two counts twice.
 */
#ifndef APF_CUDA_RESPONSE_H
#define APF_CUDA_RESPONSE_H

#include "cuda/cuda.h"

namespace apf_cuda {

/** H = B / A: rows of Kb and Ka coefficients, one of each for a frame. */
template <class real>
struct Rational {
  int64_t Kb, Ka;
  const real *b, *a;
};

/** Y = X H; Y may be X. */
template <class real>
apf_status rational_apply(apf_context *ctx, int64_t n_fft, int64_t frames,
                          const Rational<real> &filter, bool within, const real *X, real *Y);

/** Reals of scratch that rational_gradient needs for a frame. */
int64_t rational_room(int64_t n_fft, int64_t Kb, int64_t Ka);

/** dX (may be dY), db, da: each may be NULL; X is not read if both db and da are. */
template <class real>
apf_status rational_gradient(apf_context *ctx, int64_t n_fft, int64_t frames,
                             const Rational<real> &filter, bool within, const real *dY,
                             const real *X, real *dX, real *db, real *da, real *room);

/** Four all-passes with feedback and a biquad. p[B,F] is a frame's; g1[B], g2[B], b[B,3], a[B,3]
 *  are a row's. Frame 0 of a call is frame `first` of the B x F. */
template <class real>
struct Phaser {
  int64_t F, first;
  const real *p, *g1, *g2, *b, *a;
};

/** Gradients of one frame in the order p, then PHASER_SHARED of what a row shares: g1, g2, b, a. */
enum { PHASER_SHARED = 8 };

template <class real>
apf_status phaser_apply(apf_context *ctx, int64_t n_fft, int64_t frames, const Phaser<real> &phaser,
                        bool within, const real *X, real *Y);

/** As rational_gradient. dp[B,F] may be NULL; shared is (PHASER_SHARED, all_frames), each frame's
 *  own part, for phaser_gradients_sum; NULL if neither is wanted. */
template <class real>
apf_status phaser_gradient(apf_context *ctx, int64_t n_fft, int64_t frames,
                           const Phaser<real> &phaser, bool within, const real *dY, const real *X,
                           real *dX, real *dp, int64_t all_frames, real *shared);

/** Sums over the F frames of a row, in double: dg1[B], dg2[B], db[B,3], da[B,3]; each may be NULL.
 */
template <class real>
apf_status phaser_gradients_sum(apf_context *ctx, int64_t B, int64_t F, const real *shared,
                                real *dg1, real *dg2, real *db, real *da);

}  // namespace apf_cuda

#endif
