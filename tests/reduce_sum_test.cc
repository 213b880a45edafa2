#include "support/support.h"

namespace {

using Sizes = std::vector<int64_t>;

int64_t count(const Sizes &s)
{
  int64_t n = 1;
  for (int64_t v : s) n *= v;
  return n;
}

struct Case {
  Sizes x, y;
};
const Case kCases[] = {
    {{5}, {1}},
    {{2, 3}, {2, 1}},
    {{2, 3}, {1, 3}},
    {{2, 3}, {2, 3}},
    {{3, 4, 5}, {3, 1, 5}},
    {{3, 4, 5}, {1, 4, 1}},
    {{50000}, {1}},
    {{3, 50000}, {3, 1}},
    {{500, 300}, {1, 300}},
    {{2, 3, 4, 5, 6}, {2, 1, 4, 1, 6}},
    {{2, 3, 4, 5, 6}, {1, 3, 1, 5, 1}},
    {{6000, 4, 5}, {1, 4, 1}},
    {{}, {}},
};

std::vector<double> by_loops(const Case &c, const std::vector<double> &x)
{
  std::vector<double> y(count(c.y), 0.0);
  for (int64_t i = 0; i < count(c.x); i++) {
    int64_t rest = i, offset = 0, step = 1;
    for (int d = static_cast<int>(c.x.size()) - 1; d >= 0; d--) {
      if (c.y[d] > 1) offset += rest % c.x[d] * step;
      step *= c.y[d];
      rest /= c.x[d];
    }
    y[offset] += x[i];
  }
  return y;
}

}  // namespace

class ReduceSum : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Case &c, double scale, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), out(ctx, count(c.y));
    APF_EXPECT_OK(op::reduce_sum_forward<T>(ctx, static_cast<int>(c.x.size()), c.x.data(),
                                            c.y.data(), scale, in.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::vector<T> backward(const Case &c, double scale, const std::vector<T> &dy)
  {
    Array<T> in(ctx, dy), out(ctx, count(c.x));
    APF_EXPECT_OK(op::reduce_sum_backward<T>(ctx, static_cast<int>(c.x.size()), c.x.data(),
                                             c.y.data(), scale, in.data(), out.data()));
    return out.values();
  }
};
APF_ON_EVERY_BACKEND(ReduceSum);

TEST_P(ReduceSum, EqualsNestedLoops)
{
  for (const Case &c : kCases) {
    const auto x = random_values<double>(count(c.x), 4);

    EXPECT_LE(relative_error(forward(c, 1, x), by_loops(c, x)), 1e-12);
  }
}

TEST_P(ReduceSum, AdjointIdentityHolds)
{
  for (const Case &c : kCases) {
    const auto x = random_values<double>(count(c.x), 1), dy = random_values<double>(count(c.y), 2);

    const double left = dot(forward(c, 0.3, x), dy), right = dot(x, backward(c, 0.3, dy));

    EXPECT_NEAR(left, right, 1e-12 * (1 + std::abs(left)));
  }
}

TEST_P(ReduceSum, DoesNotDependOnTheNumberOfThreads)
{
  apf_context_options options;
  apf_context_options_init(&options);
  options.simd = GetParam().simd;
  options.threads = GetParam().threads + 3;
  if (GetParam().backend == APF_CUDA) GTEST_SKIP() << "a GPU has no threads to count";
  apf_context *other = nullptr;
  ASSERT_EQ(apf_context_create(&options, &other), APF_OK);
  for (const Case &c : kCases) {
    const auto x = random_values<float>(count(c.x), 1);
    Array<float> in(other, x), out(other, count(c.y));

    APF_EXPECT_OK(op::reduce_sum_forward<float>(other, static_cast<int>(c.x.size()), c.x.data(),
                                                c.y.data(), 1, in.data(), out.data()));

    EXPECT_EQ(out.values(), forward(c, 1, x));
  }
  apf_context_destroy(other);
}

TEST_P(ReduceSum, RepeatsToTheBit)
{
  for (const Case &c : kCases) {
    const auto x = random_values<double>(count(c.x), 1);
    const auto y = forward(c, 1, x);

    for (int run = 0; run < 4; run++) EXPECT_EQ(forward(c, 1, x), y);
  }
}

TEST_P(ReduceSum, FloatIsSummedInDouble)
{
  const Case c = {{1000003}, {1}};

  const auto y = forward(c, 1, std::vector<float>(1000003, 0.1f));

  EXPECT_NEAR(y[0], 1000003 * static_cast<double>(0.1f), 0.01);
}

TEST_P(ReduceSum, TheSumOfNothingIsZero)
{
  EXPECT_EQ(forward<double>({{3, 0}, {3, 1}}, 1, {}), std::vector<double>(3, 0.0));
  EXPECT_EQ(backward<double>({{3, 0}, {3, 1}}, 1, {1, 2, 3}), std::vector<double>{});
}

TEST_P(ReduceSum, BadArgumentsAreNamed)
{
  Array<double> x_memory(ctx, 6), y_memory(ctx, 6);
  double *x = x_memory.data(), *y = y_memory.data();
  const int64_t six[] = {6}, two[] = {2}, one[] = {1};

  expect_failure(ctx, op::reduce_sum_forward<double>(ctx, 1, six, two, 1, x, y), APF_ERR_ARGUMENT,
                 {"apf_reduce_sum_forward_f64", "6 and 2"});
  expect_failure(ctx, op::reduce_sum_forward<double>(ctx, 1, one, two, 1, x, y), APF_ERR_ARGUMENT,
                 {"y_size[0] is 2", "expected 1"});
  expect_failure(ctx, op::reduce_sum_forward<double>(ctx, 9, six, one, 1, x, y), APF_ERR_ARGUMENT,
                 {"dims is 9"});
  expect_failure(ctx, op::reduce_sum_forward<double>(ctx, 1, six, one, 1, nullptr, y),
                 APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, op::reduce_sum_backward<double>(ctx, 1, six, one, 1, y, nullptr),
                 APF_ERR_ARGUMENT, {"dx is NULL"});
  expect_failure(nullptr, op::reduce_sum_forward<double>(nullptr, 1, six, one, 1, x, y),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
