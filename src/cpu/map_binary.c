/**
 * y = f(a, b) with broadcasting, and its adjoint: dy df/da and dy df/db, summed over the axes along
 * which a or b was broadcast.
 *
 * Axes come merged, so the last one is walked with step 1 or 0 by each array: three plain loops.
 * Gradients of broadcast arrays go through cpu/reduce.h, whose terms are computed in the first
 * cache; each gradient then reads dy and the other array once.
 */
#include "core/maps.h"
#include "cpu/reduce.h"

#include <stdbool.h>

enum { BLOCK = 4096, PARALLEL_FROM = 1 << 14 };

typedef struct operands {
  apf_binary_map map;
  int dims;
  int64_t size[APF_STRIDE_DIMS], a_strides[APF_STRIDE_DIMS], b_strides[APF_STRIDE_DIMS];
  int64_t length, rows; /* of the last axis; over the others */
  int64_t a_step, b_step;
  const real *dy, *a, *b;
} operands;

static operands new_operands(int map, int dims, const int64_t *a_size, const int64_t *b_size,
                             const real *dy, const real *a, const real *b)
{
  operands o = {.map = (apf_binary_map)map, .dims = dims, .rows = 1, .dy = dy, .a = a, .b = b};
  for (int d = 0; d < dims; d++) o.size[d] = a_size[d] == 1 ? b_size[d] : a_size[d];
  for (int d = 0; d < dims - 1; d++) o.rows *= o.size[d];
  apf_broadcast_strides(dims, a_size, o.a_strides);
  apf_broadcast_strides(dims, b_size, o.b_strides);
  o.length = o.size[dims - 1];
  o.a_step = o.a_strides[dims - 1];
  o.b_step = o.b_strides[dims - 1];
  return o;
}

static const real *a_at(const operands *o, int64_t row, int64_t start)
{
  return o->a ? o->a + apf_row_offset(o->dims, o->size, o->a_strides, row) + start * o->a_step
              : NULL;
}

static const real *b_at(const operands *o, int64_t row, int64_t start)
{
  return o->b ? o->b + apf_row_offset(o->dims, o->size, o->b_strides, row) + start * o->b_step
              : NULL;
}

/** Runs `expression` of u = a[i], v = b[i] into out[i]; each is walked with step 1 or stays. */
#define LOOP _Pragma("omp simd") for (int64_t i = 0; i < n; i++)
#define EACH(out, expression)          \
  do {                                 \
    if (a_step && b_step) {            \
      LOOP                             \
      {                                \
        const real u = a[i], v = b[i]; \
        (out)[i] = (expression);       \
      }                                \
    } else if (a_step) {               \
      const real v = *b;               \
      LOOP                             \
      {                                \
        const real u = a[i];           \
        (out)[i] = (expression);       \
      }                                \
    } else {                           \
      const real u = *a;               \
      LOOP                             \
      {                                \
        const real v = b[i * b_step];  \
        (out)[i] = (expression);       \
      }                                \
    }                                  \
  } while (0)

static void forward_block(apf_binary_map map, int64_t n, const real *a, int64_t a_step,
                          const real *b, int64_t b_step, real *y)
{
  switch (map) {
    case APF_MAP_ADD: EACH(y, u + v); break;
    case APF_MAP_SUB: EACH(y, u - v); break;
    case APF_MAP_MUL: EACH(y, u * v); break;
    case APF_MAP_DIV: EACH(y, u / v); break;
    case APF_MAP_MIN: EACH(y, u < v || u != u ? u : v); break;
    case APF_MAP_MAX: EACH(y, u > v || u != u ? u : v); break;
    case APF_BINARY_MAPS: break;
  }
}

/** 1 where a wins, 1/2 at a tie, else 0. */
static inline real share(bool wins, bool tie)
{
  return wins ? (real)1 : tie ? (real)0.5 : (real)0;
}

/** dy df/da */
static void a_block(apf_binary_map map, int64_t n, const real *dy, const real *a, int64_t a_step,
                    const real *b, int64_t b_step, real *out)
{
  switch (map) {
    case APF_MAP_ADD:
    case APF_MAP_SUB:
      for (int64_t i = 0; i < n; i++) out[i] = dy[i];
      break;
    case APF_MAP_MUL: EACH(out, ((void)u, dy[i] * v)); break;
    case APF_MAP_DIV: EACH(out, ((void)u, dy[i] / v)); break;
    case APF_MAP_MIN: EACH(out, dy[i] * share(u < v, u == v)); break;
    case APF_MAP_MAX: EACH(out, dy[i] * share(u > v, u == v)); break;
    case APF_BINARY_MAPS: break;
  }
}

