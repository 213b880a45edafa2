#include "support/spectral.h"

namespace {

struct Shape {
  int64_t B, F, n_fft;
  int64_t values() const { return B * F * (n_fft + 2); }
};

const Shape kShapes[] = {{1, 1, 2}, {2, 3, 16}, {3, 2, 30}, {33, 1, 34}, {1, 9, 256}};

/** Inputs by name, and the upstream gradient. */
struct Data {
  std::vector<double> X, p, g1, g2, b, a, dY;
};

Data random_case(const Shape &s)
{
  Data d = {random_values<double>(s.values(), 1), random_values<double>(s.B * s.F, 2, 0.9),
            random_values<double>(s.B, 3),        random_values<double>(s.B, 4, 0.8),
            random_values<double>(s.B * 3, 5),    random_values<double>(s.B * 3, 6, 0.3),
            random_values<double>(s.values(), 7)};
  for (int64_t row = 0; row < s.B; row++) d.a[row * 3] = 1;
  return d;
}

std::vector<double> naive(const Shape &s, const Data &d)
{
  using spectral::Complex;
  std::vector<double> Y;
  const int64_t K = s.n_fft / 2 + 1;
  for (int64_t frame = 0; frame < s.B * s.F; frame++)
    for (int64_t k = 0; k < K; k++) {
      const int64_t row = frame / s.F, at = 2 * (frame * K + k);
      const Complex z = spectral::root(k, s.n_fft);
      const double *b = &d.b[row * 3], *a = &d.a[row * 3], p = d.p[frame];
      const Complex h = std::pow((p - z) / (1.0 - p * z), 4);
      const Complex y = Complex(d.X[at], d.X[at + 1]) * (b[0] + b[1] * z + b[2] * z * z) /
                        (a[0] + a[1] * z + a[2] * z * z) *
                        (d.g1[row] + h / (1.0 - std::abs(d.g2[row]) * h));
      Y.push_back(y.real());
      Y.push_back(y.imag());
    }
  return Y;
}

}  // namespace

class PhaserResponse : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const Data &d)
  {
    using spectral::narrow;
    Array<T> X(ctx, narrow<T>(d.X)), p(ctx, narrow<T>(d.p)), g1(ctx, narrow<T>(d.g1)),
        g2(ctx, narrow<T>(d.g2)), b(ctx, narrow<T>(d.b)), a(ctx, narrow<T>(d.a)),
        Y(ctx, s.values());
    APF_EXPECT_OK(op::phaser_response_forward<T>(ctx, s.B, s.F, s.n_fft, X.data(), p.data(),
                                                 g1.data(), g2.data(), b.data(), a.data(),
                                                 Y.data()));
    return Y.values();
  }
  /** Gradients of all inputs, under the inputs' names; `wanted` has a bit for each, X first. */
  template <class T>
  Data backward(const Shape &s, const Data &d, unsigned wanted = 0x3f)
  {
    using spectral::narrow;
    using spectral::wide;
    Array<T> X(ctx, narrow<T>(d.X)), p(ctx, narrow<T>(d.p)), g1(ctx, narrow<T>(d.g1)),
        g2(ctx, narrow<T>(d.g2)), b(ctx, narrow<T>(d.b)), a(ctx, narrow<T>(d.a)),
        dY(ctx, narrow<T>(d.dY)), dX(ctx, s.values()), dp(ctx, d.p.size()), dg1(ctx, s.B),
        dg2(ctx, s.B), db(ctx, 3 * s.B), da(ctx, 3 * s.B);
    const auto pick = [&](int bit, Array<T> &array) {
      return wanted >> bit & 1 ? array.data() : nullptr;
    };
    APF_EXPECT_OK(op::phaser_response_backward<T>(
        ctx, s.B, s.F, s.n_fft, dY.data(), X.data(), p.data(), g1.data(), g2.data(), b.data(),
        a.data(), pick(0, dX), pick(1, dp), pick(2, dg1), pick(3, dg2), pick(4, db), pick(5, da)));
    return {wide(dX.values()),
            wide(dp.values()),
            wide(dg1.values()),
            wide(dg2.values()),
            wide(db.values()),
            wide(da.values()),
            {}};
  }
};
APF_ON_EVERY_BACKEND(PhaserResponse);

using Member = std::vector<double> Data::*;
static const Member kInputs[] = {&Data::X, &Data::p, &Data::g1, &Data::g2, &Data::b, &Data::a};

TEST_P(PhaserResponse, WorkedExample)
{
  /* p = 0: h = z^4 = 1 at k = 0, 1, 2 of n_fft 4; g2 = -1/2 counts as 1/2: H = 3 + 2 = 5. */
  const Data d = {{1, 2, 3, 4, 5, 6}, {0}, {3}, {-0.5}, {1, 0, 0}, {1, 0, 0}, {}};

  EXPECT_LE(relative_error(forward<double>({1, 1, 4}, d), {5, 10, 15, 20, 25, 30}), 1e-15);
}

