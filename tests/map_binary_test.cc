#include "support/support.h"

extern "C" {
#include "core/maps.h"
}

namespace {

using Sizes = std::vector<int64_t>;

struct Shapes {
  Sizes a, b;
};

/* Equal; rows and columns broadcast; parameter sets; both broadcast; scalars; long enough for
 * several pieces; ones in odd places. */
const Shapes kShapes[] = {
    {{7}, {7}},
    {{3, 5}, {3, 1}},
    {{3, 5}, {1, 5}},
    {{3, 1}, {1, 5}},
    {{2, 3, 4, 50}, {2, 1, 1, 1}},
    {{1, 3, 4, 50}, {2, 1, 1, 1}},
    {{1, 3, 1, 50}, {2, 1, 4, 1}},
    {{2, 3, 4, 5}, {1, 3, 1, 5}},
    {{1}, {1}},
    {{}, {}},
    {{40000}, {1}},
    {{1, 40000}, {3, 1}},
    {{700, 90}, {1, 90}},
    {{2, 700, 3}, {2, 1, 3}},
    {{5, 1, 1, 6, 1}, {1, 1, 2, 6, 1}},
};

int64_t count(const Sizes &s)
{
  int64_t n = 1;
  for (int64_t v : s) n *= v;
  return n;
}

Sizes joined(const Shapes &s)
{
  Sizes out(s.a.size());
  for (size_t d = 0; d < out.size(); d++) out[d] = std::max(s.a[d], s.b[d]);
  return out;
}

/** Where element i of an array of sizes `of` lies in a broadcast array of sizes `s`. */
int64_t source(const Sizes &s, const Sizes &of, int64_t i)
{
  int64_t offset = 0, step = 1;
  for (int d = static_cast<int>(s.size()) - 1; d >= 0; d--) {
    if (s[d] > 1) offset += i % of[d] * step;
    step *= s[d];
    i /= of[d];
  }
  return offset;
}

double apply(int map, double u, double v)
{
  switch (map) {
    case APF_MAP_ADD: return u + v;
    case APF_MAP_SUB: return u - v;
    case APF_MAP_MUL: return u * v;
    case APF_MAP_DIV: return u / v;
    case APF_MAP_MIN: return std::min(u, v);
    default: return std::max(u, v);
  }
}

}  // namespace

class MapBinary : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int map, const Shapes &s, const std::vector<T> &a, const std::vector<T> &b)
  {
    Array<T> left(ctx, a), right(ctx, b), y(ctx, count(joined(s)));
    APF_EXPECT_OK(op::map_binary_forward<T>(ctx, map, static_cast<int>(s.a.size()), s.a.data(),
                                            s.b.data(), left.data(), right.data(), y.data()));
    return y.values();
  }
};
APF_ON_EVERY_BACKEND(MapBinary);

TEST_P(MapBinary, BroadcastsLikeNestedLoops)
{
  for (const Shapes &s : kShapes) {
    const Sizes out = joined(s);
    const auto a = random_values<double>(count(s.a), 1), b = random_values<double>(count(s.b), 2);
    for (int map = 0; map < APF_BINARY_MAPS; map++) {
      const auto y = forward(map, s, a, b);

      for (size_t i = 0; i < y.size(); i++)
        ASSERT_DOUBLE_EQ(y[i], apply(map, a[source(s.a, out, i)], b[source(s.b, out, i)])) << map;
    }
  }
}

TEST_P(MapBinary, GradientsMatchCentralDifferencesWithEachOneLeftOut)
{
  for (const Shapes &s : kShapes) {
    const int dims = static_cast<int>(s.a.size());
    const auto a = random_values<double>(count(s.a), 1);
    auto b = random_values<double>(count(s.b), 2);
    for (double &v : b) v += v > 0 ? 0.5 : -0.5;
    const auto dy = random_values<double>(count(joined(s)), 3);
    for (int map = 0; map < APF_BINARY_MAPS; map++) {
      Array<double> left(ctx, a), right(ctx, b), upstream(ctx, dy);
      Array<double> da(ctx, left.size()), db(ctx, right.size()), only(ctx, left.size());

      APF_EXPECT_OK(op::map_binary_backward<double>(ctx, map, dims, s.a.data(), s.b.data(),
                                                    upstream.data(), left.data(), right.data(),
                                                    da.data(), db.data()));
      APF_EXPECT_OK(op::map_binary_backward<double>(ctx, map, dims, s.a.data(), s.b.data(),
                                                    upstream.data(), left.data(), right.data(),
                                                    only.data(), nullptr));

      EXPECT_EQ(only.values(), da.values());
      const double tolerance = map == APF_MAP_MIN || map == APF_MAP_MAX ? 1e-3 : 1e-6;
      expect_gradient([&](const std::vector<double> &v) { return dot(forward(map, s, v, b), dy); },
                      a, da.values(), tolerance, 1e-6);
      expect_gradient([&](const std::vector<double> &v) { return dot(forward(map, s, a, v), dy); },
                      b, db.values(), tolerance, 1e-6);
    }
  }
}

