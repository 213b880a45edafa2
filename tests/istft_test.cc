#include "support/spectral.h"

namespace {

struct Shape {
  int64_t B, T, n_fft, window, hop;
  int64_t frames() const { return T / hop + 1; }
  int64_t values() const { return B * frames() * (n_fft + 2); }
};

std::ostream &operator<<(std::ostream &os, const Shape &s)
{
  return os << "B " << s.B << " T " << s.T << " n_fft " << s.n_fft << " window " << s.window
            << " hop " << s.hop;
}

const Shape kShapes[] = {
    {1, 1, 8, 8, 2},     {1, 100, 32, 32, 8},   {3, 77, 32, 20, 5},     {2, 77, 64, 21, 10},
    {33, 50, 16, 16, 4}, {1, 3000, 64, 64, 16}, {2, 200, 202, 150, 50}, {2, 7, 64, 64, 32},
};

std::vector<double> naive(const Shape &s, const std::vector<double> &X)
{
  const auto w = spectral::hann(s.window);
  std::vector<double> y(s.B * s.T, 0.0), weight(s.B * s.T, 0.0);
  const int64_t bins = s.n_fft / 2 + 1;
  for (int64_t b = 0; b < s.B; b++)
    for (int64_t f = 0; f < s.frames(); f++) {
      spectral::Spectrum bin(bins);
      for (int64_t k = 0; k < bins; k++) {
        const int64_t at = ((b * s.frames() + f) * bins + k) * 2;
        bin[k] = {X[at], X[at + 1]};
      }
      const auto frame = spectral::inverse(bin, s.n_fft);
      for (int64_t i = 0; i < s.window; i++) {
        const int64_t at = i + (s.n_fft - s.window) / 2, t = f * s.hop - s.n_fft / 2 + at;
        if (t < 0 || t >= s.T) continue;
        y[b * s.T + t] += w[i] * frame[at];
        weight[b * s.T + t] += w[i] * w[i];
      }
    }
  for (size_t i = 0; i < y.size(); i++) y[i] /= weight[i];
  return y;
}

}  // namespace

class Istft : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &X)
  {
    Array<T> in(ctx, X), out(ctx, s.B * s.T);
    APF_EXPECT_OK(
        op::istft_forward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, in.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::vector<T> backward(const Shape &s, const std::vector<T> &dy)
  {
    Array<T> in(ctx, dy), out(ctx, s.values());
    APF_EXPECT_OK(
        op::istft_backward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, in.data(), out.data()));
    return out.values();
  }
};
APF_ON_EVERY_BACKEND(Istft);

TEST_P(Istft, WorkedExample)
{
  /* Both frames are (0, 0, 8, 0) in time: the window is 1 there, its squares sum to 1 at samples 0
   * and 2 and to 1/2 between. */
  const auto y = forward<double>({1, 3, 4, 4, 2}, {8, 0, -8, 0, 8, 0, 8, 0, -8, 0, 8, 0});

  EXPECT_LE(relative_error(y, {8, 0, 8}), 1e-15);
}

TEST_P(Istft, UndoesTheStft)
{
  for (const Shape &s : kShapes) {
    const auto x = random_values<double>(s.B * s.T, 1);
    Array<double> in(ctx, x), X(ctx, s.values());
    APF_ASSERT_OK(
        op::stft_forward<double>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, 0, in.data(), X.data()));

    EXPECT_LE(relative_error(forward(s, X.values()), x), 1e-12) << s;
  }
}

TEST_P(Istft, IsTheWindowedSumOverFrames)
{
  for (const Shape &s : kShapes) {
    const auto X = random_values<double>(s.values(), 1);

    EXPECT_LE(relative_error(forward(s, X), naive(s, X)), 1e-12) << s;
  }
}

TEST_P(Istft, AdjointIdentityHolds)
{
  for (const Shape &s : kShapes) {
    const auto X = random_values<double>(s.values(), 1);
    const auto dy = random_values<double>(s.B * s.T, 2);

    const auto y = forward(s, X);
    const double left = dot(y, dy), right = dot(X, backward(s, dy));

    EXPECT_NEAR(left, right, 1e-12 * std::sqrt(dot(y, y) * dot(dy, dy))) << s;
  }
}

TEST_P(Istft, FloatAgreesWithDouble)
{
  const Shape s = {2, 3000, 256, 200, 50};
  const auto X = random_values<float>(s.values(), 1), dy = random_values<float>(s.B * s.T, 2);

  EXPECT_LE(relative_error(spectral::wide(forward(s, X)), forward(s, spectral::wide(X))), 5e-6);
  EXPECT_LE(relative_error(spectral::wide(backward(s, dy)), backward(s, spectral::wide(dy))), 5e-6);
}

TEST_P(Istft, NoSamplesDoNothing)
{
  EXPECT_EQ(forward<double>({1, 0, 4, 4, 2}, std::vector<double>(6, 1.0)), std::vector<double>());
  EXPECT_EQ(backward<double>({1, 0, 4, 4, 2}, {}), std::vector<double>(6, 0.0));
  APF_EXPECT_OK(op::istft_forward<float>(ctx, 0, 9, 4, 4, 2, nullptr, nullptr));
}

TEST_P(Istft, BadArgumentsAreNamed)
{
  Array<float> signal(ctx, 8), result(ctx, 64);
  float *const x = signal.data(), *const X = result.data();

  expect_failure(ctx, op::istft_forward<float>(ctx, 1, 8, 4, 4, 3, X, x), APF_ERR_ARGUMENT,
                 {"apf_istft_forward_f32", "hop is 3", "window / 2 = 2"});
  expect_failure(ctx, op::istft_backward<float>(ctx, 1, 8, 4, 4, 3, x, X), APF_ERR_ARGUMENT,
                 {"apf_istft_backward_f32", "hop is 3"});
  expect_failure(ctx, op::istft_forward<float>(ctx, 1, 8, 7, 4, 2, X, x), APF_ERR_ARGUMENT,
                 {"n_fft is 7"});
  expect_failure(ctx, op::istft_forward<float>(ctx, 1, 8, 4, 4, 2, nullptr, x), APF_ERR_ARGUMENT,
                 {"X is NULL"});
  expect_failure(ctx, op::istft_forward<float>(ctx, 1, 8, 4, 4, 2, X, nullptr), APF_ERR_ARGUMENT,
                 {"y is NULL"});
  expect_failure(ctx, op::istft_backward<float>(ctx, 1, 8, 4, 4, 2, nullptr, X), APF_ERR_ARGUMENT,
                 {"dy is NULL"});
  expect_failure(ctx, op::istft_backward<float>(ctx, 1, 8, 4, 4, 2, x, nullptr), APF_ERR_ARGUMENT,
                 {"dX is NULL"});
  expect_failure(nullptr, op::istft_forward<float>(nullptr, 1, 8, 4, 4, 2, X, x), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
}
