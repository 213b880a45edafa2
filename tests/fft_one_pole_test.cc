#include "support/spectral.h"

namespace {

/** Even, odd, with factors 7 and 11, prime, and twice a prime. */
const int64_t kLengths[] = {1, 2, 3, 4, 7, 16, 49, 77, 100, 101, 202, 441, 1102};

std::vector<double> naive(const std::vector<double> &x, double c)
{
  const int64_t T = x.size();
  auto V = spectral::transform(x);
  for (size_t k = 0; k < V.size(); k++) V[k] *= c / (1.0 - (1 - c) * spectral::root(k, T));
  return spectral::inverse(V, T);
}

}  // namespace

class FftOnePole : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(const std::vector<T> &x, const std::vector<T> &c)
  {
    const int64_t B = c.size(), steps = x.size() / B;
    Array<T> in(ctx, x), coefficient(ctx, c), out(ctx, x.size());
    APF_EXPECT_OK(
        op::fft_one_pole_forward<T>(ctx, B, steps, in.data(), coefficient.data(), out.data()));
    return out.values();
  }
  template <class T>
  std::pair<std::vector<T>, std::vector<T>> backward(const std::vector<T> &dy,
                                                     const std::vector<T> &x,
                                                     const std::vector<T> &c)
  {
    const int64_t B = c.size(), steps = x.size() / B;
    Array<T> up(ctx, dy), in(ctx, x), coefficient(ctx, c), dx(ctx, x.size()), dc(ctx, B);
    APF_EXPECT_OK(op::fft_one_pole_backward<T>(ctx, B, steps, up.data(), in.data(),
                                               coefficient.data(), dx.data(), dc.data()));
    return {dx.values(), dc.values()};
  }
};
APF_ON_EVERY_BACKEND(FftOnePole);

TEST_P(FftOnePole, WorkedExample)
{
  /* Circular with period 2: an impulse gives c (1 + d^2 + d^4 ...) = c / (1 - d^2) = 2/3, then d
   * times that. */
  EXPECT_LE(relative_error(forward<double>({1, 0}, {0.5}), {2.0 / 3, 1.0 / 3}), 1e-15);
}

TEST_P(FftOnePole, IsTheSampledResponse)
{
  for (int64_t T : kLengths) {
    const auto x = random_values<double>(T, T);

    EXPECT_LE(relative_error(forward<double>(x, {0.3}), naive(x, 0.3)), 1e-13) << T;
  }
}

TEST_P(FftOnePole, IsTheRecursionOnASignalThatEndsInSilence)
{
  auto x = random_values<double>(4000, 1);
  std::fill(x.begin() + 2000, x.end(), 0.0);
  std::vector<double> want(x.size());
  double state = 0;
  for (size_t t = 0; t < x.size(); t++) want[t] = state += 0.03 * (x[t] - state);

  EXPECT_LE(relative_error(forward<double>(x, {0.03}), want), 1e-12);
}

TEST_P(FftOnePole, CoefficientOneCopiesAndAConstantStaysConstant)
{
  const auto x = random_values<double>(90, 1);

  EXPECT_LE(relative_error(forward<double>(x, {1.0}), x), 1e-14);
  EXPECT_LE(relative_error(forward<double>(std::vector<double>(90, 3.0), {1e-6}),
                           std::vector<double>(90, 3.0)),
            1e-9);
}

TEST_P(FftOnePole, GradientsMatchCentralDifferences)
{
  for (int64_t T : {2, 50, 77, 101}) {
    const auto x = random_values<double>(2 * T, 1), dy = random_values<double>(2 * T, 2);
    const std::vector<double> c = {0.3, 0.01};
    const auto [dx, dc] = backward(dy, x, c);

    expect_gradient([&](const auto &v) { return dot(forward(v, c), dy); }, x, dx);
    expect_gradient([&](const auto &v) { return dot(forward(x, v), dy); }, c, dc, 1e-5, 1e-6);
  }
}

TEST_P(FftOnePole, AdjointIdentityHolds)
{
  for (int64_t T : kLengths)
    for (int64_t B : {1, 3, 33}) {
      const auto x = random_values<double>(B * T, 1), dy = random_values<double>(B * T, 2);
      const std::vector<double> c(B, 0.2);

      const double left = dot(forward(x, c), dy), right = dot(x, backward(dy, x, c).first);

      EXPECT_NEAR(left, right, 1e-12 * (1 + std::abs(left))) << T;
    }
}

