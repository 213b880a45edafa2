#include "support/support.h"

namespace {

struct Shape {
  int64_t G, N, I, O;
};

/* One row, one column, sizes around the blocks of the kernels, sums over n in several parts. */
const std::vector<Shape> shapes = {{1, 1, 1, 1},     {3, 1, 5, 2},     {1, 33, 64, 65},
                                   {2, 31, 3, 8},    {1, 1025, 7, 31}, {1, 2048, 2, 130},
                                   {700, 3, 1, 200}, {1, 70001, 1, 33}};

template <class T>
struct Gradients {
  std::vector<T> dx, dw, dbias;
};

/* The defining sums. */
std::vector<double> plain_forward(const Shape &s, const std::vector<double> &x,
                                  const std::vector<double> &w, const std::vector<double> &bias)
{
  std::vector<double> y(s.G * s.N * s.O);
  for (int64_t g = 0; g < s.G; g++)
    for (int64_t n = 0; n < s.N; n++)
      for (int64_t o = 0; o < s.O; o++) {
        double sum = bias[g * s.O + o];
        for (int64_t i = 0; i < s.I; i++)
          sum += x[(g * s.N + n) * s.I + i] * w[(g * s.O + o) * s.I + i];
        y[(g * s.N + n) * s.O + o] = sum;
      }
  return y;
}

}  // namespace

class Linear : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &x, const std::vector<T> &w,
                         const std::vector<T> &bias)
  {
    Array<T> in(ctx, x), weights(ctx, w), shift(ctx, bias), out(ctx, s.G * s.N * s.O);
    APF_EXPECT_OK(op::linear_forward<T>(ctx, s.G, s.N, s.I, s.O, in.data(), weights.data(),
                                        bias.empty() ? nullptr : shift.data(), out.data()));
    return out.values();
  }
  template <class T>
  Gradients<T> backward(const Shape &s, const std::vector<T> &dy, const std::vector<T> &x,
                        const std::vector<T> &w)
  {
    Array<T> upstream(ctx, dy), in(ctx, x), weights(ctx, w);
    Array<T> dx(ctx, s.G * s.N * s.I), dw(ctx, s.G * s.O * s.I), dbias(ctx, s.G * s.O);
    APF_EXPECT_OK(op::linear_backward<T>(ctx, s.G, s.N, s.I, s.O, upstream.data(), in.data(),
                                         weights.data(), dx.data(), dw.data(), dbias.data()));
    return {dx.values(), dw.values(), dbias.values()};
  }
};
APF_ON_EVERY_BACKEND(Linear);

TEST_P(Linear, WorkedExample)
{
  const std::vector<double> x = {1, 2, 3, 4}, w = {10, 1, 0, 5, -1, -1};

  const std::vector<double> y = forward<double>({1, 2, 2, 3}, x, w, {100, 200, 300});

  EXPECT_EQ(y, (std::vector<double>{112, 210, 297, 134, 220, 293}));
  EXPECT_EQ(forward<double>({1, 1, 2, 1}, {1, 2}, {10, 1}, {}), std::vector<double>{12});
}

TEST_P(Linear, ForwardEqualsTheDefiningSum)
{
  for (const Shape &s : shapes) {
    const auto x = random_values<double>(s.G * s.N * s.I, 1),
               w = random_values<double>(s.G * s.O * s.I, 2),
               bias = random_values<double>(s.G * s.O, 3);

    EXPECT_LE(relative_error(forward<double>(s, x, w, bias), plain_forward(s, x, w, bias)), 1e-14);
  }
}

TEST_P(Linear, AdjointIdentityHolds)
{
  for (const Shape &s : shapes) {
    const auto x = random_values<double>(s.G * s.N * s.I, 1),
               w = random_values<double>(s.G * s.O * s.I, 2),
               bias = random_values<double>(s.G * s.O, 3),
               dy = random_values<double>(s.G * s.N * s.O, 4);

    const auto got = backward<double>(s, dy, x, w);

    const double product = dot(forward<double>(s, x, w, {}), dy), scale = 1e-10;
    EXPECT_NEAR(product, dot(x, got.dx), scale);
    EXPECT_NEAR(product, dot(w, got.dw), scale);
    EXPECT_NEAR(dot(forward<double>(s, x, w, bias), dy) - product, dot(bias, got.dbias), scale);
  }
}

TEST_P(Linear, GradientsAgreeWithCentralDifferences)
{
  const Shape s = {2, 31, 3, 8};
  const auto x = random_values<double>(s.G * s.N * s.I, 1),
             w = random_values<double>(s.G * s.O * s.I, 2),
             bias = random_values<double>(s.G * s.O, 3),
             dy = random_values<double>(s.G * s.N * s.O, 4);

  const auto got = backward<double>(s, dy, x, w);

  expect_gradient([&](const auto &v) { return dot(forward<double>(s, v, w, bias), dy); }, x,
                  got.dx);
  expect_gradient([&](const auto &v) { return dot(forward<double>(s, x, v, bias), dy); }, w,
                  got.dw);
  expect_gradient([&](const auto &v) { return dot(forward<double>(s, x, w, v), dy); }, bias,
                  got.dbias);
}

