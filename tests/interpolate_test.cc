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

/** Distances between frames on both sides of a vector's length, several tasks, narrow and wide
 * rows; the equation written out. Of a position u the rounding is u's, some hundred times a
 * weight's. */
TEST_P(Interpolate, EveryValueIsTheEquations)
{
  for (int64_t F : {1, 2, 3, 40, 700})
    for (int64_t T : {31, 700, 9001})
      for (int64_t C : {1, 2, 3, 16, 17}) {
        if (is_emulated(ctx) && T * C > 12000) continue;
        const auto x = random_values<double>(2 * F * C, 1),
                   dy = random_values<double>(2 * T * C, 2);
        std::vector<double> y(2 * T * C), dx(2 * F * C);
        for (int64_t i = 0; i < 2 * T * C; i++) {
          const int64_t b = i / (T * C), t = i / C % T, c = i % C;
          const double u = double(t) * double(F - 1) / double(T - 1);
          const int64_t frame = std::max<int64_t>(0, std::min<int64_t>(u, F - 2));
          const int64_t left = (b * F + frame) * C + c, right = F > 1 ? left + C : left;
          y[i] = (1 - (u - frame)) * x[left] + (u - frame) * x[right];
          dx[left] += (1 - (u - frame)) * dy[i];
          dx[right] += (u - frame) * dy[i];
        }
        const std::vector<float> narrow(x.begin(), x.end()), narrow_dy(dy.begin(), dy.end());
        const auto widen = [](const std::vector<float> &v) {
          return std::vector<double>(v.begin(), v.end());
        };
        SCOPED_TRACE(testing::Message() << "F " << F << " T " << T << " C " << C);

        EXPECT_LE(relative_error(forward<double>(2, F, T, C, x), y), 1e-12);
        EXPECT_LE(relative_error(backward<double>(2, F, T, C, dy), dx), 1e-12);
        EXPECT_LE(relative_error(widen(forward<float>(2, F, T, C, narrow)), y), 1e-6);
        EXPECT_LE(relative_error(widen(backward<float>(2, F, T, C, narrow_dy)), dx), 1e-5);
      }
}

TEST_P(Interpolate, TheLastSampleIsTheLastFrame)
{
  for (int64_t T : {2, 40, 1000, 5000}) {
    const auto x = random_values<float>(7 * 3, T), y = forward<float>(1, 7, T, 3, x);

    EXPECT_EQ(std::vector<float>(y.end() - 3, y.end()), std::vector<float>(x.end() - 3, x.end()));
  }
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
