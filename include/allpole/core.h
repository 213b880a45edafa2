/**
 * allpole: differentiable time-varying all-pole filters. Context, status codes, versions.
 *
 * Conventions of every header here
 *   - Fallible functions return apf_status; APF_OK is 0. The message, with the offending value and
 *     what was expected, is in the context: apf_last_error().
 *   - The context comes first. It owns backend, threads, stream, workspace and random state;
 * contexts share nothing, so one context per thread needs no locks. One context must not be used by
 * two threads at the same time.
 *   - Arrays are dense and row-major, batch first. Sizes are int64_t. A size of zero is valid:
 * nothing is done, and the pointers may be NULL.
 *   - The library never prints, exits or aborts.
 */
#ifndef ALLPOLE_CORE_H
#define ALLPOLE_CORE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define APF_API        __attribute__((visibility("default")))
#define APF_MUST_CHECK __attribute__((warn_unused_result))
#else
#define APF_API
#define APF_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define APF_VERSION_MAJOR 0
#define APF_VERSION_MINOR 1
#define APF_VERSION_PATCH 0

/** Numbers are part of the ABI: retired codes keep theirs. */
typedef enum apf_status {
  APF_OK = 0,
  APF_ERR_ARGUMENT = 1,     /**< a size, pointer, name or value outside what is documented */
  APF_ERR_MEMORY = 2,       /**< an allocation failed */
  APF_ERR_NOT_COMPILED = 3, /**< the library was built without what was asked for */
  APF_ERR_NO_DEVICE = 4,    /**< no usable GPU; the message has the driver's words */
  APF_ERR_CUDA = 5,         /**< a CUDA call or kernel failed; later calls may fail as well */
  APF_ERR_FILE = 6,         /**< a file cannot be opened, read or written */
  APF_ERR_FORMAT = 7,       /**< a file's contents are not what they should be */
  APF_ERR_MISMATCH = 8,     /**< two inputs that must agree do not (rate, length, effect, ...) */
  APF_ERR_NOT_FINITE = 9,   /**< NaN or infinity in data, loss or gradient */
  APF_ERR_STATE = 10,       /**< a call at the wrong moment, such as backward before forward */
  APF_ERR_INTERRUPTED = 11  /**< a callback asked to stop */
} apf_status;

typedef enum apf_dtype { APF_F32 = 0, APF_F64 = 1, APF_C64 = 2, APF_C128 = 3 } apf_dtype;

/** Complex numbers, laid out as C's float _Complex and C++'s std::complex<float>. */
typedef struct apf_c64 {
  float re, im;
} apf_c64;
typedef struct apf_c128 {
  double re, im;
} apf_c128;

typedef enum apf_backend { APF_CPU = 0, APF_CUDA = 1 } apf_backend;

/** Instruction sets of the CPU kernels; AUTO takes the widest that was built and that runs here. */
typedef enum apf_simd {
  APF_SIMD_AUTO = 0,
  APF_SIMD_BASE = 1, /**< the compiler's default for the architecture (SSE2, NEON, ...) */
  APF_SIMD_AVX2 = 2,
  APF_SIMD_AVX512 = 3
} apf_simd;

typedef struct apf_context apf_context;

/** Initialise with apf_context_options_init(), then change what matters. */
typedef struct apf_context_options {
  size_t struct_size; /**< set by the init function */
  apf_backend backend;
  apf_simd simd;
  int threads;   /**< CPU threads per call; 0: as many as the process may use */
  int device;    /**< CUDA device number */
  void *stream;  /**< a caller's cudaStream_t; NULL: the context makes its own */
  uint64_t seed; /**< of every random draw made through the context */
} apf_context_options;

APF_API void apf_context_options_init(apf_context_options *options);

/**
 * Creates a context. @param options NULL for the defaults (CPU, all threads, seed 0).
 * @return APF_OK; APF_ERR_ARGUMENT (NULL out, unknown backend, negative threads, unsupported simd),
 *         APF_ERR_MEMORY, APF_ERR_NOT_COMPILED, APF_ERR_NO_DEVICE, APF_ERR_CUDA. *out is NULL then;
 *         apf_last_error(NULL) has the message for the calling thread.
 */
APF_API APF_MUST_CHECK apf_status apf_context_create(const apf_context_options *options,
                                                     apf_context **out);
/** Waits for the stream, frees everything. NULL is allowed. */
APF_API void apf_context_destroy(apf_context *ctx);

/** Message of the last failed call with this context ("" if none); with NULL, of the last failed
 *  call without a context in this thread. Valid until the next call. */
APF_API const char *apf_last_error(const apf_context *ctx);

/** One sentence for a code; never NULL. */
APF_API const char *apf_status_string(apf_status status);

APF_API apf_backend apf_context_backend(const apf_context *ctx);
APF_API int apf_context_threads(const apf_context *ctx);
/** "base", "avx2" or "avx512": what the CPU kernels of this context use; "cuda". */
APF_API const char *apf_context_simd(const apf_context *ctx);
/** Where it runs, for reports: "avx512 kernels, 2 threads", or the GPU's name, number, compute
 *  capability, driver and CUDA versions. Lives as long as ctx. */
APF_API const char *apf_context_description(const apf_context *ctx);

/** Waits until everything that was enqueued is done, and reports errors that surfaced meanwhile. */
APF_API APF_MUST_CHECK apf_status apf_synchronize(apf_context *ctx);

/* --- memory of the backend ----------------------------------------------------------------------
 */
/* Operators read and write the memory of the context's backend: any host memory on the CPU, memory
 * of the context's own device on CUDA (cudaMalloc, a framework's tensors, or these functions, which
 * spare a program that runs on either backend the CUDA headers). Operators refuse host memory and
 * memory of another device on a CUDA context. */

/** `bytes` of uninitialised memory, 64-byte aligned; APF_ERR_MEMORY. To be released with a context
 *  of the same backend and device. Waits for the device, so not for inner loops. */
APF_API APF_MUST_CHECK apf_status apf_allocate(apf_context *ctx, size_t bytes, void **out);
/** NULL is allowed. */
APF_API void apf_release(apf_context *ctx, void *memory);
/** Copies from and to the host; the host's memory may be reused when they return. */
APF_API APF_MUST_CHECK apf_status apf_upload(apf_context *ctx, void *to, const void *from_host,
                                             size_t bytes);
APF_API APF_MUST_CHECK apf_status apf_download(apf_context *ctx, void *to_host, const void *from,
                                               size_t bytes);
/** Copies within the backend's memory; enqueued like an operator. */
APF_API APF_MUST_CHECK apf_status apf_copy(apf_context *ctx, void *to, const void *from,
                                           size_t bytes);

/** "MAJOR.MINOR.PATCH" of the library that runs (the macros are those that were compiled against).
 */
APF_API const char *apf_version(void);

/** What this build holds, for bug reports: "backends=cpu simd=base,avx2,avx512 openmp=201511 ...".
 *  Space-separated key=value pairs; valid for the life of the process. */
APF_API const char *apf_build_info(void);

#ifdef __cplusplus
}
#endif
#endif
