#include "support/support.h"

class MaxPool : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t H, int64_t W, int64_t P, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), out(ctx, B * (H / P) * W);
    APF_EXPECT_OK(op::max_pool_forward<T>(ctx, B, H, W, P, in.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::vector<T> backward(int64_t B, int64_t H, int64_t W, int64_t P, const std::vector<T> &dy,
                          const std::vector<T> &x)
  {
    Array<T> upstream(ctx, dy), in(ctx, x), dx(ctx, B * H * W);
    APF_EXPECT_OK(op::max_pool_backward<T>(ctx, B, H, W, P, upstream.data(), in.data(), dx.data()));
    return dx.values();
  }
};
APF_ON_EVERY_BACKEND(MaxPool);

TEST_P(MaxPool, WorkedExample)
{
  const std::vector<double> x = {1, 8, /**/ 3, 7, /**/ -1, -2, /**/ -5, -2, /**/ 9, 9};

  EXPECT_EQ(forward<double>(1, 5, 2, 2, x), (std::vector<double>{3, 8, -1, -2}));
  EXPECT_EQ(backward<double>(1, 5, 2, 2, {10, 20, 30, 40}, x),
            (std::vector<double>{0, 20, 10, 0, 30, 40, 0, 0, 0, 0}));
}

TEST_P(MaxPool, GroupsOfOneAreACopy)
{
  const auto x = random_values<float>(3 * 5 * 7, 1);

  EXPECT_EQ(forward<float>(3, 5, 7, 1, x), x);
  EXPECT_EQ(backward<float>(3, 5, 7, 1, x, x), x);
}

TEST_P(MaxPool, AdjointIdentityAndCentralDifferencesHold)
{
  for (int64_t B : {1, 3, 33})
    for (int64_t H : {1, 2, 5, 8})
      for (int64_t W : {1, 17, 188})
        for (int64_t P : {1, 2, 3}) {
          auto x = random_values<double>(B * H * W, 1);
          for (size_t i = 0; i < x.size(); i++) /* no two of a column nearly equal */
            x[i] = std::round(x[i] * 50) / 50 + 0.002 * (i / W % H);
          const auto dy = random_values<double>(B * (H / P) * W, 2);

          const auto dx = backward<double>(B, H, W, P, dy, x);

          /* homogeneous: the directional derivative along x is y itself */
          EXPECT_NEAR(dot(dx, x), dot(dy, forward<double>(B, H, W, P, x)), 1e-10);
          expect_gradient([&](const auto &v) { return dot(forward<double>(B, H, W, P, v), dy); }, x,
                          dx);
        }
}

TEST_P(MaxPool, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 16);
  float *v = v_memory.data();
  const char *name = "apf_max_pool_forward_f32";
  const auto call = [&](int64_t B, int64_t H, int64_t W, int64_t P, const float *x, float *y) {
    return op::max_pool_forward<float>(ctx, B, H, W, P, x, y);
  };

  APF_EXPECT_OK(call(1, 1, 5, 2, nullptr, nullptr)); /* no group is full */
  EXPECT_EQ(backward<float>(1, 1, 3, 2, {}, {1, 2, 3}), std::vector<float>(3, 0.0f));
  expect_failure(ctx, call(-1, 2, 2, 2, v, v), APF_ERR_ARGUMENT, {name, "B is -1"});
  expect_failure(ctx, call(1, -1, 2, 2, v, v), APF_ERR_ARGUMENT, {"H is -1"});
  expect_failure(ctx, call(1, 2, -1, 2, v, v), APF_ERR_ARGUMENT, {"W is -1"});
  expect_failure(ctx, call(1, 2, 2, 0, v, v), APF_ERR_ARGUMENT, {"P is 0", "at least 1"});
  expect_failure(ctx, call(1, 2, 2, 2, nullptr, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 2, 2, 2, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 2, 2, 2, v, v), APF_ERR_ARGUMENT, {"overflows"});
  const auto back = [&](const float *dy, const float *x, float *dx) {
    return op::max_pool_backward<float>(ctx, 1, 2, 2, 2, dy, x, dx);
  };
  expect_failure(ctx, back(nullptr, v, v), APF_ERR_ARGUMENT,
                 {"apf_max_pool_backward_f32", "dy is NULL"});
  expect_failure(ctx, back(v, nullptr, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, back(v, v, nullptr), APF_ERR_ARGUMENT, {"dx is NULL"});
  expect_failure(nullptr, op::max_pool_forward<float>(nullptr, 1, 2, 2, 2, v, v), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
}
