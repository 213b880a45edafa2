#include "support/spectral.h"

namespace {

struct Shape {
  int64_t B, T, n_fft, window, hop;
  int reflect;
  int64_t frames() const { return T / hop + 1; }
  int64_t values() const { return B * frames() * (n_fft + 2); }
};

std::ostream &operator<<(std::ostream &os, const Shape &s)
{
  return os << "B " << s.B << " T " << s.T << " n_fft " << s.n_fft << " window " << s.window
            << " hop " << s.hop << " reflect " << s.reflect;
}

/** Signals shorter than the window, ends that fall between frames, odd windows, gaps between
 * frames, many rows, lengths with a large prime factor, a last frame centred behind the end. */
const Shape kShapes[] = {
    {1, 1, 8, 8, 2, 0},           {1, 100, 32, 32, 8, 0},   {2, 100, 32, 32, 8, 1},
    {3, 77, 32, 20, 5, 0},        {3, 77, 32, 21, 5, 1},    {1, 64, 16, 7, 16, 0},
    {33, 50, 16, 16, 4, 0},       {1, 3000, 64, 64, 16, 1}, {1, 9, 16, 16, 3, 1},
    {2, 200, 202, 150, 50, 0},    {2, 64, 2, 1, 3, 0},      {1, 17, 30, 30, 40, 1},
    {1, 700, 1200, 1000, 100, 1},
};

std::vector<double> naive(const Shape &s, const std::vector<double> &x)
{
  std::vector<double> X;
  for (int64_t b = 0; b < s.B; b++) {
    const std::vector<double> row(x.begin() + b * s.T, x.begin() + (b + 1) * s.T);
    for (const auto &frame : spectral::frames(row, s.n_fft, s.window, s.hop, s.reflect))
      for (double v : spectral::interleaved<double>(frame)) X.push_back(v);
  }
  return X;
}

}  // namespace

class Stft : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), out(ctx, s.values());
    APF_EXPECT_OK(op::stft_forward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, s.reflect, in.data(),
                                      out.data()));
    return out.values();
  }
  template <class T>
  std::vector<T> backward(const Shape &s, const std::vector<T> &dX)
  {
    Array<T> in(ctx, dX), out(ctx, s.B * s.T);
    APF_EXPECT_OK(op::stft_backward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, s.reflect,
                                       in.data(), out.data()));
    return out.values();
  }
  /** Powers of two have kernels of their own, whose steps depend on the length and on vectors. */
  template <class T>
  void expect_some_bins_of_powers_of_two(double tolerance)
  {
    for (int64_t n = 32; n <= (is_emulated(ctx) ? 1 << 12 : 1 << 17); n *= 2) {
      const Shape one_frame = {1, n / 2, n, n, n, 0};
      const auto x = random_values<T>(n / 2, n);
      const auto X = forward(one_frame, x), dX = random_values<T>(n + 2, n + 1);
      std::vector<double> got, expected;
      for (int64_t k : {int64_t{0}, int64_t{1}, n / 8 + 1, n / 4, n / 2 - 1, n / 2}) {
        spectral::Complex sum;
        for (int64_t i = 0; i < n / 2; i++)
          sum += std::pow(std::cos(M_PI * i / n), 2) * x[i] * spectral::root((n / 2 + i) * k, n);
        got.insert(got.end(), {X[2 * k], X[2 * k + 1]});
        expected.insert(expected.end(), {sum.real(), sum.imag()});
      }
      EXPECT_LE(relative_error(got, expected), tolerance) << n;

      const double left = dot(X, dX), right = dot(x, backward(one_frame, dX));
      EXPECT_NEAR(left, right, tolerance * std::sqrt(dot(X, X) * dot(dX, dX))) << n;
    }
  }
};
APF_ON_EVERY_BACKEND(Stft);

TEST_P(Stft, WorkedExample)
{
  /* Hann of 4: 0 1/2 1 1/2. Frame 0 sees (0, 0, 4, 8), frame 1 (4, 8, 2, 0). */
  const auto X = forward<double>({1, 3, 4, 4, 2, 0}, {4, 8, 2});

  EXPECT_LE(relative_error(X, {8, 0, -4, 4, 0, 0, 6, 0, -2, -4, -2, 0}), 1e-15);
}

TEST_P(Stft, EveryFrameIsTheSumOverItsSamples)
{
  for (const Shape &s : kShapes) {
    const auto x = random_values<double>(s.B * s.T, 1);

    EXPECT_LE(relative_error(forward(s, x), naive(s, x)), 1e-13) << s;
  }
}

TEST_P(Stft, FloatAgreesWithDouble)
{
  for (const Shape &s : {Shape{2, 3000, 256, 200, 64, 1}, Shape{1, 3000, 202, 202, 50, 0}}) {
    const auto x = random_values<float>(s.B * s.T, 1);
    const auto dX = random_values<float>(s.values(), 2);

    EXPECT_LE(relative_error(spectral::wide(forward(s, x)), forward(s, spectral::wide(x))), 2e-6);
    EXPECT_LE(relative_error(spectral::wide(backward(s, dX)), backward(s, spectral::wide(dX))),
              2e-6);
  }
}

