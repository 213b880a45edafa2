/**
 * How an operator refuses bad arguments. All checks come before anything is written.
 *
 * The macros need a variable `function`, the public function's name: in it `const char *function =
 * __func__;`, in helpers shared by forward and backward a parameter.
 */
#ifndef APF_OPS_CHECK_H
#define APF_OPS_CHECK_H

/* The order matters: ops.h defines `real` and `scalar` as macros for a moment, precision.h as
 * types. */
#include "ops/ops.h"

#include "core/context.h"
#include "core/precision.h"

#include <inttypes.h>

/** This precision's operator table of the context's backend. */
#define APF_OPS(ctx)         APF_CAT_PLAIN((ctx)->table->, APF_SUFFIX)
#define APF_CAT_PLAIN2(a, b) a b
#define APF_CAT_PLAIN(a, b)  APF_CAT_PLAIN2(a, b)

#define APF_CHECK_CONTEXT(ctx)                                                    \
  do {                                                                            \
    if (!(ctx)) return apf_fail(NULL, APF_ERR_ARGUMENT, function, "ctx is NULL"); \
  } while (0)

/** Size `n` must lie in low..high. */
#define APF_CHECK_RANGE(ctx, n, low, high)                                                  \
  do {                                                                                      \
    if ((n) < (low) || (n) > (high))                                                        \
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,                                      \
                      #n " is %" PRId64 ", expected %" PRId64 " to %" PRId64, (int64_t)(n), \
                      (int64_t)(low), (int64_t)(high));                                     \
  } while (0)

#define APF_CHECK_AT_LEAST(ctx, n, low)                                               \
  do {                                                                                \
    if ((n) < (low))                                                                  \
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,                                \
                      #n " is %" PRId64 ", expected at least %" PRId64, (int64_t)(n), \
                      (int64_t)(low));                                                \
  } while (0)

#define APF_CHECK_POINTER(ctx, pointer)                                                         \
  do {                                                                                          \
    if (!(pointer))                                                                             \
      return apf_fail(ctx, APF_ERR_ARGUMENT, function, #pointer " is NULL, expected an array"); \
    APF_TRY(apf_check_memory(ctx, function, #pointer, pointer));                                \
  } while (0)

/** An array that the host reads, such as sizes. */
#define APF_CHECK_HOST_POINTER(ctx, pointer)                                                    \
  do {                                                                                          \
    if (!(pointer))                                                                             \
      return apf_fail(ctx, APF_ERR_ARGUMENT, function, #pointer " is NULL, expected an array"); \
  } while (0)

/** An array that may be NULL. */
#define APF_CHECK_OPTIONAL(ctx, pointer) APF_TRY(apf_check_memory(ctx, function, #pointer, pointer))

/** Sizes of losses: pred has B rows, target R of them, each for B / R rows one after the other. */
#define APF_CHECK_TARGETS(ctx, B, R, T)                                                  \
  do {                                                                                   \
    APF_CHECK_AT_LEAST(ctx, B, 0);                                                       \
    APF_CHECK_AT_LEAST(ctx, R, 1);                                                       \
    APF_CHECK_AT_LEAST(ctx, T, 0);                                                       \
    APF_CHECK_SIZE(ctx, "pred", B, T);                                                   \
    if ((B) % (R) != 0)                                                                  \
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,                                   \
                      "R is %" PRId64 ", expected a divisor of B = %" PRId64, (R), (B)); \
  } while (0)

/** The bytes of an array of these sizes (already >= 0) must be countable; `what` names it. */
#define APF_CHECK_SIZE(ctx, what, ...)                                                \
  do {                                                                                \
    const int64_t apf_sizes_[] = {(int64_t)sizeof(scalar), __VA_ARGS__};              \
    if (apf_product((int)(sizeof apf_sizes_ / sizeof apf_sizes_[0]), apf_sizes_) < 0) \
      return apf_fail(ctx, APF_ERR_ARGUMENT, function,                                \
                      "the size of %s, " #__VA_ARGS__ ", overflows 64 bits", what);   \
  } while (0)

#endif
