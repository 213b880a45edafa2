#include "support/spectral.h"

namespace {

struct Shape {
  int64_t B, T, n_fft, window, hop, n_mels;
  double rate, low, high, eps;
  int offset;
  int64_t frames() const { return T / hop + 1; }
};

/** One band; more bands than bins, some empty; a range inside the spectrum; many rows; floors that
 * are reached. */
const Shape kShapes[] = {
    {1, 100, 32, 32, 8, 1, 8000, 0, 4000, 1e-7, 0},
    {2, 90, 16, 16, 5, 14, 8000, 0, 4000, 1e-7, 1},
    {3, 77, 64, 50, 16, 8, 48000, 500, 9000, 1e-7, 0},
    {33, 40, 32, 32, 16, 5, 44100, 0, 22050, 1e-6, 1},
    {1, 700, 64, 64, 16, 20, 16000, 0, 8000, 0.02, 0},
};

std::vector<double> naive(const Shape &s, const std::vector<double> &x)
{
  const auto weight = spectral::mel_weights(false, s.n_mels, s.n_fft, s.rate, s.low, s.high);
  std::vector<double> y(s.B * s.n_mels * s.frames());
  for (int64_t b = 0; b < s.B; b++) {
    const std::vector<double> row(x.begin() + b * s.T, x.begin() + (b + 1) * s.T);
    const auto X = spectral::frames(row, s.n_fft, s.window, s.hop, true);
    for (int64_t f = 0; f < s.frames(); f++)
      for (int64_t m = 0; m < s.n_mels; m++) {
        double M = 0;
        for (size_t k = 0; k < X[f].size(); k++) M += weight[m][k] * std::norm(X[f][k]);
        y[(b * s.n_mels + m) * s.frames() + f] =
            std::log(s.offset ? M + s.eps : std::max(M, s.eps));
      }
  }
  return y;
}

}  // namespace

