#include "support/support.h"

class Prelu : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t C, int64_t N, const std::vector<T> &x,
                         const std::vector<T> &a)
  {
    Array<T> in(ctx, x), slope(ctx, a), out(ctx, B * C * N);
    APF_EXPECT_OK(op::prelu_forward<T>(ctx, B, C, N, in.data(), slope.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::pair<std::vector<T>, std::vector<T>> backward(int64_t B, int64_t C, int64_t N,
                                                     const std::vector<T> &dy,
                                                     const std::vector<T> &x,
                                                     const std::vector<T> &a)
  {
    Array<T> upstream(ctx, dy), in(ctx, x), slope(ctx, a), dx(ctx, B * C * N), da(ctx, C);
    APF_EXPECT_OK(op::prelu_backward<T>(ctx, B, C, N, upstream.data(), in.data(), slope.data(),
                                        dx.data(), da.data()));
    return {dx.values(), da.values()};
  }
};
APF_ON_EVERY_BACKEND(Prelu);

TEST_P(Prelu, WorkedExample)
{
  const std::vector<double> x = {1, -2, 0, -4}, a = {0.5, 10};

  const auto gradient = backward<double>(1, 2, 2, {1, 2, 3, 4}, x, a);

  EXPECT_EQ(forward<double>(1, 2, 2, x, a), (std::vector<double>{1, -1, 0, -40}));
  EXPECT_EQ(gradient.first, (std::vector<double>{1, 1, 30, 40}));
  EXPECT_EQ(gradient.second, (std::vector<double>{-4, -16}));
}

TEST_P(Prelu, GradientsAgreeWithCentralDifferencesAndTheAdjointIdentity)
{
  for (int64_t B : {1, 3, 33})
    for (int64_t C : {1, 5})
      for (int64_t N : {1, 31, 1025}) {
        auto x = random_values<double>(B * C * N, 1);
        for (double &v : x) v += std::copysign(1e-3, v); /* away from the bend */
        const auto a = random_values<double>(C, 2), dy = random_values<double>(B * C * N, 3);

        const auto [dx, da] = backward<double>(B, C, N, dy, x, a);

        const auto y = forward<double>(B, C, N, x, a);
        const auto flat = forward<double>(B, C, N, x, std::vector<double>(C, 0.0));
        EXPECT_NEAR(dot(dx, x), dot(dy, y), 1e-10); /* homogeneous in x, affine in a */
        EXPECT_NEAR(dot(da, a), dot(dy, y) - dot(dy, flat), 1e-10);
        expect_gradient([&](const auto &v) { return dot(forward<double>(B, C, N, v, a), dy); }, x,
                        dx);
        expect_gradient([&](const auto &v) { return dot(forward<double>(B, C, N, x, v), dy); }, a,
                        da);
      }
}

TEST_P(Prelu, EachGradientIsOptionalAndMayReplaceItsUpstream)
{
  const auto x = random_values<double>(3 * 5 * 70, 1), a = random_values<double>(5, 2),
             dy = random_values<double>(3 * 5 * 70, 3);
  const auto want = backward<double>(3, 5, 70, dy, x, a);
  Array<double> data(ctx, dy), in(ctx, x), slope(ctx, a), da(ctx, 5);

  APF_EXPECT_OK(op::prelu_backward<double>(ctx, 3, 5, 70, data.data(), in.data(), slope.data(),
                                           nullptr, da.data()));
  APF_EXPECT_OK(op::prelu_backward<double>(ctx, 3, 5, 70, data.data(), in.data(), slope.data(),
                                           data.data(), nullptr));

  EXPECT_EQ(da.values(), want.second);
  EXPECT_EQ(data.values(), want.first);
}

TEST_P(Prelu, FloatAgreesWithDouble)
{
  const int64_t B = 3, C = 2, N = 24064;
  const auto x = random_values<float>(B * C * N, 1), a = random_values<float>(C, 2),
             dy = random_values<float>(B * C * N, 3);
  const auto wide = [](const std::vector<float> &v) {
    return std::vector<double>(v.begin(), v.end());
  };

  const auto got = backward<float>(B, C, N, dy, x, a);

  const auto want = backward<double>(B, C, N, wide(dy), wide(x), wide(a));
  EXPECT_LE(relative_error(wide(got.first), want.first), 1e-6);
  EXPECT_LE(relative_error(wide(got.second), want.second), 1e-5);
}

TEST_P(Prelu, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 16);
  float *v = v_memory.data();
  const char *name = "apf_prelu_forward_f32";
  const auto call = [&](int64_t B, int64_t C, int64_t N, const float *x, const float *a, float *y) {
    return op::prelu_forward<float>(ctx, B, C, N, x, a, y);
  };

  APF_EXPECT_OK(call(0, 5, 3, nullptr, nullptr, nullptr));
  EXPECT_EQ(backward<float>(0, 2, 3, {}, {}, {1, 1}).second, std::vector<float>(2, 0.0f));
  expect_failure(ctx, call(-1, 2, 2, v, v, v), APF_ERR_ARGUMENT, {name, "B is -1"});
  expect_failure(ctx, call(1, -2, 2, v, v, v), APF_ERR_ARGUMENT, {"C is -2"});
  expect_failure(ctx, call(1, 2, -2, v, v, v), APF_ERR_ARGUMENT, {"N is -2"});
  expect_failure(ctx, call(1, 2, 2, nullptr, v, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 2, 2, v, nullptr, v), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, call(1, 2, 2, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 2, 2, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  const auto back = [&](const float *dy, const float *x, const float *a) {
    return op::prelu_backward<float>(ctx, 1, 2, 2, dy, x, a, v, nullptr);
  };
  expect_failure(ctx, back(nullptr, v, v), APF_ERR_ARGUMENT,
                 {"apf_prelu_backward_f32", "dy is NULL"});
  expect_failure(ctx, back(v, nullptr, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, back(v, v, nullptr), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(nullptr, op::prelu_forward<float>(nullptr, 1, 2, 2, v, v, v), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
}
