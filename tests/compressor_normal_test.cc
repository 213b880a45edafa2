#include "support/support.h"

#include <algorithm>

namespace {

constexpr int kParameters = 6;

struct Normal {
  std::vector<double> cost, gradient, hessian;
};

/** r = pre(y - target) of one excerpt and one set, from the equations. */
std::vector<double> residual_by_hand(int64_t C, int64_t steps, int64_t delay, const double *x,
                                     const double *target, const double *set)
{
  const auto [threshold, ratio, attack, release, average, make_up] =
      std::array<double, 6>{set[0], set[1], set[2], set[3], set[4], set[5]};
  std::vector<double> gain(steps), residual(C * steps);
  double power = 0, state = 1;
  for (int64_t t = 0; t < steps; t++) {
    double level = 0;
    for (int64_t c = 0; c < C; c++)
      level += std::max(x[c * steps + t] * x[c * steps + t], 1e-8) / double(C);
    power += average * (level - power);
    const double L = 10 * std::log10(power);
    const double g = std::min({0.0, (1 - 1 / ratio) * (threshold - L), (1 - 1 / 0.9) * (-70 - L)});
    const double f = std::pow(10, g / 20);
    state += (f < state ? attack : release) * (f - state);
    gain[t] = state;
  }
  for (int64_t c = 0; c < C; c++) {
    double before = 0, value = 0;
    for (int64_t t = 0; t < steps; t++) {
      const double y =
          x[c * steps + t] * std::pow(10, make_up / 20) * (t + delay < steps ? gain[t + delay] : 1);
      const double e = y - target[c * steps + t];
      value = e - before + 0.995 * value;
      before = e;
      residual[c * steps + t] = value;
    }
  }
  return residual;
}

/** Sets spread around a reference, one a row. */
std::vector<double> some_sets(int64_t P)
{
  std::vector<double> sets;
  for (int64_t p = 0; p < P; p++) {
    const double u = 0.1 * double(p);
    for (double v : {-20 - u, 3 + u, 0.2 / (1 + u), 0.004 + 0.01 * u, 0.05 * (1 + u), 2 - u})
      sets.push_back(v);
  }
  return sets;
}

/** Bursts, so that attack, release, silence and expander all occur. */
template <class T>
std::vector<T> bursts(int64_t n, uint64_t seed)
{
  auto x = random_values<T>(n, seed);
  for (int64_t i = 0; i < n; i++)
    x[i] *= static_cast<T>(i / 97 % 3 == 0 ? 0.9 : i / 97 % 3 == 1 ? 0.03 : 1e-4);
  return x;
}

}  // namespace

class CompressorNormal : public OnEveryBackend {
 protected:
  template <class T>
  Normal run(int64_t P, int64_t B, int64_t C, int64_t steps, int64_t delay, const std::vector<T> &x,
             const std::vector<T> &target, const std::vector<T> &sets)
  {
    Array<T> in(ctx, x), wanted(ctx, target), parameters(ctx, sets);
    Array<double> cost(ctx, P), gradient(ctx, P * kParameters),
        hessian(ctx, P * kParameters * kParameters);
    APF_EXPECT_OK(op::compressor_normal<T>(ctx, P, B, C, steps, delay, in.data(), wanted.data(),
                                           parameters.data(), -70, 0.9, cost.data(),
                                           gradient.data(), hessian.data()));
    return {cost.values(), gradient.values(), hessian.values()};
  }
};
APF_ON_EVERY_BACKEND(CompressorNormal);

TEST_P(CompressorNormal, WorkedExample)
{
  /* Threshold far above: the gain stays 1, y = x, r = pre(1, 0) = (1, -0.005), dr/dmake_up = k r.
   */
  const auto got = run<double>(1, 1, 1, 2, 0, {1, 0}, {0, 0}, {60, 2, 0.5, 0.5, 0.5, 0});

  const double k = std::log(10) / 20, cost = 1 + 0.005 * 0.005;
  EXPECT_NEAR(got.cost[0], cost, 1e-15);
  EXPECT_NEAR(got.gradient[5], k * cost, 1e-15);
  EXPECT_NEAR(got.hessian[35], k * k * cost, 1e-15);
  EXPECT_EQ(std::vector<double>(got.gradient.begin(), got.gradient.begin() + 5),
            std::vector<double>(5, 0.0));
}

