/** Opens a GPU for a context: device, stream, memory, errors. */
#include "cuda/recording.h"

#include <cstdio>
#include <new>

namespace apf_cuda {

/* --- errors ----------------------------------------------------------------------------------- */

apf_status fail(apf_context *ctx, cudaError_t error, const char *function, const char *what)
{
  cudaGetLastError(); /* reported here: the next launch must not find it again */
  const apf_status status = error == cudaErrorMemoryAllocation ? APF_ERR_MEMORY : APF_ERR_CUDA;
  return apf_fail(ctx, status, function, "%s: %s (%s)", what, cudaGetErrorString(error),
                  cudaGetErrorName(error));
}

apf_status fail(apf_context *ctx, cublasStatus_t error, const char *function, const char *what)
{
  return apf_fail(ctx, APF_ERR_CUDA, function, "%s: %s", what, cublasGetStatusString(error));
}

apf_status fail_launch(apf_context *ctx, cudaError_t error, const char *kernel, dim3 grid,
                       dim3 block, size_t shared_bytes)
{
  cudaGetLastError();
  return apf_fail(ctx, APF_ERR_CUDA, kernel,
                  "grid %ux%ux%u, block %ux%ux%u, %zu bytes of shared memory: %s (%s)", grid.x,
                  grid.y, grid.z, block.x, block.y, block.z, shared_bytes,
                  cudaGetErrorString(error), cudaGetErrorName(error));
}

/* --- memory ----------------------------------------------------------------------------------- */

static apf_status allocate(apf_context *ctx, size_t bytes, void **out)
{
  const OnDevice scope(ctx);
  *out = nullptr;
  const cudaError_t error = cudaMalloc(out, bytes ? bytes : 1);
  if (error == cudaSuccess) return APF_OK;
  cudaGetLastError(); /* an allocation that failed leaves the device usable */
  return apf_fail(ctx, APF_ERR_MEMORY, __func__, "cannot allocate %zu bytes on device %d: %s",
                  bytes, device(ctx)->number, cudaGetErrorString(error));
}

static void release(apf_context *ctx, void *memory)
{
  const OnDevice scope(ctx);
  cudaFree(memory);
}

static apf_status move(apf_context *ctx, void *to, const void *from, size_t bytes,
                       cudaMemcpyKind kind)
{
  if (bytes == 0) return APF_OK;
  const OnDevice scope(ctx);
  APF_CUDA_TRY(ctx, cudaMemcpyAsync(to, from, bytes, kind, stream(ctx)));
  return APF_OK;
}

static apf_status synchronize(apf_context *ctx)
{
  APF_CUDA_TRY(ctx, cudaStreamSynchronize(stream(ctx)));
  return APF_OK;
}

static apf_status upload(apf_context *ctx, void *to, const void *from_host, size_t bytes)
{
  APF_TRY(move(ctx, to, from_host, bytes, cudaMemcpyHostToDevice));
  return synchronize(ctx);
}

static apf_status download(apf_context *ctx, void *to_host, const void *from, size_t bytes)
{
  APF_TRY(move(ctx, to_host, from, bytes, cudaMemcpyDeviceToHost));
  return synchronize(ctx);
}

static apf_status copy(apf_context *ctx, void *to, const void *from, size_t bytes)
{
  return move(ctx, to, from, bytes, cudaMemcpyDeviceToDevice);
}

static apf_status zero(apf_context *ctx, void *memory, size_t bytes)
{
  if (bytes == 0) return APF_OK;
  const OnDevice scope(ctx);
  APF_CUDA_TRY(ctx, cudaMemsetAsync(memory, 0, bytes, stream(ctx)));
  return APF_OK;
}

/** Kernels are given nothing but memory of their own device: elsewhere they would fault. */
static apf_status check_memory(apf_context *ctx, const char *function, const char *name,
                               const void *memory)
{
  cudaPointerAttributes attributes = {};
  APF_CUDA_TRY(ctx, cudaPointerGetAttributes(&attributes, memory));
  const int expected = device(ctx)->number;
  if (attributes.type == cudaMemoryTypeManaged) return APF_OK;
  if (attributes.type != cudaMemoryTypeDevice)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "%s is memory of the host, expected memory of CUDA device %d", name, expected);
  if (attributes.device != expected)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "%s is memory of CUDA device %d, expected of device %d", name,
                    attributes.device, expected);
  return APF_OK;
}

