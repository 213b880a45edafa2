/** Windows and half circles, computed in double on the device; see tables.h. */
#include "cuda/tables.h"

#include "cuda/cache.h"
#include "cuda/spectral.h"

namespace apf_cuda {

enum { THREADS = 256 };

template <class real>
__global__ void hann_window_kernel(int64_t window, real *out)
{
  APF_GRID_LOOP(i, window)
  {
    const double s = sinpi(static_cast<double>(i) / static_cast<double>(window));
    store(out + i, static_cast<real>(s * s));
  }
}

template <class real>
__global__ void half_circle_kernel(int64_t n, real *out)
{
  APF_GRID_LOOP(k, n / 2 + 1)
  {
    double s, c;
    sincospi(2 * static_cast<double>(k) / static_cast<double>(n), &s, &c);
    store_bin(out, k, {static_cast<real>(c), static_cast<real>(-s)});
  }
}

/** A table of `values` that `kernel` fills from its size n. */
template <class real>
static apf_status table(apf_context *ctx, CacheKind kind, void (*kernel)(int64_t, real *),
                        int64_t n, int64_t values, const real **out)
{
  const auto make = [&](CachedMemory *made) {
    APF_TRY(ctx->table->allocate(ctx, static_cast<size_t>(values) * sizeof(real), &made->memory));
    return APF_LAUNCH(ctx, kernel, grid_for(ctx, values, THREADS), THREADS, 0, n,
                      static_cast<real *>(made->memory));
  };
  const CachedMemory *found = nullptr;
  APF_TRY(cached(ctx, {double(kind), sizeof(real), double(n)}, make, &found));
  *out = static_cast<const real *>(found->memory);
  return APF_OK;
}

template <class real>
apf_status hann_window(apf_context *ctx, int64_t window, const real **out)
{
  return table(ctx, CACHE_WINDOW, hann_window_kernel<real>, window, window, out);
}
APF_INSTANTIATE_REAL(hann_window);

template <class real>
apf_status half_circle(apf_context *ctx, int64_t n, const real **out)
{
  return table(ctx, CACHE_CIRCLE, half_circle_kernel<real>, n, n + 2, out);
}
APF_INSTANTIATE_REAL(half_circle);

}  // namespace apf_cuda
