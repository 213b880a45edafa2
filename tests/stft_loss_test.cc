#include "support/spectral.h"

namespace {

struct Shape {
  int64_t P, B, T;
  int shared;
  int64_t n_fft, window, hop, n_mels;
  int64_t rows() const { return P * B; }
  int64_t target_rows() const { return shared ? B : P * B; }
};

const double kRate = 16000;

const Shape kShapes[] = {
    {1, 1, 100, 0, 32, 32, 8, 0},   {2, 3, 77, 1, 64, 50, 16, 0},  {3, 1, 90, 0, 32, 21, 50, 0},
    {1, 33, 40, 0, 16, 16, 4, 0},   {1, 2, 300, 0, 64, 64, 16, 9}, {2, 2, 90, 1, 32, 32, 7, 30},
    {1, 1, 2000, 0, 64, 64, 16, 0},
};

std::vector<double> rows_of(const std::vector<double> &x, int64_t T, int64_t row)
{
  return {x.begin() + row * T, x.begin() + (row + 1) * T};
}

/** Magnitudes of all frames of one row, frame by frame. */
std::vector<double> magnitudes(const Shape &s, const std::vector<double> &x)
{
  const auto weight = spectral::mel_weights(true, s.n_mels, s.n_fft, kRate, 0, kRate / 2);
  std::vector<double> out;
  for (const auto &X : spectral::frames(x, s.n_fft, s.window, s.hop, true)) {
    std::vector<double> bins;
    for (auto v : X) bins.push_back(std::sqrt(std::max(std::norm(v), 1e-8)));
    if (s.n_mels == 0) out.insert(out.end(), bins.begin(), bins.end());
    for (const auto &band : weight) out.push_back(std::max(dot(band, bins), 1e-30));
  }
  return out;
}

std::vector<double> naive(const Shape &s, const std::vector<double> &pred,
                          const std::vector<double> &target)
{
  std::vector<double> loss;
  for (int64_t p = 0; p < s.P; p++) {
    double difference = 0, norm = 0, logarithm = 0;
    int64_t count = 0;
    for (int64_t b = 0; b < s.B; b++) {
      const int64_t row = p * s.B + b;
      const auto x = magnitudes(s, rows_of(pred, s.T, row));
      const auto y = magnitudes(s, rows_of(target, s.T, s.shared ? b : row));
      for (size_t i = 0; i < x.size(); i++, count++) {
        difference += (x[i] - y[i]) * (x[i] - y[i]);
        norm += y[i] * y[i];
        logarithm += std::abs(std::log(x[i] / y[i]));
      }
    }
    loss.push_back(std::sqrt(difference / norm) + logarithm / static_cast<double>(count));
  }
  return loss;
}

}  // namespace

class StftLoss : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const Shape &s, const std::vector<T> &pred, const std::vector<T> &target,
                         std::vector<T> *parts_out = nullptr)
  {
    Array<T> from(ctx, pred), to(ctx, target), loss(ctx, s.P), parts(ctx, 3 * s.P);
    APF_EXPECT_OK(op::stft_loss_forward<T>(ctx, s.P, s.B, s.T, s.shared, s.n_fft, s.window, s.hop,
                                           s.n_mels, kRate, from.data(), to.data(), loss.data(),
                                           parts.data()));
    if (parts_out) *parts_out = parts.values();
    return loss.values();
  }
  template <class T>
  std::vector<T> backward(const Shape &s, const std::vector<T> &dloss, const std::vector<T> &pred,
                          const std::vector<T> &target)
  {
    std::vector<T> parts_of_forward;
    forward(s, pred, target, &parts_of_forward);
    Array<T> up(ctx, dloss), from(ctx, pred), to(ctx, target), parts(ctx, parts_of_forward),
        dpred(ctx, pred.size());
    APF_EXPECT_OK(op::stft_loss_backward<T>(ctx, s.P, s.B, s.T, s.shared, s.n_fft, s.window, s.hop,
                                            s.n_mels, kRate, up.data(), from.data(), to.data(),
                                            parts.data(), dpred.data()));
    return dpred.values();
  }
};
APF_ON_EVERY_BACKEND(StftLoss);

TEST_P(StftLoss, WorkedExample)
{
  /* A window of (0, 1): three frames, whose two bins are each the sample in the middle: 1 2 1
   * against 2 2 2. */
  const Shape s = {1, 1, 2, 0, 2, 2, 1, 0};
  const double convergence = 2 / std::sqrt(24), logarithm = 4 * std::log(2) / 6;

  EXPECT_NEAR(forward<double>(s, {1, 2}, {2, 2})[0], convergence + logarithm, 1e-15);

  /* Four bins hold the first sample: each (1-2) / (2 sqrt 24) - 1/6. */
  EXPECT_LE(relative_error(backward<double>(s, {3}, {1, 2}, {2, 2}),
                           {-12 * (0.5 / std::sqrt(24) + 1.0 / 6), 0}),
            1e-14);
}

TEST_P(StftLoss, IsTheTextbookFormula)
{
  for (const Shape &s : kShapes) {
    const auto pred = random_values<double>(s.rows() * s.T, 1);
    const auto target = random_values<double>(s.target_rows() * s.T, 2);

    EXPECT_LE(relative_error(forward(s, pred, target), naive(s, pred, target)), 1e-12) << s.n_fft;
  }
}

