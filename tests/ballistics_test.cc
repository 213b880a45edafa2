#include "support/reference.h"
#include "support/support.h"

#include <algorithm>

APF_REFERENCE_REAL(ballistics_forward)
APF_REFERENCE_REAL(ballistics_backward)

namespace {

template <class T>
struct Problem {
  int64_t B, steps;
  std::vector<T> x, zi, at, rt, dy, dzf;

  Problem(int64_t batch, int64_t T_) : B(batch), steps(T_)
  {
    x = random_values<T>(B * steps, 1);
    zi = random_values<T>(B, 2);
    at = random_values<T>(B, 3, 0.49);
    rt = random_values<T>(B, 4, 0.49);
    for (T &c : at) c += T(0.5);
    for (T &c : rt) c += T(0.5);
    dy = random_values<T>(B * steps, 5);
    dzf = random_values<T>(B, 6);
  }
};

template <class T>
struct Output {
  std::vector<T> y, zf;
};

template <class T>
struct Gradients {
  std::vector<T> dx, dzi, dat, drt;
};

}  // namespace

class Ballistics : public OnEveryBackend {
 protected:
  template <class T>
  Output<T> forward(const Problem<T> &p)
  {
    Array<T> x(ctx, p.x), zi(ctx, p.zi), at(ctx, p.at), rt(ctx, p.rt);
    Array<T> y(ctx, p.B * p.steps), zf(ctx, p.B);
    APF_EXPECT_OK(op::ballistics_forward<T>(ctx, p.B, p.steps, x.data(), zi.data(), at.data(),
                                            rt.data(), y.data(), zf.data()));
    return {y.values(), zf.values()};
  }
  template <class T>
  Gradients<T> backward(const Problem<T> &p, const std::vector<T> &y_values)
  {
    Array<T> dy(ctx, p.dy), dzf(ctx, p.dzf), x(ctx, p.x), zi(ctx, p.zi), at(ctx, p.at),
        rt(ctx, p.rt), y(ctx, y_values);
    Array<T> dx(ctx, p.B * p.steps), dzi(ctx, p.B), dat(ctx, p.B), drt(ctx, p.B);
    APF_EXPECT_OK(op::ballistics_backward<T>(ctx, p.B, p.steps, dy.data(), dzf.data(), x.data(),
                                             zi.data(), at.data(), rt.data(), y.data(), dx.data(),
                                             dzi.data(), dat.data(), drt.data()));
    return {dx.values(), dzi.values(), dat.values(), drt.values()};
  }

  /** The fast kernels against the plain ones, to `tolerance` of the peak. */
  template <class T>
  void expect_reference(int64_t B, int64_t steps, double tolerance)
  {
    SCOPED_TRACE("B " + std::to_string(B) + " T " + std::to_string(steps));
    const Problem<T> p(B, steps);
    std::vector<T> y(B * steps), zf(B), dx(B * steps), dzi(B), dat(B), drt(B);
    APF_ASSERT_OK(reference::ballistics_forward<T>(ctx, B, steps, p.x.data(), p.zi.data(),
                                                   p.at.data(), p.rt.data(), y.data(), zf.data()));
    APF_ASSERT_OK(reference::ballistics_backward<T>(
        ctx, B, steps, p.dy.data(), p.dzf.data(), p.x.data(), p.zi.data(), p.at.data(), p.rt.data(),
        y.data(), dx.data(), dzi.data(), dat.data(), drt.data()));

    const Output<T> out = forward(p);
    const Gradients<T> g = backward(p, y);

    EXPECT_LE(relative_error(out.y, y), tolerance);
    EXPECT_LE(relative_error(out.zf, zf), tolerance);
    EXPECT_LE(relative_error(g.dx, dx), tolerance);
    EXPECT_LE(relative_error(g.dzi, dzi), tolerance);
    EXPECT_LE(relative_error(g.dat, dat), tolerance);
    EXPECT_LE(relative_error(g.drt, drt), tolerance);
  }
};
APF_ON_EVERY_BACKEND(Ballistics);

