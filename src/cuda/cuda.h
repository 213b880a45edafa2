/**
 * What every file of the CUDA backend shares: operators, the device behind a context, launches.
 *
 * A file src/cuda/X.cu holds kernels, then one function template per entry of src/core/ops_*.def,
 *
 *   template <class real>
 *   apf_status fir_forward(apf_context *ctx, int64_t B, ...)
 *   {
 *     APF_CUDA_TRY(ctx, cudaMemsetAsync(...));
 *     return APF_LAUNCH(ctx, fir_forward_kernel<real>, grid, block, shared_bytes, B, ...);
 *   }
 *   APF_INSTANTIATE_REAL(fir_forward);
 *
 * which is enqueued on the context's stream: no synchronisation, no allocation but in
 * apf_workspace. The same files are compiled by nvcc, and as plain C++ over tests/cuda_on_cpu,
 * which has a cuda_runtime.h, an apf_device.h etc. of its own; there is no #ifdef for it here.
 */
#ifndef APF_CUDA_CUDA_H
#define APF_CUDA_CUDA_H

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <apf_device.h>

#include <cstdint>

extern "C" {
#include "core/context.h"
}

namespace apf_cuda {

/* --- operators: apf_cuda::fir_forward<float> and so on -----------------------------------------
 */

#define OP(name, arguments) \
  template <class real>     \
  apf_status name arguments;
#include "core/ops_real.def"
#undef OP
#define OP(name, arguments) \
  template <class scalar>   \
  apf_status name arguments;
#include "core/ops_scalar.def"
#undef OP

/** After a template's definition: its two, or with complex numbers four, types. */
#define APF_INSTANTIATE_REAL(name)            \
  template decltype(name<float>) name<float>; \
  template decltype(name<double>) name<double>
#define APF_INSTANTIATE_SCALAR(name)              \
  APF_INSTANTIATE_REAL(name);                     \
  template decltype(name<apf_c64>) name<apf_c64>; \
  template decltype(name<apf_c128>) name<apf_c128>

/* --- the device behind a context ---------------------------------------------------------------
 */

struct Device {
  int number;
  cudaStream_t stream;
  bool owns_stream;
  cublasHandle_t blas; /**< created at the first use: see blas() */
  void *blas_scratch;
  int multiprocessors;
  size_t shared_bytes; /**< most dynamic shared memory of a block */
  int cache_bytes;     /**< of the cache before global memory */
  uint32_t *flags;     /**< see flags() */
  size_t flag_count;
};

inline Device *device(const apf_context *ctx)
{
  return static_cast<Device *>(ctx->device);
}
inline cudaStream_t stream(const apf_context *ctx)
{
  return device(ctx)->stream;
}

/** Makes the context's device the thread's current one, and restores the caller's at the end of the
 *  scope: a program or framework may work on several devices in one thread. */
class OnDevice {
 public:
  explicit OnDevice(const apf_context *ctx)
  {
    const int wanted = device(ctx)->number;
    if (cudaGetDevice(&before_) != cudaSuccess || before_ == wanted) return;
    moved_ = cudaSetDevice(wanted) == cudaSuccess;
  }
  OnDevice(const OnDevice &) = delete;
  OnDevice &operator=(const OnDevice &) = delete;
  ~OnDevice()
  {
    if (moved_) cudaSetDevice(before_);
  }

 private:
  int before_ = 0;
  bool moved_ = false;
};

/** The context's cuBLAS handle, bound to its stream. */
apf_status blas(apf_context *ctx, cublasHandle_t *out);

/**
 * At least `count` words of device memory that are zero. Who uses them leaves them zero at the end
 * of the kernel (the last block clears what it used), so that flags of a look-back or tickets cost
 * no launch of their own and a captured graph can be replayed.
 */
apf_status flags(apf_context *ctx, size_t count, uint32_t **out);

/* --- errors ------------------------------------------------------------------------------------
 */

apf_status fail(apf_context *ctx, cudaError_t error, const char *function, const char *what);
apf_status fail(apf_context *ctx, cublasStatus_t error, const char *function, const char *what);

/** Runs a call of the CUDA runtime or of cuBLAS; returns APF_ERR_CUDA from the caller if it fails,
 *  with the call and CUDA's words in the message. */
#define APF_CUDA_TRY(ctx, call)                                \
  do {                                                         \
    const auto apf_error_ = (call);                            \
    if (static_cast<int>(apf_error_) != 0)                     \
      return apf_cuda::fail(ctx, apf_error_, __func__, #call); \
  } while (0)

/* --- launches ----------------------------------------------------------------------------------
 */

/** Kernel and shape of a launch that was refused. */
apf_status fail_launch(apf_context *ctx, cudaError_t error, const char *kernel, dim3 grid,
                       dim3 block, size_t shared_bytes);

template <class... Parameters, class... Arguments>
apf_status launch(apf_context *ctx, const char *name, void (*kernel)(Parameters...), dim3 grid,
                  dim3 block, size_t shared_bytes, Arguments... arguments)
{
  enum { WITHOUT_ASKING = 48 * 1024 };
  cudaError_t error = cudaSuccess;
  if (shared_bytes > WITHOUT_ASKING)
    error = cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared_bytes));
  if (error == cudaSuccess) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared_bytes;
    config.stream = stream(ctx);
    error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
  }
  if (error == cudaSuccess) error = cudaGetLastError();
  if (error == cudaSuccess) return APF_OK;
  return fail_launch(ctx, error, name, grid, block, shared_bytes);
}

/** APF_LAUNCH(ctx, (kernel<real, 4>), grid, block, shared_bytes, arguments...): an apf_status. A
 *  kernel with a comma in its name stands in parentheses. */
#define APF_LAUNCH(ctx, kernel, ...) apf_cuda::launch(ctx, #kernel, kernel, __VA_ARGS__)

inline int64_t divide_up(int64_t n, int64_t by)
{
  return (n + by - 1) / by;
}

/** Blocks for `n` elements, `per_block` each; for kernels that stride over the grid, so the number
 *  is bounded by what fills the device. */
inline unsigned grid_for(const apf_context *ctx, int64_t n, int64_t per_block)
{
  const int64_t most = static_cast<int64_t>(device(ctx)->multiprocessors) * 32;
  const int64_t blocks = divide_up(n, per_block);
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

/** Loop of a kernel over 0..n-1, however many threads there are. */
#define APF_GRID_LOOP(i, n)                                                              \
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < (n); \
       i += static_cast<int64_t>(gridDim.x) * blockDim.x)

}  // namespace apf_cuda

#endif
