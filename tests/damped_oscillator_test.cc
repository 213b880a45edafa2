#include "support/support.h"

namespace {

template <class T>
struct Parameters {
  std::vector<T> amplitude, phase, sigma, omega; /* sigma empty: undamped */
};

const Parameters<double> some = {{1, 0.5, -2}, {0, 1, -3}, {0.01, 0.1, -0.05}, {0.3, -0.02, 2.5}};

/* Powers of z, one after the other. */
std::vector<double> plain(int64_t T, const Parameters<double> &p)
{
  std::vector<double> y;
  for (size_t b = 0; b < p.omega.size(); b++) {
    const double damping = p.sigma.empty() ? 0 : p.sigma[b] * p.sigma[b];
    std::complex<long double> s = std::polar<long double>(1, p.phase[b]);
    s *= p.amplitude[b];
    const std::complex<long double> z =
        std::polar<long double>(std::exp(-(long double)damping), p.omega[b]);
    for (int64_t n = 0; n < T; n++, s *= z) y.push_back(double(s.real()));
  }
  return y;
}

}  // namespace

class DampedOscillator : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t steps, const Parameters<T> &p)
  {
    const auto B = static_cast<int64_t>(p.omega.size());
    Array<T> amplitude(ctx, p.amplitude), phase(ctx, p.phase), sigma(ctx, p.sigma),
        omega(ctx, p.omega), y(ctx, B * steps);
    APF_EXPECT_OK(op::damped_oscillator_forward<T>(ctx, B, steps, amplitude.data(), phase.data(),
                                                   p.sigma.empty() ? nullptr : sigma.data(),
                                                   omega.data(), y.data()));
    return y.values();
  }
  /* Asks for each gradient alone, then for all together. */
  template <class T>
  Parameters<T> backward(int64_t steps, const std::vector<T> &dy, const Parameters<T> &p)
  {
    const auto B = static_cast<int64_t>(p.omega.size());
    Array<T> upstream(ctx, dy), amplitude(ctx, p.amplitude), phase(ctx, p.phase),
        sigma(ctx, p.sigma), omega(ctx, p.omega);
    const auto call = [&](T *a, T *f, T *s, T *o) {
      APF_EXPECT_OK(op::damped_oscillator_backward<T>(
          ctx, B, steps, upstream.data(), amplitude.data(), phase.data(),
          p.sigma.empty() ? nullptr : sigma.data(), omega.data(), a, f, s, o));
    };
    Array<T> a(ctx, B), f(ctx, B), s(ctx, B), o(ctx, B);
    call(a.data(), nullptr, nullptr, nullptr);
    call(nullptr, f.data(), nullptr, nullptr);
    call(nullptr, nullptr, s.data(), nullptr);
    call(nullptr, nullptr, nullptr, o.data());
    const Parameters<T> alone = {a.values(), f.values(), s.values(), o.values()};
    call(a.data(), f.data(), s.data(), o.data());
    EXPECT_EQ(a.values(), alone.amplitude);
    EXPECT_EQ(f.values(), alone.phase);
    EXPECT_EQ(s.values(), alone.sigma);
    EXPECT_EQ(o.values(), alone.omega);
    return alone;
  }
};
APF_ON_EVERY_BACKEND(DampedOscillator);

TEST_P(DampedOscillator, WorkedExample)
{
  const double half_turn = std::acos(-1.0), sigma = std::sqrt(std::log(2.0));

  EXPECT_LE(
      relative_error(forward<double>(4, {{3}, {0}, {sigma}, {half_turn}}), {3, -1.5, 0.75, -0.375}),
      1e-15);
  EXPECT_LE(relative_error(forward<double>(4, {{3}, {0}, {}, {half_turn / 2}}), {3, 0, -3, 0}),
            1e-15);
}

