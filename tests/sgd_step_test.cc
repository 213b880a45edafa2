#include "support/support.h"

class SgdStep : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(SgdStep);

TEST_P(SgdStep, WorkedExample)
{
  Array<double> g(ctx, {1, -2}), p(ctx, {10, 20}), m(ctx, {4, 0});

  APF_ASSERT_OK(op::sgd_step<double>(ctx, 2, 0.5, 0.25, 0, g.data(), p.data(), m.data()));

  EXPECT_EQ(m.values(), (std::vector<double>{2, -2}));
  EXPECT_EQ(p.values(), (std::vector<double>{9, 21}));
}

TEST_P(SgdStep, WeightDecayPullsToZeroAndNoMomentumNeedsNoMemory)
{
  Array<float> g(ctx, {0}), p(ctx, {8});

  APF_ASSERT_OK(op::sgd_step<float>(ctx, 1, 0.5, 0, 0.5, g.data(), p.data(), nullptr));

  EXPECT_EQ(p.values(), std::vector<float>{6});
}

TEST_P(SgdStep, BadArgumentsAreNamed)
{
  Array<float> g(ctx, {0}), p(ctx, {8});

  APF_EXPECT_OK(op::sgd_step<float>(ctx, 0, 1, 0, 0, nullptr, nullptr, nullptr));
  expect_failure(ctx, op::sgd_step<float>(ctx, -1, 1, 0, 0, g.data(), p.data(), nullptr),
                 APF_ERR_ARGUMENT, {"N is -1"});
  expect_failure(ctx, op::sgd_step<float>(ctx, 1, 1, 0.9, 0, g.data(), p.data(), nullptr),
                 APF_ERR_ARGUMENT, {"m is NULL"});
  expect_failure(ctx, op::sgd_step<float>(ctx, 1, 1, 0, 0, nullptr, p.data(), nullptr),
                 APF_ERR_ARGUMENT, {"g is NULL"});
}
