#include "support/support.h"

/* One set of parameters, if not said otherwise. */
class AdamStep : public OnEveryBackend {
 protected:
  template <class T>
  apf_status adam(int64_t step, double rate, double beta1, double beta2, double epsilon,
                  double decay, int decoupled, Array<T> &g, Array<T> &p, Array<T> &m, Array<T> &v)
  {
    Array<double> schedule(ctx, {rate, static_cast<double>(step)});
    return op::adam_step<T>(ctx, g.size(), 1, beta1, beta2, epsilon, decay, decoupled,
                            schedule.data(), nullptr, nullptr, g.data(), p.data(), m.data(),
                            v.data());
  }
};
APF_ON_EVERY_BACKEND(AdamStep);

TEST_P(AdamStep, FirstStepMovesByTheLearningRateAgainstTheSign)
{
  Array<double> g(ctx, {3, -0.01}), p(ctx, {1, 1}), m(ctx, {0, 0}), v(ctx, {0, 0});

  APF_ASSERT_OK(adam(1, 0.1, 0.9, 0.999, 0, 0, 0, g, p, m, v));

  EXPECT_NEAR(p.values()[0], 0.9, 1e-12);
  EXPECT_NEAR(p.values()[1], 1.1, 1e-12);
  EXPECT_NEAR(m.values()[0], 0.3, 1e-15);
  EXPECT_NEAR(v.values()[0], 0.009, 1e-15);
}

TEST_P(AdamStep, SecondStepByHand)
{
  Array<double> g(ctx, {2}), p(ctx, {0}), m(ctx, {0.5}), v(ctx, {0.25});

  APF_ASSERT_OK(adam(2, 0.01, 0.5, 0.75, 1e-8, 0, 0, g, p, m, v));

  /* m = .5*.5 + .5*2, v = .75*.25 + .25*4; corrected by 1-.5^2 and 1-.75^2 */
  const double mean = 1.25 / 0.75, square = 1.1875 / 0.4375;
  EXPECT_NEAR(p.values()[0], -0.01 * mean / (std::sqrt(square) + 1e-8), 1e-15);
}

TEST_P(AdamStep, DecoupledDecayScalesThePointPlainDecayTheGradient)
{
  for (int decoupled : {0, 1}) {
    Array<double> g(ctx, {0}), p(ctx, {10}), m(ctx, {0}), v(ctx, {0});

    APF_ASSERT_OK(adam(1, 0.1, 0.9, 0.999, 1e-8, 0.5, decoupled, g, p, m, v));

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
    APF_ASSERT_OK(adam(step, 0.1, 0.9, 0.999, 1e-8, 0.01, 1, gf, pf, mf, vf));
    APF_ASSERT_OK(adam(step, 0.1, 0.9, 0.999, 1e-8, 0.01, 1, gd, pd, md, vd));
  }

  const auto got = pf.values();
  EXPECT_LE(relative_error(std::vector<double>(got.begin(), got.end()), pd.values()), 1e-6);
}

TEST_P(AdamStep, OnlyValuesOfSetsWithAFiniteNormMoveAndThoseAsAlone)
{
  /* Runs of every length; set 4 does not exist. */
  const int64_t N = 9001, S = 4;
  std::vector<int32_t> set(N);
  for (int64_t i = 0; i < N; i++)
    set[i] = static_cast<int32_t>(i < 4500 ? i / 1500 - 1 : i * i % 7 - 2);
  const auto before = random_values<double>(N, 1);
  Array<double> schedule(ctx, {0.1, 3}), norm(ctx, {1, NAN, INFINITY, 2});
  Array<int32_t> sets(ctx, set);
  Array<double> g(ctx, random_values<double>(N, 2)), p(ctx, before), m(ctx, before),
      v(ctx, std::vector<double>(N, 0.5));
  Array<double> all_p(ctx, before), all_m(ctx, before), all_v(ctx, v.values());

  APF_ASSERT_OK(op::adam_step<double>(ctx, N, S, 0.9, 0.999, 1e-8, 0.01, 0, schedule.data(),
                                      sets.data(), norm.data(), g.data(), p.data(), m.data(),
                                      v.data()));
  APF_ASSERT_OK(adam(3, 0.1, 0.9, 0.999, 1e-8, 0.01, 0, g, all_p, all_m, all_v));

  const auto got_p = p.values(), got_m = m.values(), got_v = v.values();
  const auto moved_p = all_p.values(), moved_m = all_m.values(), moved_v = all_v.values();
  for (int64_t i = 0; i < N; i++) {
    const bool moves = set[i] == 0 || set[i] == 3;
    ASSERT_EQ(got_p[i], moves ? moved_p[i] : before[i]) << i;
    ASSERT_EQ(got_m[i], moves ? moved_m[i] : before[i]) << i;
    ASSERT_EQ(got_v[i], moves ? moved_v[i] : 0.5) << i;
    ASSERT_NE(moved_p[i], before[i]) << i;
  }
}

TEST_P(AdamStep, BadArgumentsAreNamed)
{
  Array<double> schedule(ctx, {1, 1});
  Array<float> a(ctx, {0});
  const auto step = [&](int64_t S, double beta1, const double *numbers, float *v) {
    return op::adam_step<float>(ctx, 1, S, beta1, 0.999, 0, 0, 0, numbers, nullptr, nullptr,
                                a.data(), a.data(), a.data(), v);
  };

  expect_failure(ctx, step(1, 1, schedule.data(), a.data()), APF_ERR_ARGUMENT, {"beta1 is 1"});
  expect_failure(ctx, step(0, 0.9, schedule.data(), a.data()), APF_ERR_ARGUMENT, {"S is 0"});
  expect_failure(ctx, step(2, 0.9, schedule.data(), a.data()), APF_ERR_ARGUMENT, {"set is NULL"});
  expect_failure(ctx, step(1, 0.9, nullptr, a.data()), APF_ERR_ARGUMENT, {"schedule is NULL"});
  expect_failure(ctx, step(1, 0.9, schedule.data(), nullptr), APF_ERR_ARGUMENT, {"v is NULL"});
}
