#include "support/support.h"

class TriangleCoefficients : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(double scale, const std::vector<T> &logits)
  {
    const auto n = static_cast<int64_t>(logits.size()) / 2;
    Array<T> in(ctx, logits), a(ctx, 2 * n);
    APF_EXPECT_OK(op::triangle_coefficients_forward<T>(ctx, n, scale, in.data(), a.data()));
    return a.values();
  }
};
APF_ON_EVERY_BACKEND(TriangleCoefficients);

TEST_P(TriangleCoefficients, WorkedExample)
{
  const double half = std::atanh(0.5);

  EXPECT_LE(relative_error(forward<double>(1, {half, half, -half, 0, 0, half}),
                           {1, 0.75, -1, 0.5, 0, 0.5}),
            1e-15);
  EXPECT_LE(relative_error(forward<double>(0.5, {half, half}), {0.5, 0.4375}), 1e-15);
}

TEST_P(TriangleCoefficients, PolesLieInsideTheUnitCircle)
{
  const auto a = forward<double>(0.999, random_values<double>(2000, 1, 10));

  for (size_t i = 0; i < a.size(); i += 2) {
    EXPECT_LT(std::abs(a[i + 1]), 1);
    EXPECT_LT(std::abs(a[i]), 1 + a[i + 1]);
  }
}

TEST_P(TriangleCoefficients, GradientAgreesWithCentralDifferences)
{
  for (int64_t n : {1, 33, 5000}) {
    const auto logits = random_values<double>(2 * n, 1, 2),
               upstream = random_values<double>(2 * n, 2);
    Array<double> in(ctx, logits), da(ctx, upstream), gradient(ctx, 2 * n);

    APF_EXPECT_OK(op::triangle_coefficients_backward<double>(ctx, n, 0.999, da.data(), in.data(),
                                                             gradient.data()));

    /* steps short enough that no logit crosses 0, where |a1| bends */
    expect_gradient([&](const auto &v) { return dot(forward<double>(0.999, v), upstream); }, logits,
                    gradient.values(), 1e-5, 1e-7);
  }
}

TEST_P(TriangleCoefficients, FloatAgreesWithDouble)
{
  const auto logits = random_values<float>(200, 1, 4);

  const auto a = forward<float>(0.999, logits);

  EXPECT_LE(
      relative_error(std::vector<double>(a.begin(), a.end()),
                     forward<double>(0.999, std::vector<double>(logits.begin(), logits.end()))),
      1e-6);
}

TEST_P(TriangleCoefficients, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(4, 0));
  float *const v = memory.data();
  const auto call = [&](int64_t n, double scale, const float *logits, float *a) {
    return op::triangle_coefficients_forward<float>(ctx, n, scale, logits, a);
  };

  APF_EXPECT_OK(call(0, 1, nullptr, nullptr));
  expect_failure(ctx, call(-1, 1, v, v), APF_ERR_ARGUMENT,
                 {"apf_triangle_coefficients_forward_f32", "N is -1"});
  expect_failure(ctx, call(1, 0, v, v), APF_ERR_ARGUMENT, {"scale is 0", "0 < scale <= 1"});
  expect_failure(ctx, call(1, 1, nullptr, v), APF_ERR_ARGUMENT, {"logits is NULL"});
  expect_failure(ctx, call(1, 1, v, nullptr), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 1, v, v), APF_ERR_ARGUMENT, {"overflows"});
  const auto back = [&](const float *da, const float *logits, float *d) {
    return op::triangle_coefficients_backward<float>(ctx, 1, 1, da, logits, d);
  };
  expect_failure(ctx, back(nullptr, v, v), APF_ERR_ARGUMENT,
                 {"apf_triangle_coefficients_backward_f32", "da is NULL"});
  expect_failure(ctx, back(v, nullptr, v), APF_ERR_ARGUMENT, {"logits is NULL"});
  expect_failure(ctx, back(v, v, nullptr), APF_ERR_ARGUMENT, {"dlogits is NULL"});
  expect_failure(nullptr, op::triangle_coefficients_forward<float>(nullptr, 1, 1, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
