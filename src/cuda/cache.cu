/** The list of what a context keeps; see cache.h. */
#include "cuda/cache.h"

namespace apf_cuda {

/** What ctx->cache points to. */
struct Cache {
  const apf_context *ctx;
  Cached *first;
};

Cached *cache_find(const apf_context *ctx, const CacheKey &key)
{
  const Cache *cache = static_cast<const Cache *>(ctx->cache);
  Cached *found = cache ? cache->first : nullptr;
  while (found && found->key != key) found = found->next;
  return found;
}

static void destroy(void *memory)
{
  Cache *cache = static_cast<Cache *>(memory);
  const OnDevice scope(cache->ctx);
  cudaStreamSynchronize(stream(cache->ctx)); /* work in flight may use what goes */
  for (Cached *cached = cache->first, *next; cached; cached = next) {
    next = cached->next;
    delete cached;
  }
  delete cache;
}

apf_status cache_keep(apf_context *ctx, const CacheKey &key, Cached *made)
{
  if (!ctx->cache) {
    ctx->cache = new (std::nothrow) Cache{ctx, nullptr};
    if (!ctx->cache) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a cache");
    ctx->cache_free = destroy;
  }
  Cache *cache = static_cast<Cache *>(ctx->cache);
  made->key = key;
  made->next = cache->first;
  cache->first = made;
  return APF_OK;
}

}  // namespace apf_cuda