TEST_P(Ballistics, WorkedExample)
{
  Problem<double> p(1, 3);
  p.x = {2, 4, 4};
  p.zi = {4};
  p.at = {0.5};
  p.rt = {0.25};
  p.dy = {0, 0, 1};
  p.dzf = {1};

  const Output<double> out = forward(p);
  const Gradients<double> g = backward(p, out.y);

  EXPECT_EQ(out.y, (std::vector<double>{3, 3.25, 3.4375}));
  EXPECT_EQ(out.zf, std::vector<double>{3.4375});
  EXPECT_EQ(g.dx, (std::vector<double>{0.5625, 0.375, 0.5}));
  EXPECT_EQ(g.dzi, std::vector<double>{0.5625});
  EXPECT_EQ(g.dat, std::vector<double>{-2.25});
  EXPECT_EQ(g.drt, std::vector<double>{3.0});
}

TEST_P(Ballistics, TieTakesTheReleaseCoefficient)
{
  Problem<double> p(1, 1);
  p.x = {1};
  p.zi = {1};
  p.at = {0.5};
  p.rt = {0.25};
  p.dy = {1};
  p.dzf = {0};

  EXPECT_EQ(backward(p, forward(p).y).dx, std::vector<double>{0.25});
}

TEST_P(Ballistics, FastKernelEqualsReference)
{
  using Sizes = std::vector<int64_t>;
  for (int64_t B : is_emulated(ctx) ? Sizes{1, 3, 33} : Sizes{1, 2, 3, 8, 31, 33})
    for (int64_t T : is_emulated(ctx) ? Sizes{1, 2, 17, 64, 65, 513}
                                      : Sizes{1, 2, 15, 16, 17, 18, 63, 64, 65, 1025, 4000}) {
      expect_reference<float>(B, T, 1e-5);
      expect_reference<double>(B, T, 1e-14);
    }
  for (int64_t T : is_emulated(ctx) ? Sizes{4096, 10003} : Sizes{1500, 40960, 57345, 100003}) {
    expect_reference<float>(1, T, 1e-5);
    expect_reference<double>(2, T, 1e-13);
  }
}

/* Long sequences may be solved along time, branches guessed first: every kind of signal and of
 * coefficients ends up on the branches of the plain loop. */
TEST_P(Ballistics, LongSequencesTakeTheBranchesOfThePlainLoop)
{
  const int64_t B = 3, T = is_emulated(ctx) ? 5003 : 50021;
  const double coefficients[][2] = {{0.1, 0.001}, {1e-4, 1}, {0.5, 1e-5}, {0.03, 0.03}, {1, 0}};
  Problem<double> p(B, T);
  for (int64_t t = 0; t < T; t++) {
    p.x[T + t] = std::abs(std::sin(0.03 * t)) + 0.1 * p.x[t]; /* an envelope, and noise */
    p.x[2 * T + t] = t / 1000 % 3 * 0.5;                      /* steps, which the output reaches */
  }
  for (const auto &pair : coefficients) {
    SCOPED_TRACE("at " + std::to_string(pair[0]) + " rt " + std::to_string(pair[1]));
    std::fill(p.at.begin(), p.at.end(), pair[0]);
    std::fill(p.rt.begin(), p.rt.end(), pair[1]);
    std::vector<double> y(B * T), zf(B);
    APF_ASSERT_OK(reference::ballistics_forward<double>(
        ctx, B, T, p.x.data(), p.zi.data(), p.at.data(), p.rt.data(), y.data(), zf.data()));

    const Output<double> out = forward(p);

    /* Roundings of up to 1e5 samples, the longest time constant, add up in either loop. */
    EXPECT_LE(relative_error(out.y, y), 1e-12);
    EXPECT_LE(relative_error(out.zf, zf), 1e-12);
    int64_t differ = 0;
    for (int64_t i = 1; i < 2 * T;
         i++) /* without the steps, where branches are ties but rounding */
      differ += i != T && (p.x[i] < out.y[i - 1]) != (p.x[i] < y[i - 1]);
    EXPECT_EQ(differ, 0);
  }
}

/* With a coefficient between 1 and 2 the update is not monotone in the state: guessed branches need
 * a hundred corrections and more, and the plain loop takes over. */
TEST_P(Ballistics, OvershootingCoefficientsEqualReference)
{
  const int64_t T = is_emulated(ctx) ? 4500 : 50000;
  Problem<double> p(1, T);
  p.at = {1.9};
  p.rt = {0.01};
  std::vector<double> y(T), zf(1);
  APF_ASSERT_OK(reference::ballistics_forward<double>(
      ctx, 1, T, p.x.data(), p.zi.data(), p.at.data(), p.rt.data(), y.data(), zf.data()));

  const Output<double> out = forward(p);

  EXPECT_LE(relative_error(out.y, y), 1e-12);
  EXPECT_LE(relative_error(out.zf, zf), 1e-12);
}

