#include "support/reference.h"

APF_REFERENCE_REAL(one_pole_forward)
APF_REFERENCE_REAL(one_pole_backward)

namespace {

template <class T>
struct Forward {
  std::vector<T> y, zf;
};
template <class T>
struct Gradients {
  std::vector<T> dx, dc, dzi;
};

/** Coefficients from fast to very slow, one a row. */
template <class T>
std::vector<T> coefficients(int64_t B)
{
  const double some[] = {0.3, 0.03, 1.0, 5e-4, 0.7};
  std::vector<T> c(B);
  for (int64_t b = 0; b < B; b++) c[b] = static_cast<T>(some[b % 5]);
  return c;
}

}  // namespace

class OnePole : public OnEveryBackend {
 protected:
  template <class T>
  Forward<T> forward(int64_t B, int64_t steps, const std::vector<T> &x, const std::vector<T> &c,
                     const std::vector<T> &zi)
  {
    Array<T> in(ctx, x), coefficient(ctx, c), start(ctx, zi), y(ctx, B * steps), zf(ctx, B);
    APF_EXPECT_OK(op::one_pole_forward<T>(ctx, B, steps, in.data(), coefficient.data(),
                                          zi.empty() ? nullptr : start.data(), y.data(),
                                          zf.data()));
    return {y.values(), zf.values()};
  }
  template <class T>
  Gradients<T> backward(int64_t B, int64_t steps, const std::vector<T> &dy,
                        const std::vector<T> &dzf, const std::vector<T> &x, const std::vector<T> &c,
                        const std::vector<T> &zi, const std::vector<T> &y)
  {
    Array<T> up(ctx, dy), up_state(ctx, dzf), in(ctx, x), coefficient(ctx, c), start(ctx, zi),
        out(ctx, y), dx(ctx, B * steps), dc(ctx, B), dzi(ctx, B);
    APF_EXPECT_OK(op::one_pole_backward<T>(ctx, B, steps, up.data(),
                                           dzf.empty() ? nullptr : up_state.data(), in.data(),
                                           coefficient.data(), zi.empty() ? nullptr : start.data(),
                                           out.data(), dx.data(), dc.data(), dzi.data()));
    return {dx.values(), dc.values(), dzi.values()};
  }
  template <class T>
  void expect_fast_is_reference(double tolerance);
};
APF_ON_EVERY_BACKEND(OnePole);

TEST_P(OnePole, WorkedExample)
{
  const auto got = forward<double>(1, 3, {4, 0, 8}, {0.5}, {2});

  EXPECT_EQ(got.y, (std::vector<double>{3, 1.5, 4.75}));
  EXPECT_EQ(got.zf, std::vector<double>{4.75});

  /* u = 1/2^k; dc = 1/4 (4-2) + 1/2 (0-3) + 1 (8-1.5) */
  const auto gradient =
      backward<double>(1, 3, {0, 0, 1}, {}, {4, 0, 8}, {0.5}, {2}, {3, 1.5, 4.75});
  EXPECT_EQ(gradient.dx, (std::vector<double>{0.125, 0.25, 0.5}));
  EXPECT_EQ(gradient.dc, std::vector<double>{5.5});
  EXPECT_EQ(gradient.dzi, std::vector<double>{0.125});
}

TEST_P(OnePole, CoefficientOneCopiesCoefficientZeroHolds)
{
  const auto x = random_values<double>(1000, 1);

  EXPECT_EQ(forward<double>(1, 1000, x, {1.0}, {5}).y, x);
  EXPECT_EQ(forward<double>(1, 1000, x, {0.0}, {5}).y, std::vector<double>(1000, 5.0));
}