TEST_P(Linear, EachGradientIsOptional)
{
  const Shape s = {1, 33, 64, 65};
  Array<double> x(ctx, random_values<double>(s.N * s.I, 1)),
      w(ctx, random_values<double>(s.O * s.I, 2)), dy(ctx, random_values<double>(s.N * s.O, 3)),
      dx(ctx, s.N * s.I), dw(ctx, s.O * s.I), dbias(ctx, s.O);
  const auto all = backward<double>(s, dy.values(), x.values(), w.values());
  const auto call = [&](const double *in, const double *weights, double *to_x, double *to_w,
                        double *to_bias) {
    APF_EXPECT_OK(op::linear_backward<double>(ctx, s.G, s.N, s.I, s.O, dy.data(), in, weights, to_x,
                                              to_w, to_bias));
  };

  call(nullptr, w.data(), dx.data(), nullptr, nullptr);
  call(x.data(), nullptr, nullptr, dw.data(), nullptr);
  call(nullptr, nullptr, nullptr, nullptr, dbias.data());

  EXPECT_EQ(dx.values(), all.dx);
  EXPECT_EQ(dw.values(), all.dw);
  EXPECT_EQ(dbias.values(), all.dbias);
}

TEST_P(Linear, FloatAgreesWithDouble)
{
  const Shape s = {1, 1025, 64, 65};
  const auto x = random_values<float>(s.N * s.I, 1), w = random_values<float>(s.O * s.I, 2),
             bias = random_values<float>(s.O, 3), dy = random_values<float>(s.N * s.O, 4);
  const auto wide = [](const std::vector<float> &v) {
    return std::vector<double>(v.begin(), v.end());
  };

  const auto got = backward<float>(s, dy, x, w);

  const auto want = backward<double>(s, wide(dy), wide(x), wide(w));
  EXPECT_LE(relative_error(wide(forward<float>(s, x, w, bias)),
                           forward<double>(s, wide(x), wide(w), wide(bias))),
            1e-6);
  EXPECT_LE(relative_error(wide(got.dx), want.dx), 1e-6);
  EXPECT_LE(relative_error(wide(got.dw), want.dw), 1e-6);
  EXPECT_LE(relative_error(wide(got.dbias), want.dbias), 1e-6);
}

TEST_P(Linear, NoRowsGiveZeroGradientsOfTheParameters)
{
  const auto got = backward<double>({2, 0, 3, 4}, {}, {}, random_values<double>(24, 1));

  EXPECT_EQ(got.dw, std::vector<double>(24, 0.0));
  EXPECT_EQ(got.dbias, std::vector<double>(8, 0.0));
  EXPECT_TRUE(forward<float>({0, 5, 3, 4}, {}, {}, {}).empty());
}

TEST_P(Linear, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(16, 0));
  float *const v = memory.data();
  const char *name = "apf_linear_forward_f32";
  const auto call = [&](int64_t G, int64_t N, int64_t I, int64_t O, const float *x, const float *w,
                        float *y) {
    return op::linear_forward<float>(ctx, G, N, I, O, x, w, nullptr, y);
  };

  expect_failure(ctx, call(-1, 2, 2, 2, v, v, v), APF_ERR_ARGUMENT, {name, "G is -1"});
  expect_failure(ctx, call(1, -2, 2, 2, v, v, v), APF_ERR_ARGUMENT, {"N is -2"});
  expect_failure(ctx, call(1, 2, 0, 2, v, v, v), APF_ERR_ARGUMENT, {"I is 0", "1 to 2147483647"});
  expect_failure(ctx, call(1, 2, 2, 0, v, v, v), APF_ERR_ARGUMENT, {"O is 0"});
  expect_failure(ctx, call(1, 2, 2, 2, nullptr, v, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 2, 2, 2, v, nullptr, v), APF_ERR_ARGUMENT, {"w is NULL"});
  expect_failure(ctx, call(1, 2, 2, 2, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 4, 2, 2, 2, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  const auto back = [&](const float *dy, const float *x, const float *w, float *dx, float *dw) {
    return op::linear_backward<float>(ctx, 1, 2, 2, 2, dy, x, w, dx, dw, nullptr);
  };
  expect_failure(ctx, back(nullptr, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_linear_backward_f32", "dy is NULL"});
  expect_failure(ctx, back(v, nullptr, v, nullptr, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, back(v, v, nullptr, v, nullptr), APF_ERR_ARGUMENT, {"w is NULL"});
  expect_failure(nullptr, op::linear_forward<float>(nullptr, 1, 2, 2, 2, v, v, nullptr, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