TEST_P(Ballistics, EqualCoefficientsAreOnePole)
{
  Problem<double> p(33, 500);
  p.rt = p.at;
  std::vector<double> want;
  for (int64_t b = 0; b < p.B; b++) {
    double y = p.zi[b];
    for (int64_t t = 0; t < p.steps; t++) {
      y += p.at[b] * (p.x[b * p.steps + t] - y);
      want.push_back(y);
    }
  }

  EXPECT_LE(relative_error(forward(p).y, want), 1e-14);
}

/* The output is positively homogeneous of degree one in (x, zi) while the branches stay, so
 * <(x, zi), gradient> = <output, upstream>: an identity true to rounding. */
TEST_P(Ballistics, GradientsOfInputAndStateObeyEulersIdentity)
{
  for (int64_t B : {1, 3, 31, 33})
    for (int64_t T : {1, 2, 15, 16, 17, 129, 1000}) {
      const Problem<double> p(B, T);

      const Output<double> out = forward(p);
      const Gradients<double> g = backward(p, out.y);

      const double left = dot(out.y, p.dy) + dot(out.zf, p.dzf);
      EXPECT_NEAR(left, dot(p.x, g.dx) + dot(p.zi, g.dzi), 1e-11 * (1 + std::abs(left)))
          << B << " " << T;
    }
}

TEST_P(Ballistics, GradientsEqualCentralDifferences)
{
  const Problem<double> p(3, 200);
  const auto along = [&](std::vector<double> Problem<double>::*member) {
    return [&, member](const std::vector<double> &values) {
      Problem<double> moved = p;
      moved.*member = values;
      const Output<double> out = forward(moved);
      return dot(out.y, p.dy) + dot(out.zf, p.dzf);
    };
  };

  const Gradients<double> g = backward(p, forward(p).y);

  /* A step this small moves no sample across a branch. */
  const double tolerance = 1e-6, h = 1e-7;
  expect_gradient(along(&Problem<double>::x), p.x, g.dx, tolerance, h);
  expect_gradient(along(&Problem<double>::zi), p.zi, g.dzi, tolerance, h);
  expect_gradient(along(&Problem<double>::at), p.at, g.dat, tolerance, h);
  expect_gradient(along(&Problem<double>::rt), p.rt, g.drt, tolerance, h);
}

TEST_P(Ballistics, ChunksWithCarriedStateEqualOneShot)
{
  const int64_t first = 37;
  const Problem<float> whole(1, 100);
  Problem<float> head = whole, tail = whole;
  head.steps = first;
  tail.steps = whole.steps - first;
  head.x.resize(first);
  tail.x.erase(tail.x.begin(), tail.x.begin() + first);

  const Output<float> one_shot = forward(whole);
  Output<float> chunked = forward(head);
  tail.zi = chunked.zf;
  const Output<float> last = forward(tail);
  chunked.y.insert(chunked.y.end(), last.y.begin(), last.y.end());

  EXPECT_EQ(chunked.y, one_shot.y);
  EXPECT_EQ(last.zf, one_shot.zf);
}

TEST_P(Ballistics, EveryOptionalArrayMayBeNull)
{
  Problem<double> p(3, 50);
  std::fill(p.zi.begin(), p.zi.end(), 0);
  std::fill(p.dzf.begin(), p.dzf.end(), 0);
  const Output<double> out = forward(p);
  const Gradients<double> g = backward(p, out.y);
  Array<double> x(ctx, p.x), at(ctx, p.at), rt(ctx, p.rt), dy(ctx, p.dy), y(ctx, 150);
  const auto backward_of = [&](double *dx, double *dzi, double *dat, double *drt) {
    return op::ballistics_backward<double>(ctx, 3, 50, dy.data(), nullptr, x.data(), nullptr,
                                           at.data(), rt.data(), y.data(), dx, dzi, dat, drt);
  };

  APF_EXPECT_OK(op::ballistics_forward<double>(ctx, 3, 50, x.data(), nullptr, at.data(), rt.data(),
                                               y.data(), nullptr));
  EXPECT_EQ(y.values(), out.y);
  Array<double> dx(ctx, 150), dzi(ctx, 3), dat(ctx, 3), drt(ctx, 3);
  APF_EXPECT_OK(backward_of(dx.data(), nullptr, nullptr, nullptr));
  APF_EXPECT_OK(backward_of(nullptr, dzi.data(), nullptr, nullptr));
  APF_EXPECT_OK(backward_of(nullptr, nullptr, dat.data(), nullptr));
  APF_EXPECT_OK(backward_of(nullptr, nullptr, nullptr, drt.data()));
  EXPECT_EQ(dx.values(), g.dx);
  EXPECT_EQ(dzi.values(), g.dzi);
  EXPECT_EQ(dat.values(), g.dat);
  EXPECT_EQ(drt.values(), g.drt);
}