TEST_P(StftLoss, GradientMatchesCentralDifferences)
{
  for (const Shape &s : kShapes) {
    const auto pred = random_values<double>(s.rows() * s.T, 1);
    const auto target = random_values<double>(s.target_rows() * s.T, 2);
    const auto dloss = random_values<double>(s.P, 3);

    /* Few steps: |ln x - ln y| has a corner wherever the magnitudes meet. */
    expect_gradient([&](const auto &v) { return dot(forward(s, v, target), dloss); }, pred,
                    backward(s, dloss, pred, target), 1e-4, 1e-8);
  }
}

TEST_P(StftLoss, EqualSignalsHaveNoLossAndNoGradient)
{
  const Shape s = {1, 2, 90, 0, 32, 32, 8, 0};
  const auto x = random_values<double>(2 * 90, 1);

  EXPECT_EQ(forward(s, x, x), std::vector<double>{0});
  EXPECT_EQ(backward(s, {1.0}, x, x), std::vector<double>(2 * 90, 0.0));
}

TEST_P(StftLoss, SilenceIsFinite)
{
  const Shape s = {1, 1, 90, 0, 32, 32, 8, 0};
  const std::vector<double> silence(90, 0.0);
  const auto x = random_values<double>(90, 1);

  EXPECT_TRUE(std::isfinite(forward(s, silence, x)[0]));
  EXPECT_TRUE(std::isfinite(forward(s, x, silence)[0]));
  EXPECT_EQ(backward(s, {1.0}, silence, x), silence);
}

TEST_P(StftLoss, FloatAgreesWithDouble)
{
  for (int64_t n_mels : {0, 20}) {
    const Shape s = {2, 2, 3000, 1, 256, 200, 50, n_mels};
    const auto pred = random_values<float>(s.rows() * s.T, 1);
    const auto target = random_values<float>(s.target_rows() * s.T, 2);
    const auto wide_pred = spectral::wide(pred), wide_target = spectral::wide(target);

    EXPECT_LE(relative_error(spectral::wide(forward(s, pred, target)),
                             forward(s, wide_pred, wide_target)),
              1e-5);
    EXPECT_LE(relative_error(spectral::wide(backward(s, {1, 1}, pred, target)),
                             backward(s, {1, 1}, wide_pred, wide_target)),
              2e-2); /* the quietest bins: 1/|X| of a rounded |X| */
  }
}

TEST_P(StftLoss, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 64);
  float *const v = memory.data();
  float *const n = nullptr;
  const auto call = [&](int64_t P, int64_t B, int64_t T, int shared, int64_t n_mels, double rate,
                        float *pred, float *target, float *loss, float *parts) {
    return op::stft_loss_forward<float>(ctx, P, B, T, shared, 4, 4, 2, n_mels, rate, pred, target,
                                        loss, parts);
  };

  APF_EXPECT_OK(call(0, 1, 8, 0, 0, 0, n, n, n, n));
  expect_failure(ctx, call(-1, 1, 8, 0, 0, 0, v, v, v, v), APF_ERR_ARGUMENT, {"P is -1"});
  expect_failure(ctx, call(1, 0, 8, 0, 0, 0, v, v, v, v), APF_ERR_ARGUMENT, {"B is 0"});
  expect_failure(ctx, call(1, 1, 2, 0, 0, 0, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_stft_loss_forward_f32", "T is 2"});
  expect_failure(ctx, call(1, 1, 8, 2, 0, 0, v, v, v, v), APF_ERR_ARGUMENT, {"shared_target is 2"});
  expect_failure(ctx, call(1, 1, 8, 0, 5, 8000, v, v, v, v), APF_ERR_ARGUMENT, {"n_mels is 5"});
  expect_failure(ctx, call(1, 1, 8, 0, 2, 0, v, v, v, v), APF_ERR_ARGUMENT, {"sample_rate is 0"});
  expect_failure(ctx, call(1, 1, 8, 0, 0, 0, n, v, v, v), APF_ERR_ARGUMENT, {"pred is NULL"});
  expect_failure(ctx, call(1, 1, 8, 0, 0, 0, v, n, v, v), APF_ERR_ARGUMENT, {"target is NULL"});
  expect_failure(ctx, call(1, 1, 8, 0, 0, 0, v, v, n, v), APF_ERR_ARGUMENT, {"loss is NULL"});
  expect_failure(ctx, call(1, 1, 8, 0, 0, 0, v, v, v, n), APF_ERR_ARGUMENT, {"parts is NULL"});
  expect_failure(ctx, call(INT64_MAX / 8, 1, 8, 0, 0, 0, v, v, v, v), APF_ERR_ARGUMENT,
                 {"overflows"});
  expect_failure(ctx, op::stft_loss_backward<float>(ctx, 1, 1, 8, 0, 4, 4, 2, 0, 0, n, v, v, v, v),
                 APF_ERR_ARGUMENT, {"dloss is NULL"});
  expect_failure(ctx, op::stft_loss_backward<float>(ctx, 1, 1, 8, 0, 4, 4, 2, 0, 0, v, v, v, v, n),
                 APF_ERR_ARGUMENT, {"dpred is NULL"});
  expect_failure(nullptr,
                 op::stft_loss_forward<float>(nullptr, 1, 1, 8, 0, 4, 4, 2, 0, 0, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
