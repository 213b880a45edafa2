#include "support/reference.h"

APF_REFERENCE_REAL(conv2d_forward)
APF_REFERENCE_REAL(conv2d_backward)

namespace {

struct Shape {
  int64_t B, I, O, H, W, KH, KW, D;
  int64_t inputs() const { return B * I * H * W; }
  int64_t outputs() const { return B * O * H * W; }
  int64_t weights() const { return O * I * KH * KW; }
};

void PrintTo(const Shape &s, std::ostream *os)
{
  *os << s.B << "x" << s.I << "->" << s.O << " " << s.H << "x" << s.W << " kernel " << s.KH << "x"
      << s.KW << " dilation " << s.D;
}

template <class T>
struct Gradients {
  std::vector<T> dx, dw, dbias;
};

/* Planes shorter than the kernel, of one tile, of several, one more and one less; every dilation of
 * the encoder; channels of one vector, more, fewer; the widest kernel. */
const std::vector<Shape> shapes = {
    {1, 1, 1, 1, 1, 1, 1, 1},     {1, 1, 1, 1, 1, 5, 7, 1},     {2, 1, 3, 2, 3, 5, 7, 1},
    {1, 3, 1, 4, 12, 5, 7, 16},   {3, 2, 5, 6, 13, 5, 7, 1},    {1, 4, 17, 14, 29, 5, 7, 1},
    {1, 17, 4, 15, 30, 5, 7, 1},  {2, 3, 2, 64, 50, 5, 7, 2},   {1, 2, 3, 33, 101, 5, 7, 4},
    {31, 2, 2, 5, 9, 3, 3, 1},    {1, 2, 2, 40, 70, 15, 15, 1}, {1, 2, 2, 9, 20, 1, 7, 3},
    {2, 33, 31, 8, 47, 5, 7, 16}, {33, 1, 1, 3, 4, 3, 1, 100},  {1, 8, 8, 16, 188, 5, 7, 8},
};

}  // namespace

class Conv2d : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &x, const std::vector<T> &w,
                         const std::vector<T> &bias)
  {
    Array<T> in(ctx, x), weights(ctx, w), shift(ctx, bias), out(ctx, s.outputs());
    APF_EXPECT_OK(op::conv2d_forward<T>(ctx, s.B, s.I, s.O, s.H, s.W, s.KH, s.KW, s.D, in.data(),
                                        weights.data(), bias.empty() ? nullptr : shift.data(),
                                        out.data()));
    return out.values();
  }

  /* `wanted` names the gradients to ask for: any of "xwb". */
  template <class T>
  Gradients<T> backward(const Shape &s, const std::vector<T> &dy, const std::vector<T> &x,
                        const std::vector<T> &w, const std::string &wanted = "xwb")
  {
    Array<T> upstream(ctx, dy), in(ctx, x), weights(ctx, w);
    Array<T> dx(ctx, s.inputs()), dw(ctx, s.weights()), dbias(ctx, s.O);
    const auto asked = [&](char c) { return wanted.find(c) != std::string::npos; };
    APF_EXPECT_OK(op::conv2d_backward<T>(
        ctx, s.B, s.I, s.O, s.H, s.W, s.KH, s.KW, s.D, upstream.data(),
        asked('w') ? in.data() : nullptr, asked('x') ? weights.data() : nullptr,
        asked('x') ? dx.data() : nullptr, asked('w') ? dw.data() : nullptr,
        asked('b') ? dbias.data() : nullptr));
    return {asked('x') ? dx.values() : std::vector<T>(),
            asked('w') ? dw.values() : std::vector<T>(),
            asked('b') ? dbias.values() : std::vector<T>()};
  }
};
APF_ON_EVERY_BACKEND(Conv2d);

