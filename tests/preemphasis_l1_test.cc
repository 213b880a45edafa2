#include "support/reference.h"

APF_REFERENCE_REAL(preemphasis_l1_forward)
APF_REFERENCE_REAL(preemphasis_l1_backward)

class PreemphasisL1 : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t R, int64_t N, const std::vector<T> &pred,
                         const std::vector<T> &target)
  {
    Array<T> p(ctx, pred), q(ctx, target), loss(ctx, B);
    APF_EXPECT_OK(op::preemphasis_l1_forward<T>(ctx, B, R, N, p.data(), q.data(), loss.data()));
    return loss.values();
  }
  template <class T>
  struct Gradients {
    std::vector<T> pred, target;
  };
  template <class T>
  Gradients<T> backward(int64_t B, int64_t R, int64_t N, const std::vector<T> &dloss,
                        const std::vector<T> &pred, const std::vector<T> &target)
  {
    Array<T> d(ctx, dloss), p(ctx, pred), q(ctx, target), dp(ctx, B * N), dq(ctx, R * N);
    APF_EXPECT_OK(op::preemphasis_l1_backward<T>(ctx, B, R, N, d.data(), p.data(), q.data(),
                                                 dp.data(), dq.data()));
    return {dp.values(), dq.values()};
  }
};
APF_ON_EVERY_BACKEND(PreemphasisL1);

TEST_P(PreemphasisL1, WorkedExample)
{
  /* e = 1, 0, 0: v = 1, -1 + .995, -.005 * .995 */
  const std::vector<double> pred = {1, 2, 3}, target = {0, 2, 3};

  EXPECT_NEAR(forward<double>(1, 1, 3, pred, target)[0], (1 + 0.005 + 0.005 * 0.995) / 3, 1e-15);

  const auto gradients = backward<double>(1, 1, 3, {3}, pred, target);
  /* signs + - -: u = 1 + .995 u1, u1 = -1 + .995 u2, u2 = -1 */
  const double u2 = -1, u1 = -1 + 0.995 * u2, u0 = 1 + 0.995 * u1;
  EXPECT_NEAR(gradients.pred[0], u0 - u1, 1e-14);
  EXPECT_NEAR(gradients.pred[1], u1 - u2, 1e-14);
  EXPECT_NEAR(gradients.pred[2], u2, 1e-14);
  for (int i = 0; i < 3; i++) EXPECT_EQ(gradients.target[i], -gradients.pred[i]);
}

TEST_P(PreemphasisL1, EqualsThePlainLoopAtEverySize)
{
  /* edges of vectors, blocks, CUDA's tiles and the CPU's chunks; several of each */
  for (int64_t N : {1, 15, 16, 17, 255, 256, 257, 1000, 4095, 4096, 4097, 20000, 65535, 65536,
                    65537, 74000, 200001}) {
    if (is_emulated(ctx) && N > 20000) continue;
    const int64_t B = N > 1000 ? 2 : 5;
    const auto pred = random_values<double>(B * N, 1), target = random_values<double>(B * N, 2);
    const auto dloss = random_values<double>(B, 3);
    std::vector<double> loss(B), dpred(B * N), dtarget(B * N);
    APF_EXPECT_OK(reference::preemphasis_l1_forward<double>(ctx, B, B, N, pred.data(),
                                                            target.data(), loss.data()));
    APF_EXPECT_OK(reference::preemphasis_l1_backward<double>(
        ctx, B, B, N, dloss.data(), pred.data(), target.data(), dpred.data(), dtarget.data()));

    const auto gradients = backward(B, B, N, dloss, pred, target);

    EXPECT_LE(relative_error(forward(B, B, N, pred, target), loss), 1e-12) << N;
    EXPECT_LE(relative_error(gradients.pred, dpred), 1e-11) << N;
    EXPECT_LE(relative_error(gradients.target, dtarget), 1e-11) << N;
  }
}

TEST_P(PreemphasisL1, FloatAgreesWithDouble)
{
  const int64_t N = 150000;
  const auto pred = random_values<float>(N, 1), target = random_values<float>(N, 2);
  const std::vector<double> p(pred.begin(), pred.end()), q(target.begin(), target.end());

  const auto narrow = backward<float>(1, 1, N, {1}, pred, target).pred;

  EXPECT_NEAR(forward(1, 1, N, pred, target)[0], forward(1, 1, N, p, q)[0], 1e-6);
  /* v near zero may round to the other sign: compare all but a few samples' reach */
  const auto wide = backward<double>(1, 1, N, {1}, p, q).pred;
  double difference = 0;
  for (int64_t i = 0; i < N; i++) difference += std::abs(narrow[i] - wide[i]);
  EXPECT_LE(difference, 1e-4);
}