TEST_P(DampedOscillator, ForwardEqualsThePowers)
{
  for (int64_t T : {1, 31, 2000}) {
    EXPECT_LE(relative_error(forward<double>(T, some), plain(T, some)), 1e-12);
    const Parameters<double> undamped = {some.amplitude, some.phase, {}, some.omega};
    EXPECT_LE(relative_error(forward<double>(T, undamped), plain(T, undamped)), 1e-12);
  }
}

TEST_P(DampedOscillator, GradientsAgreeWithCentralDifferences)
{
  Parameters<double> slow = some;
  slow.sigma = {0.01, 0.02, -0.005};
  slow.omega = {0.003, -0.0002, 0.005};
  for (const auto &[T, p] : {std::pair(50, some), std::pair(9000, slow)}) {
    const auto dy = random_values<double>(3 * T, 1);

    const auto got = backward<double>(T, dy, p);

    const auto check = [&, T = T, &p = p](std::vector<double> Parameters<double>::*field,
                                          double h) {
      expect_gradient(
          [&](const std::vector<double> &v) {
            auto changed = p;
            changed.*field = v;
            return dot(forward<double>(T, changed), dy);
          },
          p.*field, got.*field, 1e-6, h);
    };
    /* the later two act through n: a step as short as 1/T */
    check(&Parameters<double>::amplitude, 1e-5);
    check(&Parameters<double>::phase, 1e-5);
    check(&Parameters<double>::sigma, 1e-3 / T);
    check(&Parameters<double>::omega, 1e-3 / T);
  }
}

TEST_P(DampedOscillator, UndampedLearnsNoDamping)
{
  const auto dy = random_values<double>(3 * 40, 1);
  const Parameters<double> undamped = {some.amplitude, some.phase, {}, some.omega};

  const auto got = backward<double>(40, dy, undamped);

  EXPECT_EQ(got.sigma, std::vector<double>(3, 0.0));
  const Parameters<double> zero = {some.amplitude, some.phase, {0, 0, 0}, some.omega};
  EXPECT_EQ(got.omega, backward<double>(40, dy, zero).omega);
}

TEST_P(DampedOscillator, FloatKeepsItsPhase)
{
  const int64_t T = 20000;
  const Parameters<float> narrow = {{1}, {0.5f}, {0.001f}, {0.25f}};

  const auto y = forward<float>(T, narrow);

  const double sigma = 0.001f;
  EXPECT_LE(relative_error(std::vector<double>(y.begin(), y.end()),
                           plain(T, {{1}, {0.5}, {sigma}, {0.25}})),
            1e-6);
}

TEST_P(DampedOscillator, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(4, 1));
  float *const v = memory.data();
  const auto call = [&](int64_t B, int64_t T, const float *a, const float *p, const float *o,
                        float *y) {
    return op::damped_oscillator_forward<float>(ctx, B, T, a, p, v, o, y);
  };

  APF_EXPECT_OK(call(0, 4, nullptr, nullptr, nullptr, nullptr));
  expect_failure(ctx, call(-1, 4, v, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_damped_oscillator_forward_f32", "B is -1"});
  expect_failure(ctx, call(1, -4, v, v, v, v), APF_ERR_ARGUMENT, {"T is -4"});
  expect_failure(ctx, call(1, 4, nullptr, v, v, v), APF_ERR_ARGUMENT, {"amplitude is NULL"});
  expect_failure(ctx, call(1, 4, v, nullptr, v, v), APF_ERR_ARGUMENT, {"phase is NULL"});
  expect_failure(ctx, call(1, 4, v, v, nullptr, v), APF_ERR_ARGUMENT, {"omega is NULL"});
  expect_failure(ctx, call(1, 4, v, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 4, v, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx,
                 op::damped_oscillator_backward<float>(ctx, 1, 4, nullptr, v, v, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"apf_damped_oscillator_backward_f32", "dy is NULL"});
  expect_failure(nullptr, op::damped_oscillator_forward<float>(nullptr, 1, 4, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
