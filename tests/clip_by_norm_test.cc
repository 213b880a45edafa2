#include "support/support.h"

class ClipByNorm : public OnEveryBackend {
 protected:
  std::vector<double> clip(const std::vector<double> &values, int64_t sets,
                           const std::vector<int32_t> &set, double max_norm,
                           std::vector<double> *norms)
  {
    Array<double> g(ctx, values), norm(ctx, sets);
    Array<int32_t> index(ctx, set);
    APF_EXPECT_OK(op::clip_by_norm<double>(ctx, values.size(), sets,
                                           set.empty() ? nullptr : index.data(), max_norm, g.data(),
                                           norm.data()));
    *norms = norm.values();
    return g.values();
  }
  std::vector<double> norms;
};
APF_ON_EVERY_BACKEND(ClipByNorm);

TEST_P(ClipByNorm, LongGradientsAreShortenedShortOnesStay)
{
  const auto clipped = clip({3, 4}, 1, {}, 0.5, &norms);

  EXPECT_DOUBLE_EQ(norms[0], 5);
  EXPECT_NEAR(clipped[0], 0.3, 1e-6);
  EXPECT_DOUBLE_EQ(clipped[0], 3 * 0.5 / (5 + 1e-6));
  EXPECT_EQ(clip({3, 4}, 1, {}, 100, &norms), (std::vector<double>{3, 4}));
  EXPECT_EQ(clip({3, 4}, 1, {}, INFINITY, &norms), (std::vector<double>{3, 4}));
}

TEST_P(ClipByNorm, SetsHaveTheirOwnNormsAndPaddingHasNone)
{
  const auto clipped = clip({3, 100, 4, 0.1, 7}, 2, {0, -1, 0, 1, 9}, 1, &norms);

  EXPECT_DOUBLE_EQ(norms[0], 5);
  EXPECT_DOUBLE_EQ(norms[1], 0.1);
  EXPECT_EQ(clipped[1], 100);
  EXPECT_EQ(clipped[3], 0.1);
  EXPECT_EQ(clipped[4], 7);
  EXPECT_DOUBLE_EQ(clipped[2], 4 / (5 + 1e-6));
}

TEST_P(ClipByNorm, ManyValuesOfManySetsEqualPlainLoops)
{
  for (bool in_runs : {true, false}) {
    const int64_t N = 20011, S = 37;
    const auto g = random_values<double>(N, 1);
    std::vector<int32_t> set(N);
    for (int64_t i = 0; i < N; i++) /* in runs of any length, or in no order; -1 and 38 are none */
      set[i] = static_cast<int32_t>(in_runs ? i * i / (N * N / 40) - 1 : i * 7919 % 41 - 2);

    const auto clipped = clip(g, S, set, 3, &norms);

    std::vector<double> want_norms(S), want = g;
    for (int64_t i = 0; i < N; i++)
      if (set[i] >= 0 && set[i] < S) want_norms[set[i]] += g[i] * g[i];
    for (double &norm : want_norms) norm = std::sqrt(norm);
    for (int64_t i = 0; i < N; i++)
      if (set[i] >= 0 && set[i] < S) want[i] *= std::min(1.0, 3 / (want_norms[set[i]] + 1e-6));
    EXPECT_LE(relative_error(norms, want_norms), 1e-14);
    EXPECT_LE(relative_error(clipped, want), 1e-14);
  }
}

TEST_P(ClipByNorm, RepeatsToTheBit)
{
  const auto g = random_values<double>(30000, 1);
  std::vector<double> first, again;
  const auto clipped = clip(g, 1, {}, 1, &first);

  for (int run = 0; run < 4; run++) {
    EXPECT_EQ(clip(g, 1, {}, 1, &again), clipped);
    EXPECT_EQ(again, first);
  }
}

TEST_P(ClipByNorm, ASetThatDivergedStandsStill)
{
  const auto clipped = clip({NAN, 1, 2}, 2, {0, 0, 1}, 10, &norms);

  EXPECT_TRUE(std::isnan(norms[0]));
  EXPECT_EQ(clipped, (std::vector<double>{0, 0, 2}));
}

TEST_P(ClipByNorm, BadArgumentsAreNamed)
{
  Array<float> g(ctx, {1});
  Array<double> norm(ctx, 1);

  expect_failure(ctx, op::clip_by_norm<float>(ctx, 1, 1, nullptr, 0, g.data(), norm.data()),
                 APF_ERR_ARGUMENT, {"max_norm is 0"});
  expect_failure(ctx, op::clip_by_norm<float>(ctx, 1, 2, nullptr, 1, g.data(), norm.data()),
                 APF_ERR_ARGUMENT, {"set is NULL"});
  expect_failure(ctx, op::clip_by_norm<float>(ctx, 1, 1, nullptr, 1, g.data(), nullptr),
                 APF_ERR_ARGUMENT, {"norm is NULL"});
}
