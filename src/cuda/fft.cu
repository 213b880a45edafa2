/** Batched plans of cuFFT; see fft.h. */
#include "cuda/fft.h"

#include "cuda/cache.h"

#include <cinttypes>
#include <climits>
#include <type_traits>

namespace apf_cuda {

static const char *text_of(cufftResult error)
{
  switch (error) {
    case CUFFT_INVALID_PLAN: return "not a plan";
    case CUFFT_ALLOC_FAILED: return "not enough memory";
    case CUFFT_INVALID_VALUE: return "invalid value";
    case CUFFT_INTERNAL_ERROR: return "internal error";
    case CUFFT_EXEC_FAILED: return "the transform failed to run";
    case CUFFT_SETUP_FAILED: return "the library failed to start";
    case CUFFT_INVALID_SIZE: return "length out of range";
    default: return "cuFFT failed";
  }
}

apf_status fail(apf_context *ctx, cufftResult error, const char *function, const char *what)
{
  const apf_status status = error == CUFFT_ALLOC_FAILED ? APF_ERR_MEMORY : APF_ERR_CUDA;
  return apf_fail(ctx, status, function, "%s: %s (cufftResult %d)", what, text_of(error),
                  static_cast<int>(error));
}

apf_status check_length(apf_context *ctx, const char *function, int64_t n)
{
  if (fft_row(n) <= INT_MAX) return APF_OK;
  return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                  "%" PRId64 " samples in a transform, expected less than 2^31 - 2", n);
}

struct Plan : Cached {
  ~Plan() override
  {
    if (made) cufftDestroy(handle);
  }
  cufftHandle handle = 0;
  bool made = false;
};

static apf_status make_plan(apf_context *ctx, int64_t n, int64_t rows, cufftType type, bool inverse,
                            Plan *plan)
{
  int length = static_cast<int>(n);
  int samples = static_cast<int>(fft_row(n)), bins = samples / 2;
  int *from = inverse ? &bins : &samples, *to = inverse ? &samples : &bins;
  APF_CUDA_TRY(ctx, cufftPlanMany(&plan->handle, 1, &length, from, 1, *from, to, 1, *to, type,
                                  static_cast<int>(rows)));
  plan->made = true;
  APF_CUDA_TRY(ctx, cufftSetStream(plan->handle, stream(ctx)));
  return APF_OK;
}

static apf_status plan_for(apf_context *ctx, int64_t n, int64_t rows, cufftType type, bool inverse,
                           cufftHandle *out)
{
  const CacheKey key = {CACHE_FFT, double(type), double(n), double(rows)};
  const Plan *plan = nullptr;
  APF_TRY(cached(
      ctx, key, [&](Plan *made) { return make_plan(ctx, n, rows, type, inverse, made); }, &plan));
  *out = plan->handle;
  return APF_OK;
}

template <class real>
apf_status fft_forward(apf_context *ctx, int64_t n, int64_t rows, real *data)
{
  cufftHandle plan;
  if constexpr (std::is_same_v<real, float>) {
    APF_TRY(plan_for(ctx, n, rows, CUFFT_R2C, false, &plan));
    APF_CUDA_TRY(ctx, cufftExecR2C(plan, data, reinterpret_cast<cufftComplex *>(data)));
  } else {
    APF_TRY(plan_for(ctx, n, rows, CUFFT_D2Z, false, &plan));
    APF_CUDA_TRY(ctx, cufftExecD2Z(plan, data, reinterpret_cast<cufftDoubleComplex *>(data)));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(fft_forward);

template <class real>
apf_status fft_inverse(apf_context *ctx, int64_t n, int64_t rows, real *data)
{
  cufftHandle plan;
  if constexpr (std::is_same_v<real, float>) {
    APF_TRY(plan_for(ctx, n, rows, CUFFT_C2R, true, &plan));
    APF_CUDA_TRY(ctx, cufftExecC2R(plan, reinterpret_cast<cufftComplex *>(data), data));
  } else {
    APF_TRY(plan_for(ctx, n, rows, CUFFT_Z2D, true, &plan));
    APF_CUDA_TRY(ctx, cufftExecZ2D(plan, reinterpret_cast<cufftDoubleComplex *>(data), data));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(fft_inverse);

}  // namespace apf_cuda
