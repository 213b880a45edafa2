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
