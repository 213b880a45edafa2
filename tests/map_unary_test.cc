#include "support/support.h"

extern "C" {
#include "core/maps.h"
}

namespace {

struct Case {
  int map;
  double p, q;
  double low, high; /* of the arguments that are tried */
  std::function<long double(long double)> f;
};

const long double kLn10 = 2.302585092994045684L;

std::vector<Case> cases()
{
  using std::abs, std::exp, std::log, std::sqrt;
  return {
      {APF_MAP_AFFINE, -1.5, 0.25, -9, 9, [](long double x) { return -1.5L * x + 0.25L; }},
      {APF_MAP_EXP, 0.5, 0, -40, 40, [](long double x) { return exp(0.5L * x); }},
      {APF_MAP_LOG, 2, 0, 1e-6, 50, [](long double x) { return 2 * log(x); }},
      {APF_MAP_TANH, 0, 0, -5, 5, [](long double x) { return tanhl(x); }},
      {APF_MAP_SIGMOID, 0, 0, -30, 30, [](long double x) { return 1 / (1 + exp(-x)); }},
      {APF_MAP_SOFTPLUS, 0, 0, -30, 30,
       [](long double x) { return (x > 0 ? x : 0) + log1pl(exp(-abs(x))); }},
      {APF_MAP_SIN, 0, 0, -100, 100, [](long double x) { return sinl(x); }},
      {APF_MAP_COS, 0, 0, -100, 100, [](long double x) { return cosl(x); }},
      {APF_MAP_TAN, 0, 0, -1.2, 1.2, [](long double x) { return tanl(x); }},
      {APF_MAP_ABS, 0, 0, -3, 3, [](long double x) { return abs(x); }},
      {APF_MAP_SQUARE, 0, 0, -3, 3, [](long double x) { return x * x; }},
      {APF_MAP_SQRT, 0, 0, 0.01, 9, [](long double x) { return sqrt(x); }},
      {APF_MAP_RECIPROCAL, 0, 0, 0.1, 4, [](long double x) { return 1 / x; }},
      {APF_MAP_POW, 2, 0, -3, 3, [](long double x) { return x * x; }},
      {APF_MAP_POW, 3, 0, -3, 3, [](long double x) { return x * x * x; }},
      {APF_MAP_POW, 4, 0, -3, 3, [](long double x) { return x * x * x * x; }},
      {APF_MAP_POW, -1.7, 0, 0.1, 3, [](long double x) { return powl(x, -1.7); }},
      {APF_MAP_CLAMP, -0.5, 0.75, -2, 2,
       [](long double x) { return x < -0.5L   ? -0.5L
                                  : x > 0.75L ? 0.75L
                                              : x; }},
  };
}

template <class T>
std::vector<T> arguments(const Case &c, int64_t n)
{
  std::vector<T> x = random_values<T>(n, 17, 0.5);
  for (T &v : x) v = static_cast<T>(c.low + (v + 0.5) * (c.high - c.low));
  return x;
}

}  // namespace

