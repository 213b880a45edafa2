#include "support/spectral.h"

namespace {

struct Shape {
  int64_t B, F, n_fft, Kb, Ka;
  int64_t values() const { return B * F * (n_fft + 2); }
};

const Shape kShapes[] = {{1, 1, 2, 1, 1},  {2, 3, 16, 3, 3},  {3, 2, 30, 2, 3},
                         {1, 4, 64, 5, 1}, {33, 1, 34, 3, 3}, {1, 9, 256, 1, 7}};

struct Data {
  std::vector<double> X, b, a, dY;
};

Data random_case(const Shape &s)
{
  Data d = {random_values<double>(s.values(), 1), random_values<double>(s.B * s.F * s.Kb, 2),
            random_values<double>(s.B * s.F * s.Ka, 3, 0.2), random_values<double>(s.values(), 4)};
  for (int64_t i = 0; i < s.B * s.F; i++) d.a[i * s.Ka] += 2; /* far from zero everywhere */
  return d;
}

std::vector<double> naive(const Shape &s, const Data &d)
{
  std::vector<double> Y;
  const int64_t K = s.n_fft / 2 + 1;
  for (int64_t frame = 0; frame < s.B * s.F; frame++)
    for (int64_t k = 0; k < K; k++) {
      spectral::Complex B = 0, A = 0;
      for (int64_t i = 0; i < s.Kb; i++)
        B += d.b[frame * s.Kb + i] * spectral::root(k * i, s.n_fft);
      for (int64_t i = 0; i < s.Ka; i++)
        A += d.a[frame * s.Ka + i] * spectral::root(k * i, s.n_fft);
      const int64_t at = 2 * (frame * K + k);
      const spectral::Complex y = spectral::Complex(d.X[at], d.X[at + 1]) * B / A;
      Y.push_back(y.real());
      Y.push_back(y.imag());
    }
  return Y;
}

}  // namespace

class FrequencyFilter : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &X, const std::vector<T> &b,
                         const std::vector<T> &a)
  {
    Array<T> in(ctx, X), num(ctx, b), den(ctx, a), out(ctx, s.values());
    APF_EXPECT_OK(op::frequency_filter_forward<T>(ctx, s.B, s.F, s.n_fft, s.Kb, s.Ka, in.data(),
                                                  num.data(), den.data(), out.data()));
    return out.values();
  }
  template <class T>
  struct Gradients {
    std::vector<T> dX, db, da;
  };
  template <class T>
  Gradients<T> backward(const Shape &s, const std::vector<T> &dY, const std::vector<T> &X,
                        const std::vector<T> &b, const std::vector<T> &a)
  {
    Array<T> up(ctx, dY), in(ctx, X), num(ctx, b), den(ctx, a), dX(ctx, s.values()),
        db(ctx, b.size()), da(ctx, a.size());
    APF_EXPECT_OK(op::frequency_filter_backward<T>(ctx, s.B, s.F, s.n_fft, s.Kb, s.Ka, up.data(),
                                                   in.data(), num.data(), den.data(), dX.data(),
                                                   db.data(), da.data()));
    return {dX.values(), db.values(), da.values()};
  }
};
APF_ON_EVERY_BACKEND(FrequencyFilter);

TEST_P(FrequencyFilter, WorkedExample)
{
  /* n_fft 4: z = 1, -j, -1. B = 1 + z, A = 2: H = 1, (1 - j)/2, 0. */
  const auto Y = forward<double>({1, 1, 4, 2, 1}, {3, 1, 2, 4, 5, 6}, {1, 1}, {2});

  EXPECT_LE(relative_error(Y, {3, 1, 3, 1, 0, 0}), 1e-15);
}

TEST_P(FrequencyFilter, IsTheRatioOfPolynomials)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);

    EXPECT_LE(relative_error(forward(s, d.X, d.b, d.a), naive(s, d)), 1e-13) << s.n_fft;
  }
}

TEST_P(FrequencyFilter, GradientsMatchCentralDifferences)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);
    const auto g = backward(s, d.dY, d.X, d.b, d.a);

    expect_gradient([&](const auto &v) { return dot(forward(s, v, d.b, d.a), d.dY); }, d.X, g.dX);
    expect_gradient([&](const auto &v) { return dot(forward(s, d.X, v, d.a), d.dY); }, d.b, g.db);
    expect_gradient([&](const auto &v) { return dot(forward(s, d.X, d.b, v), d.dY); }, d.a, g.da);
  }
}

TEST_P(FrequencyFilter, AdjointIdentityHolds)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);
    const auto g = backward(s, d.dY, d.X, d.b, d.a);
    const double left = dot(forward(s, d.X, d.b, d.a), d.dY);

    /* Linear in X, and in b. */
    EXPECT_NEAR(left, dot(d.X, g.dX), 1e-12 * (1 + std::abs(left)));
    EXPECT_NEAR(left, dot(d.b, g.db), 1e-12 * (1 + std::abs(left)));
  }
}

