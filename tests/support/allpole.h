/** What tests of the all-pole filter share: cases, the reference's answers, and the checks. */
#ifndef APF_TESTS_ALLPOLE_H
#define APF_TESTS_ALLPOLE_H

#include "support/reference.h"
#include "support/support.h"

#include <algorithm>
#include <cmath>

APF_REFERENCE_SCALAR(allpole_forward)
APF_REFERENCE_SCALAR(allpole_backward)
APF_REFERENCE_SCALAR(allpole_jvp)

template <class S>
using Values = std::vector<S>;
typedef std::vector<int64_t> Sizes;

template <class S>
constexpr bool is_complex = std::is_same_v<S, apf_c64> || std::is_same_v<S, apf_c128>;
template <class S>
constexpr double tolerance = std::is_same_v<S, float> || std::is_same_v<S, apf_c64> ? 2e-5 : 1e-12;

/** Sizes and data of one call; dy and dzf are upstream gradients. */
template <class S>
struct Case {
  int64_t B, T, F, M;
  Values<S> x, a, zi, dy, dzf;
};

/** Coefficients small enough for any sequence of them to be stable. */
template <class S>
Case<S> random_case(int64_t B, int64_t T, int64_t F, int64_t M, uint64_t seed = 1)
{
  const double scale = (is_complex<S> ? 0.65 : 0.95) / static_cast<double>(M);
  return {B,
          T,
          F,
          M,
          random_values<S>(B * T, seed),
          random_values<S>(B * F * M, seed + 1, scale),
          random_values<S>(B * M, seed + 2),
          random_values<S>(B * T, seed + 3),
          random_values<S>(B * M, seed + 4)};
}

/** M poles at one place on the real axis, whose distance from the origin wanders about `radius`. */
inline Case<float> clustered_poles(int64_t T, int64_t M, double radius)
{
  Case<float> c = random_case<float>(1, T, T, M);
  for (int64_t t = 0; t < T; t++) {
    const double pole = radius + 0.005 * std::sin(0.002 * static_cast<double>(t));
    double coefficient = 1; /* of (1 - pole / z)^M */
    for (int64_t i = 1; i <= M; i++) {
      coefficient *= -pole * static_cast<double>(M + 1 - i) / static_cast<double>(i);
      c.a[t * M + i - 1] = static_cast<float>(coefficient);
    }
  }
  return c;
}

template <class S>
struct Output {
  Values<S> y, zf;
};

template <class S>
struct Gradients {
  Values<S> dx, da, dzi;
};

template <class S>
Output<S> reference_forward(apf_context *ctx, const Case<S> &c)
{
  Output<S> out{Values<S>(c.B * c.T), Values<S>(c.B * c.M)};
  EXPECT_EQ(reference::allpole_forward<S>(ctx, c.B, c.T, c.F, c.M, c.x.data(), c.a.data(),
                                          c.zi.data(), out.y.data(), out.zf.data()),
            APF_OK);
  return out;
}

template <class S>
Gradients<S> reference_backward(apf_context *ctx, const Case<S> &c, const Values<S> &y)
{
  Gradients<S> out{Values<S>(c.B * c.T), Values<S>(c.B * c.F * c.M), Values<S>(c.B * c.M)};
  EXPECT_EQ(reference::allpole_backward<S>(ctx, c.B, c.T, c.F, c.M, c.dy.data(), c.dzf.data(),
                                           c.a.data(), c.zi.data(), y.data(), out.dx.data(),
                                           out.da.data(), out.dzi.data()),
            APF_OK);
  return out;
}

template <class S>
Output<S> reference_jvp(apf_context *ctx, const Case<S> &c, const Case<S> &dot, const Values<S> &y)
{
  Output<S> out{Values<S>(c.B * c.T), Values<S>(c.B * c.M)};
  EXPECT_EQ(
      reference::allpole_jvp<S>(ctx, c.B, c.T, c.F, c.M, dot.x.data(), dot.a.data(), dot.zi.data(),
                                c.a.data(), c.zi.data(), y.data(), out.y.data(), out.zf.data()),
      APF_OK);
  return out;
}

