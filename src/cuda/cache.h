/**
 * What outlives a call: FFT plans and tables, found by a key, destroyed with the context.
 *
 * Nothing is ever dropped before, so that work in flight and captured graphs may refer to it.
 */
#ifndef APF_CUDA_CACHE_H
#define APF_CUDA_CACHE_H

#include "cuda/cuda.h"

#include <array>
#include <new>

namespace apf_cuda {

/** The first number says what it is, the others of which type and size. */
using CacheKey = std::array<double, 8>;

enum CacheKind { CACHE_FFT, CACHE_WINDOW, CACHE_CIRCLE, CACHE_MEL };

struct Cached {
  virtual ~Cached() = default;
  CacheKey key = {};
  Cached *next = nullptr;
};

/** NULL if there is none. */
Cached *cache_find(const apf_context *ctx, const CacheKey &key);

/** Takes ownership, unless it fails. */
apf_status cache_keep(apf_context *ctx, const CacheKey &key, Cached *made);

/** Device memory that a table lives in. */
struct CachedMemory : Cached {
  ~CachedMemory() override
  {
    if (memory) cudaFree(memory);
  }
  void *memory = nullptr;
};

/** The Thing of this key; at the first call make(Thing *) fills it. */
template <class Thing, class Make>
apf_status cached(apf_context *ctx, const CacheKey &key, Make make, const Thing **out)
{
  Cached *found = cache_find(ctx, key);
  if (!found) {
    Thing *made = new (std::nothrow) Thing();
    if (!made) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a plan or table");
    apf_status status = make(made);
    if (status == APF_OK) status = cache_keep(ctx, key, made);
    if (status != APF_OK) {
      delete made;
      return status;
    }
    found = made;
  }
  *out = static_cast<const Thing *>(found);
  return APF_OK;
}

}  // namespace apf_cuda

#endif
