#include "support/reference.h"
#include "support/support.h"

#include <complex>

APF_REFERENCE_REAL(reflection_to_direct_forward)
APF_REFERENCE_REAL(reflection_to_direct_backward)

class ReflectionToDirect : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t N, int64_t M, const std::vector<T> &k)
  {
    Array<T> in(ctx, k), a(ctx, N * M);
    APF_EXPECT_OK(op::reflection_to_direct_forward<T>(ctx, N, M, in.data(), a.data()));
    return a.values();
  }
  template <class T>
  std::vector<T> backward(int64_t N, int64_t M, const std::vector<T> &da, const std::vector<T> &k)
  {
    Array<T> up(ctx, da), in(ctx, k), dk(ctx, N * M);
    APF_EXPECT_OK(op::reflection_to_direct_backward<T>(ctx, N, M, up.data(), in.data(), dk.data()));
    return dk.values();
  }
  /** The fast kernels against the plain ones, to `tolerance` of the peak. */
  template <class T>
  void expect_reference(int64_t N, int64_t M, double tolerance)
  {
    SCOPED_TRACE("N " + std::to_string(N) + " M " + std::to_string(M));
    const auto k = random_values<T>(N * M, 1, 0.4), da = random_values<T>(N * M, 2);
    std::vector<T> a(N * M), dk(N * M);
    APF_ASSERT_OK(reference::reflection_to_direct_forward<T>(ctx, N, M, k.data(), a.data()));
    APF_ASSERT_OK(
        reference::reflection_to_direct_backward<T>(ctx, N, M, da.data(), k.data(), dk.data()));

    EXPECT_LE(relative_error(forward<T>(N, M, k), a), tolerance);
    EXPECT_LE(relative_error(backward<T>(N, M, da, k), dk), tolerance);
  }
};
APF_ON_EVERY_BACKEND(ReflectionToDirect);

TEST_P(ReflectionToDirect, FastKernelEqualsReference)
{
  for (int64_t N : {1, 3, 31, 33, 100})
    for (int64_t M : {1, 2, 3, 4, 6, 7, 16, 22, 64}) {
      expect_reference<float>(N, M, 2e-5);
      expect_reference<double>(N, M, 1e-12);
    }
}

TEST_P(ReflectionToDirect, WorkedExample)
{
  const std::vector<double> k = {0.5, -0.25, 0.5};

  EXPECT_EQ(forward<double>(1, 3, k), (std::vector<double>{0.25, -0.0625, 0.5}));
  EXPECT_EQ(backward<double>(1, 3, {0, 0, 1}, k), (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(backward<double>(1, 2, {1, 0}, {0.5, -0.25}), (std::vector<double>{0.75, 0.5}));
}

TEST_P(ReflectionToDirect, EveryFilterIsStable)
{
  const int64_t M = 64;
  const std::vector<double> k = random_values<double>(M, 7, 0.25);
  const std::vector<double> a = forward<double>(1, M, k);
  std::vector<double> impulse(20000, 0.0), unit(20000, 0.0);
  unit[0] = 1;

  for (size_t t = 0; t < impulse.size(); t++) {
    impulse[t] = unit[t];
    for (size_t i = 1; i <= M && i <= t; i++) impulse[t] -= a[i - 1] * impulse[t - i];
  }

  /* The energy of the impulse response is the product of 1 / (1 - k^2). */
  double energy = 1;
  for (double km : k) energy /= 1 - km * km;
  EXPECT_NEAR(dot(impulse, impulse), energy, 1e-9 * energy);
}

TEST_P(ReflectionToDirect, GradientEqualsCentralDifferences)
{
  for (int64_t M : {1, 2, 3, 4, 6, 7, 16, 22, 64})
    for (int64_t N : {1, 3, 31}) {
      const auto k = random_values<double>(N * M, 1, 0.5);
      const auto da = random_values<double>(N * M, 2);

      expect_gradient([&](const auto &at) { return dot(forward<double>(N, M, at), da); }, k,
                      backward<double>(N, M, da, k));
    }
}

TEST_P(ReflectionToDirect, FloatAgreesWithDouble)
{
  for (int64_t M : {1, 2, 6, 22, 64}) {
    const auto k = random_values<float>(33 * M, 1, 0.3), da = random_values<float>(33 * M, 2);
    const std::vector<double> wide_k(k.begin(), k.end()), wide_da(da.begin(), da.end());

    const auto a = forward<float>(33, M, k), dk = backward<float>(33, M, da, k);

    EXPECT_LE(
        relative_error(std::vector<double>(a.begin(), a.end()), forward<double>(33, M, wide_k)),
        1e-5);
    EXPECT_LE(relative_error(std::vector<double>(dk.begin(), dk.end()),
                             backward<double>(33, M, wide_da, wide_k)),
              1e-5);
  }
}

TEST_P(ReflectionToDirect, OutputMayReplaceInput)
{
  const auto k = random_values<double>(33 * 6, 1), da = random_values<double>(33 * 6, 2);
  Array<double> in_place(ctx, k), down(ctx, da), in(ctx, k);

  APF_EXPECT_OK(
      op::reflection_to_direct_backward<double>(ctx, 33, 6, down.data(), in.data(), down.data()));
  APF_EXPECT_OK(
      op::reflection_to_direct_forward<double>(ctx, 33, 6, in_place.data(), in_place.data()));

  EXPECT_EQ(in_place.values(), forward<double>(33, 6, k));
  EXPECT_EQ(down.values(), backward<double>(33, 6, da, k));
}

TEST_P(ReflectionToDirect, BadArgumentsAreNamed)
{
  Array<float> k_memory(ctx, 4), a_memory(ctx, 4);
  float *k = k_memory.data(), *a = a_memory.data();
  const auto forward_of = [&](apf_context *c, int64_t N, int64_t M, float *in, float *out) {
    return op::reflection_to_direct_forward<float>(c, N, M, in, out);
  };

  APF_EXPECT_OK(forward_of(ctx, 0, 3, nullptr, nullptr));
  expect_failure(nullptr, forward_of(nullptr, 1, 4, k, a), APF_ERR_ARGUMENT, {"ctx is NULL"});
  expect_failure(ctx, forward_of(ctx, -1, 4, k, a), APF_ERR_ARGUMENT,
                 {"apf_reflection_to_direct_forward_f32", "N is -1"});
  expect_failure(ctx, forward_of(ctx, 1, 0, k, a), APF_ERR_ARGUMENT, {"M is 0", "1 to 64"});
  expect_failure(ctx, forward_of(ctx, 1, 65, k, a), APF_ERR_ARGUMENT, {"M is 65", "1 to 64"});
  expect_failure(ctx, forward_of(ctx, INT64_MAX / 4, 4, k, a), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, forward_of(ctx, 1, 4, nullptr, a), APF_ERR_ARGUMENT, {"k is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, k, nullptr), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, op::reflection_to_direct_backward<float>(ctx, 1, 4, nullptr, k, a),
                 APF_ERR_ARGUMENT, {"da is NULL"});
  expect_failure(ctx, op::reflection_to_direct_backward<float>(ctx, 1, 4, k, nullptr, a),
                 APF_ERR_ARGUMENT, {"k is NULL"});
  expect_failure(ctx, op::reflection_to_direct_backward<float>(ctx, 1, 4, k, a, nullptr),
                 APF_ERR_ARGUMENT, {"dk is NULL"});
}
