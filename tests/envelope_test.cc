#include "support/support.h"

namespace {

std::vector<double> plain(int64_t T, double rate, double epsilon,
                          const std::vector<double> &duration, const std::vector<double> &alpha)
{
  std::vector<double> y;
  for (size_t b = 0; b < duration.size(); b++)
    for (int64_t n = 0; n < T; n++)
      y.push_back(
          std::pow(1 - std::min(1.0, (n + epsilon) / (rate * duration[b]) + epsilon), alpha[b]));
  return y;
}

}  // namespace

class Envelope : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t steps, double rate, double epsilon, const std::vector<T> &duration,
                         const std::vector<T> &alpha)
  {
    const auto B = static_cast<int64_t>(duration.size());
    Array<T> d(ctx, duration), a(ctx, alpha), y(ctx, B * steps);
    APF_EXPECT_OK(
        op::envelope_forward<T>(ctx, B, steps, rate, epsilon, d.data(), a.data(), y.data()));
    return y.values();
  }
  template <class T>
  std::pair<std::vector<T>, std::vector<T>> backward(int64_t steps, double rate, double epsilon,
                                                     const std::vector<T> &dy,
                                                     const std::vector<T> &duration,
                                                     const std::vector<T> &alpha)
  {
    const auto B = static_cast<int64_t>(duration.size());
    Array<T> upstream(ctx, dy), d(ctx, duration), a(ctx, alpha), dd(ctx, B), da(ctx, B),
        again(ctx, B);
    APF_EXPECT_OK(op::envelope_backward<T>(ctx, B, steps, rate, epsilon, upstream.data(), d.data(),
                                           a.data(), dd.data(), nullptr));
    APF_EXPECT_OK(op::envelope_backward<T>(ctx, B, steps, rate, epsilon, upstream.data(), d.data(),
                                           a.data(), nullptr, da.data()));
    APF_EXPECT_OK(op::envelope_backward<T>(ctx, B, steps, rate, epsilon, upstream.data(), d.data(),
                                           a.data(), again.data(), da.data()));
    EXPECT_EQ(again.values(), dd.values());
    return {dd.values(), da.values()};
  }
};
APF_ON_EVERY_BACKEND(Envelope);

TEST_P(Envelope, WorkedExample)
{
  const auto y = forward<double>(6, 2, 0, {2.0}, {2.0}); /* 4 samples of note */

  EXPECT_LE(relative_error(y, {1, 0.5625, 0.25, 0.0625, 0, 0}), 1e-14);
}

TEST_P(Envelope, ForwardEqualsThePower)
{
  const std::vector<double> duration = {0.05, 0.1, 0.125, 1}, alpha = {0.1, 1, 6, 0};

  const auto y = forward<double>(6000, 48000, 0.001, duration, alpha);

  EXPECT_LE(relative_error(y, plain(6000, 48000, 0.001, duration, alpha)), 1e-13);
}

TEST_P(Envelope, GradientsAgreeWithCentralDifferences)
{
  const std::vector<double> duration = {0.005123, 0.02, 0.1, 0.3}, alpha = {1.5, 3, 0.1, 2};
  for (int64_t T : {700, 9000}) {
    const auto dy = random_values<double>(4 * T, 1);

    const auto [dduration, dalpha] = backward<double>(T, 48000, 0.001, dy, duration, alpha);

    expect_gradient(
        [&](const auto &v) { return dot(forward<double>(T, 48000, 0.001, duration, v), dy); },
        alpha, dalpha);
    expect_gradient(
        [&](const auto &v) { return dot(forward<double>(T, 48000, 0.001, v, alpha), dy); },
        duration, dduration, 1e-6, 1e-9);
  }
}

TEST_P(Envelope, AfterTheNoteNothingIsHeardAndNothingIsLearned)
{
  const auto y = forward<float>(1000, 48000, 0.001, {0.001f}, {0.5f});
  const auto gradient =
      backward<float>(1000, 48000, 0.001, std::vector<float>(1000, 1.0f), {1e-6f}, {0.5f});

  for (size_t n = 48; n < y.size(); n++) ASSERT_EQ(y[n], 0.0f) << n;
  EXPECT_TRUE(std::isfinite(gradient.first[0]) && std::isfinite(gradient.second[0]));
  EXPECT_EQ(forward<float>(3, 48000, 0.001, {1e-9f}, {0.0f}), std::vector<float>(3, 1.0f));
}

TEST_P(Envelope, FloatAgreesWithDouble)
{
  const auto y = forward<float>(48000, 48000, 0.001, {1.0f, 0.5f}, {0.25f, 6.0f});

  EXPECT_LE(relative_error(std::vector<double>(y.begin(), y.end()),
                           plain(48000, 48000, 0.001, {1.0, 0.5}, {0.25, 6.0})),
            2e-5);
}

TEST_P(Envelope, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(4, 1));
  float *const v = memory.data();
  const auto call = [&](int64_t B, int64_t T, double rate, double epsilon, const float *d,
                        const float *a, float *y) {
    return op::envelope_forward<float>(ctx, B, T, rate, epsilon, d, a, y);
  };

  APF_EXPECT_OK(call(0, 4, 1, 0, nullptr, nullptr, nullptr));
  expect_failure(ctx, call(-1, 4, 1, 0, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_envelope_forward_f32", "B is -1"});
  expect_failure(ctx, call(1, -4, 1, 0, v, v, v), APF_ERR_ARGUMENT, {"T is -4"});
  expect_failure(ctx, call(1, 4, -1, 0, v, v, v), APF_ERR_ARGUMENT, {"sample_rate is -1"});
  expect_failure(ctx, call(1, 4, 1, 1, v, v, v), APF_ERR_ARGUMENT,
                 {"epsilon is 1", "0 <= epsilon < 1"});
  expect_failure(ctx, call(1, 4, 1, 0, nullptr, v, v), APF_ERR_ARGUMENT, {"duration is NULL"});
  expect_failure(ctx, call(1, 4, 1, 0, v, nullptr, v), APF_ERR_ARGUMENT, {"alpha is NULL"});
  expect_failure(ctx, call(1, 4, 1, 0, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 4, 1, 0, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, op::envelope_backward<float>(ctx, 1, 4, 1, 0, nullptr, v, v, v, v),
                 APF_ERR_ARGUMENT, {"apf_envelope_backward_f32", "dy is NULL"});
  expect_failure(nullptr, op::envelope_forward<float>(nullptr, 1, 4, 1, 0, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