class MapUnary : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Case &c, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), out(ctx, in.size());
    APF_EXPECT_OK(op::map_unary_forward<T>(ctx, c.map, in.size(), c.p, c.q, in.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::vector<T> backward(const Case &c, const std::vector<T> &dy, const std::vector<T> &x)
  {
    Array<T> upstream(ctx, dy), in(ctx, x), out(ctx, forward(c, x)), dx(ctx, in.size());
    APF_EXPECT_OK(op::map_unary_backward<T>(ctx, c.map, in.size(), c.p, c.q, upstream.data(),
                                            in.data(), out.data(), dx.data()));
    return dx.values();
  }
};
APF_ON_EVERY_BACKEND(MapUnary);

TEST_P(MapUnary, EveryMapIsRightToAFewRoundings)
{
  for (const Case &c : cases()) {
    const auto x = arguments<double>(c, 30011);
    const auto xf = arguments<float>(c, 30011);

    const auto y = forward(c, x);
    const auto yf = forward(c, xf);

    const bool absolute = c.map == APF_MAP_SIN || c.map == APF_MAP_COS || c.map == APF_MAP_AFFINE ||
                          c.map == APF_MAP_LOG; /* near their zeros */
    for (size_t i = 0; i < x.size(); i++) {
      const long double want = c.f(x[i]), wantf = c.f(xf[i]);
      const long double unit = absolute ? std::max(1.0L, std::abs(want)) : std::abs(want);
      const long double unitf = absolute ? std::max(1.0L, std::abs(wantf)) : std::abs(wantf);
      /* exp(p x): the argument's rounding is magnified by |p x| <= 20 */
      const long double slack = c.map == APF_MAP_EXP ? 24 : 4;
      ASSERT_LE(std::abs(y[i] - want), slack * 2.3e-16L * unit) << c.map << " at " << x[i];
      ASSERT_LE(std::abs(yf[i] - wantf), slack * 1.2e-7L * unitf) << c.map << " at " << xf[i];
    }
  }
}

TEST_P(MapUnary, GradientsMatchCentralDifferences)
{
  for (const Case &c : cases()) {
    std::vector<double> x = arguments<double>(c, 501), y;
    const auto dy = random_values<double>(501, 5);
    const double h = 1e-6;

    const auto dx = backward(c, dy, x);

    std::vector<double> up = x, down = x;
    for (double &v : up) v += h;
    for (double &v : down) v -= h;
    const auto above = forward(c, up), below = forward(c, down);
    for (size_t i = 0; i < x.size(); i++) {
      const double want = dy[i] * (above[i] - below[i]) / (2 * h);
      /* rounding of f, and a kink within h */
      const double slack = 1e-7 * (1 + std::abs(above[i])) + 1e-6 * std::abs(want);
      const bool kink = (c.map == APF_MAP_ABS && std::abs(x[i]) < 2 * h) ||
                        (c.map == APF_MAP_CLAMP &&
                         (std::abs(x[i] + 0.5) < 2 * h || std::abs(x[i] - 0.75) < 2 * h));
      if (!kink) {
        ASSERT_NEAR(dx[i], want, slack) << c.map << " at " << x[i];
      }
    }
  }
}

TEST_P(MapUnary, KinksAndLimitsHaveTheirStatedDerivative)
{
  const Case abs = {APF_MAP_ABS, 0, 0, 0, 0, nullptr};
  const Case clamp = {APF_MAP_CLAMP, -1, 2, 0, 0, nullptr};
  const std::vector<double> ones(4, 1.0);

  EXPECT_EQ(backward<double>(abs, ones, {-2, 0, -0.0, 3}), (std::vector<double>{-1, 0, 0, 1}));
  EXPECT_EQ(backward<double>(clamp, ones, {-1, 2, -1.5, 2.5}), (std::vector<double>{1, 1, 0, 0}));
}

TEST_P(MapUnary, SinesOfLargeArgumentsAreThoseOfLibm)
{
  const Case sine = {APF_MAP_SIN, 0, 0, 0, 0, nullptr}, cosine = {APF_MAP_COS, 0, 0, 0, 0, nullptr};
  std::vector<double> x = {1e9, 3, 1e15, -7e12};

  const auto s = forward(sine, x), c = forward(cosine, x);

  for (size_t i = 0; i < x.size(); i++) {
    EXPECT_NEAR(s[i], std::sin(x[i]), 1e-15);
    EXPECT_NEAR(c[i], std::cos(x[i]), 1e-15);
  }
}

TEST_P(MapUnary, WorksInPlaceAndReadsOnlyWhatItNeeds)
{
  for (const Case &c : cases()) {
    const auto x = arguments<double>(c, 5003), dy = random_values<double>(5003, 2);
    const auto y = forward(c, x), dx = backward(c, dy, x);
    Array<double> value(ctx, x), gradient(ctx, dy), in(ctx, x), out(ctx, y);
    const bool from_y = c.map == APF_MAP_EXP || c.map == APF_MAP_TANH || c.map == APF_MAP_SIGMOID ||
                        c.map == APF_MAP_TAN || c.map == APF_MAP_SQRT ||
                        c.map == APF_MAP_RECIPROCAL;

    APF_EXPECT_OK(
        op::map_unary_forward<double>(ctx, c.map, 5003, c.p, c.q, value.data(), value.data()));
    APF_EXPECT_OK(op::map_unary_backward<double>(ctx, c.map, 5003, c.p, c.q, gradient.data(),
                                                 from_y ? nullptr : in.data(),
                                                 from_y ? out.data() : nullptr, gradient.data()));

    EXPECT_EQ(value.values(), y) << c.map;
    EXPECT_EQ(gradient.values(), dx) << c.map;
  }
}

TEST_P(MapUnary, NotANumberStaysOne)
{
  for (const Case &c : cases()) EXPECT_TRUE(std::isnan(forward<double>(c, {NAN})[0])) << c.map;
}

TEST_P(MapUnary, BadArgumentsAreNamed)
{
  Array<double> x_memory(ctx, 2), y_memory(ctx, 2);
  double *x = x_memory.data(), *y = y_memory.data();

  expect_failure(ctx, op::map_unary_forward<double>(ctx, 99, 1, 0, 0, x, y), APF_ERR_ARGUMENT,
                 {"apf_map_unary_forward_f64", "map is 99"});
  expect_failure(ctx, op::map_unary_forward<double>(ctx, 0, -1, 0, 0, x, y), APF_ERR_ARGUMENT,
                 {"n is -1"});
  expect_failure(ctx, op::map_unary_forward<double>(ctx, 0, 1, 0, 0, nullptr, y), APF_ERR_ARGUMENT,
                 {"x is NULL"});
  expect_failure(ctx, op::map_unary_backward<double>(ctx, APF_MAP_TANH, 1, 0, 0, x, x, nullptr, y),
                 APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, op::map_unary_backward<double>(ctx, APF_MAP_SIN, 1, 0, 0, x, nullptr, x, y),
                 APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(nullptr, op::map_unary_forward<double>(nullptr, 0, 1, 0, 0, x, y),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
  APF_EXPECT_OK(op::map_unary_forward<double>(ctx, 0, 0, 0, 0, nullptr, nullptr));
  APF_EXPECT_OK(
      op::map_unary_backward<double>(ctx, 0, 0, 0, 0, nullptr, nullptr, nullptr, nullptr));
}
