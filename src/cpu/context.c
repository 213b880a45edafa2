/** Opens the CPU backend: picks the instruction set, provides memory. */
#include "core/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

/**
 * Signals are walked from end to end, several at once, and translating the addresses of small pages
 * takes a tenth of the time: large memory asks for huge ones, where the system grants them on
 * request. If it does not, nothing is lost.
 */
static void ask_for_huge_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
  if (memory) (void)madvise(memory, bytes, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}

static apf_status cpu_allocate(apf_context *ctx, size_t bytes, void **out)
{
  const size_t alignment = bytes >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : LINE;
  *out = NULL;
  size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded >= bytes) *out = aligned_alloc(alignment, rounded ? rounded : alignment);
  if (!*out) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "cannot allocate %zu bytes", bytes);
  if (alignment == HUGE_PAGE) ask_for_huge_pages(*out, rounded);
  return APF_OK;
}

static void cpu_release(apf_context *ctx, void *memory)
{
  (void)ctx;
  free(memory);
}

static apf_status cpu_copy(apf_context *ctx, void *to, const void *from, size_t bytes)
{
  (void)ctx;
  if (bytes) memcpy(to, from, bytes);
  return APF_OK;
}

static apf_status cpu_zero(apf_context *ctx, void *memory, size_t bytes)
{
  (void)ctx;
  if (bytes) memset(memory, 0, bytes);
  return APF_OK;
}

static apf_status cpu_synchronize(apf_context *ctx)
{
  (void)ctx;
  return APF_OK;
}

static void cpu_close(apf_context *ctx)
{
  (void)ctx;
}

#define APF_CPU_TABLE(isa)                           \
  extern const apf_ops_f32 apf_cpu_ops_f32_##isa;    \
  extern const apf_ops_f64 apf_cpu_ops_f64_##isa;    \
  extern const apf_ops_c64 apf_cpu_ops_c64_##isa;    \
  extern const apf_ops_c128 apf_cpu_ops_c128_##isa;  \
  static const apf_backend_table cpu_table_##isa = { \
      .name = #isa,                                  \
      .f32 = &apf_cpu_ops_f32_##isa,                 \
      .f64 = &apf_cpu_ops_f64_##isa,                 \
      .c64 = &apf_cpu_ops_c64_##isa,                 \
      .c128 = &apf_cpu_ops_c128_##isa,               \
      .allocate = cpu_allocate,                      \
      .release = cpu_release,                        \
      .upload = cpu_copy,                            \
      .download = cpu_copy,                          \
      .copy = cpu_copy,                              \
      .zero = cpu_zero,                              \
      .synchronize = cpu_synchronize,                \
      .close = cpu_close,                            \
  };

APF_CPU_TABLE(base)
#ifdef APF_HAVE_AVX2
APF_CPU_TABLE(avx2)
#endif
#ifdef APF_HAVE_AVX512
APF_CPU_TABLE(avx512)
#endif

/** The table for an instruction set, or NULL where it was not built or this processor lacks it. */
static const apf_backend_table *table_for(apf_simd simd)
{
  if (simd == APF_SIMD_BASE) return &cpu_table_base;
#ifdef APF_HAVE_AVX2
  if (simd == APF_SIMD_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &cpu_table_avx2;
#endif
#ifdef APF_HAVE_AVX512
  if (simd == APF_SIMD_AVX512 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return &cpu_table_avx512;
#endif
  return NULL;
}

static apf_status choose_table(apf_context *ctx, const apf_context_options *options)
{
  static const char *const names[] = {"auto", "base", "avx2", "avx512"};
  if (options->simd == APF_SIMD_AUTO) {
    for (int simd = APF_SIMD_AVX512; simd >= APF_SIMD_BASE && !ctx->table; simd--)
      ctx->table = table_for((apf_simd)simd);
    return APF_OK;
  }
  if (options->simd < APF_SIMD_AUTO || options->simd > APF_SIMD_AVX512)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_context_create",
                    "options.simd is %d, expected APF_SIMD_AUTO to APF_SIMD_AVX512",
                    (int)options->simd);
  ctx->table = table_for(options->simd);
  if (!ctx->table)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_context_create",
                    "options.simd is %s, which this build or this processor lacks",
                    names[options->simd]);
  return APF_OK;
}

apf_status apf_cpu_open(apf_context *ctx, const apf_context_options *options)
{
  APF_TRY(choose_table(ctx, options));
  snprintf(ctx->description, sizeof ctx->description, "%s kernels, %d thread%s", ctx->table->name,
           ctx->threads, ctx->threads == 1 ? "" : "s");
  return APF_OK;
}
