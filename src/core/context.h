/** The context's insides, and how every layer reports errors. */
#ifndef APF_CORE_CONTEXT_H
#define APF_CORE_CONTEXT_H

#include <allpole/core.h>

#include "core/backend.h"

enum { APF_MESSAGE_SIZE = 1024, APF_DESCRIPTION_SIZE = 200 };

/** What a recursion is divided into; benchmarks compare, everything else leaves it to the size. */
typedef enum apf_split { APF_SPLIT_BY_SIZE, APF_SPLIT_SEQUENCES, APF_SPLIT_TIME } apf_split;

struct apf_context {
  const apf_backend_table *table;
  apf_backend backend;
  int threads;
  apf_split split; /**< of the CPU's recursions, where both are possible */
  void *device;    /**< the CUDA backend's own state */
  void *cache; /**< what the backend keeps between calls, such as FFT plans; NULL until needed */
  void (*cache_free)(void *cache); /**< called when the context closes, if cache is not NULL */
  uint64_t seed;
  uint64_t draws; /**< random draws made so far: the counter of the next one */
  void *workspace;
  size_t workspace_bytes;
  uint64_t generation; /**< counts moves of scratch memory, which recorded work would not notice */
  char description[APF_DESCRIPTION_SIZE]; /**< of where it runs; the backend fills it in */
  char message[APF_MESSAGE_SIZE];
};

/**
 * Records the message "function: text" and returns `status`. `ctx` may be NULL (then the thread's
 * own message is set). Usage: return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "M is %d, expected
 * ...", M);
 */
apf_status apf_fail(apf_context *ctx, apf_status status, const char *function, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/** Runs an expression of type apf_status and returns from the caller if it failed. */
#define APF_TRY(expression)                  \
  do {                                       \
    apf_status apf_try_ = (expression);      \
    if (apf_try_ != APF_OK) return apf_try_; \
  } while (0)

/** As APF_TRY, for functions with one cleanup label; needs a variable `status`. */
#define APF_TRY_GOTO(expression, label) \
  do {                                  \
    status = (expression);              \
    if (status != APF_OK) goto label;   \
  } while (0)

/**
 * Scratch memory of the backend, 64-byte aligned, valid until the next call of this function on
 * ctx. It only ever grows, so a repeated step allocates nothing. Operators only: one user at a
 * time.
 */
apf_status apf_workspace(apf_context *ctx, size_t bytes, void **out);

/** Refuses memory that the backend's operators cannot use (host memory on CUDA), naming the
 *  argument. NULL passes: whether it is allowed is another question. */
apf_status apf_check_memory(apf_context *ctx, const char *function, const char *name,
                            const void *memory);

/** a*b*... of sizes that are >= 0 already; -1 when the product does not fit in int64_t. */
int64_t apf_product(int n, const int64_t *sizes);

#endif