/** What is tested: the operators, or what a test has of the same form. */
struct AllpoleOperators {
  template <class S>
  static constexpr auto forward = op::allpole_forward<S>;
  template <class S>
  static constexpr auto backward = op::allpole_backward<S>;
  template <class S>
  static constexpr auto jvp = op::allpole_jvp<S>;
};

/** Calls over arrays on the host, in the memory of the test's backend meanwhile. */
template <class Calls = AllpoleOperators>
class AllpoleTest : public OnEveryBackend {
 protected:
  template <class S>
  Output<S> forward(const Case<S> &c)
  {
    Array<S> x(ctx, c.x), a(ctx, c.a), zi(ctx, c.zi), y(ctx, c.B * c.T), zf(ctx, c.B * c.M);
    APF_EXPECT_OK(Calls::template forward<S>(ctx, c.B, c.T, c.F, c.M, x.data(), a.data(), zi.data(),
                                             y.data(), zf.data()));
    return {y.values(), zf.values()};
  }

  template <class S>
  Gradients<S> backward(const Case<S> &c, const Values<S> &output)
  {
    Array<S> dy(ctx, c.dy), dzf(ctx, c.dzf), a(ctx, c.a), zi(ctx, c.zi), y(ctx, output);
    Array<S> dx(ctx, c.B * c.T), da(ctx, c.B * c.F * c.M), dzi(ctx, c.B * c.M);
    APF_EXPECT_OK(Calls::template backward<S>(ctx, c.B, c.T, c.F, c.M, dy.data(), dzf.data(),
                                              a.data(), zi.data(), y.data(), dx.data(), da.data(),
                                              dzi.data()));
    return {dx.values(), da.values(), dzi.values()};
  }

  template <class S>
  Output<S> jvp(const Case<S> &c, const Case<S> &dot, const Values<S> &output)
  {
    Array<S> x_dot(ctx, dot.x), a_dot(ctx, dot.a), zi_dot(ctx, dot.zi);
    Array<S> a(ctx, c.a), zi(ctx, c.zi), y(ctx, output);
    Array<S> y_dot(ctx, c.B * c.T), zf_dot(ctx, c.B * c.M);
    APF_EXPECT_OK(Calls::template jvp<S>(ctx, c.B, c.T, c.F, c.M, x_dot.data(), a_dot.data(),
                                         zi_dot.data(), a.data(), zi.data(), y.data(), y_dot.data(),
                                         zf_dot.data()));
    return {y_dot.values(), zf_dot.values()};
  }

  template <class S>
  void expect_equals_reference(int64_t B, int64_t T, int64_t F, int64_t M)
  {
    SCOPED_TRACE(testing::Message()
                 << "B " << B << " T " << T << " F " << F << " M " << M << " bytes " << sizeof(S));
    expect_equals_reference(random_case<S>(B, T, F, M), random_case<S>(B, T, F, M, 11));
  }

  /** Outputs, gradients, and the derivative along `dot`. */
  template <class S>
  void expect_equals_reference(const Case<S> &c, const Case<S> &dot)
  {
    const Output<S> want = reference_forward(ctx, c), got = forward(c);
    EXPECT_LE(relative_error(got.y, want.y), tolerance<S>);
    EXPECT_LE(relative_error(got.zf, want.zf), tolerance<S>);

    const Gradients<S> want_d = reference_backward(ctx, c, want.y), got_d = backward(c, want.y);
    EXPECT_LE(relative_error(got_d.dx, want_d.dx), tolerance<S>);
    EXPECT_LE(relative_error(got_d.da, want_d.da), 10 * tolerance<S>);
    EXPECT_LE(relative_error(got_d.dzi, want_d.dzi), tolerance<S>);

    const Output<S> want_dot = reference_jvp(ctx, c, dot, want.y), got_dot = jvp(c, dot, want.y);
    EXPECT_LE(relative_error(got_dot.y, want_dot.y), tolerance<S>);
    EXPECT_LE(relative_error(got_dot.zf, want_dot.zf), tolerance<S>);
  }

