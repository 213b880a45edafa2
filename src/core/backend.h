/**
 * The backend table: what a backend must provide. Nothing above src/ops knows which one runs.
 *
 * ops_real.def and ops_scalar.def list every operator once; the tables, the prototypes of the
 * public functions and of the backends' functions are made from them.
 */
#ifndef APF_CORE_BACKEND_H
#define APF_CORE_BACKEND_H

#include <allpole/core.h>

#define OP(name, arguments) apf_status(*name) arguments;

#define real   float
#define scalar float
typedef struct apf_ops_f32 {
#include "core/ops_real.def"
#include "core/ops_scalar.def"
} apf_ops_f32;
#undef scalar
#define scalar apf_c64
typedef struct apf_ops_c64 {
  const void *unused; /* C wants a member while the list is empty */
#include "core/ops_scalar.def"
} apf_ops_c64;
#undef scalar
#undef real

#define real   double
#define scalar double
typedef struct apf_ops_f64 {
#include "core/ops_real.def"
#include "core/ops_scalar.def"
} apf_ops_f64;
#undef scalar
#define scalar apf_c128
typedef struct apf_ops_c128 {
  const void *unused;
#include "core/ops_scalar.def"
} apf_ops_c128;
#undef scalar
#undef real

#undef OP

typedef struct apf_backend_table {
  const char *name; /**< of the backend and variant: "base", "avx2", "cuda" */
  const apf_ops_f32 *f32;
  const apf_ops_f64 *f64;
  const apf_ops_c64 *c64;
  const apf_ops_c128 *c128;

  /** Memory of the backend, 64-byte aligned, uninitialised. */
  apf_status (*allocate)(apf_context *ctx, size_t bytes, void **out);
  void (*release)(apf_context *ctx, void *memory);
  /** Copies to and from the host; the host memory may be reused when they return. */
  apf_status (*upload)(apf_context *ctx, void *to, const void *from_host, size_t bytes);
  apf_status (*download)(apf_context *ctx, void *to_host, const void *from, size_t bytes);
  apf_status (*copy)(apf_context *ctx, void *to, const void *from, size_t bytes);
  apf_status (*zero)(apf_context *ctx, void *memory, size_t bytes);
  apf_status (*synchronize)(apf_context *ctx);
  /** Refuses memory that operators of ctx cannot use, naming the argument; NULL: any will do. */
  apf_status (*check_memory)(apf_context *ctx, const char *function, const char *name,
                             const void *memory);
  void (*close)(apf_context *ctx);

  /* Recording: what operators enqueue between begin and end is kept instead of run, to be replayed
   * as one launch. NULL where there is nothing to gain. No allocation, upload or download may
   * happen in between. end: the recording, whose owner calls forget; abandon: gives up after a
   * failure in between. */
  apf_status (*record_begin)(apf_context *ctx);
  apf_status (*record_end)(apf_context *ctx, void **recording);
  void (*record_abandon)(apf_context *ctx);
  apf_status (*replay)(apf_context *ctx, void *recording);
  void (*forget)(apf_context *ctx, void *recording);
} apf_backend_table;

/** Each fills ctx->table and ctx->device, or fails with a message in ctx. */
apf_status apf_cpu_open(apf_context *ctx, const apf_context_options *options);
apf_status apf_cuda_open(apf_context *ctx, const apf_context_options *options);

#endif