/** dy df/db */
static void b_block(apf_binary_map map, int64_t n, const real *dy, const real *a, int64_t a_step,
                    const real *b, int64_t b_step, real *out)
{
  switch (map) {
    case APF_MAP_ADD:
      for (int64_t i = 0; i < n; i++) out[i] = dy[i];
      break;
    case APF_MAP_SUB:
      for (int64_t i = 0; i < n; i++) out[i] = -dy[i];
      break;
    case APF_MAP_MUL: EACH(out, ((void)v, dy[i] * u)); break;
    case APF_MAP_DIV: EACH(out, -dy[i] * u / (v * v)); break;
    case APF_MAP_MIN: EACH(out, dy[i] * share(v < u, u == v)); break;
    case APF_MAP_MAX: EACH(out, dy[i] * share(v > u, u == v)); break;
    case APF_BINARY_MAPS: break;
  }
}

typedef void (*block_gradient)(apf_binary_map map, int64_t n, const real *dy, const real *a,
                               int64_t a_step, const real *b, int64_t b_step, real *out);

static void gradient_segment(const operands *o, block_gradient gradient, int64_t row, int64_t start,
                             int64_t n, real *out)
{
  gradient(o->map, n, o->dy + row * o->length + start, a_at(o, row, start), o->a_step,
           b_at(o, row, start), o->b_step, out);
}

static const real *a_terms(const void *state, int64_t row, int64_t start, int64_t n, real *buffer)
{
  gradient_segment(state, a_block, row, start, n, buffer);
  return buffer;
}

static const real *b_terms(const void *state, int64_t row, int64_t start, int64_t n, real *buffer)
{
  gradient_segment(state, b_block, row, start, n, buffer);
  return buffer;
}

static bool is_broadcast(const operands *o, const int64_t *size)
{
  for (int d = 0; d < o->dims; d++)
    if (size[d] != o->size[d]) return true;
  return false;
}

apf_status APF_CPU(map_binary_forward)(apf_context *ctx, int map, int dims, const int64_t *a_size,
                                       const int64_t *b_size, const real *a, const real *b, real *y)
{
  const operands o = new_operands(map, dims, a_size, b_size, NULL, a, b);
  const int64_t segments = (o.length + BLOCK - 1) / BLOCK;
#pragma omp parallel for num_threads(ctx->threads) \
    schedule(static) if (o.rows * o.length >= PARALLEL_FROM)
  for (int64_t piece = 0; piece < o.rows * segments; piece++) {
    const int64_t row = piece / segments, start = piece % segments * BLOCK;
    forward_block(o.map, reduce_least(BLOCK, o.length - start), a_at(&o, row, start), o.a_step,
                  b_at(&o, row, start), o.b_step, y + row * o.length + start);
  }
  return APF_OK;
}

/** Gradients as large as dy, both in one pass; either may lie on dy. */
static void full_gradients(apf_context *ctx, const operands *o, real *da, real *db)
{
  enum { PART = 512 };
  const int64_t segments = (o->length + PART - 1) / PART;
#pragma omp parallel for num_threads(ctx->threads) \
    schedule(static) if (o->rows * o->length >= PARALLEL_FROM)
  for (int64_t piece = 0; piece < o->rows * segments; piece++) {
    const int64_t row = piece / segments, start = piece % segments * PART;
    const int64_t n = reduce_least(PART, o->length - start), at = row * o->length + start;
    real buffer[PART]; /* da may overwrite the dy that db needs */
    if (db) gradient_segment(o, b_block, row, start, n, buffer);
    if (da) gradient_segment(o, a_block, row, start, n, da + at);
    for (int64_t i = 0; db && i < n; i++) db[at + i] = buffer[i];
  }
}

apf_status APF_CPU(map_binary_backward)(apf_context *ctx, int map, int dims, const int64_t *a_size,
                                        const int64_t *b_size, const real *dy, const real *a,
                                        const real *b, real *da, real *db)
{
  const operands o = new_operands(map, dims, a_size, b_size, dy, a, b);
  const bool a_sums = is_broadcast(&o, a_size), b_sums = is_broadcast(&o, b_size);
  /* Sums first: a full gradient may overwrite dy. */
  if (da && a_sums) APF_TRY(reduce(ctx, &(reduction){dims, o.size, a_size, 1, a_terms, &o}, da));
  if (db && b_sums) APF_TRY(reduce(ctx, &(reduction){dims, o.size, b_size, 1, b_terms, &o}, db));
  if ((da && !a_sums) || (db && !b_sums))
    full_gradients(ctx, &o, a_sums ? NULL : da, b_sums ? NULL : db);
  return APF_OK;
}