TEST_P(CompressorNormal, IsTheJacobianOfTheEquationsAtEverySize)
{
  for (const auto &[P, B, C, steps, delay] :
       std::vector<std::array<int64_t, 5>>{{1, 1, 1, 1, 0},
                                           {2, 1, 1, 31, 0},
                                           {8, 1, 1, 32, 5},
                                           {9, 2, 1, 33, 33},
                                           {17, 1, 2, 500, 0},
                                           {3, 3, 2, 1000, 70},
                                           {1, 1, 1, 40, 100},
                                           {1, 1, 3, 2000, 31}}) {
    const auto x = bursts<double>(B * C * steps, 1), target = bursts<double>(B * C * steps, 2);
    const auto sets = some_sets(P);

    const Normal got = run<double>(P, B, C, steps, delay, x, target, sets);

    SCOPED_TRACE(testing::Message() << P << " " << B << " " << C << " " << steps << " " << delay);
    Normal want = {std::vector<double>(P), std::vector<double>(P * kParameters),
                   std::vector<double>(P * kParameters * kParameters)};
    for (int64_t p = 0; p < P; p++)
      for (int64_t b = 0; b < B; b++) {
        const double *from = x.data() + b * C * steps, *to = target.data() + b * C * steps;
        std::vector<std::vector<double>> columns;
        for (int j = 0; j < kParameters; j++) {
          const double h = 1e-6;
          std::vector<double> up(sets.begin() + p * kParameters,
                                 sets.begin() + (p + 1) * kParameters);
          std::vector<double> down = up;
          up[j] += h * std::abs(up[j]);
          down[j] -= h * std::abs(down[j]);
          const auto r_up = residual_by_hand(C, steps, delay, from, to, up.data());
          auto column = residual_by_hand(C, steps, delay, from, to, down.data());
          for (size_t i = 0; i < column.size(); i++)
            column[i] = (r_up[i] - column[i]) / (up[j] - down[j]);
          columns.push_back(column);
        }
        const auto r = residual_by_hand(C, steps, delay, from, to, sets.data() + p * kParameters);
        want.cost[p] += dot(r, r);
        for (int j = 0; j < kParameters; j++) {
          want.gradient[p * kParameters + j] += dot(columns[j], r);
          for (int k = 0; k < kParameters; k++)
            want.hessian[(p * kParameters + j) * kParameters + k] += dot(columns[j], columns[k]);
        }
      }
    EXPECT_LE(relative_error(got.cost, want.cost), 1e-12);
    EXPECT_LE(relative_error(got.gradient, want.gradient), 1e-5);
    EXPECT_LE(relative_error(got.hessian, want.hessian), 1e-5);
  }
}

TEST_P(CompressorNormal, FloatAgreesWithDouble)
{
  const int64_t P = 17, B = 2, C = 2, steps = is_emulated(ctx) ? 1000 : 3000;
  const auto x = bursts<float>(B * C * steps, 1), target = bursts<float>(B * C * steps, 2);
  const auto sets = some_sets(P);

  const Normal got = run<float>(P, B, C, steps, 3, x, target, {sets.begin(), sets.end()});
  const Normal want =
      run<double>(P, B, C, steps, 3, {x.begin(), x.end()}, {target.begin(), target.end()}, sets);

  EXPECT_LE(relative_error(got.cost, want.cost), 1e-5);
  EXPECT_LE(relative_error(got.gradient, want.gradient), 1e-3);
  EXPECT_LE(relative_error(got.hessian, want.hessian), 1e-3);
}

TEST_P(CompressorNormal, NoSamplesGiveZeros)
{
  const Normal got = run<double>(2, 1, 1, 0, 0, {}, {}, some_sets(2));

  EXPECT_EQ(got.cost, std::vector<double>(2, 0.0));
  EXPECT_EQ(got.hessian, std::vector<double>(72, 0.0));
  APF_EXPECT_OK(op::compressor_normal<float>(ctx, 0, 1, 1, 5, 0, nullptr, nullptr, nullptr, 0, 1,
                                             nullptr, nullptr, nullptr));
}

TEST_P(CompressorNormal, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 6);
  float *v = v_memory.data();
  Array<double> w_memory(ctx, 36);
  double *w = w_memory.data();

  expect_failure(ctx, op::compressor_normal<float>(ctx, 1, 1, 0, 4, 0, v, v, v, 0, 1, w, w, w),
                 APF_ERR_ARGUMENT, {"apf_compressor_normal_f32", "C is 0"});
  expect_failure(ctx,
                 op::compressor_normal<float>(ctx, 1, 1, 1, 4, 0, v, nullptr, v, 0, 1, w, w, w),
                 APF_ERR_ARGUMENT, {"target is NULL"});
  expect_failure(ctx,
                 op::compressor_normal<float>(ctx, 1, 1, 1, 4, 0, v, v, v, 0, 1, w, w, nullptr),
                 APF_ERR_ARGUMENT, {"hessian is NULL"});
  expect_failure(
      ctx, op::compressor_normal<float>(ctx, 1, INT64_MAX / 2, 1, 4, 0, v, v, v, 0, 1, w, w, w),
      APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(nullptr,
                 op::compressor_normal<float>(nullptr, 1, 1, 1, 4, 0, v, v, v, 0, 1, w, w, w),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
