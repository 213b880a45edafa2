#include "core/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

static _Thread_local char thread_message[APF_MESSAGE_SIZE];

apf_status apf_fail(apf_context *ctx, apf_status status, const char *function, const char *format,
                    ...)
{
  /* Formatted aside first: an argument may be the old message itself. */
  char text[APF_MESSAGE_SIZE];
  int used = snprintf(text, sizeof text, "%s: ", function);
  if (used < 0 || (size_t)used >= sizeof text) used = 0;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
  va_end(arguments);
  memcpy(ctx ? ctx->message : thread_message, text, sizeof text);
  return status;
}

const char *apf_last_error(const apf_context *ctx)
{
  return ctx ? ctx->message : thread_message;
}

const char *apf_status_string(apf_status status)
{
  switch (status) {
    case APF_OK: return "no error";
    case APF_ERR_ARGUMENT: return "an argument is outside what the function accepts";
    case APF_ERR_MEMORY: return "not enough memory";
    case APF_ERR_NOT_COMPILED:
      return "this build of the library does not contain what was asked for";
    case APF_ERR_NO_DEVICE: return "no usable GPU";
    case APF_ERR_CUDA: return "a CUDA call or kernel failed";
    case APF_ERR_FILE: return "a file cannot be opened, read or written";
    case APF_ERR_FORMAT: return "a file's contents are not what they should be";
    case APF_ERR_MISMATCH: return "two inputs that must agree do not";
    case APF_ERR_NOT_FINITE: return "a value is not a number or infinite";
    case APF_ERR_STATE: return "the function was called at the wrong moment";
    case APF_ERR_INTERRUPTED: return "stopped by request";
  }
  return "unknown status";
}

void apf_context_options_init(apf_context_options *options)
{
  if (!options) return;
  memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
  options->backend = APF_CPU;
  options->simd = APF_SIMD_AUTO;
}

static int available_threads(void)
{
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

apf_status apf_context_create(const apf_context_options *options, apf_context **out)
{
  apf_context_options chosen;
  apf_context_options_init(&chosen);
  thread_message[0] = '\0';
  if (!out) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "out is NULL");
  *out = NULL;
  if (options) {
    /* A caller compiled against an older, shorter struct keeps the defaults for what it lacks. */
    if (options->struct_size < sizeof(size_t) || options->struct_size > sizeof chosen)
      return apf_fail(
          NULL, APF_ERR_ARGUMENT, __func__,
          "options.struct_size is %zu, expected at most %zu; call apf_context_options_init",
          options->struct_size, sizeof chosen);
    memcpy(&chosen, options, options->struct_size);
  }
  if (chosen.threads < 0)
    return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "options.threads is %d, expected >= 0",
                    chosen.threads);

  apf_context *ctx = calloc(1, sizeof *ctx);
  if (!ctx)
    return apf_fail(NULL, APF_ERR_MEMORY, __func__, "cannot allocate %zu bytes", sizeof *ctx);
  ctx->backend = chosen.backend;
  ctx->threads = chosen.threads > 0 ? chosen.threads : available_threads();
  ctx->seed = chosen.seed;

  apf_status status = APF_OK;
  switch (chosen.backend) {
    case APF_CPU: status = apf_cpu_open(ctx, &chosen); break;
    case APF_CUDA: status = apf_cuda_open(ctx, &chosen); break;
    default:
      status = apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                        "options.backend is %d, expected APF_CPU or APF_CUDA", (int)chosen.backend);
  }
  if (status != APF_OK) {
    memcpy(thread_message, ctx->message, sizeof thread_message);
    free(ctx);
    return status;
  }
  *out = ctx;
  return APF_OK;
}

void apf_context_destroy(apf_context *ctx)
{
  if (!ctx) return;
  if (ctx->workspace) ctx->table->release(ctx, ctx->workspace);
  if (ctx->cache) ctx->cache_free(ctx->cache);
  ctx->table->close(ctx);
  free(ctx);
}

apf_backend apf_context_backend(const apf_context *ctx)
{
  return ctx->backend;
}

int apf_context_threads(const apf_context *ctx)
{
  return ctx->threads;
}

const char *apf_context_simd(const apf_context *ctx)
{
  return ctx->table->name;
}

const char *apf_context_description(const apf_context *ctx)
{
  return ctx->description;
}

apf_status apf_synchronize(apf_context *ctx)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  return ctx->table->synchronize(ctx);
}

apf_status apf_workspace(apf_context *ctx, size_t bytes, void **out)
{
  if (bytes > ctx->workspace_bytes) {
    void *larger = NULL;
    APF_TRY(ctx->table->allocate(ctx, bytes, &larger));
    if (ctx->workspace) ctx->table->release(ctx, ctx->workspace);
    ctx->workspace = larger;
    ctx->workspace_bytes = bytes;
    ctx->generation++;
  }
  *out = ctx->workspace;
  return APF_OK;
}

int64_t apf_product(int n, const int64_t *sizes)
{
  int64_t product = 1;
  for (int i = 0; i < n; i++)
    if (sizes[i] == 0) return 0;
  for (int i = 0; i < n; i++)
    if (__builtin_mul_overflow(product, sizes[i], &product)) return -1;
  return product;
}
