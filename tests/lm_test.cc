#include "support/support.h"

extern "C" {
#include "train/lm.h"
}

#include <algorithm>
#include <memory>

namespace {

struct Destroy {
  void operator()(apf_lm *lm) const { apf_lm_destroy(lm); }
};
using Lm = std::unique_ptr<apf_lm, Destroy>;

/** Residuals and Jacobian by hand, made into normal equations; counts the evaluations. */
struct Problem {
  std::function<std::vector<double>(const double *)> residual;
  std::function<std::vector<std::vector<double>>(const double *)> columns;
  int calls = 0, fail_at = -1;
  int64_t largest_batch = 0;
};

apf_status evaluate(void *user, int64_t sets, const double *points, double *cost, double *gradient,
                    double *hessian)
{
  Problem &problem = *static_cast<Problem *>(user);
  if (problem.calls++ == problem.fail_at) return APF_ERR_MEMORY;
  problem.largest_batch = std::max(problem.largest_batch, sets);
  for (int64_t s = 0; s < sets; s++) {
    const double *point = points + s * 2;
    const auto r = problem.residual(point);
    const auto J = problem.columns(point);
    cost[s] = dot(r, r);
    for (int i = 0; i < 2; i++) {
      gradient[s * 2 + i] = dot(J[i], r);
      for (int j = 0; j < 2; j++) hessian[(s * 2 + i) * 2 + j] = dot(J[i], J[j]);
    }
  }
  return APF_OK;
}

/** Rosenbrock's valley: r = (10 (b - a^2), 1 - a), minimum 0 at (1, 1). */
Problem valley()
{
  Problem p;
  p.residual = [](const double *v) {
    return std::vector<double>{10 * (v[1] - v[0] * v[0]), 1 - v[0]};
  };
  p.columns = [](const double *v) {
    return std::vector<std::vector<double>>{{-20 * v[0], -1}, {10, 0}};
  };
  return p;
}

/** Two basins along a: a deep one at 2 and a shallow one at -2; b is at 1. */
Problem two_basins()
{
  Problem p;
  p.residual = [](const double *v) {
    return std::vector<double>{v[0] * v[0] - 4, 0.3 * (v[0] - 2), v[1] - 1, 0.1};
  };
  p.columns = [](const double *v) {
    return std::vector<std::vector<double>>{{2 * v[0], 0.3, 0, 0}, {0, 0, 1, 0}};
  };
  return p;
}

const std::vector<double> kLower = {-10, -10}, kUpper = {10, 10}, kMaxStep = {1, 1};

}  // namespace

class LevenbergMarquardt : public testing::Test {
 protected:
  void SetUp() override { ctx = make_context({APF_CPU, APF_SIMD_BASE, 1}); }
  void TearDown() override { apf_context_destroy(ctx); }

  Lm create(Problem *problem, const std::vector<double> &points, int batch,
            const std::vector<double> &lower = kLower, const std::vector<double> &upper = kUpper)
  {
    const apf_lm_problem p = {2, lower.data(), upper.data(), kMaxStep.data(), evaluate, problem};
    const apf_lm_options options = {static_cast<int>(points.size() / 2), batch, 1e-8};
    apf_lm *lm = nullptr;
    APF_EXPECT_OK(apf_lm_create(ctx, &p, &options, points.data(), &lm));
    return Lm(lm);
  }
  int run(apf_lm *lm, int limit = 200)
  {
    int steps = 0;
    while (apf_lm_ended(lm) == APF_LM_RUNNING && steps < limit) {
      APF_EXPECT_OK(apf_lm_step(lm));
      steps++;
    }
    return steps;
  }

  apf_context *ctx = nullptr;
};

TEST_F(LevenbergMarquardt, FollowsACurvedValleyToItsEnd)
{
  for (int batch : {1, 2, 7, 16}) {
    Problem problem = valley();
    const Lm lm = create(&problem, {-1.2, 1}, batch);

    const int steps = run(lm.get());

    double cost;
    const double *best = apf_lm_best(lm.get(), &cost);
    EXPECT_NE(apf_lm_ended(lm.get()), APF_LM_RUNNING);
    EXPECT_LT(cost, 1e-12) << batch;
    EXPECT_NEAR(best[0], 1, 1e-6) << batch;
    EXPECT_NEAR(best[1], 1, 1e-6) << batch;
    EXPECT_LE(steps, 60) << batch;
    EXPECT_LE(problem.largest_batch, batch);
    EXPECT_EQ(problem.calls, steps) << "one evaluation a step";
  }
}

TEST_F(LevenbergMarquardt, SeveralStartsFindTheDeeperBasin)
{
  Problem problem = two_basins();
  const Lm one = create(&problem, {-3, 0}, 16), many = create(&problem, {-3, 0, -1, 5, 1, 0}, 16);

  run(one.get());
  run(many.get());

  EXPECT_NEAR(apf_lm_best(one.get(), nullptr)[0], -2, 0.1);
  double cost;
  EXPECT_NEAR(apf_lm_best(many.get(), &cost)[0], 2, 1e-6);
  EXPECT_NEAR(cost, 0.01, 1e-9);
  bool dropped;
  apf_lm_start(many.get(), 0, nullptr, &dropped);
  EXPECT_TRUE(dropped) << "the shallow basin costs no more evaluations";
}

