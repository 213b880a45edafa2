#include "support/support.h"

#include "core/philox.h"

class Dropout : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(double rate, uint64_t seed, uint64_t counter, const std::vector<T> &x)
  {
    const auto n = static_cast<int64_t>(x.size());
    Array<T> in(ctx, x), out(ctx, n);
    APF_EXPECT_OK(op::dropout_forward<T>(ctx, n, rate, seed, counter, in.data(), out.data()));
    return out.values();
  }
};
APF_ON_EVERY_BACKEND(Dropout);

TEST(Philox, GivesTheKnownAnswers)
{
  const apf_philox zero = apf_philox_block(0, 0);

  EXPECT_EQ(zero.word[0], 0x6627e8d5u);
  EXPECT_EQ(zero.word[1], 0xe169c58du);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8u);
}

TEST_P(Dropout, MaskIsThatOfTheGenerator)
{
  const std::vector<double> x(1001, 3.0);

  const auto y = forward<double>(0.25, 7, 1000, x);

  for (size_t i = 0; i < x.size(); i++) {
    const bool dropped = apf_philox_block(7, 1000 + i / 4).word[i % 4] < 0x40000000u;
    ASSERT_EQ(y[i], dropped ? 0.0 : 4.0) << i;
  }
}

TEST_P(Dropout, DropsTheRateAndKeepsTheMean)
{
  const int64_t n = 100000;
  const std::vector<float> x(n, 1.0f);
  for (double rate : {0.0, 0.1, 0.5, 0.9}) {
    const auto y = forward<float>(rate, 1, 0, x);

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
  Array<double> upstream(ctx, dy), dx(ctx, n);

  APF_EXPECT_OK(op::dropout_backward<double>(ctx, n, 0.3, 5, 6, upstream.data(), dx.data()));

  EXPECT_NEAR(dot(forward<double>(0.3, 5, 6, x), dy), dot(x, dx.values()), 1e-10);
  expect_gradient([&](const auto &v) { return dot(forward<double>(0.3, 5, 6, v), dy); }, x,
                  dx.values());
}

TEST_P(Dropout, SeedAndCounterChooseTheMask)
{
  const std::vector<double> x(400, 1.0);
  const auto y = forward<double>(0.5, 1, 2, x);

  EXPECT_EQ(forward<double>(0.5, 1, 2, x), y);
  EXPECT_NE(forward<double>(0.5, 2, 2, x), y);
  const auto later = forward<double>(0.5, 1, 3, x); /* one block further on */
  EXPECT_TRUE(std::equal(later.begin(), later.end() - 4, y.begin() + 4));
}

TEST_P(Dropout, BadArgumentsAreNamed)
{
  float v[4] = {0};
  const auto call = [&](int64_t n, double rate, const float *x, float *y) {
    return op::dropout_forward<float>(ctx, n, rate, 0, 0, x, y);
  };

  APF_EXPECT_OK(call(0, 0.5, nullptr, nullptr));
  expect_failure(ctx, call(-1, 0.5, v, v), APF_ERR_ARGUMENT,
                 {"apf_dropout_forward_f32", "N is -1"});
  expect_failure(ctx, call(4, 1.0, v, v), APF_ERR_ARGUMENT, {"rate is 1", "0 <= rate < 1"});
  expect_failure(ctx, call(4, -0.1, v, v), APF_ERR_ARGUMENT, {"rate is -0.1"});
  expect_failure(ctx, call(4, NAN, v, v), APF_ERR_ARGUMENT, {"rate is nan"});
  expect_failure(ctx, call(4, 0.5, nullptr, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(4, 0.5, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX, 0.5, v, v), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, op::dropout_backward<float>(ctx, 4, 0.5, 0, 0, nullptr, v), APF_ERR_ARGUMENT,
                 {"apf_dropout_backward_f32", "dy is NULL"});
  expect_failure(ctx, op::dropout_backward<float>(ctx, 4, 0.5, 0, 0, v, nullptr), APF_ERR_ARGUMENT,
                 {"dx is NULL"});
  expect_failure(nullptr, op::dropout_forward<float>(nullptr, 4, 0.5, 0, 0, v, v), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
}
