#include "support/support.h"

namespace {

constexpr double kPi = 3.14159265358979323846;

template <class T>
struct Notes {
  std::vector<T> f0, phase, shape;
};

template <class T>
Notes<T> some_notes(int64_t B)
{
  Notes<T> notes;
  for (int64_t b = 0; b < B; b++) {
    notes.f0.push_back(T(60.0 + 37.3 * b));
    notes.phase.push_back(T(0.3 * b - 1));
    notes.shape.push_back(T((b % 5) / 4.0));
  }
  return notes;
}

/* The defining equations, the phase as a running sum. */
std::vector<double> plain(int64_t B, int64_t T, double rate, const Notes<double> &p)
{
  std::vector<double> y(B * T);
  for (int64_t b = 0; b < B; b++) {
    long double argument = p.phase[b];
    const double partials = 12000 / (p.f0[b] * std::log10(p.f0[b]));
    for (int64_t n = 0; n < T; n++) {
      argument += 2 * std::acos(-1.0L) * p.f0[b] / rate;
      const double square = std::tanh(kPi * partials * double(std::sin(argument)) / 2);
      y[b * T + n] = (1 - p.shape[b] / 2) * square * (1 + p.shape[b] * double(std::cos(argument)));
    }
  }
  return y;
}

}  // namespace

class Oscillator : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t steps, double rate, const Notes<T> &p)
  {
    Array<T> f0(ctx, p.f0), phase(ctx, p.phase), shape(ctx, p.shape), y(ctx, B * steps);
    APF_EXPECT_OK(op::oscillator_forward<T>(ctx, B, steps, rate, f0.data(),
                                            p.phase.empty() ? nullptr : phase.data(), shape.data(),
                                            y.data()));
    return y.values();
  }
  template <class T>
  Notes<T> backward(int64_t B, int64_t steps, double rate, const std::vector<T> &dy,
                    const Notes<T> &p)
  {
    Array<T> upstream(ctx, dy), f0(ctx, p.f0), phase(ctx, p.phase), shape(ctx, p.shape);
    Array<T> df0(ctx, B), dphase(ctx, B), dshape(ctx, B);
    APF_EXPECT_OK(op::oscillator_backward<T>(ctx, B, steps, rate, upstream.data(), f0.data(),
                                             phase.data(), shape.data(), df0.data(), dphase.data(),
                                             dshape.data()));
    return {df0.values(), dphase.values(), dshape.values()};
  }
};
APF_ON_EVERY_BACKEND(Oscillator);

TEST_P(Oscillator, FirstSampleIsOneStepOn)
{
  /* 100 Hz at 400 Hz: a quarter turn a sample, 60 partials: a square of full height */
  const auto y = forward<double>(1, 4, 400, {{100}, {}, {0}});

  EXPECT_NEAR(y[0], 1, 1e-12);
  EXPECT_NEAR(y[1], 0, 1e-12);
  EXPECT_NEAR(y[2], -1, 1e-12);
  EXPECT_NEAR(y[3], 0, 1e-12);
}

TEST_P(Oscillator, ForwardEqualsTheRunningSum)
{
  for (int64_t B : {1, 3, 70})
    for (int64_t T : {1, 7, 6000}) {
      const auto notes = some_notes<double>(B);
      EXPECT_LE(relative_error(forward<double>(B, T, 48000, notes), plain(B, T, 48000, notes)),
                1e-10);
    }
}

TEST_P(Oscillator, GradientsAgreeWithCentralDifferences)
{
  const int64_t B = 3, T = 500;
  const auto notes = some_notes<double>(B);
  const auto dy = random_values<double>(B * T, 1);

  const auto got = backward<double>(B, T, 48000, dy, notes);

  const auto loss = [&](std::vector<double> Notes<double>::*field) {
    return [&, field](const std::vector<double> &v) {
      auto changed = notes;
      changed.*field = v;
      return dot(forward<double>(B, T, 48000, changed), dy);
    };
  };
  expect_gradient(loss(&Notes<double>::f0), notes.f0, got.f0);
  expect_gradient(loss(&Notes<double>::phase), notes.phase, got.phase, 1e-6, 1e-6);
  expect_gradient(loss(&Notes<double>::shape), notes.shape, got.shape);
}

/* Of rows in several chunks. A difference of such sums would be rounding: the phase has come to
 * hundreds of turns. */
