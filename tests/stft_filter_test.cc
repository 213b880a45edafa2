#include "support/spectral.h"

namespace {

struct Shape {
  int64_t B, T, n_fft, window, hop, Kb, Ka;
  int64_t frames() const { return T / hop + 1; }
  int64_t values() const { return B * frames() * (n_fft + 2); }
};

const Shape kShapes[] = {
    {1, 100, 32, 16, 4, 3, 3}, {3, 77, 64, 21, 10, 2, 4},    {33, 50, 16, 16, 4, 3, 3},
    {1, 1, 8, 8, 2, 3, 3},     {1, 3000, 128, 64, 16, 3, 3}, {2, 7, 16, 16, 8, 1, 2},
};

struct Data {
  std::vector<double> x, b, a, dy;
};

Data random_case(const Shape &s)
{
  const int64_t rows = s.B * s.frames();
  Data d = {random_values<double>(s.B * s.T, 1), random_values<double>(rows * s.Kb, 2),
            random_values<double>(rows * s.Ka, 3, 0.2), random_values<double>(s.B * s.T, 4)};
  for (int64_t i = 0; i < rows; i++) d.a[i * s.Ka] += 2;
  return d;
}

}  // namespace

class StftFilter : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &x, const std::vector<T> &b,
                         const std::vector<T> &a)
  {
    Array<T> in(ctx, x), num(ctx, b), den(ctx, a), y(ctx, x.size());
    APF_EXPECT_OK(op::stft_filter_forward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, s.Kb, s.Ka,
                                             in.data(), num.data(), den.data(), y.data()));
    return y.values();
  }
  template <class T>
  struct Gradients {
    std::vector<T> dx, db, da;
  };
  template <class T>
  Gradients<T> backward(const Shape &s, const std::vector<T> &dy, const std::vector<T> &x,
                        const std::vector<T> &b, const std::vector<T> &a)
  {
    Array<T> up(ctx, dy), in(ctx, x), num(ctx, b), den(ctx, a), dx(ctx, x.size()),
        db(ctx, b.size()), da(ctx, a.size());
    APF_EXPECT_OK(op::stft_filter_backward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, s.Kb, s.Ka,
                                              up.data(), in.data(), num.data(), den.data(),
                                              dx.data(), db.data(), da.data()));
    return {dx.values(), db.values(), da.values()};
  }
};
APF_ON_EVERY_BACKEND(StftFilter);

TEST_P(StftFilter, WorkedExample)
{
  /* b = 1 + z, a = 2: half of this sample and half of the one before it in the frame; hop 1, so
   * every sample is in the middle of a frame (weight 1) and beside two others' (weight 1/2). Of a
   * lone 6 at sample 1, frames 0, 1, 2 hold 3, 6, 3; the squared windows sum to 3/2. */
  const Shape s = {1, 3, 8, 4, 1, 2, 1};
  const std::vector<double> b = {1, 1, 1, 1, 1, 1, 1, 1}, a = {2, 2, 2, 2};

  const auto y = forward<double>(s, {0, 6, 0}, b, a);

  /* Sample 1: (1/2) 3/2 + 6/2 + (1/2) 3/2; sample 2, from frames 1 and 2: (1/2) 6/2 + 3/2. */
  EXPECT_LE(relative_error(y, {0, 4.5 / 1.5, 3 / 1.5}), 1e-14);
}

TEST_P(StftFilter, IsStftThenFilterThenInverse)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);
    Array<double> x(ctx, d.x), b(ctx, d.b), a(ctx, d.a), dy(ctx, d.dy), X(ctx, s.values()),
        Y(ctx, s.values()), y(ctx, d.x.size()), dX(ctx, s.values()), dY(ctx, s.values()),
        dx(ctx, d.x.size()), db(ctx, d.b.size()), da(ctx, d.a.size());
    const int64_t F = s.frames();
    APF_ASSERT_OK(
        op::stft_forward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, 0, x.data(), X.data()));
    APF_ASSERT_OK(op::frequency_filter_forward<double>(ctx, s.B, F, s.n_fft, s.Kb, s.Ka, X.data(),
                                                       b.data(), a.data(), Y.data()));
    APF_ASSERT_OK(
        op::istft_forward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, Y.data(), y.data()));
    APF_ASSERT_OK(
        op::istft_backward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, dy.data(), dY.data()));
    APF_ASSERT_OK(op::frequency_filter_backward<double>(ctx, s.B, F, s.n_fft, s.Kb, s.Ka, dY.data(),
                                                        X.data(), b.data(), a.data(), dX.data(),
                                                        db.data(), da.data()));
    APF_ASSERT_OK(op::stft_backward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, 0, dX.data(),
                                            dx.data()));

    const auto got = backward(s, d.dy, d.x, d.b, d.a);

    EXPECT_LE(relative_error(forward(s, d.x, d.b, d.a), y.values()), 1e-12) << s.n_fft;
    EXPECT_LE(relative_error(got.dx, dx.values()), 1e-12) << s.n_fft;
    EXPECT_LE(relative_error(got.db, db.values()), 1e-12) << s.n_fft;
    EXPECT_LE(relative_error(got.da, da.values()), 1e-12) << s.n_fft;
  }
}