template <class T>
void OnePole::expect_fast_is_reference(double tolerance)
{
  for (int64_t B : {1, 3, 31, 33})
    for (int64_t steps : {1, 2, 15, 16, 17, 255, 256, 257, 2049}) {
      const auto x = random_values<T>(B * steps, 1), zi = random_values<T>(B, 2);
      const auto dy = random_values<T>(B * steps, 3), dzf = random_values<T>(B, 4);
      const auto c = coefficients<T>(B);
      std::vector<T> y(B * steps), zf(B), dx(B * steps), dc(B), dzi(B);
      APF_EXPECT_OK(reference::one_pole_forward<T>(ctx, B, steps, x.data(), c.data(), zi.data(),
                                                   y.data(), zf.data()));
      APF_EXPECT_OK(reference::one_pole_backward<T>(ctx, B, steps, dy.data(), dzf.data(), x.data(),
                                                    c.data(), zi.data(), y.data(), dx.data(),
                                                    dc.data(), dzi.data()));

      const auto fast = forward<T>(B, steps, x, c, zi);
      const auto gradient = backward<T>(B, steps, dy, dzf, x, c, zi, y);

      SCOPED_TRACE(testing::Message() << "B " << B << " T " << steps);
      EXPECT_LE(relative_error(fast.y, y), tolerance);
      EXPECT_LE(relative_error(fast.zf, zf), tolerance);
      EXPECT_LE(relative_error(gradient.dx, dx), tolerance);
      EXPECT_LE(relative_error(gradient.dc, dc), tolerance);
      EXPECT_LE(relative_error(gradient.dzi, dzi), tolerance);
    }
}

TEST_P(OnePole, FastIsReferenceInDouble)
{
  expect_fast_is_reference<double>(1e-12);
}
TEST_P(OnePole, FastIsReferenceInFloat)
{
  expect_fast_is_reference<float>(1e-4);
}

TEST_P(OnePole, VerySlowAverageKeepsItsTimeConstantInFloat)
{
  const int64_t steps = 200000; /* 1 - c in float would be wrong by 2.6 % of c */
  const float c = 1e-6f;

  const auto y = forward<float>(1, steps, std::vector<float>(steps, 0.0f), {c}, {1.0f}).y;

  EXPECT_NEAR(y.back(), std::pow(1 - double(c), double(steps)), 1e-4);
}

TEST_P(OnePole, ForwardModeAndAdjointAgree)
{
  for (int64_t B : {1, 5})
    for (int64_t steps : {1, 16, 300}) {
      const auto c = coefficients<double>(B), c_dot = random_values<double>(B, 8, 0.1);
      const auto x = random_values<double>(B * steps, 1), zi = random_values<double>(B, 2);
      const auto dy = random_values<double>(B * steps, 3), dzf = random_values<double>(B, 4);
      const auto x_dot = random_values<double>(B * steps, 5);
      const auto zi_dot = random_values<double>(B, 6);
      const auto y = forward<double>(B, steps, x, c, zi).y;
      Array<double> in(ctx, x), coefficient(ctx, c), start(ctx, zi), out(ctx, y),
          in_dot(ctx, x_dot), coefficient_dot(ctx, c_dot), start_dot(ctx, zi_dot),
          y_dot(ctx, B * steps), zf_dot(ctx, B);

      APF_EXPECT_OK(op::one_pole_jvp<double>(
          ctx, B, steps, in_dot.data(), coefficient_dot.data(), start_dot.data(), in.data(),
          coefficient.data(), start.data(), out.data(), y_dot.data(), zf_dot.data()));
      const auto g = backward<double>(B, steps, dy, dzf, x, c, zi, y);

      const double left = dot(y_dot.values(), dy) + dot(zf_dot.values(), dzf);
      const double right = dot(x_dot, g.dx) + dot(c_dot, g.dc) + dot(zi_dot, g.dzi);
      EXPECT_NEAR(left, right, 1e-11 * (1 + std::abs(left))) << B << " " << steps;
    }
}

TEST_P(OnePole, GradientsAreCentralDifferences)
{
  const int64_t B = 3, steps = 300;
  const std::vector<double> c = {0.3, 0.03, 0.8};
  const auto x = random_values<double>(B * steps, 1), zi = random_values<double>(B, 2);
  const auto dy = random_values<double>(B * steps, 3), dzf = random_values<double>(B, 4);
  const auto loss = [&](const std::vector<double> &at_x, const std::vector<double> &at_c,
                        const std::vector<double> &at_zi) {
    const auto out = forward<double>(B, steps, at_x, at_c, at_zi);
    return dot(out.y, dy) + dot(out.zf, dzf);
  };

  const auto g =
      backward<double>(B, steps, dy, dzf, x, c, zi, forward<double>(B, steps, x, c, zi).y);

  expect_gradient([&](const std::vector<double> &v) { return loss(v, c, zi); }, x, g.dx);
  expect_gradient([&](const std::vector<double> &v) { return loss(x, v, zi); }, c, g.dc);
  expect_gradient([&](const std::vector<double> &v) { return loss(x, c, v); }, zi, g.dzi);
}

