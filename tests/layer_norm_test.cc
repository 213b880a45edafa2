#include "support/support.h"

class LayerNorm : public OnEveryBackend {
 protected:
  template <class T>
  struct Result {
    std::vector<T> y, scale;
  };
  template <class T>
  Result<T> forward(int64_t R, int64_t N, double epsilon, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), out(ctx, R * N), scale(ctx, R);
    APF_EXPECT_OK(
        op::layer_norm_forward<T>(ctx, R, N, epsilon, in.data(), out.data(), scale.data()));
    return {out.values(), scale.values()};
  }
  template <class T>
  std::vector<T> backward(int64_t R, int64_t N, const std::vector<T> &dy, const Result<T> &saved)
  {
    Array<T> upstream(ctx, dy), y(ctx, saved.y), scale(ctx, saved.scale), dx(ctx, R * N);
    APF_EXPECT_OK(
        op::layer_norm_backward<T>(ctx, R, N, upstream.data(), y.data(), scale.data(), dx.data()));
    return dx.values();
  }
};
APF_ON_EVERY_BACKEND(LayerNorm);

TEST_P(LayerNorm, WorkedExample)
{
  const auto got = forward<double>(2, 2, 3.0, {1, 3, 10, 10}); /* variance 1 and 0 */

  EXPECT_EQ(got.y, (std::vector<double>{-0.5, 0.5, 0, 0}));
  EXPECT_LE(relative_error(got.scale, {0.5, 1 / std::sqrt(3.0)}), 1e-15);
}

TEST_P(LayerNorm, RowsHaveMeanZeroAndVarianceOne)
{
  for (int64_t N : {2, 31, 1024, 1025, 24064}) {
    auto x = random_values<double>(3 * N, 1);
    for (double &v : x) v += 100;

    const auto y = forward<double>(3, N, 1e-12, x).y;

    for (int64_t r = 0; r < 3; r++) {
      double sum = 0, squares = 0;
      for (int64_t n = 0; n < N; n++) sum += y[r * N + n], squares += y[r * N + n] * y[r * N + n];
      EXPECT_NEAR(sum / N, 0, 1e-11) << N;
      EXPECT_NEAR(squares / N, 1, 1e-6) << N; /* epsilon counts where two values are close */
    }
  }
}

TEST_P(LayerNorm, GradientAgreesWithCentralDifferences)
{
  for (int64_t N : {1, 2, 7, 1500}) {
    const auto x = random_values<double>(3 * N, 1), dy = random_values<double>(3 * N, 2);

    const auto dx = backward<double>(3, N, dy, forward<double>(3, N, 1e-2, x));

    if (N == 1)
      EXPECT_EQ(dx, std::vector<double>(3, 0.0));
    else
      expect_gradient([&](const auto &v) { return dot(forward<double>(3, N, 1e-2, v).y, dy); }, x,
                      dx);
  }
}

TEST_P(LayerNorm, BackwardIsItsOwnAdjoint)
{
  /* dx = scale (I - 1 1'/N - y y'/N) dy: the matrix is symmetric. */
  const int64_t R = 33, N = 65;
  const auto saved = forward<double>(R, N, 1e-5, random_values<double>(R * N, 1));
  const auto u = random_values<double>(R * N, 2), v = random_values<double>(R * N, 3);

  EXPECT_NEAR(dot(backward<double>(R, N, u, saved), v), dot(u, backward<double>(R, N, v, saved)),
              1e-11);
}

TEST_P(LayerNorm, FloatAgreesWithDouble)
{
  const int64_t R = 3, N = 24064;
  auto x = random_values<float>(R * N, 1);
  for (float &v : x) v += 10;
  const auto dy = random_values<float>(R * N, 2);

  const auto got = forward<float>(R, N, 1e-5, x);

  const auto want = forward<double>(R, N, 1e-5, std::vector<double>(x.begin(), x.end()));
  EXPECT_LE(relative_error(std::vector<double>(got.y.begin(), got.y.end()), want.y), 2e-6);
  const auto dx = backward<float>(R, N, dy, got);
  EXPECT_LE(relative_error(std::vector<double>(dx.begin(), dx.end()),
                           backward<double>(R, N, std::vector<double>(dy.begin(), dy.end()), want)),
            2e-6);
}

TEST_P(LayerNorm, ScaleIsOptionalAndOutputMayReplaceInput)
{
  const auto x = random_values<double>(3 * 50, 1);
  const auto want = forward<double>(3, 50, 1e-5, x);
  Array<double> data(ctx, x);

  APF_EXPECT_OK(
      op::layer_norm_forward<double>(ctx, 3, 50, 1e-5, data.data(), data.data(), nullptr));

  EXPECT_EQ(data.values(), want.y);
}

TEST_P(LayerNorm, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 16);
  float *v = v_memory.data();
  const char *name = "apf_layer_norm_forward_f32";
  const auto call = [&](int64_t R, int64_t N, double epsilon, const float *x, float *y) {
    return op::layer_norm_forward<float>(ctx, R, N, epsilon, x, y, nullptr);
  };

  APF_EXPECT_OK(call(0, 5, 1e-5, nullptr, nullptr));
  expect_failure(ctx, call(-1, 2, 1e-5, v, v), APF_ERR_ARGUMENT, {name, "R is -1"});
  expect_failure(ctx, call(1, -2, 1e-5, v, v), APF_ERR_ARGUMENT, {"N is -2"});
  expect_failure(ctx, call(1, 2, 0, v, v), APF_ERR_ARGUMENT, {"epsilon is 0", "> 0"});
  expect_failure(ctx, call(1, 2, NAN, v, v), APF_ERR_ARGUMENT, {"epsilon is nan"});
  expect_failure(ctx, call(1, 2, 1e-5, nullptr, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 2, 1e-5, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 2, 1e-5, v, v), APF_ERR_ARGUMENT, {"overflows"});
  const auto back = [&](const float *dy, const float *y, const float *scale, float *dx) {
    return op::layer_norm_backward<float>(ctx, 1, 2, dy, y, scale, dx);
  };
  expect_failure(ctx, back(nullptr, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_layer_norm_backward_f32", "dy is NULL"});
  expect_failure(ctx, back(v, nullptr, v, v), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, back(v, v, nullptr, v), APF_ERR_ARGUMENT, {"scale is NULL"});
  expect_failure(ctx, back(v, v, v, nullptr), APF_ERR_ARGUMENT, {"dx is NULL"});
  expect_failure(nullptr, op::layer_norm_forward<float>(nullptr, 1, 2, 1e-5, v, v, nullptr),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
