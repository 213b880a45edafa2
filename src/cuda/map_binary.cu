/**
 * y = f(a, b) with broadcasting, and its adjoint: dy df/da and dy df/db, summed over the axes along
 * which a or b was broadcast.
 *
 * A thread per element; arrays of the same shape go through cuda/elementwise.h, gradients of
 * broadcast arrays through cuda/axes_sum.h. Which function it is, is asked in the kernel: that
 * branch is the same for all threads, and hides behind the memory.
 */
#include "cuda/axes_sum.h"
#include "cuda/elementwise.h"

extern "C" {
#include "core/maps.h"
}

namespace apf_cuda {

enum { THREADS = 256 };

/* --- the functions and their derivatives times dy --------------------------------------------- */

struct BinaryMap {
  int map;

  template <class real>
  __device__ real operator()(real u, real v) const
  {
    switch (map) {
      case APF_MAP_SUB: return u - v;
      case APF_MAP_MUL: return u * v;
      case APF_MAP_DIV: return u / v;
      case APF_MAP_MIN: return u < v || u != u ? u : v;
      case APF_MAP_MAX: return u > v || u != u ? u : v;
      default: return u + v;
    }
  }
};

/** 1 where it wins, 1/2 at a tie, else 0. */
template <class real>
__device__ inline real share(bool wins, bool tie)
{
  return wins ? real(1) : tie ? real(0.5) : real(0);
}

/** Arrays of a backward pass; a and b may be NULL for sums and differences. */
template <class real>
struct BinaryOperands {
  int map;
  const real *dy, *a, *b;

  /** dy df/da at these offsets of dy, a and b. */
  __device__ real to_a(const Offsets<3> &at) const
  {
    const real d = load(dy + at.of[0]);
    if (map == APF_MAP_ADD || map == APF_MAP_SUB) return d;
    const real v = load(b + at.of[2]);
    if (map == APF_MAP_MUL) return d * v;
    if (map == APF_MAP_DIV) return d / v;
    const real u = load(a + at.of[1]);
    return d * share<real>(map == APF_MAP_MIN ? u < v : u > v, u == v);
  }

