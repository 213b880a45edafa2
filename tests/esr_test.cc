#include "support/support.h"

class Esr : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t R, int64_t N, double epsilon,
                         const std::vector<T> &pred, const std::vector<T> &target)
  {
    Array<T> p(ctx, pred), q(ctx, target), loss(ctx, B);
    APF_EXPECT_OK(
        op::esr_forward<T>(ctx, B, R, N, epsilon, p.data(), q.data(), loss.data(), nullptr));
    return loss.values();
  }
  struct Gradients {
    std::vector<double> pred, target;
  };
  Gradients backward(int64_t B, int64_t R, int64_t N, double epsilon,
                     const std::vector<double> &dloss, const std::vector<double> &pred,
                     const std::vector<double> &target, bool want_pred = true,
                     bool want_target = true)
  {
    Array<double> d(ctx, dloss), p(ctx, pred), q(ctx, target), loss(ctx, B), m(ctx, B);
    Array<double> dp(ctx, B * N), dq(ctx, R * N);
    APF_EXPECT_OK(
        op::esr_forward<double>(ctx, B, R, N, epsilon, p.data(), q.data(), loss.data(), m.data()));
    APF_EXPECT_OK(op::esr_backward<double>(
        ctx, B, R, N, d.data(), p.data(), q.data(), want_target ? loss.data() : nullptr, m.data(),
        want_pred ? dp.data() : nullptr, want_target ? dq.data() : nullptr));
    return {dp.values(), dq.values()};
  }
};
APF_ON_EVERY_BACKEND(Esr);

TEST_P(Esr, WorkedExample)
{
  EXPECT_DOUBLE_EQ(forward<double>(1, 1, 2, 1, {4, 4}, {3, 4})[0], 1.0 / 26);

  const auto g = backward(1, 1, 2, 1, {26}, {4, 4}, {3, 4});

  EXPECT_DOUBLE_EQ(g.pred[0], 2);
  EXPECT_DOUBLE_EQ(g.pred[1], 0);
  EXPECT_DOUBLE_EQ(g.target[0], -2 - 2 * 3.0 / 26);
  EXPECT_DOUBLE_EQ(g.target[1], -2 * 4.0 / 26);
}

TEST_P(Esr, GradientsMatchCentralDifferencesAndAreOptional)
{
  const int64_t B = 6, R = 2, N = 100;
  const auto pred = random_values<double>(B * N, 1), target = random_values<double>(R * N, 2);
  const auto dloss = random_values<double>(B, 3);

  const auto g = backward(B, R, N, 0.1, dloss, pred, target);

  expect_gradient(
      [&](const std::vector<double> &v) { return dot(forward(B, R, N, 0.1, v, target), dloss); },
      pred, g.pred);
  expect_gradient(
      [&](const std::vector<double> &v) { return dot(forward(B, R, N, 0.1, pred, v), dloss); },
      target, g.target);
  EXPECT_EQ(backward(B, R, N, 0.1, dloss, pred, target, true, false).pred, g.pred);
  EXPECT_EQ(backward(B, R, N, 0.1, dloss, pred, target, false, true).target, g.target);
}

TEST_P(Esr, LongRowsHaveTheGradientsOfTheEquation)
{
  const int64_t B = 4, R = 2, N = 20011;
  const auto pred = random_values<double>(B * N, 1), target = random_values<double>(R * N, 2);
  const auto dloss = random_values<double>(B, 3);

  const auto g = backward(B, R, N, 0.1, dloss, pred, target);

  std::vector<double> dpred(B * N), dtarget(R * N);
  for (int64_t b = 0; b < B; b++) {
    double error = 0, signal = 0.1;
    for (int64_t t = 0; t < N; t++) {
      const double s = target[b % R * N + t], e = pred[b * N + t] - s;
      error += e * e;
      signal += s * s;
    }
    for (int64_t t = 0; t < N; t++) {
      const double s = target[b % R * N + t], scale = 2 * dloss[b] / signal;
      dpred[b * N + t] = scale * (pred[b * N + t] - s);
      dtarget[b % R * N + t] -= dpred[b * N + t] + scale * error / signal * s;
    }
  }
  EXPECT_LE(relative_error(g.pred, dpred), 1e-12);
  EXPECT_LE(relative_error(g.target, dtarget), 1e-12);
}

TEST_P(Esr, LongRowsInFloatAreSummedInDouble)
{
  const int64_t N = 1000003;

  const auto loss =
      forward<float>(1, 1, N, 0, std::vector<float>(N, 0.5f), std::vector<float>(N, 0.25f));

  EXPECT_NEAR(loss[0], 1, 1e-6);
}

TEST_P(Esr, ARowThatEqualsItsTargetHasNone)
{
  const auto x = random_values<double>(20000, 1);

  EXPECT_EQ(forward<double>(
                2, 1, 10000, 1e-8,
                [&] {
                  auto twice = x;
                  std::copy(x.begin(), x.begin() + 10000, twice.begin() + 10000);
                  return twice;
                }(),
                std::vector<double>(x.begin(), x.begin() + 10000)),
            (std::vector<double>{0, 0}));
}

TEST_P(Esr, ZeroSizesAreValid)
{
  EXPECT_EQ(forward<double>(2, 1, 0, 1e-8, {}, {}), (std::vector<double>{0, 0}));
  EXPECT_EQ(backward(0, 1, 3, 1e-8, {}, {}, {1, 2, 3}).target, std::vector<double>(3, 0.0));
}

TEST_P(Esr, BadArgumentsAreNamed)
{
  Array<double> x_memory(ctx, 8), y_memory(ctx, 8);
  double *x = x_memory.data(), *y = y_memory.data();

  expect_failure(ctx, op::esr_forward<double>(ctx, 4, 3, 2, 0, x, x, y, nullptr), APF_ERR_ARGUMENT,
                 {"apf_esr_forward_f64", "R is 3", "divisor of B = 4"});
  expect_failure(ctx, op::esr_forward<double>(ctx, -4, 1, 2, 0, x, x, y, nullptr), APF_ERR_ARGUMENT,
                 {"B is -4"});
  expect_failure(ctx, op::esr_forward<double>(ctx, 1, 1, 2, 0, x, x, nullptr, nullptr),
                 APF_ERR_ARGUMENT, {"loss is NULL"});
  expect_failure(ctx, op::esr_backward<double>(ctx, 1, 1, 2, x, x, x, x, nullptr, y, nullptr),
                 APF_ERR_ARGUMENT, {"denominator is NULL"});
  expect_failure(ctx, op::esr_backward<double>(ctx, 1, 1, 2, x, x, x, nullptr, x, nullptr, y),
                 APF_ERR_ARGUMENT, {"loss is NULL"});
  expect_failure(nullptr, op::esr_forward<double>(nullptr, 1, 1, 2, 0, x, x, y, nullptr),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