TEST_P(FftOnePole, EachGradientMayBeLeftOut)
{
  const auto x = random_values<double>(20, 1), dy = random_values<double>(20, 2);
  const auto [want_dx, want_dc] = backward<double>(dy, x, {0.3, 0.6});
  Array<double> up(ctx, dy), in(ctx, x), c(ctx, {0.3, 0.6}), dx(ctx, 20), dc(ctx, 2);

  APF_EXPECT_OK(op::fft_one_pole_backward<double>(ctx, 2, 10, up.data(), nullptr, c.data(),
                                                  dx.data(), nullptr));
  APF_EXPECT_OK(op::fft_one_pole_backward<double>(ctx, 2, 10, up.data(), in.data(), c.data(),
                                                  nullptr, dc.data()));

  EXPECT_EQ(dx.values(), want_dx);
  EXPECT_EQ(dc.values(), want_dc);
}

TEST_P(FftOnePole, FloatAgreesWithDouble)
{
  const int64_t prime = is_emulated(ctx) ? 1009 : 10007; /* whose transform is slow there */
  for (int64_t T : {int64_t(44100), prime}) {
    const auto x = random_values<float>(T, 1), dy = random_values<float>(T, 2);
    const std::vector<float> c = {1e-3f};
    const auto [dx, dc] = backward(dy, x, c);
    const auto want = backward(spectral::wide(dy), spectral::wide(x), spectral::wide(c));

    EXPECT_LE(relative_error(spectral::wide(forward(x, c)),
                             forward(spectral::wide(x), spectral::wide(c))),
              5e-6);
    EXPECT_LE(relative_error(spectral::wide(dx), want.first), 5e-6);
    EXPECT_LE(relative_error(spectral::wide(dc), want.second), 1e-4);
  }
}

TEST_P(FftOnePole, ZeroSizesDoNothing)
{
  Array<double> dc(ctx, 2);

  APF_EXPECT_OK(op::fft_one_pole_forward<float>(ctx, 0, 5, nullptr, nullptr, nullptr));
  APF_EXPECT_OK(op::fft_one_pole_forward<float>(ctx, 2, 0, nullptr, nullptr, nullptr));
  APF_EXPECT_OK(
      op::fft_one_pole_backward<double>(ctx, 2, 0, nullptr, nullptr, nullptr, nullptr, dc.data()));
  EXPECT_EQ(dc.values(), (std::vector<double>{0, 0}));
}

TEST_P(FftOnePole, BadArgumentsAreNamed)
{
  Array<float> signal(ctx, 4), coefficient(ctx, 1), result(ctx, 4);
  float *const x = signal.data(), *const c = coefficient.data(), *const y = result.data();

  expect_failure(ctx, op::fft_one_pole_forward<float>(ctx, -1, 4, x, c, y), APF_ERR_ARGUMENT,
                 {"apf_fft_one_pole_forward_f32", "B is -1"});
  expect_failure(ctx, op::fft_one_pole_forward<float>(ctx, 1, -4, x, c, y), APF_ERR_ARGUMENT,
                 {"T is -4"});
  expect_failure(ctx, op::fft_one_pole_forward<float>(ctx, 1, 4, nullptr, c, y), APF_ERR_ARGUMENT,
                 {"x is NULL"});
  expect_failure(ctx, op::fft_one_pole_forward<float>(ctx, 1, 4, x, nullptr, y), APF_ERR_ARGUMENT,
                 {"c is NULL"});
  expect_failure(ctx, op::fft_one_pole_forward<float>(ctx, 1, 4, x, c, nullptr), APF_ERR_ARGUMENT,
                 {"y is NULL"});
  expect_failure(ctx, op::fft_one_pole_forward<float>(ctx, INT64_MAX / 4, 4, x, c, y),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx, op::fft_one_pole_backward<float>(ctx, 1, 4, nullptr, x, c, y, nullptr),
                 APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(ctx, op::fft_one_pole_backward<float>(ctx, 1, 4, x, nullptr, c, y, y),
                 APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(nullptr, op::fft_one_pole_forward<float>(nullptr, 1, 4, x, c, y), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
}

class FftOnePoleOnCuda : public OnEveryBackend {};
APF_ON_CUDA(FftOnePoleOnCuda);

TEST_P(FftOnePoleOnCuda, LengthsThatCuFftCannotCountAreNamed)
{
  Array<float> one(ctx, 1);
  float *const v = one.data();
  const int64_t T = int64_t(1) << 31;

  expect_failure(ctx, op::fft_one_pole_forward<float>(ctx, 1, T, v, v, v), APF_ERR_ARGUMENT,
                 {"fft_one_pole_forward", "2147483648 samples"});
  expect_failure(ctx, op::fft_one_pole_backward<float>(ctx, 1, T, v, v, v, v, v), APF_ERR_ARGUMENT,
                 {"fft_one_pole_backward", "2147483648 samples"});
}