TEST_P(Stft, EveryPowerOfTwoIsTheSumAtSomeBins)
{
  expect_some_bins_of_powers_of_two<double>(2e-14);
  expect_some_bins_of_powers_of_two<float>(2e-6);
}

TEST_P(Stft, AdjointIdentityHolds)
{
  for (const Shape &s : kShapes) {
    const auto x = random_values<double>(s.B * s.T, 1);
    const auto dX = random_values<double>(s.values(), 2);

    const double left = dot(forward(s, x), dX), right = dot(x, backward(s, dX));

    EXPECT_NEAR(left, right, 1e-12 * (1 + std::sqrt(dot(dX, dX)))) << s;
  }
}

TEST_P(Stft, ASecondCallGivesTheSameBits)
{
  const Shape s = {1, 5000, 128, 128, 32, 1};
  const auto dX = random_values<float>(s.values(), 2);

  EXPECT_EQ(backward(s, dX), backward(s, dX));
}

TEST_P(Stft, NoSamplesAreOneFrameOfZeros)
{
  EXPECT_EQ(forward<double>({1, 0, 4, 4, 2, 0}, {}), std::vector<double>(6, 0.0));
  EXPECT_EQ(backward<double>({1, 0, 4, 4, 2, 0}, std::vector<double>(6, 1.0)),
            std::vector<double>());
  APF_EXPECT_OK(op::stft_forward<float>(ctx, 0, 9, 4, 4, 2, 0, nullptr, nullptr));
}

TEST_P(Stft, BadArgumentsAreNamed)
{
  Array<float> signal(ctx, 8), result(ctx, 64);
  float *const x = signal.data(), *const X = result.data();
  const auto call = [&](int64_t B, int64_t T, int64_t n_fft, int64_t window, int64_t hop,
                        int reflect, const float *in, float *out) {
    return op::stft_forward<float>(ctx, B, T, n_fft, window, hop, reflect, in, out);
  };

  expect_failure(ctx, call(-1, 8, 4, 4, 2, 0, x, X), APF_ERR_ARGUMENT, {"B is -1"});
  expect_failure(ctx, call(1, -8, 4, 4, 2, 0, x, X), APF_ERR_ARGUMENT, {"T is -8"});
  expect_failure(ctx, call(1, 8, 5, 4, 2, 0, x, X), APF_ERR_ARGUMENT,
                 {"apf_stft_forward_f32", "n_fft is 5", "even"});
  expect_failure(ctx, call(1, 8, 0, 4, 2, 0, x, X), APF_ERR_ARGUMENT, {"n_fft is 0"});
  expect_failure(ctx, call(1, 8, 4, 6, 2, 0, x, X), APF_ERR_ARGUMENT, {"window is 6", "1 to 4"});
  expect_failure(ctx, call(1, 8, 4, 4, 0, 0, x, X), APF_ERR_ARGUMENT, {"hop is 0"});
  expect_failure(ctx, call(1, 8, 4, 4, 2, 2, x, X), APF_ERR_ARGUMENT, {"reflect is 2"});
  expect_failure(ctx, call(1, 2, 4, 4, 2, 1, x, X), APF_ERR_ARGUMENT, {"T is 2", "more than", "2"});
  expect_failure(ctx, call(1, 8, 4, 4, 2, 0, nullptr, X), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 8, 4, 4, 2, 0, x, nullptr), APF_ERR_ARGUMENT, {"X is NULL"});
  expect_failure(ctx, call(INT64_MAX / 8, 8, 4, 4, 2, 0, x, X), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, op::stft_backward<float>(ctx, 1, 8, 4, 4, 2, 0, X, nullptr), APF_ERR_ARGUMENT,
                 {"apf_stft_backward_f32", "dx is NULL"});
  expect_failure(ctx, op::stft_backward<float>(ctx, 1, 8, 4, 4, 2, 0, nullptr, x), APF_ERR_ARGUMENT,
                 {"dX is NULL"});
  expect_failure(nullptr, op::stft_forward<float>(nullptr, 1, 8, 4, 4, 2, 0, x, X),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}

class StftOnCuda : public OnEveryBackend {};
APF_ON_CUDA(StftOnCuda);

TEST_P(StftOnCuda, SpectraThatNoPairIsAlignedToAreNamed)
{
  Array<double> x(ctx, 8), X(ctx, 64);
  double *const odd = X.data() + 1;

  expect_failure(ctx, op::stft_forward<double>(ctx, 1, 8, 4, 4, 2, 0, x.data(), odd),
                 APF_ERR_ARGUMENT, {"stft_forward", "X is not aligned to 16 bytes"});
  expect_failure(ctx, op::stft_backward<double>(ctx, 1, 8, 4, 4, 2, 0, odd, x.data()),
                 APF_ERR_ARGUMENT, {"stft_backward", "dX is not aligned to 16 bytes"});
}
