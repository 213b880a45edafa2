#include "support/support.h"

class Accumulate : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(Accumulate);

TEST_P(Accumulate, AccumulateAddsAlsoToItself)
{
  const auto x = random_values<double>(50001, 1), y = random_values<double>(50001, 2);
  Array<double> from(ctx, x), to(ctx, y);

  APF_EXPECT_OK(op::accumulate<double>(ctx, from.size(), from.data(), to.data()));
  APF_EXPECT_OK(op::accumulate<double>(ctx, from.size(), from.data(), from.data()));

  const auto sum = to.values(), twice = from.values();
  for (size_t i = 0; i < x.size(); i++) {
    ASSERT_EQ(sum[i], x[i] + y[i]);
    ASSERT_EQ(twice[i], 2 * x[i]);
  }
}

TEST_P(Accumulate, ArraysMayBeginAnywhere)
{
  for (int64_t n : {1, 3, 4, 1000, 1003})
    for (int64_t offset : {0, 1, 2}) {
      const auto x = random_values<float>(n + 3, 1), y = random_values<float>(n + 3, 2);
      Array<float> from(ctx, x), to(ctx, y);

      APF_ASSERT_OK(op::accumulate<float>(ctx, n, from.data() + 1, to.data() + offset));

      auto want = y;
      for (int64_t i = 0; i < n; i++) want[offset + i] += x[1 + i];
      EXPECT_EQ(to.values(), want) << n << " at " << offset;
    }
}

TEST_P(Accumulate, BadArgumentsAreNamed)
{
  Array<double> x_memory(ctx, 4), y_memory(ctx, 4);
  double *x = x_memory.data(), *y = y_memory.data();

  expect_failure(ctx, op::accumulate<double>(ctx, -2, x, y), APF_ERR_ARGUMENT, {"n is -2"});
  expect_failure(ctx, op::accumulate<double>(ctx, 1, nullptr, y), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, op::accumulate<double>(ctx, 1, x, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(nullptr, op::accumulate<double>(nullptr, 1, x, y), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
  APF_EXPECT_OK(op::accumulate<double>(ctx, 0, nullptr, nullptr));
}
