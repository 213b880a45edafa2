#include "support/support.h"

class Fill : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(Fill);

TEST_P(Fill, FillWritesEveryElementAndNothingElse)
{
  for (int64_t n : {1, 7, 100003}) {
    Array<float> y(ctx, n);

    APF_EXPECT_OK(op::fill<float>(ctx, n, 0.1, y.data()));

    EXPECT_EQ(y.values(), std::vector<float>(n, 0.1f));
  }
}

TEST_P(Fill, BadArgumentsAreNamed)
{
  double y[4] = {0};

  expect_failure(ctx, op::fill<double>(ctx, -1, 0, y), APF_ERR_ARGUMENT, {"apf_fill", "n is -1"});
  expect_failure(ctx, op::fill<double>(ctx, 1, 0, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(nullptr, op::fill<double>(nullptr, 1, 0, y), APF_ERR_ARGUMENT, {"ctx is NULL"});
  APF_EXPECT_OK(op::fill<float>(ctx, 0, 1, nullptr));
}
