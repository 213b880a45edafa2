#include "support/spectral.h"

namespace {

struct Shape {
  int64_t B, T, n_fft, window, hop;
  int64_t frames() const { return T / hop + 1; }
  int64_t values() const { return B * frames() * (n_fft + 2); }
};

const Shape kShapes[] = {
    {1, 100, 32, 16, 4}, {3, 77, 64, 21, 10}, {33, 50, 16, 16, 4}, {1, 900, 128, 64, 16}};

/** Inputs, or their gradients, by name. */
struct Data {
  std::vector<double> x, p, g1, g2, b, a;
};

Data random_case(const Shape &s)
{
  Data d = {random_values<double>(s.B * s.T, 1), random_values<double>(s.B * s.frames(), 2, 0.9),
            random_values<double>(s.B, 3),       random_values<double>(s.B, 4, 0.8),
            random_values<double>(s.B * 3, 5),   random_values<double>(s.B * 3, 6, 0.3)};
  for (int64_t row = 0; row < s.B; row++) d.a[row * 3] = 1;
  return d;
}

using Member = std::vector<double> Data::*;
const Member kInputs[] = {&Data::x, &Data::p, &Data::g1, &Data::g2, &Data::b, &Data::a};

}  // namespace

class StftPhaser : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<double> forward(const Shape &s, const Data &d)
  {
    using spectral::narrow;
    Array<T> x(ctx, narrow<T>(d.x)), p(ctx, narrow<T>(d.p)), g1(ctx, narrow<T>(d.g1)),
        g2(ctx, narrow<T>(d.g2)), b(ctx, narrow<T>(d.b)), a(ctx, narrow<T>(d.a)), y(ctx, s.B * s.T);
    APF_EXPECT_OK(op::stft_phaser_forward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, x.data(),
                                             p.data(), g1.data(), g2.data(), b.data(), a.data(),
                                             y.data()));
    return spectral::wide(y.values());
  }
  /** `wanted` has a bit for each input, x first. */
  template <class T>
  Data backward(const Shape &s, const std::vector<double> &dy, const Data &d,
                unsigned wanted = 0x3f)
  {
    using spectral::narrow;
    using spectral::wide;
    Array<T> up(ctx, narrow<T>(dy)), x(ctx, narrow<T>(d.x)), p(ctx, narrow<T>(d.p)),
        g1(ctx, narrow<T>(d.g1)), g2(ctx, narrow<T>(d.g2)), b(ctx, narrow<T>(d.b)),
        a(ctx, narrow<T>(d.a)), dx(ctx, d.x.size()), dp(ctx, d.p.size()), dg1(ctx, s.B),
        dg2(ctx, s.B), db(ctx, 3 * s.B), da(ctx, 3 * s.B);
    const auto pick = [&](int bit, Array<T> &array) {
      return wanted >> bit & 1 ? array.data() : nullptr;
    };
    APF_EXPECT_OK(op::stft_phaser_backward<T>(
        ctx, s.B, s.T, s.n_fft, s.window, s.hop, up.data(), wanted == 1 ? nullptr : x.data(),
        p.data(), g1.data(), g2.data(), b.data(), a.data(), pick(0, dx), pick(1, dp), pick(2, dg1),
        pick(3, dg2), pick(4, db), pick(5, da)));
    return {wide(dx.values()),  wide(dp.values()), wide(dg1.values()),
            wide(dg2.values()), wide(db.values()), wide(da.values())};
  }
};
APF_ON_EVERY_BACKEND(StftPhaser);

TEST_P(StftPhaser, WorkedExample)
{
  /* p = 0: the all-passes delay by four samples, each frame in its window w(d) = cos^2(pi d / 16).
   * The impulse at 2 comes back at 6 as far as frames 0, 4, 8 hold both. */
  const Shape s = {1, 9, 32, 16, 4};
  Data d = {std::vector<double>(9), std::vector<double>(3), {3}, {0}, {1, 0, 0}, {1, 0, 0}};
  d.x[2] = 2;

  const auto y = forward<double>(s, d);

  const double near = std::pow(std::cos(M_PI / 8), 2), far = 1 - near;
  const double weight = (2 * near * far + near * near) / (far * far + 2 * near * near);
  EXPECT_LE(relative_error(y, {0, 0, 6, 0, 0, 0, 2 * weight, 0, 0}), 1e-14);
}

TEST_P(StftPhaser, IsStftThenResponseThenInverse)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);
    Array<double> x(ctx, d.x), p(ctx, d.p), g1(ctx, d.g1), g2(ctx, d.g2), b(ctx, d.b), a(ctx, d.a),
        X(ctx, s.values()), Y(ctx, s.values()), y(ctx, d.x.size());
    APF_ASSERT_OK(
        op::stft_forward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, 0, x.data(), X.data()));
    APF_ASSERT_OK(op::phaser_response_forward<double>(ctx, s.B, s.frames(), s.n_fft, X.data(),
                                                      p.data(), g1.data(), g2.data(), b.data(),
                                                      a.data(), Y.data()));
    APF_ASSERT_OK(
        op::istft_forward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, Y.data(), y.data()));

    EXPECT_LE(relative_error(forward<double>(s, d), y.values()), 1e-12) << s.n_fft;
  }
}

