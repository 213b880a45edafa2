/**
 * y = f(x) element by element, and dx = dy f'(x); the functions are in core/maps.h. Each function
 * is a type of its own, so that a kernel holds one of them only (the large arguments of sin, cos
 * and tan cost registers and a stack). Everything in the operator's type.
 */
#include "cuda/elementwise.h"

extern "C" {
#include "core/maps.h"
}

namespace apf_cuda {

/* --- the functions and their derivatives times dy --------------------------------------------- */
/* `v` is x, or y where core/maps.h says that backward needs that. */

template <class real>
struct AffineFunction {
  real p, q;
  __device__ real operator()(real x) const { return p * x + q; }
  __device__ real operator()(real dy, real) const { return p * dy; }
};
template <class real>
struct Exp {
  real p, q;
  __device__ real operator()(real x) const { return exp(p * x); }
  __device__ real operator()(real dy, real v) const { return dy * (p * v); }
};
template <class real>
struct Log {
  real p, q;
  __device__ real operator()(real x) const { return p * log(x); }
  __device__ real operator()(real dy, real v) const { return dy * (p / v); }
};
template <class real>
struct Tanh {
  real p, q;
  __device__ real operator()(real x) const { return tanh(x); }
  __device__ real operator()(real dy, real v) const { return dy * (1 - v * v); }
};
template <class real>
struct Sigmoid {
  real p, q;
  __device__ static real of(real x) { return 1 / (1 + exp(-x)); }
  __device__ real operator()(real x) const { return of(x); }
  __device__ real operator()(real dy, real v) const { return dy * (v * (1 - v)); }
};
/** ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|) */
template <class real>
struct Softplus {
  real p, q;
  __device__ real operator()(real x) const
  {
    const real positive = x < 0 ? real(0) : x; /* so that NaN stays NaN */
    return positive + log1p(exp(-fabs(x)));
  }
  __device__ real operator()(real dy, real v) const { return dy * Sigmoid<real>::of(v); }
};
template <class real>
struct Sin {
  real p, q;
  __device__ real operator()(real x) const { return sin(x); }
  __device__ real operator()(real dy, real v) const { return dy * cos(v); }
};
template <class real>
struct Cos {
  real p, q;
  __device__ real operator()(real x) const { return cos(x); }
  __device__ real operator()(real dy, real v) const { return -dy * sin(v); }
};
template <class real>
struct Tan {
  real p, q;
  __device__ real operator()(real x) const { return tan(x); }
  __device__ real operator()(real dy, real v) const { return dy * (1 + v * v); }
};
template <class real>
struct Abs {
  real p, q;
  __device__ real operator()(real x) const { return fabs(x); }
  __device__ real operator()(real dy, real v) const { return dy * real((v > 0) - (v < 0)); }
};
template <class real>
struct Square {
  real p, q;
  __device__ real operator()(real x) const { return x * x; }
  __device__ real operator()(real dy, real v) const { return dy * (2 * v); }
};
template <class real>
struct Sqrt {
  real p, q;
  __device__ real operator()(real x) const { return sqrt(x); }
  __device__ real operator()(real dy, real v) const { return dy / (2 * v); }
};
template <class real>
struct Reciprocal {
  real p, q;
  __device__ real operator()(real x) const { return 1 / x; }
  __device__ real operator()(real dy, real v) const { return -dy * (v * v); }
};
/** Small whole exponents by multiplication. */
template <class real>
struct Cube {
  real p, q;
  __device__ real operator()(real x) const { return x * x * x; }
  __device__ real operator()(real dy, real v) const { return dy * (3 * v * v); }
};
template <class real>
struct Fourth {
  real p, q;
  __device__ real operator()(real x) const { return (x * x) * (x * x); }
  __device__ real operator()(real dy, real v) const { return dy * (4 * v * v * v); }
};
template <class real>
struct Pow {
  real p, q;
  __device__ real operator()(real x) const { return pow(x, p); }
  __device__ real operator()(real dy, real v) const { return dy * (p * pow(v, p - 1)); }
};
/** Written so that NaN stays NaN. */
template <class real>
struct Clamp {
  real p, q;
  __device__ real operator()(real x) const { return x < p ? p : x > q ? q : x; }
  __device__ real operator()(real dy, real v) const { return v >= p && v <= q ? dy : real(0); }
};

/* --- choosing one ----------------------------------------------------------------------------- */

/** What to run a function on: forward where dy is NULL. */
template <class real>
struct UnaryCall {
  apf_context *ctx;
  int64_t n;
  real p, q;
  const real *dy, *x, *y; /* of x and y what backward needs, and what forward reads is x */
  real *out;

  template <template <class> class F>
  apf_status on_x() const
  {
    return run(F<real>{p, q}, x);
  }
  template <template <class> class F>
  apf_status on_y() const
  {
    return run(F<real>{p, q}, dy ? y : x);
  }

 private:
  template <class F>
  apf_status run(F f, const real *v) const
  {
    if (!dy) return elementwise(ctx, n, f, out, v);
    return elementwise(ctx, n, f, out, dy, v);
  }
};

template <class real>
apf_status run_pow(const UnaryCall<real> &call)
{
  if (call.p == 2) return call.template on_x<Square>();
  if (call.p == 3) return call.template on_x<Cube>();
  if (call.p == 4) return call.template on_x<Fourth>();
  return call.template on_x<Pow>();
}

template <class real>
apf_status run_map(int map, const UnaryCall<real> &call)
{
  switch (map) {
    case APF_MAP_EXP: return call.template on_y<Exp>();
    case APF_MAP_LOG: return call.template on_x<Log>();
    case APF_MAP_TANH: return call.template on_y<Tanh>();
    case APF_MAP_SIGMOID: return call.template on_y<Sigmoid>();
    case APF_MAP_SOFTPLUS: return call.template on_x<Softplus>();
    case APF_MAP_SIN: return call.template on_x<Sin>();
    case APF_MAP_COS: return call.template on_x<Cos>();
    case APF_MAP_TAN: return call.template on_y<Tan>();
    case APF_MAP_ABS: return call.template on_x<Abs>();
    case APF_MAP_SQUARE: return call.template on_x<Square>();
    case APF_MAP_SQRT: return call.template on_y<Sqrt>();
    case APF_MAP_RECIPROCAL: return call.template on_y<Reciprocal>();
    case APF_MAP_POW: return run_pow(call);
    case APF_MAP_CLAMP: return call.template on_x<Clamp>();
    default: return call.template on_x<AffineFunction>();
  }
}

template <class real>
apf_status map_unary_forward(apf_context *ctx, int map, int64_t n, double p, double q,
                             const real *x, real *y)
{
  const UnaryCall<real> call = {ctx,     n, static_cast<real>(p), static_cast<real>(q), nullptr, x,
                                nullptr, y};
  return run_map(map, call);
}
APF_INSTANTIATE_REAL(map_unary_forward);

template <class real>
apf_status map_unary_backward(apf_context *ctx, int map, int64_t n, double p, double q,
                              const real *dy, const real *x, const real *y, real *dx)
{
  /* An affine map's derivative reads neither, and its x may be NULL: dy stands in. */
  const real *at = map == APF_MAP_AFFINE ? dy : x;
  const UnaryCall<real> call = {ctx, n, static_cast<real>(p), static_cast<real>(q), dy, at, y, dx};
  return run_map(map, call);
}
APF_INSTANTIATE_REAL(map_unary_backward);

}  // namespace apf_cuda