  /** M poles at the same place: what rounding does to a state grows many thousandfold before it
   *  decays. The same numbers go to both types. */
  void expect_clustered_poles_lose_no_more(int64_t T, int64_t M, double radius)
  {
    const Case<float> narrow = clustered_poles(T, M, radius);
    const auto widen = [](const Values<float> &v) { return Values<double>(v.begin(), v.end()); };
    const Case<double> c{1,
                         T,
                         T,
                         M,
                         widen(narrow.x),
                         widen(narrow.a),
                         widen(narrow.zi),
                         widen(narrow.dy),
                         widen(narrow.dzf)};
    const Values<double> y = reference_forward(ctx, c).y;
    const Values<double> dx = reference_backward(ctx, c, y).dx;
    const Values<float> narrow_y = reference_forward(ctx, narrow).y;
    const Values<float> narrow_dx = reference_backward(ctx, narrow, narrow_y).dx;

    EXPECT_LE(relative_error(forward(c).y, y), 1e-9);
    EXPECT_LE(relative_error(backward(c, y).dx, dx), 1e-9);
    EXPECT_LE(relative_error(widen(forward(narrow).y), y),
              2 * relative_error(widen(narrow_y), y) + 1e-5);
    EXPECT_LE(relative_error(widen(backward(narrow, narrow_y).dx), dx),
              2 * relative_error(widen(narrow_dx), dx) + 1e-5);
  }

  template <class S>
  void expect_adjoint_identities(int64_t B, int64_t T, int64_t F, int64_t M)
  {
    SCOPED_TRACE(testing::Message() << "B " << B << " T " << T << " F " << F << " M " << M);
    const Case<S> c = random_case<S>(B, T, F, M), dot_case = random_case<S>(B, T, F, M, 11);
    const Output<S> out = forward(c);
    const Gradients<S> d = backward(c, out.y);

    const double left = dot(out.y, c.dy) + dot(out.zf, c.dzf);
    EXPECT_NEAR(left, dot(c.x, d.dx) + dot(c.zi, d.dzi), 1e-11 * (1 + std::abs(left)));

    const Output<S> out_dot = jvp(c, dot_case, out.y);
    const double left_dot = dot(out_dot.y, c.dy) + dot(out_dot.zf, c.dzf);
    EXPECT_NEAR(left_dot, dot(dot_case.x, d.dx) + dot(dot_case.a, d.da) + dot(dot_case.zi, d.dzi),
                1e-11 * (1 + std::abs(left_dot)));
  }

  /** Central differences of <y, dy> + <zf, dzf> along x, a and zi. */
  template <class S>
  void expect_gradients(int64_t B, int64_t T, int64_t F, int64_t M)
  {
    SCOPED_TRACE(testing::Message() << "B " << B << " T " << T << " F " << F << " M " << M);
    const Case<S> c = random_case<S>(B, T, F, M);
    const Gradients<S> d = backward(c, forward(c).y);
    const auto parts = [](const Values<S> &v) {
      const auto *first = reinterpret_cast<const double *>(v.data());
      return std::vector<double>(first, first + v.size() * sizeof(S) / sizeof(double));
    };
    const auto loss_along = [&](Values<S> Case<S>::*input) {
      return [&, input](const std::vector<double> &flat) {
        Case<S> moved = c;
        std::memcpy((moved.*input).data(), flat.data(), flat.size() * sizeof(double));
        const Output<S> out = forward(moved);
        return dot(out.y, c.dy) + dot(out.zf, c.dzf);
      };
    };

    expect_gradient(loss_along(&Case<S>::x), parts(c.x), parts(d.dx));
    expect_gradient(loss_along(&Case<S>::a), parts(c.a), parts(d.da));
    expect_gradient(loss_along(&Case<S>::zi), parts(c.zi), parts(d.dzi));
  }
};

#endif