TEST_P(Ballistics, OutputMayReplaceInput)
{
  const int64_t few = is_emulated(ctx) ? 4500 : 40000;
  for (auto [B, T] : {std::pair<int64_t, int64_t>(33, 300), {1, few}}) {
    SCOPED_TRACE("B " + std::to_string(B) + " T " + std::to_string(T));
    const Problem<float> p(B, T);
    const Output<float> out = forward(p);
    const Gradients<float> g = backward(p, out.y);
    Array<float> x(ctx, p.x), work(ctx, p.x), zi(ctx, p.zi), at(ctx, p.at), rt(ctx, p.rt);
    Array<float> y(ctx, out.y), dy(ctx, p.dy), dzf(ctx, p.dzf);

    APF_EXPECT_OK(op::ballistics_forward<float>(ctx, B, T, work.data(), zi.data(), at.data(),
                                                rt.data(), work.data(), nullptr));
    EXPECT_EQ(work.values(), out.y);
    APF_EXPECT_OK(op::ballistics_backward<float>(ctx, B, T, dy.data(), dzf.data(), x.data(),
                                                 zi.data(), at.data(), rt.data(), y.data(),
                                                 dy.data(), nullptr, nullptr, nullptr));
    EXPECT_EQ(dy.values(), g.dx);
  }
}

TEST_P(Ballistics, NoSamplesPassTheStateThrough)
{
  const Problem<double> p(3, 0);

  const Output<double> out = forward(p);
  const Gradients<double> g = backward(p, out.y);

  EXPECT_EQ(out.zf, p.zi);
  EXPECT_EQ(g.dzi, p.dzf);
  EXPECT_EQ(g.dat, std::vector<double>(3, 0.0));
  EXPECT_EQ(g.drt, std::vector<double>(3, 0.0));
  APF_EXPECT_OK(op::ballistics_forward<float>(ctx, 0, 5, nullptr, nullptr, nullptr, nullptr,
                                              nullptr, nullptr));
}

TEST_P(Ballistics, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 8);
  float *const v = memory.data(), *const y = v + 4;
  const auto forward_of = [&](apf_context *c, int64_t B, int64_t T, float *x, float *at, float *rt,
                              float *out) {
    return op::ballistics_forward<float>(c, B, T, x, nullptr, at, rt, out, nullptr);
  };

  expect_failure(nullptr, forward_of(nullptr, 1, 4, v, v, v, y), APF_ERR_ARGUMENT, {"ctx is NULL"});
  expect_failure(ctx, forward_of(ctx, -1, 4, v, v, v, y), APF_ERR_ARGUMENT,
                 {"apf_ballistics_forward_f32", "B is -1"});
  expect_failure(ctx, forward_of(ctx, 1, -4, v, v, v, y), APF_ERR_ARGUMENT, {"T is -4"});
  expect_failure(ctx, forward_of(ctx, INT64_MAX / 4, 2, v, v, v, y), APF_ERR_ARGUMENT,
                 {"overflows"});
  expect_failure(ctx, forward_of(ctx, 1, 4, nullptr, v, v, y), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, v, nullptr, v, y), APF_ERR_ARGUMENT, {"at is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, v, v, nullptr, y), APF_ERR_ARGUMENT, {"rt is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, v, v, v, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(
      ctx,
      op::ballistics_backward<double>(ctx, 1, 4, nullptr, nullptr, nullptr, nullptr, nullptr,
                                      nullptr, nullptr, nullptr, nullptr, nullptr, nullptr),
      APF_ERR_ARGUMENT, {"apf_ballistics_backward_f64", "dy is NULL"});
}