TEST_P(MapBinary, GradientsMayLieOnTheUpstreamOne)
{
  for (const Shapes &s : kShapes) {
    const int dims = static_cast<int>(s.a.size());
    const auto a = random_values<double>(count(s.a), 1), b = random_values<double>(count(s.b), 2);
    const auto dy = random_values<double>(count(joined(s)), 3);
    for (int map = 0; map < APF_BINARY_MAPS; map++) {
      for (int side = 0; side < 2; side++) {
        if (count(side ? s.b : s.a) != count(joined(s))) continue;
        Array<double> left(ctx, a), right(ctx, b), upstream(ctx, dy), shared(ctx, dy);
        Array<double> da(ctx, left.size()), db(ctx, right.size()), other(ctx, side ? a : b);

        APF_EXPECT_OK(op::map_binary_backward<double>(ctx, map, dims, s.a.data(), s.b.data(),
                                                      upstream.data(), left.data(), right.data(),
                                                      da.data(), db.data()));
        APF_EXPECT_OK(op::map_binary_backward<double>(
            ctx, map, dims, s.a.data(), s.b.data(), shared.data(), left.data(), right.data(),
            side ? other.data() : shared.data(), side ? shared.data() : other.data()));

        EXPECT_EQ(shared.values(), side ? db.values() : da.values());
        EXPECT_EQ(other.values(), side ? da.values() : db.values());
      }
    }
  }
}

TEST_P(MapBinary, TiesShareTheGradientOfMinAndMax)
{
  const Shapes s = {{3}, {3}};
  for (int map : {APF_MAP_MIN, APF_MAP_MAX}) {
    Array<double> a(ctx, {1, 2, 3}), b(ctx, {1, 5, 0}), dy(ctx, {2, 2, 2}), da(ctx, 3), db(ctx, 3);

    APF_EXPECT_OK(op::map_binary_backward<double>(ctx, map, 1, s.a.data(), s.b.data(), dy.data(),
                                                  a.data(), b.data(), da.data(), db.data()));

    const bool min = map == APF_MAP_MIN;
    EXPECT_EQ(da.values(), min ? (std::vector<double>{1, 2, 0}) : (std::vector<double>{1, 0, 2}));
    EXPECT_EQ(db.values(), min ? (std::vector<double>{1, 0, 2}) : (std::vector<double>{1, 2, 0}));
  }
}

TEST_P(MapBinary, FloatSumsOfManyElementsAreTakenInDouble)
{
  const int64_t n = 1000003;
  const Sizes a_size = {1}, b_size = {n};
  Array<float> a(ctx, std::vector<float>{1}), b(ctx, std::vector<float>(n, 0.1f));
  Array<float> dy(ctx, std::vector<float>(n, 1.0f)), da(ctx, 1);

  APF_EXPECT_OK(op::map_binary_backward<float>(ctx, APF_MAP_MUL, 1, a_size.data(), b_size.data(),
                                               dy.data(), a.data(), b.data(), da.data(), nullptr));

  EXPECT_NEAR(da.values()[0], n * static_cast<double>(0.1f), 0.01);
}

TEST_P(MapBinary, ZeroSizesGiveZeroGradients)
{
  const Sizes a_size = {0, 3}, b_size = {1, 3};
  Array<double> db(ctx, 3);

  APF_EXPECT_OK(op::map_binary_forward<double>(ctx, APF_MAP_MUL, 2, a_size.data(), b_size.data(),
                                               nullptr, nullptr, nullptr));
  APF_EXPECT_OK(op::map_binary_backward<double>(ctx, APF_MAP_MUL, 2, a_size.data(), b_size.data(),
                                                nullptr, nullptr, nullptr, nullptr, db.data()));

  EXPECT_EQ(db.values(), std::vector<double>(3, 0.0));
}

TEST_P(MapBinary, BadArgumentsAreNamed)
{
  Array<double> x_memory(ctx, 6), y_memory(ctx, 6);
  double *x = x_memory.data(), *y = y_memory.data();
  const int64_t two[] = {2}, three[] = {3}, huge[] = {INT64_MAX, 1}, wide[] = {1, 4};

  expect_failure(ctx, op::map_binary_forward<double>(ctx, 6, 1, two, two, x, x, y),
                 APF_ERR_ARGUMENT, {"apf_map_binary_forward_f64", "map is 6"});
  expect_failure(ctx, op::map_binary_forward<double>(ctx, 0, 1, two, three, x, x, y),
                 APF_ERR_ARGUMENT, {"axis 0", "2 and 3"});
  expect_failure(ctx, op::map_binary_forward<double>(ctx, 0, 2, huge, wide, x, x, y),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, op::map_binary_forward<double>(ctx, 0, 1, two, nullptr, x, x, y),
                 APF_ERR_ARGUMENT, {"b_size is NULL"});
  expect_failure(ctx, op::map_binary_forward<double>(ctx, 0, 1, two, two, x, x, nullptr),
                 APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(
      ctx,
      op::map_binary_backward<double>(ctx, APF_MAP_MUL, 1, two, two, x, nullptr, x, y, nullptr),
      APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx,
                 op::map_binary_backward<double>(ctx, APF_MAP_ADD, 1, two, two, nullptr, nullptr,
                                                 nullptr, y, nullptr),
                 APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(nullptr, op::map_binary_forward<double>(nullptr, 0, 1, two, two, x, x, y),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