TEST_P(Conv2d, WorkedExample)
{
  const Shape s = {1, 1, 1, 2, 4, 1, 3, 2}; /* dilation 2 */
  const std::vector<double> x = {1, 2, 3, 4, 10, 20, 30, 40};
  const std::vector<double> w = {100, 1, 0.5};

  const std::vector<double> y = forward<double>(s, x, w, {1000});

  const std::vector<double> want = {1002.5, 1004, 1103, 1204, 1025, 1040, 2030, 3040};
  EXPECT_LE(relative_error(y, want), 1e-14);
}

TEST_P(Conv2d, KernelHighAndWideReachesEveryNeighbour)
{
  const Shape s = {1, 1, 1, 3, 3, 3, 3, 1};
  const std::vector<double> w = {1, 2, 3, 4, 5, 6, 7, 8, 9};

  const std::vector<double> y = forward<double>(s, {0, 0, 0, 0, 1, 0, 0, 0, 0}, w, {});

  EXPECT_LE(relative_error(y, {9, 8, 7, 6, 5, 4, 3, 2, 1}), 1e-14);
}

TEST_P(Conv2d, ForwardEqualsTheDefiningSum)
{
  for (const Shape &s : shapes) {
    const auto x = random_values<double>(s.inputs(), 1), w = random_values<double>(s.weights(), 2),
               bias = random_values<double>(s.O, 3);
    std::vector<double> want(s.outputs());
    APF_EXPECT_OK(reference::conv2d_forward<double>(ctx, s.B, s.I, s.O, s.H, s.W, s.KH, s.KW, s.D,
                                                    x.data(), w.data(), bias.data(), want.data()));

    EXPECT_LE(relative_error(forward<double>(s, x, w, bias), want), 1e-14)
        << testing::PrintToString(s);
  }
}

TEST_P(Conv2d, BackwardEqualsTheDefiningSums)
{
  for (const Shape &s : shapes) {
    const auto x = random_values<double>(s.inputs(), 1), w = random_values<double>(s.weights(), 2),
               dy = random_values<double>(s.outputs(), 3);
    Gradients<double> want = {std::vector<double>(s.inputs()), std::vector<double>(s.weights()),
                              std::vector<double>(s.O)};
    APF_EXPECT_OK(reference::conv2d_backward<double>(ctx, s.B, s.I, s.O, s.H, s.W, s.KH, s.KW, s.D,
                                                     dy.data(), x.data(), w.data(), want.dx.data(),
                                                     want.dw.data(), want.dbias.data()));

    const auto got = backward<double>(s, dy, x, w);

    EXPECT_LE(relative_error(got.dx, want.dx), 1e-14) << testing::PrintToString(s);
    EXPECT_LE(relative_error(got.dw, want.dw), 1e-13) << testing::PrintToString(s);
    EXPECT_LE(relative_error(got.dbias, want.dbias), 1e-13) << testing::PrintToString(s);
  }
}

/* Unfolded, these take more than one piece of CUDA's scratch: of one image, and of several. */
TEST_P(Conv2d, PiecesOfTheBatchAreOneSum)
{
  for (const Shape &s : {Shape{1, 32, 1, 40, 200, 5, 7, 2}, Shape{5, 32, 1, 30, 100, 5, 7, 1}}) {
    const auto x = random_values<double>(s.inputs(), 1), w = random_values<double>(s.weights(), 2),
               dy = random_values<double>(s.outputs(), 3);
    std::vector<double> y(s.outputs());
    Gradients<double> want = {std::vector<double>(s.inputs()), std::vector<double>(s.weights()),
                              std::vector<double>(s.O)};
    APF_EXPECT_OK(reference::conv2d_forward<double>(ctx, s.B, s.I, s.O, s.H, s.W, s.KH, s.KW, s.D,
                                                    x.data(), w.data(), nullptr, y.data()));
    APF_EXPECT_OK(reference::conv2d_backward<double>(ctx, s.B, s.I, s.O, s.H, s.W, s.KH, s.KW, s.D,
                                                     dy.data(), x.data(), w.data(), want.dx.data(),
                                                     want.dw.data(), want.dbias.data()));

    const auto got = backward<double>(s, dy, x, w, "w");

    EXPECT_LE(relative_error(forward<double>(s, x, w, {}), y), 1e-14) << testing::PrintToString(s);
    EXPECT_LE(relative_error(got.dw, want.dw), 1e-13) << testing::PrintToString(s);
  }
}

