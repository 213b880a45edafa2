#include "support/support.h"

class LowpassCoefficients : public OnEveryBackend {
 protected:
  template <class T>
  std::pair<std::vector<T>, std::vector<T>> forward(double scale, const std::vector<T> &w,
                                                    const std::vector<T> &q)
  {
    const auto n = static_cast<int64_t>(w.size());
    Array<T> frequency(ctx, w), quality(ctx, q), a(ctx, 2 * n), b(ctx, 3 * n);
    APF_EXPECT_OK(op::lowpass_coefficients_forward<T>(ctx, n, scale, frequency.data(),
                                                      quality.data(), a.data(), b.data()));
    return {a.values(), b.values()};
  }
};
APF_ON_EVERY_BACKEND(LowpassCoefficients);

TEST_P(LowpassCoefficients, WorkedExample)
{
  /* a quarter of the sample rate, q = 1/2: p = 1, a0 = 2 */
  const auto [a, b] = forward<double>(0.5, {std::acos(0.0)}, {0.5});

  EXPECT_LE(relative_error(a, {0, 0}), 1e-15);
  EXPECT_LE(relative_error(b, {0.25, 0.5, 0.25}), 1e-15);
}

TEST_P(LowpassCoefficients, GainIsOneAtZeroAndQAtTheCutoff)
{
  for (double w : {0.013, 0.3, 1.0})
    for (double q : {0.7071, 2.0, 8.0}) {
      const auto [a, b] = forward<double>(1.0, {w}, {q});

      const auto response = [&, &a = a, &b = b](double at) {
        const std::complex<double> z = std::polar(1.0, -at);
        return std::abs((b[0] + z * (b[1] + z * b[2])) / (1.0 + z * (a[0] + z * a[1])));
      };
      EXPECT_NEAR(response(0), 1, 1e-9);
      EXPECT_NEAR(response(w), q, 1e-9);
      EXPECT_NEAR(response(3.14159265358979), 0, 1e-12);
    }
}

TEST_P(LowpassCoefficients, GradientsAgreeWithCentralDifferences)
{
  for (int64_t n : {1, 31, 5000}) {
    auto w = random_values<double>(n, 1), q = random_values<double>(n, 2);
    for (double &v : w) v = 0.6 + 0.5 * v;
    for (double &v : q) v = 2 + 1.2 * v;
    const auto ua = random_values<double>(2 * n, 3), ub = random_values<double>(3 * n, 4);
    Array<double> da(ctx, ua), db(ctx, ub), frequency(ctx, w), quality(ctx, q), dw(ctx, n),
        dq(ctx, n);
    const auto call = [&](const double *to_a, const double *to_b, double *of_w, double *of_q) {
      APF_EXPECT_OK(op::lowpass_coefficients_backward<double>(
          ctx, n, 0.999, to_a, to_b, frequency.data(), quality.data(), of_w, of_q));
    };
    const auto loss = [&](const std::vector<double> &f, const std::vector<double> &r, double of_a,
                          double of_b) {
      const auto [a, b] = forward<double>(0.999, f, r);
      return of_a * dot(a, ua) + of_b * dot(b, ub);
    };
    const auto along_w = [&](double of_a, double of_b) {
      return [&, of_a, of_b](const auto &v) { return loss(v, q, of_a, of_b); };
    };
    const auto along_q = [&](double of_a, double of_b) {
      return [&, of_a, of_b](const auto &v) { return loss(w, v, of_a, of_b); };
    };

    call(da.data(), db.data(), dw.data(), dq.data());
    expect_gradient(along_w(1, 1), w, dw.values());
    expect_gradient(along_q(1, 1), q, dq.values());
    call(da.data(), nullptr, dw.data(), nullptr);
    expect_gradient(along_w(1, 0), w, dw.values());
    call(nullptr, db.data(), nullptr, dq.data());
    expect_gradient(along_q(0, 1), q, dq.values());
  }
}

TEST_P(LowpassCoefficients, FloatAgreesWithDouble)
{
  const std::vector<float> w = {0.0130900f, 0.5f, 1.0471976f}, q = {0.7071f, 3.0f, 8.0f};

  const auto [a, b] = forward<float>(0.999, w, q);

  const auto want = forward<double>(0.999, std::vector<double>(w.begin(), w.end()),
                                    std::vector<double>(q.begin(), q.end()));
  EXPECT_LE(relative_error(std::vector<double>(a.begin(), a.end()), want.first), 1e-6);
  EXPECT_LE(relative_error(std::vector<double>(b.begin(), b.end()), want.second), 1e-6);
}

TEST_P(LowpassCoefficients, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(4, 1));
  float *const v = memory.data();
  const auto call = [&](int64_t n, double scale, const float *w, const float *q, float *a,
                        float *b) {
    return op::lowpass_coefficients_forward<float>(ctx, n, scale, w, q, a, b);
  };

  APF_EXPECT_OK(call(0, 1, nullptr, nullptr, nullptr, nullptr));
  expect_failure(ctx, call(-1, 1, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_lowpass_coefficients_forward_f32", "N is -1"});
  expect_failure(ctx, call(1, 0, v, v, v, v), APF_ERR_ARGUMENT, {"scale is 0", "0 < scale <= 1"});
  expect_failure(ctx, call(1, 1.5, v, v, v, v), APF_ERR_ARGUMENT, {"scale is 1.5"});
  expect_failure(ctx, call(1, 1, nullptr, v, v, v), APF_ERR_ARGUMENT, {"w is NULL"});
  expect_failure(ctx, call(1, 1, v, nullptr, v, v), APF_ERR_ARGUMENT, {"q is NULL"});
  expect_failure(ctx, call(1, 1, v, v, nullptr, v), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, call(1, 1, v, v, v, nullptr), APF_ERR_ARGUMENT, {"b is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 1, v, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, op::lowpass_coefficients_backward<float>(ctx, 1, 1, v, v, nullptr, v, v, v),
                 APF_ERR_ARGUMENT, {"apf_lowpass_coefficients_backward_f32", "w is NULL"});
  expect_failure(nullptr, op::lowpass_coefficients_forward<float>(nullptr, 1, 1, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
