#include "support/support.h"

class AdamStep : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(AdamStep);

TEST_P(AdamStep, FirstStepMovesByTheLearningRateAgainstTheSign)
{
  Array<double> g(ctx, {3, -0.01}), p(ctx, {1, 1}), m(ctx, {0, 0}), v(ctx, {0, 0});

  APF_ASSERT_OK(op::adam_step<double>(ctx, 2, 1, 0.1, 0.9, 0.999, 0, 0, 0, g.data(), p.data(),
                                      m.data(), v.data()));

  EXPECT_NEAR(p.values()[0], 0.9, 1e-12);
  EXPECT_NEAR(p.values()[1], 1.1, 1e-12);
  EXPECT_NEAR(m.values()[0], 0.3, 1e-15);
  EXPECT_NEAR(v.values()[0], 0.009, 1e-15);
}

TEST_P(AdamStep, SecondStepByHand)
{
  Array<double> g(ctx, {2}), p(ctx, {0}), m(ctx, {0.5}), v(ctx, {0.25});

  APF_ASSERT_OK(op::adam_step<double>(ctx, 1, 2, 0.01, 0.5, 0.75, 1e-8, 0, 0, g.data(), p.data(),
                                      m.data(), v.data()));

  /* m = .5*.5 + .5*2, v = .75*.25 + .25*4; corrected by 1-.5^2 and 1-.75^2 */
  const double mean = 1.25 / 0.75, square = 1.1875 / 0.4375;
  EXPECT_NEAR(p.values()[0], -0.01 * mean / (std::sqrt(square) + 1e-8), 1e-15);
}

TEST_P(AdamStep, DecoupledDecayScalesThePointPlainDecayTheGradient)
{
  for (int decoupled : {0, 1}) {
    Array<double> g(ctx, {0}), p(ctx, {10}), m(ctx, {0}), v(ctx, {0});

    APF_ASSERT_OK(op::adam_step<double>(ctx, 1, 1, 0.1, 0.9, 0.999, 1e-8, 0.5, decoupled, g.data(),
                                        p.data(), m.data(), v.data()));

    EXPECT_NEAR(p.values()[0], decoupled ? 10 * (1 - 0.05) : 10 - 0.1, 1e-8);
  }
}

TEST_P(AdamStep, FloatAgreesWithDoubleOnManyValues)
{
  const int64_t N = 40001;
  const auto g = random_values<float>(N, 1), p = random_values<float>(N, 2);
  Array<float> gf(ctx, g), pf(ctx, p), mf(ctx, std::vector<float>(N)),
      vf(ctx, std::vector<float>(N));
  Array<double> gd(ctx, {g.begin(), g.end()}), pd(ctx, {p.begin(), p.end()}),
      md(ctx, std::vector<double>(N)), vd(ctx, std::vector<double>(N));

  for (int step = 1; step <= 3; step++) {
    APF_ASSERT_OK(op::adam_step<float>(ctx, N, step, 0.1, 0.9, 0.999, 1e-8, 0.01, 1, gf.data(),
                                       pf.data(), mf.data(), vf.data()));
    APF_ASSERT_OK(op::adam_step<double>(ctx, N, step, 0.1, 0.9, 0.999, 1e-8, 0.01, 1, gd.data(),
                                        pd.data(), md.data(), vd.data()));
  }

  const auto got = pf.values();
  EXPECT_LE(relative_error(std::vector<double>(got.begin(), got.end()), pd.values()), 1e-6);
}

TEST_P(AdamStep, BadArgumentsAreNamed)
{
  Array<float> a(ctx, {0});

  expect_failure(ctx,
                 op::adam_step<float>(ctx, 1, 0, 1, 0.9, 0.999, 0, 0, 0, a.data(), a.data(),
                                      a.data(), a.data()),
                 APF_ERR_ARGUMENT, {"step is 0"});
  expect_failure(
      ctx,
      op::adam_step<float>(ctx, 1, 1, 1, 1, 0.999, 0, 0, 0, a.data(), a.data(), a.data(), a.data()),
      APF_ERR_ARGUMENT, {"beta1 is 1"});
  expect_failure(ctx,
                 op::adam_step<float>(ctx, 1, 1, 1, 0.9, 0.999, 0, 0, 0, a.data(), a.data(),
                                      a.data(), nullptr),
                 APF_ERR_ARGUMENT, {"v is NULL"});
}