TEST_P(StftFilter, GradientsMatchCentralDifferences)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);
    const auto g = backward(s, d.dy, d.x, d.b, d.a);

    expect_gradient([&](const auto &v) { return dot(forward(s, v, d.b, d.a), d.dy); }, d.x, g.dx);
    expect_gradient([&](const auto &v) { return dot(forward(s, d.x, v, d.a), d.dy); }, d.b, g.db);
    expect_gradient([&](const auto &v) { return dot(forward(s, d.x, d.b, v), d.dy); }, d.a, g.da);
  }
}

TEST_P(StftFilter, EachGradientMayBeLeftOut)
{
  const Shape s = {2, 90, 32, 16, 4, 3, 3};
  const Data d = random_case(s);
  const auto want = backward(s, d.dy, d.x, d.b, d.a);
  Array<double> dy(ctx, d.dy), x(ctx, d.x), b(ctx, d.b), a(ctx, d.a), dx(ctx, d.x.size()),
      db(ctx, d.b.size()), da(ctx, d.a.size());
  const auto call = [&](double *in, double *dx_out, double *db_out, double *da_out) {
    return op::stft_filter_backward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, s.Kb, s.Ka,
                                            dy.data(), in, b.data(), a.data(), dx_out, db_out,
                                            da_out);
  };

  APF_EXPECT_OK(call(nullptr, dx.data(), nullptr, nullptr));
  APF_EXPECT_OK(call(x.data(), nullptr, db.data(), nullptr));
  APF_EXPECT_OK(call(x.data(), nullptr, nullptr, da.data()));

  EXPECT_LE(relative_error(dx.values(), want.dx), 1e-14);
  EXPECT_LE(relative_error(db.values(), want.db), 1e-14);
  EXPECT_LE(relative_error(da.values(), want.da), 1e-14);
}

TEST_P(StftFilter, FloatAgreesWithDouble)
{
  using spectral::narrow;
  using spectral::wide;
  const Shape s = {2, 3000, 512, 256, 64, 3, 3};
  const Data d = random_case(s);
  const auto want = backward(s, d.dy, d.x, d.b, d.a);
  const auto b = narrow<float>(d.b), a = narrow<float>(d.a), x = narrow<float>(d.x);
  const auto got = backward(s, narrow<float>(d.dy), x, b, a);

  EXPECT_LE(relative_error(wide(forward(s, x, b, a)), forward(s, d.x, d.b, d.a)), 5e-6);
  EXPECT_LE(relative_error(wide(got.dx), want.dx), 5e-6);
  EXPECT_LE(relative_error(wide(got.db), want.db), 2e-5);
  EXPECT_LE(relative_error(wide(got.da), want.da), 2e-5);
}

TEST_P(StftFilter, NoSamplesHaveZeroGradients)
{
  Array<double> b(ctx, std::vector<double>{1}), a(ctx, std::vector<double>{1}), db(ctx, 1),
      da(ctx, 1);

  APF_EXPECT_OK(op::stft_filter_backward<double>(ctx, 1, 0, 4, 4, 2, 1, 1, nullptr, nullptr,
                                                 b.data(), a.data(), nullptr, db.data(),
                                                 da.data()));
  EXPECT_EQ(db.values(), std::vector<double>{0});
  EXPECT_EQ(da.values(), std::vector<double>{0});
}

TEST_P(StftFilter, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 64);
  float *const v = memory.data();
  float *const n = nullptr;
  const auto call = [&](int64_t B, int64_t n_fft, int64_t hop, int64_t Kb, int64_t Ka, float *x,
                        float *b, float *a, float *y) {
    return op::stft_filter_forward<float>(ctx, B, 8, n_fft, 4, hop, Kb, Ka, x, b, a, y);
  };

  APF_EXPECT_OK(call(0, 4, 2, 1, 1, n, n, n, n));
  expect_failure(ctx, call(1, 5, 2, 1, 1, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_stft_filter_forward_f32", "n_fft is 5"});
  expect_failure(ctx, call(1, 4, 3, 1, 1, v, v, v, v), APF_ERR_ARGUMENT, {"hop is 3"});
  expect_failure(ctx, call(1, 4, 2, 0, 1, v, v, v, v), APF_ERR_ARGUMENT, {"Kb is 0"});
  expect_failure(ctx, call(1, 4, 2, 1, 5, v, v, v, v), APF_ERR_ARGUMENT, {"Ka is 5"});
  expect_failure(ctx, call(1, 4, 2, 1, 1, n, v, v, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 4, 2, 1, 1, v, n, v, v), APF_ERR_ARGUMENT, {"b is NULL"});
  expect_failure(ctx, call(1, 4, 2, 1, 1, v, v, n, v), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, call(1, 4, 2, 1, 1, v, v, v, n), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 8, 4, 2, 1, 1, v, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx,
                 op::stft_filter_backward<float>(ctx, 1, 8, 4, 4, 2, 1, 1, n, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(ctx,
                 op::stft_filter_backward<float>(ctx, 1, 8, 4, 4, 2, 1, 1, v, n, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(nullptr, op::stft_filter_forward<float>(nullptr, 1, 8, 4, 4, 2, 1, 1, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
