/**
 * STFT, a response per frame, inverse STFT: in one pass over the frames, so that no spectrum of
 * the whole signal exists. What stft_filter and stft_phaser have in common.
 */
#ifndef APF_CPU_STFT_RESPONSE_H
#define APF_CPU_STFT_RESPONSE_H

#include "cpu/response.h"
#include "cpu/stft_frames.h"

typedef struct stft_response {
  const void *user; /* what the functions below need to know */
  /** X <- X H, for frame f of a row. */
  void (*apply)(const void *user, const response_grid *grid, int64_t row, int64_t f, real *X);
  /** dY <- dY conj(H). With X, also gradients of the parameters, into `shared` or elsewhere;
   *  room: `room` values of the thread's own. */
  void (*gradient)(const void *user, const response_grid *grid, int64_t row, int64_t f,
                   const real *X, real *dY, real *shared, real *room);
  int64_t room;
} stft_response;

apf_status APF_CPU(stft_response_forward)(apf_context *ctx, const stft_shape *shape,
                                          const stft_response *response, const real *x, real *y);

/** dx may be NULL; x is NULL where no parameter's gradient is wanted. *shared: room for that many
 *  reals, valid until the next operator. */
apf_status APF_CPU(stft_response_backward)(apf_context *ctx, const stft_shape *shape,
                                           const stft_response *response, int64_t shared_room,
                                           const real *dy, const real *x, real *dx, real **shared);

#endif