TEST_P(PreemphasisL1, GradientsMatchCentralDifferences)
{
  const int64_t B = 4, R = 2, N = 200;
  const auto pred = random_values<double>(B * N, 1), target = random_values<double>(R * N, 2);
  const auto dloss = random_values<double>(B, 3);

  const auto gradients = backward(B, R, N, dloss, pred, target);

  expect_gradient(
      [&](const std::vector<double> &v) { return dot(forward(B, R, N, v, target), dloss); }, pred,
      gradients.pred, 1e-6, 1e-6);
  expect_gradient(
      [&](const std::vector<double> &v) { return dot(forward(B, R, N, pred, v), dloss); }, target,
      gradients.target, 1e-6, 1e-6);
}

TEST_P(PreemphasisL1, GradientsAreOptional)
{
  const int64_t B = 4, R = 2, N = 300;
  const auto pred = random_values<double>(B * N, 1), target = random_values<double>(R * N, 2);
  const auto dloss = random_values<double>(B, 3);
  const auto both = backward(B, R, N, dloss, pred, target);
  Array<double> d(ctx, dloss), p(ctx, pred), q(ctx, target), dp(ctx, B * N), dq(ctx, R * N);

  APF_EXPECT_OK(op::preemphasis_l1_backward<double>(ctx, B, R, N, d.data(), p.data(), q.data(),
                                                    dp.data(), nullptr));
  APF_EXPECT_OK(op::preemphasis_l1_backward<double>(ctx, B, R, N, d.data(), p.data(), q.data(),
                                                    nullptr, dq.data()));

  EXPECT_EQ(dp.values(), both.pred);
  EXPECT_EQ(dq.values(), both.target);
}

TEST_P(PreemphasisL1, SeveralPredictionsOfOneTargetAreRowsOfTheirOwn)
{
  const int64_t N = 500;
  const auto pred = random_values<double>(6 * N, 1), target = random_values<double>(2 * N, 2);

  const auto loss = forward<double>(6, 2, N, pred, target);

  for (int b = 0; b < 6; b++) {
    const std::vector<double> p(pred.begin() + b * N, pred.begin() + (b + 1) * N);
    const std::vector<double> q(target.begin() + b % 2 * N, target.begin() + (b % 2 + 1) * N);
    EXPECT_EQ(loss[b], forward<double>(1, 1, N, p, q)[0]);
  }
}

TEST_P(PreemphasisL1, EqualSignalsHaveNoLossAndNoGradient)
{
  const auto x = random_values<double>(1000, 1);

  EXPECT_EQ(forward<double>(1, 1, 1000, x, x)[0], 0);
  EXPECT_EQ(backward<double>(1, 1, 1000, {1}, x, x).pred, std::vector<double>(1000, 0.0));
}

TEST_P(PreemphasisL1, ZeroSizesAreValid)
{
  EXPECT_EQ(forward<double>(2, 1, 0, {}, {}), (std::vector<double>{0, 0}));
  EXPECT_EQ(backward<double>(0, 2, 3, {}, {}, {1, 2, 3, 4, 5, 6}).target,
            std::vector<double>(6, 0.0));
}

TEST_P(PreemphasisL1, BadArgumentsAreNamed)
{
  Array<double> x_memory(ctx, 8), y_memory(ctx, 8);
  double *x = x_memory.data(), *y = y_memory.data();

  expect_failure(ctx, op::preemphasis_l1_forward<double>(ctx, 4, 3, 2, x, x, y), APF_ERR_ARGUMENT,
                 {"apf_preemphasis_l1_forward_f64", "R is 3", "divisor of B = 4"});
  expect_failure(ctx, op::preemphasis_l1_forward<double>(ctx, 4, 0, 2, x, x, y), APF_ERR_ARGUMENT,
                 {"R is 0", "at least 1"});
  expect_failure(ctx, op::preemphasis_l1_forward<double>(ctx, 4, 4, -2, x, x, y), APF_ERR_ARGUMENT,
                 {"T is -2"});
  expect_failure(ctx, op::preemphasis_l1_forward<double>(ctx, INT64_MAX / 2, 1, 9, x, x, y),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, op::preemphasis_l1_forward<double>(ctx, 1, 1, 2, x, nullptr, y),
                 APF_ERR_ARGUMENT, {"target is NULL"});
  expect_failure(ctx, op::preemphasis_l1_backward<double>(ctx, 1, 1, 2, nullptr, x, x, y, nullptr),
                 APF_ERR_ARGUMENT, {"dloss is NULL"});
  expect_failure(nullptr, op::preemphasis_l1_forward<double>(nullptr, 1, 1, 2, x, x, y),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
