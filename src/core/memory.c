/** Memory of the backend, for callers: arguments checked, then the backend's own functions. */
#include "core/context.h"

static apf_status check(apf_context *ctx, const char *function, const char *name,
                        const void *memory, size_t bytes)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, function, "ctx is NULL");
  if (!memory && bytes > 0)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "%s is NULL, expected memory of %zu bytes",
                    name, bytes);
  return APF_OK;
}

apf_status apf_check_memory(apf_context *ctx, const char *function, const char *name,
                            const void *memory)
{
  if (!ctx->table->check_memory || !memory) return APF_OK;
  return ctx->table->check_memory(ctx, function, name, memory);
}

apf_status apf_allocate(apf_context *ctx, size_t bytes, void **out)
{
  APF_TRY(check(ctx, __func__, "out", out, sizeof *out));
  return ctx->table->allocate(ctx, bytes, out);
}

void apf_release(apf_context *ctx, void *memory)
{
  if (ctx && memory) ctx->table->release(ctx, memory);
}

apf_status apf_upload(apf_context *ctx, void *to, const void *from_host, size_t bytes)
{
  APF_TRY(check(ctx, __func__, "to", to, bytes));
  APF_TRY(check(ctx, __func__, "from_host", from_host, bytes));
  APF_TRY(apf_check_memory(ctx, __func__, "to", to));
  return ctx->table->upload(ctx, to, from_host, bytes);
}

apf_status apf_download(apf_context *ctx, void *to_host, const void *from, size_t bytes)
{
  APF_TRY(check(ctx, __func__, "to_host", to_host, bytes));
  APF_TRY(check(ctx, __func__, "from", from, bytes));
  APF_TRY(apf_check_memory(ctx, __func__, "from", from));
  return ctx->table->download(ctx, to_host, from, bytes);
}

apf_status apf_copy(apf_context *ctx, void *to, const void *from, size_t bytes)
{
  APF_TRY(check(ctx, __func__, "to", to, bytes));
  APF_TRY(check(ctx, __func__, "from", from, bytes));
  APF_TRY(apf_check_memory(ctx, __func__, "to", to));
  APF_TRY(apf_check_memory(ctx, __func__, "from", from));
  return ctx->table->copy(ctx, to, from, bytes);
}