TEST_P(PhaserResponse, IsTheClosedForm)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);

    EXPECT_LE(relative_error(forward<double>(s, d), naive(s, d)), 1e-12) << s.n_fft;
  }
}

TEST_P(PhaserResponse, GradientsMatchCentralDifferences)
{
  for (const Shape &s : kShapes) {
    if (s.n_fft == 2) continue; /* z is real: p does not matter */
    const Data d = random_case(s), gradient = backward<double>(s, d);

    for (Member input : kInputs)
      expect_gradient(
          [&](const auto &v) {
            Data moved = d;
            moved.*input = v;
            return dot(forward<double>(s, moved), d.dY);
          },
          d.*input, gradient.*input, 1e-5, 1e-6);
  }
}

TEST_P(PhaserResponse, EachGradientMayBeLeftOut)
{
  const Shape s = {2, 3, 16};
  const Data d = random_case(s), want = backward<double>(s, d);

  for (int i = 0; i < 6; i++) {
    const Data alone = backward<double>(s, d, 1u << i);
    for (int j = 0; j < 6; j++) {
      if (i == j)
        EXPECT_LE(relative_error(alone.*kInputs[j], want.*kInputs[j]), 1e-14) << i;
      else
        EXPECT_TRUE(std::isnan((alone.*kInputs[j])[0])) << i << " " << j;
    }
  }
}

TEST_P(PhaserResponse, FloatAgreesWithDouble)
{
  const Shape s = {2, 5, 512};
  const Data d = random_case(s), want = backward<double>(s, d), got = backward<float>(s, d);

  EXPECT_LE(relative_error(spectral::wide(forward<float>(s, d)), naive(s, d)), 2e-5);
  for (Member input : kInputs) EXPECT_LE(relative_error(got.*input, want.*input), 1e-4);
}

TEST_P(PhaserResponse, NoFramesHaveZeroGradients)
{
  const Data got = backward<double>(
      {2, 0, 8}, {{}, {}, {1, 1}, {0, 0}, std::vector<double>(6), std::vector<double>(6), {}});

  EXPECT_EQ(got.g1, (std::vector<double>{0, 0}));
  EXPECT_EQ(got.g2, (std::vector<double>{0, 0}));
  EXPECT_EQ(got.b, std::vector<double>(6, 0.0));
  EXPECT_EQ(got.a, std::vector<double>(6, 0.0));
}

TEST_P(PhaserResponse, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 64);
  float *const v = memory.data();
  float *const n = nullptr;
  const auto call = [&](int64_t B, int64_t F, int64_t n_fft, float *X, float *p, float *g1,
                        float *g2, float *b, float *a, float *Y) {
    return op::phaser_response_forward<float>(ctx, B, F, n_fft, X, p, g1, g2, b, a, Y);
  };

  APF_EXPECT_OK(call(0, 1, 4, n, n, n, n, n, n, n));
  expect_failure(ctx, call(-1, 1, 4, v, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"B is -1"});
  expect_failure(ctx, call(1, -1, 4, v, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"F is -1"});
  expect_failure(ctx, call(1, 1, 3, v, v, v, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_phaser_response_forward_f32", "n_fft is 3"});
  expect_failure(ctx, call(1, 1, 4, n, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"X is NULL"});
  expect_failure(ctx, call(1, 1, 4, v, n, v, v, v, v, v), APF_ERR_ARGUMENT, {"p is NULL"});
  expect_failure(ctx, call(1, 1, 4, v, v, n, v, v, v, v), APF_ERR_ARGUMENT, {"g1 is NULL"});
  expect_failure(ctx, call(1, 1, 4, v, v, v, n, v, v, v), APF_ERR_ARGUMENT, {"g2 is NULL"});
  expect_failure(ctx, call(1, 1, 4, v, v, v, v, n, v, v), APF_ERR_ARGUMENT, {"b is NULL"});
  expect_failure(ctx, call(1, 1, 4, v, v, v, v, v, n, v), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, call(1, 1, 4, v, v, v, v, v, v, n), APF_ERR_ARGUMENT, {"Y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 8, 8, 4, v, v, v, v, v, v, v), APF_ERR_ARGUMENT,
                 {"overflows"});
  expect_failure(
      ctx, op::phaser_response_backward<float>(ctx, 1, 1, 4, n, v, v, v, v, v, v, v, v, v, v, v, v),
      APF_ERR_ARGUMENT, {"dY is NULL"});
  expect_failure(nullptr, op::phaser_response_forward<float>(nullptr, 1, 1, 4, v, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