TEST_P(StftPhaser, GradientsMatchCentralDifferences)
{
  for (const Shape &s : kShapes) {
    const Data d = random_case(s);
    const auto dy = random_values<double>(s.B * s.T, 9);
    const Data gradient = backward<double>(s, dy, d);

    for (Member input : kInputs)
      expect_gradient(
          [&](const auto &v) {
            Data moved = d;
            moved.*input = v;
            return dot(forward<double>(s, moved), dy);
          },
          d.*input, gradient.*input, 1e-5, 1e-6);
  }
}

TEST_P(StftPhaser, EachGradientMayBeLeftOut)
{
  const Shape s = {2, 90, 32, 16, 4};
  const Data d = random_case(s);
  const auto dy = random_values<double>(s.B * s.T, 9);
  const Data want = backward<double>(s, dy, d);

  for (int i = 0; i < 6; i++) {
    const Data alone = backward<double>(s, dy, d, 1u << i);
    for (int j = 0; j < 6; j++) {
      if (i == j)
        EXPECT_LE(relative_error(alone.*kInputs[j], want.*kInputs[j]), 1e-14) << i;
      else
        EXPECT_TRUE(std::isnan((alone.*kInputs[j])[0])) << i << " " << j;
    }
  }
}

TEST_P(StftPhaser, FloatAgreesWithDouble)
{
  const Shape s = {2, 3000, 512, 256, 64};
  const Data d = random_case(s);
  const auto dy = random_values<double>(s.B * s.T, 9);
  const Data want = backward<double>(s, dy, d), got = backward<float>(s, dy, d);

  EXPECT_LE(relative_error(forward<float>(s, d), forward<double>(s, d)), 2e-5);
  for (Member input : kInputs) EXPECT_LE(relative_error(got.*input, want.*input), 1e-4);
}

TEST_P(StftPhaser, NoSamplesHaveZeroGradients)
{
  const Data got =
      backward<double>({1, 0, 4, 4, 2}, {}, {{}, {0.5}, {1}, {0}, {1, 0, 0}, {1, 0, 0}});

  EXPECT_EQ(got.p, std::vector<double>{0});
  EXPECT_EQ(got.g1, std::vector<double>{0});
  EXPECT_EQ(got.g2, std::vector<double>{0});
  EXPECT_EQ(got.b, std::vector<double>(3, 0.0));
  EXPECT_EQ(got.a, std::vector<double>(3, 0.0));
}

TEST_P(StftPhaser, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 64);
  float *const v = memory.data();
  float *const n = nullptr;
  const auto call = [&](int64_t B, int64_t n_fft, int64_t hop, float *x, float *p, float *g1,
                        float *g2, float *b, float *a, float *y) {
    return op::stft_phaser_forward<float>(ctx, B, 8, n_fft, 4, hop, x, p, g1, g2, b, a, y);
  };

  APF_EXPECT_OK(call(0, 4, 2, n, n, n, n, n, n, n));
  expect_failure(ctx, call(1, 5, 2, v, v, v, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_stft_phaser_forward_f32", "n_fft is 5"});
  expect_failure(ctx, call(1, 4, 3, v, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"hop is 3"});
  expect_failure(ctx, call(1, 4, 2, n, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 4, 2, v, n, v, v, v, v, v), APF_ERR_ARGUMENT, {"p is NULL"});
  expect_failure(ctx, call(1, 4, 2, v, v, n, v, v, v, v), APF_ERR_ARGUMENT, {"g1 is NULL"});
  expect_failure(ctx, call(1, 4, 2, v, v, v, n, v, v, v), APF_ERR_ARGUMENT, {"g2 is NULL"});
  expect_failure(ctx, call(1, 4, 2, v, v, v, v, n, v, v), APF_ERR_ARGUMENT, {"b is NULL"});
  expect_failure(ctx, call(1, 4, 2, v, v, v, v, v, n, v), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, call(1, 4, 2, v, v, v, v, v, v, n), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(
      ctx,
      op::stft_phaser_backward<float>(ctx, 1, 8, 4, 4, 2, n, v, v, v, v, v, v, v, v, v, v, v, v),
      APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(
      ctx,
      op::stft_phaser_backward<float>(ctx, 1, 8, 4, 4, 2, v, n, v, v, v, v, v, v, v, v, v, v, v),
      APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(nullptr,
                 op::stft_phaser_forward<float>(nullptr, 1, 8, 4, 4, 2, v, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