TEST_P(Oscillator, GradientsOfLongRowsAreSumsOverTheirSamples)
{
  const int64_t B = 3, T = 9000;
  const auto notes = some_notes<double>(B);
  const auto dy = random_values<double>(B * T, 1);
  Notes<double> want = {std::vector<double>(B), std::vector<double>(B), std::vector<double>(B)};
  for (int64_t b = 0; b < B; b++) {
    const double f0 = notes.f0[b], shape = notes.shape[b], log_f0 = std::log10(f0);
    const double partials = 12000 / (f0 * log_f0);
    const double dpartials = -partials * (1 / f0 + 1 / (f0 * std::log(10.0) * log_f0));
    for (int64_t n = 0; n < T; n++) {
      const double turn = 2 * kPi * double(n + 1) / 48000, argument = f0 * turn + notes.phase[b];
      const double sine = std::sin(argument), cosine = std::cos(argument);
      const double square = std::tanh(kPi * partials * sine / 2);
      const double dsquare = (1 - square * square) * kPi / 2; /* by partials times sine */
      const double first = 1 - shape / 2, second = 1 + shape * cosine, g = dy[b * T + n];
      const double by_argument =
          first * (dsquare * partials * cosine * second - square * shape * sine);
      want.phase[b] += g * by_argument;
      want.f0[b] += g * (by_argument * turn + first * dsquare * dpartials * sine * second);
      want.shape[b] += g * square * (first * cosine - second / 2);
    }
  }

  const auto got = backward<double>(B, T, 48000, dy, notes);

  EXPECT_LE(relative_error(got.f0, want.f0), 1e-9);
  EXPECT_LE(relative_error(got.phase, want.phase), 1e-9);
  EXPECT_LE(relative_error(got.shape, want.shape), 1e-10);
}

TEST_P(Oscillator, EachGradientIsOptional)
{
  const auto notes = some_notes<double>(2);
  Array<double> dy(ctx, random_values<double>(2 * 9, 1)), f0(ctx, notes.f0),
      phase(ctx, notes.phase), shape(ctx, notes.shape), df0(ctx, 2), dphase(ctx, 2), dshape(ctx, 2);
  const auto want = backward<double>(2, 9, 48000, dy.values(), notes);
  const auto call = [&](double *f, double *p, double *s) {
    APF_EXPECT_OK(op::oscillator_backward<double>(ctx, 2, 9, 48000, dy.data(), f0.data(),
                                                  phase.data(), shape.data(), f, p, s));
  };

  call(df0.data(), nullptr, nullptr);
  call(nullptr, dphase.data(), nullptr);
  call(nullptr, nullptr, dshape.data());

  EXPECT_EQ(df0.values(), want.f0);
  EXPECT_EQ(dphase.values(), want.phase);
  EXPECT_EQ(dshape.values(), want.shape);
  EXPECT_EQ(backward<double>(2, 0, 48000, {}, notes).shape, std::vector<double>(2, 0.0));
}

TEST_P(Oscillator, FloatKeepsItsPhaseOverAMillionSamples)
{
  const int64_t T = 1 << 20;
  const Notes<float> notes = {{110}, {0.5f}, {0.5f}};

  const auto y = forward<float>(1, T, 48000, notes);

  const std::vector<double> wide(y.begin(), y.end());
  EXPECT_LE(relative_error(wide, plain(1, T, 48000, {{110}, {0.5}, {0.5}})), 1e-4);
}

TEST_P(Oscillator, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(4, 100));
  float *const v = memory.data();
  const auto call = [&](int64_t B, int64_t T, double rate, const float *f0, const float *shape,
                        float *y) {
    return op::oscillator_forward<float>(ctx, B, T, rate, f0, nullptr, shape, y);
  };

  APF_EXPECT_OK(call(0, 4, 48000, nullptr, nullptr, nullptr));
  expect_failure(ctx, call(-1, 4, 48000, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_oscillator_forward_f32", "B is -1"});
  expect_failure(ctx, call(1, -4, 48000, v, v, v), APF_ERR_ARGUMENT, {"T is -4"});
  expect_failure(ctx, call(1, 4, 0, v, v, v), APF_ERR_ARGUMENT, {"sample_rate is 0", "> 0 Hz"});
  expect_failure(ctx, call(1, 4, 48000, nullptr, v, v), APF_ERR_ARGUMENT, {"f0 is NULL"});
  expect_failure(ctx, call(1, 4, 48000, v, nullptr, v), APF_ERR_ARGUMENT, {"shape is NULL"});
  expect_failure(ctx, call(1, 4, 48000, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(INT64_MAX / 2, 4, 48000, v, v, v), APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(ctx,
                 op::oscillator_backward<float>(ctx, 1, 4, 48000, nullptr, v, nullptr, v, v, v, v),
                 APF_ERR_ARGUMENT, {"apf_oscillator_backward_f32", "dy is NULL"});
  expect_failure(nullptr, op::oscillator_forward<float>(nullptr, 1, 4, 48000, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