TEST_P(Conv2d, AdjointIdentityHolds)
{
  for (const Shape &s : shapes) {
    const auto x = random_values<double>(s.inputs(), 1), w = random_values<double>(s.weights(), 2),
               dy = random_values<double>(s.outputs(), 3), bias = random_values<double>(s.O, 4);

    const auto got = backward<double>(s, dy, x, w);

    const double product = dot(forward<double>(s, x, w, {}), dy);
    const double scale = 1e-12 * (1 + std::sqrt(dot(dy, dy) * dot(x, x)));
    EXPECT_NEAR(product, dot(x, got.dx), scale) << testing::PrintToString(s);
    EXPECT_NEAR(product, dot(w, got.dw), scale) << testing::PrintToString(s);
    const std::vector<double> zero(s.weights(), 0.0);
    EXPECT_NEAR(dot(forward<double>(s, x, zero, bias), dy), dot(bias, got.dbias), scale);
  }
}

TEST_P(Conv2d, GradientsAgreeWithCentralDifferences)
{
  const Shape s = {2, 3, 2, 5, 40, 5, 7, 2};
  const auto x = random_values<double>(s.inputs(), 1), w = random_values<double>(s.weights(), 2),
             dy = random_values<double>(s.outputs(), 3), bias = random_values<double>(s.O, 4);

  const auto got = backward<double>(s, dy, x, w);

  expect_gradient([&](const auto &v) { return dot(forward<double>(s, v, w, bias), dy); }, x,
                  got.dx);
  expect_gradient([&](const auto &v) { return dot(forward<double>(s, x, v, bias), dy); }, w,
                  got.dw);
  expect_gradient([&](const auto &v) { return dot(forward<double>(s, x, w, v), dy); }, bias,
                  got.dbias);
}

TEST_P(Conv2d, EachGradientIsOptional)
{
  const Shape s = {2, 3, 2, 5, 40, 5, 7, 2};
  const auto x = random_values<double>(s.inputs(), 1), w = random_values<double>(s.weights(), 2),
             dy = random_values<double>(s.outputs(), 3);
  const auto all = backward<double>(s, dy, x, w);

  EXPECT_EQ(backward<double>(s, dy, x, w, "x").dx, all.dx);
  EXPECT_EQ(backward<double>(s, dy, x, w, "w").dw, all.dw);
  EXPECT_EQ(backward<double>(s, dy, x, w, "b").dbias, all.dbias);
  backward<double>(s, dy, x, w, "");
}

TEST_P(Conv2d, FloatAgreesWithDouble)
{
  for (const Shape &s : shapes) {
    const auto x = random_values<float>(s.inputs(), 1), w = random_values<float>(s.weights(), 2),
               dy = random_values<float>(s.outputs(), 3);
    const auto wide = [](const std::vector<float> &v) {
      return std::vector<double>(v.begin(), v.end());
    };

    const auto got = backward<float>(s, dy, x, w);

    const auto want = backward<double>(s, wide(dy), wide(x), wide(w));
    EXPECT_LE(
        relative_error(wide(forward<float>(s, x, w, {})), forward<double>(s, wide(x), wide(w), {})),
        2e-6)
        << testing::PrintToString(s);
    EXPECT_LE(relative_error(wide(got.dx), want.dx), 2e-6) << testing::PrintToString(s);
    EXPECT_LE(relative_error(wide(got.dw), want.dw), 4e-6) << testing::PrintToString(s);
    EXPECT_LE(relative_error(wide(got.dbias), want.dbias), 4e-6) << testing::PrintToString(s);
  }
}