TEST_F(LevenbergMarquardt, PointsStayWithinBoundsAndEqualBoundsFix)
{
  Problem problem = valley();
  const std::vector<double> lower = {-10, 0.5}, upper = {0.5, 0.5};
  const Lm lm = create(&problem, {0.2, 7}, 4, lower, upper);

  run(lm.get());

  /* On b = 0.5 the least is near a = sqrt(b), beyond the bound of a. */
  EXPECT_EQ(apf_lm_best(lm.get(), nullptr)[0], 0.5);
  EXPECT_EQ(apf_lm_best(lm.get(), nullptr)[1], 0.5);
}

TEST_F(LevenbergMarquardt, NoStepIsLongerThanAllowed)
{
  Problem problem = valley();
  const Lm lm = create(&problem, {-9, 9}, 5);
  std::vector<double> before = {-9, 9};

  for (int k = 0; k < 30; k++) {
    APF_EXPECT_OK(apf_lm_step(lm.get()));
    const double *at = apf_lm_start(lm.get(), 0, nullptr, nullptr);
    for (int i = 0; i < 2; i++) EXPECT_LE(std::abs(at[i] - before[i]), kMaxStep[i] * (1 + 1e-12));
    before.assign(at, at + 2);
  }
}

TEST_F(LevenbergMarquardt, SaysWhyItEnded)
{
  Problem perfect = valley(), basin = two_basins(), broken = valley();
  broken.residual = [](const double *) { return std::vector<double>{NAN, 0}; };
  const Lm a = create(&perfect, {1, 1}, 2), b = create(&basin, {1, 0}, 2),
           c = create(&broken, {1, 0}, 2);

  run(a.get());
  run(b.get());
  run(c.get());

  EXPECT_EQ(apf_lm_ended(a.get()), APF_LM_PERFECT);
  const apf_lm_end end = apf_lm_ended(b.get());
  EXPECT_TRUE(end == APF_LM_CONVERGED || end == APF_LM_STUCK) << end;
  EXPECT_EQ(apf_lm_ended(c.get()), APF_LM_NOT_FINITE);
  for (int e = APF_LM_RUNNING; e <= APF_LM_NOT_FINITE; e++)
    EXPECT_GT(std::strlen(apf_lm_reason(static_cast<apf_lm_end>(e))), 5u);
}

TEST_F(LevenbergMarquardt, AStartWithoutFiniteCostIsLeftBehind)
{
  Problem problem = valley();
  const auto inside = problem.residual;
  problem.residual = [inside](const double *v) {
    return v[0] < -5 ? std::vector<double>{INFINITY, 0} : inside(v);
  };
  const Lm lm = create(&problem, {-8, 0, 0, 0}, 8);

  run(lm.get());

  EXPECT_NEAR(apf_lm_best(lm.get(), nullptr)[0], 1, 1e-6);
}

TEST_F(LevenbergMarquardt, AStoredStateGoesOnExactly)
{
  Problem problem = valley();
  const std::vector<double> starts = {-1.2, 1, 3, -2};
  const Lm whole = create(&problem, starts, 5), first = create(&problem, starts, 5),
           second = create(&problem, starts, 5);
  for (int k = 0; k < 12; k++) APF_EXPECT_OK(apf_lm_step(whole.get()));

  for (int k = 0; k < 5; k++) APF_EXPECT_OK(apf_lm_step(first.get()));
  int64_t count;
  const double *state = apf_lm_state(first.get(), &count);
  APF_EXPECT_OK(
      apf_lm_restore(second.get(), std::vector<double>(state, state + count).data(), count));
  for (int k = 0; k < 7; k++) APF_EXPECT_OK(apf_lm_step(second.get()));

  const double *want = apf_lm_state(whole.get(), &count), *got = apf_lm_state(second.get(), &count);
  EXPECT_EQ(std::memcmp(got, want, static_cast<size_t>(count) * sizeof *got), 0);
  expect_failure(ctx, apf_lm_restore(second.get(), want, count - 1), APF_ERR_MISMATCH,
                 {"apf_lm_restore", "expected"});
}

TEST_F(LevenbergMarquardt, AFailedEvaluationComesOut)
{
  Problem problem = valley();
  problem.fail_at = 2;
  const Lm lm = create(&problem, {-1.2, 1}, 4);

  APF_EXPECT_OK(apf_lm_step(lm.get()));
  APF_EXPECT_OK(apf_lm_step(lm.get()));
  EXPECT_EQ(apf_lm_step(lm.get()), APF_ERR_MEMORY);
}

TEST_F(LevenbergMarquardt, BadArgumentsAreNamed)
{
  const double low[] = {0, 0}, high[] = {1, 1}, step[] = {1, 0}, point[] = {0, 0};
  apf_lm *lm;
  apf_lm_problem p = {0, low, high, step, evaluate, nullptr};
  const apf_lm_options options = {1, 4, 1e-6}, too_few = {2, 1, 1e-6};

  expect_failure(ctx, apf_lm_create(ctx, &p, &options, point, &lm), APF_ERR_ARGUMENT,
                 {"parameters is 0", "1 to 16"});
  p.parameters = 2;
  expect_failure(ctx, apf_lm_create(ctx, &p, &options, point, &lm), APF_ERR_ARGUMENT,
                 {"parameter 1", "positive step"});
  expect_failure(ctx, apf_lm_create(ctx, &p, &too_few, point, &lm), APF_ERR_ARGUMENT,
                 {"starts is 2", "batch 1"});
}