TEST_P(FrequencyFilter, SpectraMayBeWiderThanABlockOfThreads)
{
  for (const Shape &s : {Shape{1, 3, 1200, 3, 3}, Shape{1, 3, 1200, 2, 4}}) {
    const Data d = random_case(s);
    const auto Y = forward(s, d.X, d.b, d.a);
    const auto g = backward(s, d.dY, d.X, d.b, d.a);
    const double left = dot(Y, d.dY);

    EXPECT_LE(relative_error(Y, naive(s, d)), 1e-13);
    EXPECT_NEAR(left, dot(d.X, g.dX), 1e-12 * (1 + std::abs(left)));
    EXPECT_NEAR(left, dot(d.b, g.db), 1e-12 * (1 + std::abs(left)));
    /* Y is homogeneous in a, of degree -1. */
    EXPECT_NEAR(left, -dot(d.a, g.da), 1e-12 * (1 + std::abs(left)));
  }
}

TEST_P(FrequencyFilter, EachGradientMayBeLeftOutAndInputsMayBeOverwritten)
{
  const Shape s = {2, 3, 16, 3, 3};
  const Data d = random_case(s);
  const auto want = backward(s, d.dY, d.X, d.b, d.a);
  Array<double> dY(ctx, d.dY), X(ctx, d.X), b(ctx, d.b), a(ctx, d.a), db(ctx, d.b.size()),
      da(ctx, d.a.size());
  const auto call = [&](double *dX_out, double *db_out, double *da_out) {
    return op::frequency_filter_backward<double>(ctx, s.B, s.F, s.n_fft, s.Kb, s.Ka, dY.data(),
                                                 X.data(), b.data(), a.data(), dX_out, db_out,
                                                 da_out);
  };

  APF_EXPECT_OK(call(nullptr, db.data(), nullptr));
  APF_EXPECT_OK(call(nullptr, nullptr, da.data()));
  APF_EXPECT_OK(call(dY.data(), nullptr, nullptr));
  APF_EXPECT_OK(op::frequency_filter_forward<double>(ctx, s.B, s.F, s.n_fft, s.Kb, s.Ka, X.data(),
                                                     b.data(), a.data(), X.data()));

  EXPECT_LE(relative_error(db.values(), want.db), 1e-14);
  EXPECT_LE(relative_error(da.values(), want.da), 1e-14);
  EXPECT_LE(relative_error(dY.values(), want.dX), 1e-14);
  EXPECT_LE(relative_error(X.values(), naive(s, d)), 1e-13);
}

TEST_P(FrequencyFilter, FloatAgreesWithDouble)
{
  using spectral::narrow;
  using spectral::wide;
  const Shape s = {2, 5, 512, 3, 3};
  const Data d = random_case(s);
  const auto want = backward(s, d.dY, d.X, d.b, d.a);
  const auto got =
      backward(s, narrow<float>(d.dY), narrow<float>(d.X), narrow<float>(d.b), narrow<float>(d.a));

  EXPECT_LE(
      relative_error(wide(forward(s, narrow<float>(d.X), narrow<float>(d.b), narrow<float>(d.a))),
                     naive(s, d)),
      2e-6);
  EXPECT_LE(relative_error(wide(got.dX), want.dX), 2e-6);
  EXPECT_LE(relative_error(wide(got.db), want.db), 1e-5);
  EXPECT_LE(relative_error(wide(got.da), want.da), 1e-5);
}

TEST_P(FrequencyFilter, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 64);
  float *const v = memory.data();
  const auto call = [&](int64_t B, int64_t F, int64_t n_fft, int64_t Kb, int64_t Ka, float *X,
                        float *b, float *a, float *Y) {
    return op::frequency_filter_forward<float>(ctx, B, F, n_fft, Kb, Ka, X, b, a, Y);
  };

  APF_EXPECT_OK(call(0, 1, 4, 1, 1, nullptr, nullptr, nullptr, nullptr));
  APF_EXPECT_OK(call(1, 0, 4, 1, 1, nullptr, nullptr, nullptr, nullptr));
  expect_failure(ctx, call(-1, 1, 4, 1, 1, v, v, v, v), APF_ERR_ARGUMENT, {"B is -1"});
  expect_failure(ctx, call(1, -1, 4, 1, 1, v, v, v, v), APF_ERR_ARGUMENT, {"F is -1"});
  expect_failure(ctx, call(1, 1, 5, 1, 1, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_frequency_filter_forward_f32", "n_fft is 5"});
  expect_failure(ctx, call(1, 1, 4, 0, 1, v, v, v, v), APF_ERR_ARGUMENT, {"Kb is 0"});
  expect_failure(ctx, call(1, 1, 4, 1, 5, v, v, v, v), APF_ERR_ARGUMENT, {"Ka is 5", "1 to 4"});
  expect_failure(ctx, call(1, 1, 4, 1, 1, nullptr, v, v, v), APF_ERR_ARGUMENT, {"X is NULL"});
  expect_failure(ctx, call(1, 1, 4, 1, 1, v, nullptr, v, v), APF_ERR_ARGUMENT, {"b is NULL"});
  expect_failure(ctx, call(1, 1, 4, 1, 1, v, v, nullptr, v), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, call(1, 1, 4, 1, 1, v, v, v, nullptr), APF_ERR_ARGUMENT, {"Y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 8, 8, 4, 1, 1, v, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(
      ctx, op::frequency_filter_backward<float>(ctx, 1, 1, 4, 1, 1, nullptr, v, v, v, v, v, v),
      APF_ERR_ARGUMENT, {"dY is NULL"});
  expect_failure(nullptr, op::frequency_filter_forward<float>(nullptr, 1, 1, 4, 1, 1, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