class LogMel : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &x)
  {
    Array<T> in(ctx, x), out(ctx, s.B * s.n_mels * s.frames());
    APF_EXPECT_OK(op::log_mel_forward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, s.n_mels, s.rate,
                                         s.low, s.high, s.eps, s.offset, in.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::vector<T> backward(const Shape &s, const std::vector<T> &dy, const std::vector<T> &x)
  {
    Array<T> up(ctx, dy), in(ctx, x), out(ctx, s.B * s.T);
    APF_EXPECT_OK(op::log_mel_backward<T>(ctx, s.B, s.T, s.n_fft, s.window, s.hop, s.n_mels, s.rate,
                                          s.low, s.high, s.eps, s.offset, up.data(), in.data(),
                                          out.data()));
    return out.values();
  }
};
APF_ON_EVERY_BACKEND(LogMel);

TEST_P(LogMel, WorkedExample)
{
  /* Corners of the band: 0, 1400 (half of ln 9 is ln 3) and 5600 Hz; the bin at 2800 Hz weighs 2/3.
   * The windowed constant (0, 1/2, 1, 1/2) has power 1 there. */
  const Shape s = {1, 3, 4, 4, 2, 1, 11200, 0, 5600, 1e-7, 0};

  EXPECT_LE(
      relative_error(forward<double>(s, {1, 1, 1}), std::vector<double>(2, std::log(2.0 / 3))),
      1e-14);
}

TEST_P(LogMel, IsTheTextbookFormula)
{
  for (const Shape &s : kShapes) {
    const auto x = random_values<double>(s.B * s.T, 1);

    EXPECT_LE(relative_error(forward(s, x), naive(s, x)), 1e-11) << s.n_mels;
  }
}

TEST_P(LogMel, GradientMatchesCentralDifferences)
{
  for (const Shape &s : kShapes) {
    const auto x = random_values<double>(s.B * s.T, 1);
    const auto dy = random_values<double>(s.B * s.n_mels * s.frames(), 2);

    expect_gradient([&](const auto &v) { return dot(forward(s, v), dy); }, x, backward(s, dy, x),
                    1e-4, 1e-6);
  }
}

TEST_P(LogMel, SilenceIsTheFloorAndHasNoGradient)
{
  const Shape s = {1, 100, 32, 32, 8, 4, 8000, 0, 4000, 1e-7, 0};
  const std::vector<double> x(100, 0.0);
  const auto dy = random_values<double>(4 * s.frames(), 2);

  EXPECT_LE(relative_error(forward(s, x), std::vector<double>(dy.size(), std::log(1e-7))), 1e-15);
  EXPECT_EQ(backward(s, dy, x), std::vector<double>(100, 0.0));
}

TEST_P(LogMel, FloatAgreesWithDouble)
{
  const Shape s = {2, 3000, 256, 256, 64, 40, 48000, 0, 24000, 1e-7, 0};
  const auto x = random_values<float>(s.B * s.T, 1);
  const auto dy = random_values<float>(s.B * s.n_mels * s.frames(), 2);

  EXPECT_LE(relative_error(spectral::wide(forward(s, x)), forward(s, spectral::wide(x))), 1e-5);
  EXPECT_LE(relative_error(spectral::wide(backward(s, dy, x)),
                           backward(s, spectral::wide(dy), spectral::wide(x))),
            1e-3);
}

TEST_P(LogMel, BadArgumentsAreNamed)
{
  Array<float> signal(ctx, 8), result(ctx, 64);
  float *const x = signal.data(), *const y = result.data();
  const auto call = [&](int64_t B, int64_t T, int64_t n_mels, double rate, double low, double high,
                        double eps, int offset, const float *in, float *out) {
    return op::log_mel_forward<float>(ctx, B, T, 4, 4, 2, n_mels, rate, low, high, eps, offset, in,
                                      out);
  };

  APF_EXPECT_OK(call(0, 8, 2, 8000, 0, 4000, 1e-7, 0, nullptr, nullptr));
  expect_failure(ctx, call(1, 2, 2, 8000, 0, 4000, 1e-7, 0, x, y), APF_ERR_ARGUMENT,
                 {"apf_log_mel_forward_f32", "T is 2"});
  expect_failure(ctx, call(1, 8, 0, 8000, 0, 4000, 1e-7, 0, x, y), APF_ERR_ARGUMENT,
                 {"n_mels is 0"});
  expect_failure(ctx, call(1, 8, 2, 0, 0, 4000, 1e-7, 0, x, y), APF_ERR_ARGUMENT,
                 {"sample_rate is 0"});
  expect_failure(ctx, call(1, 8, 2, 8000, 0, 4001, 1e-7, 0, x, y), APF_ERR_ARGUMENT,
                 {"between 0 and 4001 Hz", "4000 Hz"});
  expect_failure(ctx, call(1, 8, 2, 8000, 300, 200, 1e-7, 0, x, y), APF_ERR_ARGUMENT,
                 {"between 300 and 200 Hz"});
  expect_failure(ctx, call(1, 8, 2, 8000, 0, 4000, 0, 0, x, y), APF_ERR_ARGUMENT, {"eps is 0"});
  expect_failure(ctx, call(1, 8, 2, 8000, 0, 4000, 1e-7, 2, x, y), APF_ERR_ARGUMENT,
                 {"offset is 2"});
  expect_failure(ctx, call(1, 8, 2, 8000, 0, 4000, 1e-7, 0, nullptr, y), APF_ERR_ARGUMENT,
                 {"x is NULL"});
  expect_failure(ctx, call(1, 8, 2, 8000, 0, 4000, 1e-7, 0, x, nullptr), APF_ERR_ARGUMENT,
                 {"y is NULL"});
  expect_failure(
      ctx,
      op::log_mel_backward<float>(ctx, 1, 8, 4, 4, 2, 2, 8000, 0, 4000, 1e-7, 0, nullptr, x, y),
      APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(
      ctx,
      op::log_mel_backward<float>(ctx, 1, 8, 4, 4, 2, 2, 8000, 0, 4000, 1e-7, 0, y, x, nullptr),
      APF_ERR_ARGUMENT, {"dx is NULL"});
  expect_failure(
      nullptr, op::log_mel_forward<float>(nullptr, 1, 8, 4, 4, 2, 2, 8000, 0, 4000, 1e-7, 0, x, y),
      APF_ERR_ARGUMENT, {"ctx is NULL"});
}
