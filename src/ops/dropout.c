/**
 * Shapes, checks and dispatch of dropout.
 *
 *   y[i] = x[i] m[i],  m[i] = 0 with probability `rate`, else 1 / (1 - rate)
 *
 * The mask is a function of seed, stream, step[0] and i alone (core/philox.h): backward with the
 * same four uses the same mask. `step` (1) lies in the backend's memory, so that a recorded step
 * can be replayed with another value; it holds a whole number from 0. y may equal x, dx dy.
 */
#include "ops/check.h"

static apf_status check(apf_context *ctx, const char *function, int64_t N, double rate)
{
  APF_CHECK_CONTEXT(ctx);
  APF_CHECK_AT_LEAST(ctx, N, 0);
  APF_CHECK_SIZE(ctx, "x", N);
  if (!(rate >= 0 && rate < 1))
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "rate is %g, expected 0 <= rate < 1", rate);
  return APF_OK;
}

apf_status APF_FN(apf_dropout_forward)(apf_context *ctx, int64_t N, double rate, uint64_t seed,
                                       uint32_t stream, const real *step, const real *x, real *y)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, N, rate));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, step);
  APF_CHECK_POINTER(ctx, x);
  APF_CHECK_POINTER(ctx, y);
  return APF_OPS(ctx)->dropout_forward(ctx, N, rate, seed, stream, step, x, y);
}

apf_status APF_FN(apf_dropout_backward)(apf_context *ctx, int64_t N, double rate, uint64_t seed,
                                        uint32_t stream, const real *step, const real *dy, real *dx)
{
  const char *function = __func__;
  APF_TRY(check(ctx, function, N, rate));
  if (N == 0) return APF_OK;
  APF_CHECK_POINTER(ctx, step);
  APF_CHECK_POINTER(ctx, dy);
  APF_CHECK_POINTER(ctx, dx);
  return APF_OPS(ctx)->dropout_backward(ctx, N, rate, seed, stream, step, dy, dx);
}
