#include "support/reference.h"
#include "support/support.h"

#include <algorithm>

APF_REFERENCE_REAL(direct_to_reflection_forward)
APF_REFERENCE_REAL(direct_to_reflection_backward)

class DirectToReflection : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> step_up(int64_t N, int64_t M, const std::vector<T> &k)
  {
    Array<T> in(ctx, k), a(ctx, N * M);
    APF_EXPECT_OK(op::reflection_to_direct_forward<T>(ctx, N, M, in.data(), a.data()));
    return a.values();
  }
  template <class T>
  std::vector<T> forward(int64_t N, int64_t M, const std::vector<T> &a)
  {
    Array<T> in(ctx, a), k(ctx, N * M);
    APF_EXPECT_OK(op::direct_to_reflection_forward<T>(ctx, N, M, in.data(), k.data()));
    return k.values();
  }
  template <class T>
  std::vector<T> backward(int64_t N, int64_t M, const std::vector<T> &dk, const std::vector<T> &k)
  {
    Array<T> up(ctx, dk), in(ctx, k), da(ctx, N * M);
    APF_EXPECT_OK(op::direct_to_reflection_backward<T>(ctx, N, M, up.data(), in.data(), da.data()));
    return da.values();
  }
  /** The fast kernels against the plain ones, to `tolerance` of the peak. */
  template <class T>
  void expect_reference(int64_t N, int64_t M, double tolerance)
  {
    SCOPED_TRACE("N " + std::to_string(N) + " M " + std::to_string(M));
    const auto a = step_up<T>(N, M, random_values<T>(N * M, 1, 0.2));
    const auto dk = random_values<T>(N * M, 2);
    std::vector<T> k(N * M), da(N * M);
    APF_ASSERT_OK(reference::direct_to_reflection_forward<T>(ctx, N, M, a.data(), k.data()));
    APF_ASSERT_OK(
        reference::direct_to_reflection_backward<T>(ctx, N, M, dk.data(), k.data(), da.data()));

    EXPECT_LE(relative_error(forward<T>(N, M, a), k), tolerance);
    EXPECT_LE(relative_error(backward<T>(N, M, dk, k), da), tolerance);
  }
};
APF_ON_EVERY_BACKEND(DirectToReflection);

TEST_P(DirectToReflection, FastKernelEqualsReference)
{
  for (int64_t N : {1, 3, 31, 33, 100})
    for (int64_t M : {1, 2, 3, 4, 6, 7, 16, 22, 64}) {
      expect_reference<float>(N, M, 2e-5);
      expect_reference<double>(N, M, 1e-12);
    }
}

TEST_P(DirectToReflection, WorkedExample)
{
  EXPECT_EQ(forward<double>(1, 3, {0.25, -0.0625, 0.5}), (std::vector<double>{0.5, -0.25, 0.5}));
  EXPECT_EQ(forward<double>(1, 2, {0.75, 0.5}), (std::vector<double>{0.5, 0.5}));
  /* k1 = a1 / (1 + a2), so dk1/da2 = -a1 / (1 + a2)^2 */
  const std::vector<double> da = backward<double>(1, 2, {1, 0}, {0.5, 0.5});
  EXPECT_NEAR(da[0], 1 / 1.5, 1e-15);
  EXPECT_NEAR(da[1], -0.75 / 2.25, 1e-15);
}

TEST_P(DirectToReflection, UndoesTheStepUp)
{
  for (int64_t M : {1, 2, 3, 4, 6, 16, 22, 64})
    for (int64_t N : {1, 3, 31, 33}) {
      const auto k = random_values<double>(N * M, 1, 0.5);

      EXPECT_LE(relative_error(forward<double>(N, M, step_up<double>(N, M, k)), k), 1e-8);
    }
}

