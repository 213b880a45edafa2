#include "support/support.h"

class Interpolate : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t F, int64_t steps, int64_t C, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), out(ctx, B * steps * C);
    APF_EXPECT_OK(op::interpolate_forward<T>(ctx, B, F, steps, C, in.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::vector<T> backward(int64_t B, int64_t F, int64_t steps, int64_t C, const std::vector<T> &dy)
  {
    Array<T> in(ctx, dy), out(ctx, B * F * C);
    APF_EXPECT_OK(op::interpolate_backward<T>(ctx, B, F, steps, C, in.data(), out.data()));
    return out.values();
  }
};
APF_ON_EVERY_BACKEND(Interpolate);

TEST_P(Interpolate, WorkedExample)
{
  const std::vector<double> x = {0, 10, 4, 14, 2, 12}; /* three frames of two channels */

  const std::vector<double> y = forward<double>(1, 3, 5, 2, x);

  EXPECT_EQ(y, (std::vector<double>{0, 10, 2, 12, 4, 14, 3, 13, 2, 12}));
}

TEST_P(Interpolate, OneFrameIsConstantOneSampleIsTheFirstSameLengthIsACopy)
{
  const std::vector<double> x = random_values<double>(7, 1);

  EXPECT_EQ(forward<double>(1, 1, 4, 1, {x[0]}), std::vector<double>(4, x[0]));
  EXPECT_EQ(forward<double>(1, 7, 1, 1, x), std::vector<double>{x[0]});
  EXPECT_EQ(forward<double>(1, 7, 7, 1, x), x);
}

TEST_P(Interpolate, AdjointIdentityHolds)
{
  for (int64_t B : {1, 3})
    for (int64_t F : {1, 2, 9, 65})
      for (int64_t T : {1, 2, 63, 1000})
        for (int64_t C : {1, 7}) {
          const auto x = random_values<double>(B * F * C, 1);
          const auto dy = random_values<double>(B * T * C, 2);

          const double left = dot(forward<double>(B, F, T, C, x), dy);
          const double right = dot(x, backward<double>(B, F, T, C, dy));

          EXPECT_NEAR(left, right, 1e-11 * (1 + std::abs(left))) << B << " " << F << " " << T;
        }
}

TEST_P(Interpolate, FloatAgreesWithDouble)
{
  const auto x = random_values<float>(65 * 3, 1);
  const std::vector<double> wide(x.begin(), x.end());

  const auto y = forward<float>(1, 65, 100000, 3, x);

  EXPECT_LE(relative_error(std::vector<double>(y.begin(), y.end()),
                           forward<double>(1, 65, 100000, 3, wide)),
            1e-6);
}

TEST_P(Interpolate, ZeroSizesDoNothing)
{
  APF_EXPECT_OK(op::interpolate_forward<float>(ctx, 0, 3, 5, 1, nullptr, nullptr));
  APF_EXPECT_OK(op::interpolate_forward<float>(ctx, 1, 3, 0, 1, nullptr, nullptr));
  EXPECT_EQ(backward<double>(1, 3, 0, 1, {}), std::vector<double>(3, 0.0));
}

TEST_P(Interpolate, BadArgumentsAreNamed)
{
  float x[4] = {0}, y[4] = {0};

  expect_failure(ctx, op::interpolate_forward<float>(ctx, 1, 0, 4, 1, x, y), APF_ERR_ARGUMENT,
                 {"apf_interpolate_forward_f32", "F is 0", "at least 1"});
  expect_failure(ctx, op::interpolate_forward<float>(ctx, -1, 2, 4, 1, x, y), APF_ERR_ARGUMENT,
                 {"B is -1"});
  expect_failure(ctx, op::interpolate_forward<float>(ctx, 1, 2, 4, 1, nullptr, y), APF_ERR_ARGUMENT,
                 {"x is NULL"});
  expect_failure(ctx, op::interpolate_backward<double>(ctx, 1, 2, 4, 1, nullptr, nullptr),
                 APF_ERR_ARGUMENT, {"dx is NULL"});
  expect_failure(ctx, op::interpolate_forward<float>(ctx, INT64_MAX / 2, 2, 4, 1, x, y),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(nullptr, op::interpolate_forward<float>(nullptr, 1, 2, 4, 1, x, y),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