apf_status flags(apf_context *ctx, size_t count, uint32_t **out)
{
  Device *d = device(ctx);
  if (count > d->flag_count) {
    void *larger = nullptr;
    APF_TRY(allocate(ctx, count * sizeof(uint32_t), &larger));
    const apf_status status = zero(ctx, larger, count * sizeof(uint32_t));
    if (status != APF_OK) {
      release(ctx, larger);
      return status;
    }
    release(ctx, d->flags);
    d->flags = static_cast<uint32_t *>(larger);
    d->flag_count = count;
    ctx->generation++;
  }
  *out = d->flags;
  return APF_OK;
}

/** What cuBLAS recommends on compute capability 9. */
enum { BLAS_SCRATCH_BYTES = 32 << 20 };

apf_status blas(apf_context *ctx, cublasHandle_t *out)
{
  Device *d = device(ctx);
  /* Its own scratch memory would be allocated, and tied to the stream, behind our back. */
  if (!d->blas_scratch) APF_TRY(allocate(ctx, BLAS_SCRATCH_BYTES, &d->blas_scratch));
  if (!d->blas) APF_CUDA_TRY(ctx, cublasCreate(&d->blas));
  APF_CUDA_TRY(ctx, cublasSetStream(d->blas, d->stream));
  APF_CUDA_TRY(ctx, cublasSetWorkspace(d->blas, d->blas_scratch, BLAS_SCRATCH_BYTES));
  *out = d->blas;
  return APF_OK;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void close(apf_context *ctx)
{
  const OnDevice scope(ctx);
  Device *d = device(ctx);
  cudaStreamSynchronize(d->stream);
  if (d->blas) cublasDestroy(d->blas);
  cudaFree(d->blas_scratch);
  cudaFree(d->flags);
  if (d->owns_stream) cudaStreamDestroy(d->stream);
  delete d;
}

extern const apf_ops_f32 ops_f32;
extern const apf_ops_f64 ops_f64;
extern const apf_ops_c64 ops_c64;
extern const apf_ops_c128 ops_c128;

static const apf_backend_table table = {
    "cuda",       &ops_f32,   &ops_f64,       &ops_c64, &ops_c128,   allocate,     release,
    upload,       download,   copy,           zero,     synchronize, check_memory, close,
    record_begin, record_end, record_abandon, replay,   forget,
};

static apf_status describe(apf_context *ctx)
{
  const int number = device(ctx)->number;
  cudaDeviceProp properties = {};
  int driver = 0, runtime = 0;
  APF_CUDA_TRY(ctx, cudaGetDeviceProperties(&properties, number));
  APF_CUDA_TRY(ctx, cudaDriverGetVersion(&driver));
  APF_CUDA_TRY(ctx, cudaRuntimeGetVersion(&runtime));
  std::snprintf(ctx->description, sizeof ctx->description,
                "%.100s, device %d, compute capability %d.%d, driver for CUDA %d.%d, CUDA %d.%d",
                properties.name, number, properties.major, properties.minor, driver / 1000,
                driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
  return APF_OK;
}

static apf_status open_device(apf_context *ctx, const apf_context_options *options, Device *d)
{
  static const char *const function = "apf_context_create";
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0)
    return apf_fail(ctx, APF_ERR_NO_DEVICE, function, "no usable GPU: %s",
                    error != cudaSuccess ? cudaGetErrorString(error) : "the driver lists none");
  if (options->device < 0 || options->device >= count)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "options.device is %d, expected 0 to %d",
                    options->device, count - 1);
  d->number = options->device;
  ctx->device = d;
  const OnDevice scope(ctx);
  int shared_bytes = 0;
  APF_CUDA_TRY(
      ctx, cudaDeviceGetAttribute(&d->multiprocessors, cudaDevAttrMultiProcessorCount, d->number));
  APF_CUDA_TRY(ctx, cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin,
                                           d->number));
  APF_CUDA_TRY(ctx, cudaDeviceGetAttribute(&d->cache_bytes, cudaDevAttrL2CacheSize, d->number));
  d->shared_bytes = static_cast<size_t>(shared_bytes);
  d->stream = static_cast<cudaStream_t>(options->stream);
  if (!d->stream) {
    APF_CUDA_TRY(ctx, cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking));
    d->owns_stream = true;
  }
  return describe(ctx);
}

}  // namespace apf_cuda

extern "C" apf_status apf_cuda_open(apf_context *ctx, const apf_context_options *options)
{
  using namespace apf_cuda;
  Device *d = new (std::nothrow) Device();
  if (!d) return apf_fail(ctx, APF_ERR_MEMORY, "apf_context_create", "no memory for a context");
  const apf_status status = open_device(ctx, options, d);
  if (status != APF_OK) {
    ctx->device = nullptr;
    delete d;
    return status;
  }
  ctx->table = &table;
  return APF_OK;
}
