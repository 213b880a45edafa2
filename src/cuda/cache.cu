/** The list of what a context keeps; see cache.h. */
#include "cuda/cache.h"

namespace apf_cuda {

Cached *cache_find(const apf_context *ctx, const CacheKey &key)
{
  Cached *found = static_cast<Cached *>(ctx->cache);
  while (found && found->key != key) found = found->next;
  return found;
}

static void destroy_all(void *first)
{
  for (Cached *cached = static_cast<Cached *>(first), *next; cached; cached = next) {
    next = cached->next;
    delete cached;
  }
}

void cache_keep(apf_context *ctx, const CacheKey &key, Cached *made)
{
  made->key = key;
  made->next = static_cast<Cached *>(ctx->cache);
  ctx->cache = made;
  ctx->cache_free = destroy_all;
}

}  // namespace apf_cuda