TEST_P(Conv2d, RepeatedCallsGiveTheSameBits)
{
  const Shape s = {5, 3, 4, 20, 60, 5, 7, 1};
  const auto x = random_values<float>(s.inputs(), 1), w = random_values<float>(s.weights(), 2),
             dy = random_values<float>(s.outputs(), 3);

  EXPECT_EQ(forward<float>(s, x, w, {}), forward<float>(s, x, w, {}));
  EXPECT_EQ(backward<float>(s, dy, x, w).dw, backward<float>(s, dy, x, w).dw);
}

TEST_P(Conv2d, EmptyPlanesGiveZeroGradientsOfTheWeights)
{
  const Shape s = {0, 2, 3, 4, 5, 3, 3, 1};

  const auto got = backward<double>(s, {}, {}, random_values<double>(s.weights(), 1));

  EXPECT_EQ(got.dw, std::vector<double>(s.weights(), 0.0));
  EXPECT_EQ(got.dbias, std::vector<double>(s.O, 0.0));
  EXPECT_TRUE(
      forward<float>({2, 2, 3, 0, 5, 3, 3, 1}, {}, random_values<float>(54, 1), {}).empty());
}

TEST_P(Conv2d, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(64, 0));
  float *const v = memory.data();
  const auto call = [&](int64_t B, int64_t I, int64_t O, int64_t H, int64_t W, int64_t KH,
                        int64_t KW, int64_t D, const float *x, const float *w, float *y) {
    return op::conv2d_forward<float>(ctx, B, I, O, H, W, KH, KW, D, x, w, nullptr, y);
  };
  const char *name = "apf_conv2d_forward_f32";

  expect_failure(ctx, call(-1, 1, 1, 2, 2, 3, 3, 1, v, v, v), APF_ERR_ARGUMENT, {name, "B is -1"});
  expect_failure(ctx, call(1, 0, 1, 2, 2, 3, 3, 1, v, v, v), APF_ERR_ARGUMENT, {"I is 0"});
  expect_failure(ctx, call(1, 1, 0, 2, 2, 3, 3, 1, v, v, v), APF_ERR_ARGUMENT, {"O is 0"});
  expect_failure(ctx, call(1, 1, 1, 2, 2, 4, 3, 1, v, v, v), APF_ERR_ARGUMENT,
                 {"KH is 4", "odd number from 1 to 15"});
  expect_failure(ctx, call(1, 1, 1, 2, 2, 3, 17, 1, v, v, v), APF_ERR_ARGUMENT, {"KW is 17"});
  expect_failure(ctx, call(1, 1, 1, 2, 2, 3, 3, 0, v, v, v), APF_ERR_ARGUMENT, {"D is 0"});
  expect_failure(ctx, call(1, 1, 1, 2, 2, 3, 3, 1, nullptr, v, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 1, 1, 2, 2, 3, 3, 1, v, nullptr, v), APF_ERR_ARGUMENT, {"w is NULL"});
  expect_failure(ctx, call(1, 1, 1, 2, 2, 3, 3, 1, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 4, 1, 1, 2, 2, 3, 3, 1, v, v, v), APF_ERR_ARGUMENT,
                 {"overflows"});
  expect_failure(
      ctx,
      op::conv2d_backward<float>(ctx, 1, 1, 1, 2, 2, 3, 3, 1, v, nullptr, v, nullptr, v, nullptr),
      APF_ERR_ARGUMENT, {"apf_conv2d_backward_f32", "x is NULL"});
  expect_failure(
      ctx,
      op::conv2d_backward<float>(ctx, 1, 1, 1, 2, 2, 3, 3, 1, v, v, nullptr, v, nullptr, nullptr),
      APF_ERR_ARGUMENT, {"w is NULL"});
  expect_failure(ctx,
                 op::conv2d_backward<float>(ctx, 1, 1, 1, 2, 2, 3, 3, 1, nullptr, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(nullptr,
                 op::conv2d_forward<float>(nullptr, 1, 1, 1, 2, 2, 3, 3, 1, v, v, nullptr, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
