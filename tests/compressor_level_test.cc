#include "support/support.h"

class CompressorLevel : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t C, int64_t steps, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), p(ctx, B * steps);
    APF_EXPECT_OK(op::compressor_level_forward<T>(ctx, B, C, steps, in.data(), p.data()));
    return p.values();
  }
  template <class T>
  std::vector<T> backward(int64_t B, int64_t C, int64_t steps, const std::vector<T> &dp,
                          const std::vector<T> &x)
  {
    Array<T> up(ctx, dp), in(ctx, x), dx(ctx, B * C * steps);
    APF_EXPECT_OK(
        op::compressor_level_backward<T>(ctx, B, C, steps, up.data(), in.data(), dx.data()));
    return dx.values();
  }
};
APF_ON_EVERY_BACKEND(CompressorLevel);

TEST_P(CompressorLevel, WorkedExample)
{
  const std::vector<double> stereo = {3, 0, -1, 1, 0, 2};

  EXPECT_EQ(forward<double>(1, 2, 3, stereo), (std::vector<double>{5, 1e-8, 2.5}));
  EXPECT_EQ(backward<double>(1, 2, 3, {1, 1, 10}, stereo),
            (std::vector<double>{3, 0, -10, 1, 0, 20}));
}

TEST_P(CompressorLevel, GradientIsCentralDifference)
{
  for (int64_t C : {1, 2, 3}) {
    const int64_t B = 3, steps = 5000;
    const auto x = random_values<double>(B * C * steps, 1),
               dp = random_values<double>(B * steps, 2);

    expect_gradient(
        [&](const std::vector<double> &v) { return dot(forward<double>(B, C, steps, v), dp); }, x,
        backward<double>(B, C, steps, dp, x));
  }
}

TEST_P(CompressorLevel, FloatAgreesWithDoubleAtEverySize)
{
  for (int64_t B : {1, 3, 33})
    for (int64_t steps : {1, 7, 4095, 4096, 4097}) {
      const auto x = random_values<float>(B * 2 * steps, 1),
                 dp = random_values<float>(B * steps, 2);
      const std::vector<double> wide_x(x.begin(), x.end()), wide_dp(dp.begin(), dp.end());
      const auto want = forward<double>(B, 2, steps, wide_x);
      const auto want_dx = backward<double>(B, 2, steps, wide_dp, wide_x);

      EXPECT_LE(relative_error(forward<float>(B, 2, steps, x), {want.begin(), want.end()}), 1e-6);
      EXPECT_LE(
          relative_error(backward<float>(B, 2, steps, dp, x), {want_dx.begin(), want_dx.end()}),
          1e-6);
    }
}

TEST_P(CompressorLevel, ZeroSizesDoNothing)
{
  APF_EXPECT_OK(op::compressor_level_forward<float>(ctx, 0, 1, 5, nullptr, nullptr));
  APF_EXPECT_OK(op::compressor_level_backward<float>(ctx, 2, 1, 0, nullptr, nullptr, nullptr));
}

TEST_P(CompressorLevel, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 4);
  float *v = v_memory.data();

  expect_failure(ctx, op::compressor_level_forward<float>(ctx, 1, 0, 4, v, v), APF_ERR_ARGUMENT,
                 {"apf_compressor_level_forward_f32", "C is 0", "at least 1"});
  expect_failure(ctx, op::compressor_level_forward<float>(ctx, 1, 1, 4, v, nullptr),
                 APF_ERR_ARGUMENT, {"p is NULL"});
  expect_failure(ctx, op::compressor_level_backward<float>(ctx, 1, 1, 4, v, v, nullptr),
                 APF_ERR_ARGUMENT, {"dx is NULL"});
  expect_failure(ctx, op::compressor_level_forward<float>(ctx, INT64_MAX / 2, 1, 4, v, v),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(nullptr, op::compressor_level_forward<float>(nullptr, 1, 1, 4, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