  /** dy df/db */
  __device__ real to_b(const Offsets<3> &at) const
  {
    const real d = load(dy + at.of[0]);
    if (map == APF_MAP_ADD) return d;
    if (map == APF_MAP_SUB) return -d;
    const real u = load(a + at.of[1]);
    if (map == APF_MAP_MUL) return d * u;
    const real v = load(b + at.of[2]);
    if (map == APF_MAP_DIV) return -d * u / (v * v);
    return d * share<real>(map == APF_MAP_MIN ? v < u : v > u, u == v);
  }
};

template <class real>
struct TermOfA {
  BinaryOperands<real> operands;
  __device__ real operator()(const Offsets<3> &at) const { return operands.to_a(at); }
};

template <class real>
struct TermOfB {
  BinaryOperands<real> operands;
  __device__ real operator()(const Offsets<3> &at) const { return operands.to_b(at); }
};

/* --- kernels ---------------------------------------------------------------------------------- */

template <class real, class Index>
__global__ void map_broadcast_kernel(int64_t n, Walk<Index, 2> walk, BinaryMap f, const real *a,
                                     const real *b, real *y)
{
  APF_GRID_LOOP(i, n)
  {
    const Offsets<2> at = walk.at(static_cast<Index>(i));
    store(y + i, f(load(a + at.of[0]), load(b + at.of[1])));
  }
}

/** Gradients as large as dy, both in one pass; either may be NULL, or lie on dy. */
template <class real, class Index>
__global__ void full_gradients_kernel(int64_t n, Walk<Index, 3> walk, BinaryOperands<real> operands,
                                      real *da, real *db)
{
  APF_GRID_LOOP(i, n)
  {
    const Offsets<3> at = walk.at(static_cast<Index>(i));
    const real to_a = da ? operands.to_a(at) : real(0), to_b = db ? operands.to_b(at) : real(0);
    if (da) store(da + i, to_a);
    if (db) store(db + i, to_b);
  }
}

/* --- on the host ------------------------------------------------------------------------------ */

/** The common shape, and the strides of dy, a and b in it. */
struct BinaryShape {
  int dims;
  int64_t size[APF_STRIDE_DIMS], strides[3][APF_STRIDE_DIMS];
  int64_t count;
};

static BinaryShape new_shape(int dims, const int64_t *a_size, const int64_t *b_size)
{
  BinaryShape s = {};
  s.dims = dims;
  for (int d = 0; d < dims; d++) s.size[d] = a_size[d] == 1 ? b_size[d] : a_size[d];
  s.count = count_of(dims, s.size);
  apf_broadcast_strides(dims, s.size, s.strides[0]);
  apf_broadcast_strides(dims, a_size, s.strides[1]);
  apf_broadcast_strides(dims, b_size, s.strides[2]);
  return s;
}

template <class real, class Index>
apf_status map_broadcast(apf_context *ctx, const BinaryShape &s, BinaryMap f, const real *a,
                         const real *b, real *y)
{
  int64_t strides[2][APF_STRIDE_DIMS];
  for (int d = 0; d < s.dims; d++) {
    strides[0][d] = s.strides[1][d];
    strides[1][d] = s.strides[2][d];
  }
  return APF_LAUNCH(ctx, (map_broadcast_kernel<real, Index>), grid_for(ctx, s.count, THREADS),
                    THREADS, 0, s.count, (new_walk<Index>(s.dims, s.size, strides)), f, a, b, y);
}

template <class real>
apf_status map_binary_forward(apf_context *ctx, int map, int dims, const int64_t *a_size,
                              const int64_t *b_size, const real *a, const real *b, real *y)
{
  const BinaryShape s = new_shape(dims, a_size, b_size);
  if (dims == 1 && a_size[0] == b_size[0])
    return elementwise(ctx, s.count, BinaryMap{map}, y, a, b);
  return is_short(s.count) ? map_broadcast<real, uint32_t>(ctx, s, BinaryMap{map}, a, b, y)
                           : map_broadcast<real, int64_t>(ctx, s, BinaryMap{map}, a, b, y);
}
APF_INSTANTIATE_REAL(map_binary_forward);

template <class real, class Index>
apf_status full_gradients(apf_context *ctx, const BinaryShape &s,
                          const BinaryOperands<real> &operands, real *da, real *db)
{
  return APF_LAUNCH(ctx, (full_gradients_kernel<real, Index>), grid_for(ctx, s.count, THREADS),
                    THREADS, 0, s.count, (new_walk<Index>(s.dims, s.size, s.strides)), operands, da,
                    db);
}

static Summation<3> summation_to(const BinaryShape &s, const int64_t *out_size)
{
  Summation<3> what = {s.dims, s.size, out_size, {}, 1};
  for (int k = 0; k < 3; k++)
    for (int d = 0; d < s.dims; d++) what.strides[k][d] = s.strides[k][d];
  return what;
}

template <class real>
apf_status map_binary_backward(apf_context *ctx, int map, int dims, const int64_t *a_size,
                               const int64_t *b_size, const real *dy, const real *a, const real *b,
                               real *da, real *db)
{
  const BinaryShape s = new_shape(dims, a_size, b_size);
  const BinaryOperands<real> operands = {map, dy, a, b};
  const bool a_sums = count_of(dims, a_size) < s.count, b_sums = count_of(dims, b_size) < s.count;
  /* Sums first: a full gradient may overwrite dy. */
  if (da && a_sums) APF_TRY(axes_sum(ctx, summation_to(s, a_size), TermOfA<real>{operands}, da));
  if (db && b_sums) APF_TRY(axes_sum(ctx, summation_to(s, b_size), TermOfB<real>{operands}, db));
  if (a_sums) da = nullptr;
  if (b_sums) db = nullptr;
  if (!da && !db) return APF_OK;
  return is_short(s.count) ? full_gradients<real, uint32_t>(ctx, s, operands, da, db)
                           : full_gradients<real, int64_t>(ctx, s, operands, da, db);
}
APF_INSTANTIATE_REAL(map_binary_backward);

}  // namespace apf_cuda