TEST_P(DirectToReflection, GradientEqualsCentralDifferences)
{
  for (int64_t M : {1, 2, 3, 4, 6, 7, 16})
    for (int64_t N : {1, 3, 31}) {
      const auto k = random_values<double>(N * M, 1, 0.4);
      const auto a = step_up<double>(N, M, k);
      const auto dk = random_values<double>(N * M, 2);

      expect_gradient([&](const auto &at) { return dot(forward<double>(N, M, at), dk); }, a,
                      backward<double>(N, M, dk, k));
    }
}

TEST_P(DirectToReflection, BackwardInvertsTheAdjointOfTheStepUp)
{
  for (int64_t M : {1, 5, 22, 64}) {
    const auto k = random_values<double>(33 * M, 1, 0.5);
    const auto da = random_values<double>(33 * M, 2);
    Array<double> up(ctx, da), in(ctx, k), dk(ctx, 33 * M);
    APF_ASSERT_OK(
        op::reflection_to_direct_backward<double>(ctx, 33, M, up.data(), in.data(), dk.data()));

    EXPECT_LE(relative_error(backward<double>(33, M, dk.values(), k), da), 1e-8);
  }
}

TEST_P(DirectToReflection, UnstableRowsShowAndLeaveTheOthersAlone)
{
  const std::vector<double> rows = {0.25, -0.0625, 0.5,   /* stable */
                                    0.3,  0.2,     1.5,   /* |k3| > 1 */
                                    0.3,  0.2,     1.0,   /* |k3| = 1: no answer below */
                                    0.5,  0.25,    -0.5}; /* stable again */

  const std::vector<double> k = forward<double>(4, 3, rows);

  EXPECT_EQ(k[0], 0.5);
  EXPECT_EQ(k[5], 1.5);
  EXPECT_EQ(k[8], 1.0);
  EXPECT_FALSE(std::isfinite(k[7]) && std::abs(k[7]) < 1);
  for (int i = 9; i < 12; i++) EXPECT_LT(std::abs(k[i]), 1);
}

TEST_P(DirectToReflection, OutputMayReplaceInput)
{
  const auto a = random_values<double>(33 * 6, 1, 0.1), dk = random_values<double>(33 * 6, 2);
  const auto k = forward<double>(33, 6, a);
  Array<double> in_place(ctx, a), down(ctx, dk), in(ctx, k);

  APF_EXPECT_OK(
      op::direct_to_reflection_forward<double>(ctx, 33, 6, in_place.data(), in_place.data()));
  APF_EXPECT_OK(
      op::direct_to_reflection_backward<double>(ctx, 33, 6, down.data(), in.data(), down.data()));

  EXPECT_EQ(in_place.values(), k);
  EXPECT_EQ(down.values(), backward<double>(33, 6, dk, k));
}

TEST_P(DirectToReflection, BadArgumentsAreNamed)
{
  Array<float> k_memory(ctx, 4), a_memory(ctx, 4);
  float *k = k_memory.data(), *a = a_memory.data();
  const auto forward_of = [&](apf_context *c, int64_t N, int64_t M, float *in, float *out) {
    return op::direct_to_reflection_forward<float>(c, N, M, in, out);
  };

  APF_EXPECT_OK(forward_of(ctx, 0, 3, nullptr, nullptr));
  expect_failure(nullptr, forward_of(nullptr, 1, 4, a, k), APF_ERR_ARGUMENT, {"ctx is NULL"});
  expect_failure(ctx, forward_of(ctx, -1, 4, a, k), APF_ERR_ARGUMENT,
                 {"apf_direct_to_reflection_forward_f32", "N is -1"});
  expect_failure(ctx, forward_of(ctx, 1, 65, a, k), APF_ERR_ARGUMENT, {"M is 65", "1 to 64"});
  expect_failure(ctx, forward_of(ctx, INT64_MAX / 4, 4, a, k), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, forward_of(ctx, 1, 4, nullptr, k), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, a, nullptr), APF_ERR_ARGUMENT, {"k is NULL"});
  expect_failure(ctx, op::direct_to_reflection_backward<float>(ctx, 1, 4, nullptr, k, a),
                 APF_ERR_ARGUMENT, {"dk is NULL"});
}
