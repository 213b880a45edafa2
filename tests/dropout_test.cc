#include "support/support.h"

#include "core/philox.h"

/* What chooses a mask. */
struct Draw {
  uint64_t seed;
  uint32_t stream;
  double step;
};

class Dropout : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(double rate, const Draw &draw, const std::vector<T> &x)
  {
    const auto n = static_cast<int64_t>(x.size());
    Array<T> step(ctx, std::vector<T>{T(draw.step)}), in(ctx, x), out(ctx, n);
    APF_EXPECT_OK(op::dropout_forward<T>(ctx, n, rate, draw.seed, draw.stream, step.data(),
                                         in.data(), out.data()));
    return out.values();
  }
};
APF_ON_EVERY_BACKEND(Dropout);

TEST(Philox, GivesTheKnownAnswers)
{
  const apf_philox zero = apf_philox_block(0, 0, 0, 0);
  const apf_philox ones = apf_philox_block(~0ull, ~0ull, ~0u, ~0u);

  EXPECT_EQ(zero.word[0], 0x6627e8d5u);
  EXPECT_EQ(zero.word[1], 0xe169c58du);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8u);
  EXPECT_EQ(ones.word[0], 0x408f276du);
  EXPECT_EQ(ones.word[1], 0x41c83b0eu);
  EXPECT_EQ(ones.word[2], 0xa20bc7c6u);
  EXPECT_EQ(ones.word[3], 0x6d5451fdu);
}

TEST_P(Dropout, MaskIsThatOfTheGenerator)
{
  const std::vector<double> x(1001, 3.0);

  const auto y = forward<double>(0.25, {7, 8, 1000}, x);

  for (size_t i = 0; i < x.size(); i++) {
    const bool dropped = apf_philox_block(7, i / 4, 8, 1000).word[i % 4] < 0x40000000u;
    ASSERT_EQ(y[i], dropped ? 0.0 : 4.0) << i;
  }
}

TEST_P(Dropout, ArraysMayBeginAnywhere)
{
  for (int64_t n : {1, 3, 4, 1001}) {
    const auto x = random_values<float>(n, 1);
    const auto want = forward<float>(0.5, {1, 2, 3}, x);
    std::vector<float> shifted(n + 1);
    std::copy(x.begin(), x.end(), shifted.begin() + 1);
    Array<float> step(ctx, {3}), in(ctx, shifted), out(ctx, shifted);

    APF_ASSERT_OK(
        op::dropout_forward<float>(ctx, n, 0.5, 1, 2, step.data(), in.data() + 1, out.data() + 1));

    const auto got = out.values();
    EXPECT_EQ(std::vector<float>(got.begin() + 1, got.end()), want) << n;
    EXPECT_EQ(got[0], 0);
  }
}

TEST_P(Dropout, DropsTheRateAndKeepsTheMean)
{
  const int64_t n = 100000;
  const std::vector<float> x(n, 1.0f);
  for (double rate : {0.0, 0.1, 0.5, 0.9}) {
    const auto y = forward<float>(rate, {1, 0, 0}, x);

    int64_t dropped = 0;
    for (float v : y) dropped += v == 0;
    EXPECT_NEAR(double(dropped) / n, rate, 0.01);
    EXPECT_NEAR(dot(x, y) / n, 1, 0.05);
  }
}

TEST_P(Dropout, BackwardIsTheAdjointWithTheSameMask)
{
  const int64_t n = 5003;
  const auto x = random_values<double>(n, 1), dy = random_values<double>(n, 2);
  Array<double> step(ctx, {6}), upstream(ctx, dy), dx(ctx, n);

  APF_EXPECT_OK(
      op::dropout_backward<double>(ctx, n, 0.3, 5, 4, step.data(), upstream.data(), dx.data()));

  EXPECT_NEAR(dot(forward<double>(0.3, {5, 4, 6}, x), dy), dot(x, dx.values()), 1e-10);
  expect_gradient(
      [&](const auto &v) {
        return dot(forward<double>(0.3, {5, 4, 6}, v), dy);
      },
      x, dx.values());
}

TEST_P(Dropout, SeedStreamAndStepChooseTheMask)
{
  const std::vector<double> x(400, 1.0);
  const auto y = forward<double>(0.5, {1, 2, 3}, x);

  EXPECT_EQ(forward<double>(0.5, {1, 2, 3}, x), y);
  EXPECT_NE(forward<double>(0.5, {2, 2, 3}, x), y);
  EXPECT_NE(forward<double>(0.5, {1, 3, 3}, x), y);
  EXPECT_NE(forward<double>(0.5, {1, 2, 4}, x), y);
}

TEST_P(Dropout, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 4);
  float *v = v_memory.data();
  const auto call = [&](int64_t n, double rate, const float *step, const float *x, float *y) {
    return op::dropout_forward<float>(ctx, n, rate, 0, 0, step, x, y);
  };

  APF_EXPECT_OK(call(0, 0.5, nullptr, nullptr, nullptr));
  expect_failure(ctx, call(-1, 0.5, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_dropout_forward_f32", "N is -1"});
  expect_failure(ctx, call(4, 1.0, v, v, v), APF_ERR_ARGUMENT, {"rate is 1", "0 <= rate < 1"});
  expect_failure(ctx, call(4, -0.1, v, v, v), APF_ERR_ARGUMENT, {"rate is -0.1"});
  expect_failure(ctx, call(4, NAN, v, v, v), APF_ERR_ARGUMENT, {"rate is nan"});
  expect_failure(ctx, call(4, 0.5, nullptr, v, v), APF_ERR_ARGUMENT, {"step is NULL"});
  expect_failure(ctx, call(4, 0.5, v, nullptr, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(4, 0.5, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX, 0.5, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  const auto back = [&](const float *step, const float *dy, float *dx) {
    return op::dropout_backward<float>(ctx, 4, 0.5, 0, 0, step, dy, dx);
  };
  expect_failure(ctx, back(nullptr, v, v), APF_ERR_ARGUMENT,
                 {"apf_dropout_backward_f32", "step is NULL"});
  expect_failure(ctx, back(v, nullptr, v), APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(ctx, back(v, v, nullptr), APF_ERR_ARGUMENT, {"dx is NULL"});
  expect_failure(nullptr, op::dropout_forward<float>(nullptr, 4, 0.5, 0, 0, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
