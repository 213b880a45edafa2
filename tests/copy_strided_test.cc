#include "support/support.h"

class CopyStrided : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(CopyStrided);

TEST_P(CopyStrided, TransposesFlipsAndBroadcasts)
{
  Array<double> x(ctx, {1, 2, 3, 4, 5, 6}); /* two rows of three */
  Array<double> y(ctx, 6);
  const int64_t size[] = {3, 2}, dense[] = {2, 1}, columns[] = {1, 3};
  APF_EXPECT_OK(op::copy_strided<double>(ctx, 2, size, columns, dense, x.data(), y.data()));
  EXPECT_EQ(y.values(), (std::vector<double>{1, 4, 2, 5, 3, 6}));

  const int64_t six[] = {6}, back[] = {-1}, on[] = {1}, stay[] = {0};
  APF_EXPECT_OK(op::copy_strided<double>(ctx, 1, six, back, on, x.data() + 5, y.data()));
  EXPECT_EQ(y.values(), (std::vector<double>{6, 5, 4, 3, 2, 1}));

  APF_EXPECT_OK(op::copy_strided<double>(ctx, 1, six, stay, on, x.data() + 1, y.data()));
  EXPECT_EQ(y.values(), std::vector<double>(6, 2.0));

  APF_EXPECT_OK(op::copy_strided<double>(ctx, 0, nullptr, nullptr, nullptr, x.data(), y.data()));
  EXPECT_EQ(y.values()[0], 1);
}

TEST_P(CopyStrided, EqualsNestedLoopsOnManyShapes)
{
  std::mt19937 random(3);
  for (int round = 0; round < 60; round++) {
    const int dims = 1 + random() % 4;
    int64_t size[4], x_strides[4], y_strides[4], order[4];
    int64_t count = 1;
    for (int d = 0; d < dims; d++) size[d] = 1 + random() % (d == dims - 1 ? 40000 / dims : 4);
    for (int d = 0; d < dims; d++) order[d] = d;
    std::shuffle(order, order + dims, random);
    for (int d = dims - 1; d >= 0; d--) {
      y_strides[d] = count;
      count *= size[d];
    }
    int64_t step = 1;
    for (int k = dims - 1; k >= 0; k--) { /* x lies in another order */
      x_strides[order[k]] = step;
      step *= size[order[k]];
    }
    const auto x = random_values<float>(count, round);
    Array<float> from(ctx, x), to(ctx, count);

    APF_EXPECT_OK(
        op::copy_strided<float>(ctx, dims, size, x_strides, y_strides, from.data(), to.data()));

    const auto y = to.values();
    for (int64_t i = 0; i < count; i++) {
      int64_t offset = 0;
      for (int d = 0; d < dims; d++) offset += i / y_strides[d] % size[d] * x_strides[d];
      ASSERT_EQ(y[i], x[offset]) << "round " << round << " element " << i;
    }
  }
}

TEST_P(CopyStrided, BadArgumentsAreNamed)
{
  Array<double> x_memory(ctx, 4), y_memory(ctx, 4);
  double *x = x_memory.data(), *y = y_memory.data();
  const int64_t size[] = {2}, huge[] = {INT64_MAX, 3}, bad[] = {-1}, one[] = {1, 1}, zero[] = {0};

  expect_failure(ctx, op::copy_strided<double>(ctx, 7, size, one, one, x, y), APF_ERR_ARGUMENT,
                 {"dims is 7", "0 to 6"});
  expect_failure(ctx, op::copy_strided<double>(ctx, 1, bad, one, one, x, y), APF_ERR_ARGUMENT,
                 {"size[d] is -1"});
  expect_failure(ctx, op::copy_strided<double>(ctx, 1, size, one, zero, x, y), APF_ERR_ARGUMENT,
                 {"y_strides[0] is 0"});
  expect_failure(ctx, op::copy_strided<double>(ctx, 2, huge, one, one, x, y), APF_ERR_ARGUMENT,
                 {"overflows"});
  expect_failure(ctx, op::copy_strided<double>(ctx, 1, size, one, one, x, nullptr),
                 APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(nullptr, op::copy_strided<double>(nullptr, 1, size, one, one, x, y),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
  const int64_t none[] = {3, 0};
  APF_EXPECT_OK(op::copy_strided<double>(ctx, 2, none, one, one, nullptr, nullptr));
}