TEST_P(OnePole, ChunksWithCarriedStateAreOneShot)
{
  const int64_t steps = 1000;
  const auto x = random_values<double>(steps, 1);
  const auto whole = forward<double>(1, steps, x, {0.01}, {0.5});

  std::vector<double> y, state = {0.5};
  for (int64_t start = 0; start < steps; start += 77) {
    const int64_t n = std::min<int64_t>(77, steps - start);
    const auto part =
        forward<double>(1, n, {x.begin() + start, x.begin() + start + n}, {0.01}, state);
    y.insert(y.end(), part.y.begin(), part.y.end());
    state = part.zf;
  }

  EXPECT_LE(relative_error(y, whole.y), 1e-13);
  EXPECT_LE(relative_error(state, whole.zf), 1e-13);
}

TEST_P(OnePole, OutputsAreOptionalAndMayReplaceInputs)
{
  const int64_t steps = 300;
  const auto x = random_values<double>(steps, 1), dy = random_values<double>(steps, 2);
  const auto want = forward<double>(1, steps, x, {0.2}, {});
  const auto want_g = backward<double>(1, steps, dy, {}, x, {0.2}, {}, want.y);
  Array<double> xy(ctx, x), c(ctx, std::vector<double>{0.2}), in(ctx, x), gradient(ctx, dy),
      dc(ctx, 1);

  APF_EXPECT_OK(op::one_pole_forward<double>(ctx, 1, steps, xy.data(), c.data(), nullptr, xy.data(),
                                             nullptr));
  APF_EXPECT_OK(op::one_pole_backward<double>(ctx, 1, steps, gradient.data(), nullptr, in.data(),
                                              c.data(), nullptr, xy.data(), nullptr, dc.data(),
                                              nullptr));
  APF_EXPECT_OK(op::one_pole_backward<double>(ctx, 1, steps, gradient.data(), nullptr, nullptr,
                                              c.data(), nullptr, nullptr, gradient.data(), nullptr,
                                              nullptr));

  EXPECT_EQ(xy.values(), want.y);
  EXPECT_EQ(gradient.values(), want_g.dx);
  EXPECT_EQ(dc.values(), want_g.dc);
}

TEST_P(OnePole, NoSamplesPassTheStateOn)
{
  EXPECT_EQ(forward<double>(2, 0, {}, {0.1, 0.2}, {3, 4}).zf, (std::vector<double>{3, 4}));
  EXPECT_EQ(forward<double>(2, 0, {}, {0.1, 0.2}, {}).zf, (std::vector<double>{0, 0}));
  const auto g = backward<double>(2, 0, {}, {5, 6}, {}, {0.1, 0.2}, {}, {});
  EXPECT_EQ(g.dzi, (std::vector<double>{5, 6}));
  EXPECT_EQ(g.dc, (std::vector<double>{0, 0}));
  APF_EXPECT_OK(
      op::one_pole_forward<float>(ctx, 0, 5, nullptr, nullptr, nullptr, nullptr, nullptr));
}

TEST_P(OnePole, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 4);
  float *const v = memory.data();

  expect_failure(ctx, op::one_pole_forward<float>(ctx, 1, 4, nullptr, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_one_pole_forward_f32", "x is NULL"});
  expect_failure(ctx, op::one_pole_forward<float>(ctx, 1, 4, v, nullptr, v, v, v), APF_ERR_ARGUMENT,
                 {"c is NULL"});
  expect_failure(ctx, op::one_pole_forward<float>(ctx, 1, -4, v, v, v, v, v), APF_ERR_ARGUMENT,
                 {"T is -4", "at least 0"});
  expect_failure(ctx, op::one_pole_backward<float>(ctx, 1, 4, nullptr, v, v, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(ctx, op::one_pole_backward<float>(ctx, 1, 4, v, v, v, v, v, nullptr, v, v, v),
                 APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, op::one_pole_jvp<float>(ctx, 1, 4, v, v, v, nullptr, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, op::one_pole_forward<float>(ctx, INT64_MAX / 2, 9, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(nullptr, op::one_pole_forward<float>(nullptr, 1, 4, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
