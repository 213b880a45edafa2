#include "support/support.h"

class SgdStep : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(SgdStep);

TEST_P(SgdStep, WorkedExample)
{
  Array<double> schedule(ctx, {0.5, 1}), g(ctx, {1, -2}), p(ctx, {10, 20}), m(ctx, {4, 0});

  APF_ASSERT_OK(op::sgd_step<double>(ctx, 2, 1, 0.25, 0, schedule.data(), nullptr, nullptr,
                                     g.data(), p.data(), m.data()));

  EXPECT_EQ(m.values(), (std::vector<double>{2, -2}));
  EXPECT_EQ(p.values(), (std::vector<double>{9, 21}));
}

TEST_P(SgdStep, WeightDecayPullsToZeroAndNoMomentumNeedsNoMemory)
{
  Array<double> schedule(ctx, {0.5, 1});
  Array<float> g(ctx, {0}), p(ctx, {8});

  APF_ASSERT_OK(op::sgd_step<float>(ctx, 1, 1, 0, 0.5, schedule.data(), nullptr, nullptr, g.data(),
                                    p.data(), nullptr));

  EXPECT_EQ(p.values(), std::vector<float>{6});
}

TEST_P(SgdStep, OnlyValuesOfSetsWithAFiniteNormMove)
{
  Array<double> schedule(ctx, {1, 1}), norm(ctx, {NAN, 1, INFINITY});
  Array<int32_t> set(ctx, {0, 1, -1, 2, 1, 3});
  Array<double> g(ctx, {1, 1, 1, 1, 1, 1}), p(ctx, {5, 5, 5, 5, 5, 5}), m(ctx, {2, 2, 2, 2, 2, 2});

  APF_ASSERT_OK(op::sgd_step<double>(ctx, 6, 3, 0.5, 0.5, schedule.data(), set.data(), norm.data(),
                                     g.data(), p.data(), m.data()));

  EXPECT_EQ(m.values(), (std::vector<double>{2, 4.5, 2, 2, 4.5, 2}));
  EXPECT_EQ(p.values(), (std::vector<double>{5, 0.5, 5, 5, 0.5, 5}));
}

TEST_P(SgdStep, BadArgumentsAreNamed)
{
  Array<double> schedule(ctx, {1, 1});
  Array<float> g(ctx, {0}), p(ctx, {8});
  const auto step = [&](int64_t N, int64_t S, double momentum, const double *s,
                        const float *slope) {
    return op::sgd_step<float>(ctx, N, S, momentum, 0, s, nullptr, nullptr, slope, p.data(),
                               nullptr);
  };

  APF_EXPECT_OK(
      op::sgd_step<float>(ctx, 0, 1, 0, 0, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  expect_failure(ctx, step(-1, 1, 0, schedule.data(), g.data()), APF_ERR_ARGUMENT, {"N is -1"});
  expect_failure(ctx, step(1, 0, 0, schedule.data(), g.data()), APF_ERR_ARGUMENT, {"S is 0"});
  expect_failure(ctx, step(1, 2, 0, schedule.data(), g.data()), APF_ERR_ARGUMENT, {"set is NULL"});
  expect_failure(ctx, step(1, 1, 0, nullptr, g.data()), APF_ERR_ARGUMENT, {"schedule is NULL"});
  expect_failure(ctx, step(1, 1, 0.9, schedule.data(), g.data()), APF_ERR_ARGUMENT, {"m is NULL"});
  expect_failure(ctx, step(1, 1, 0, schedule.data(), nullptr), APF_ERR_ARGUMENT, {"g is NULL"});
}
