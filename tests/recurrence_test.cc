#include "support/reference.h"
#include "support/support.h"

#include <algorithm>

APF_REFERENCE_SCALAR(recurrence_forward)
APF_REFERENCE_SCALAR(recurrence_backward)
APF_REFERENCE_SCALAR(recurrence_jvp)

namespace {

/** y and zf of one forward pass. */
template <class T>
struct Output {
  std::vector<T> y, zf;
};

template <class T>
struct Gradients {
  std::vector<T> dx, da, dzi;
};

template <class T>
T number(double re, double im = 0)
{
  if constexpr (std::is_same_v<T, apf_c64> || std::is_same_v<T, apf_c128>) {
    return {static_cast<decltype(T::re)>(re), static_cast<decltype(T::im)>(im)};
  } else {
    return static_cast<T>(re);
  }
}

/** A problem of random data; coefficients of modulus up to `radius`. */
template <class T>
struct Problem {
  int64_t B, steps, F;
  std::vector<T> x, a, zi, dy, dzf;

  Problem(int64_t batch, int64_t T_, bool constant, double radius = 0.7)
      : B(batch), steps(T_), F(constant ? 1 : T_)
  {
    x = random_values<T>(B * steps, 1);
    a = random_values<T>(B * F, 2, radius);
    zi = random_values<T>(B, 3);
    dy = random_values<T>(B * steps, 4);
    dzf = random_values<T>(B, 5);
  }
};

}  // namespace

class Recurrence : public OnEveryBackend {
 protected:
  template <class T>
  Output<T> forward(const Problem<T> &p)
  {
    Array<T> x(ctx, p.x), a(ctx, p.a), zi(ctx, p.zi), y(ctx, p.B * p.steps), zf(ctx, p.B);
    APF_EXPECT_OK(op::recurrence_forward<T>(ctx, p.B, p.steps, p.F, x.data(), a.data(), zi.data(),
                                            y.data(), zf.data()));
    return {y.values(), zf.values()};
  }
  template <class T>
  Gradients<T> backward(const Problem<T> &p, const std::vector<T> &y_values)
  {
    Array<T> dy(ctx, p.dy), dzf(ctx, p.dzf), a(ctx, p.a), zi(ctx, p.zi), y(ctx, y_values);
    Array<T> dx(ctx, p.B * p.steps), da(ctx, p.B * p.F), dzi(ctx, p.B);
    APF_EXPECT_OK(op::recurrence_backward<T>(ctx, p.B, p.steps, p.F, dy.data(), dzf.data(),
                                             a.data(), zi.data(), y.data(), dx.data(), da.data(),
                                             dzi.data()));
    return {dx.values(), da.values(), dzi.values()};
  }
  template <class T>
  Output<T> jvp(const Problem<T> &p, const Problem<T> &v, const std::vector<T> &y_values)
  {
    Array<T> x_dot(ctx, v.x), a_dot(ctx, v.a), zi_dot(ctx, v.zi);
    Array<T> a(ctx, p.a), zi(ctx, p.zi), y(ctx, y_values);
    Array<T> y_dot(ctx, p.B * p.steps), zf_dot(ctx, p.B);
    APF_EXPECT_OK(op::recurrence_jvp<T>(ctx, p.B, p.steps, p.F, x_dot.data(), a_dot.data(),
                                        zi_dot.data(), a.data(), zi.data(), y.data(), y_dot.data(),
                                        zf_dot.data()));
    return {y_dot.values(), zf_dot.values()};
  }

  /** <J v, u> = <v, J' u> with random v and u = (dy, dzf): true to rounding, no step size. */
  template <class T>
  void expect_adjoint(int64_t B, int64_t steps, bool constant, double tolerance)
  {
    SCOPED_TRACE("B " + std::to_string(B) + " T " + std::to_string(steps));
    const Problem<T> p(B, steps, constant);
    Problem<T> v(B, steps, constant);
    v.x = random_values<T>(B * steps, 11);
    v.a = random_values<T>(B * p.F, 12);
    v.zi = random_values<T>(B, 13);

    const Output<T> out = forward(p);
    const Output<T> dots = jvp(p, v, out.y);
    const Gradients<T> g = backward(p, out.y);

    const double left = dot(dots.y, p.dy) + dot(dots.zf, p.dzf);
    const double right = dot(v.x, g.dx) + dot(v.a, g.da) + dot(v.zi, g.dzi);
    EXPECT_NEAR(left, right, tolerance * (1 + std::abs(left)));
  }

  /** The fast kernels against the plain ones, to `tolerance` of the peak. */
  template <class T>
  void expect_reference(int64_t B, int64_t steps, bool constant, double radius, double tolerance)
  {
    SCOPED_TRACE("B " + std::to_string(B) + " T " + std::to_string(steps) +
                 (constant ? " constant" : ""));
    const Problem<T> p(B, steps, constant, radius);
    Problem<T> v = p;
    v.x = p.dy, v.a = random_values<T>(B * p.F, 12), v.zi = p.dzf;
    const int64_t n = B * steps;
    std::vector<T> y(n), zf(B), dx(n), da(B * p.F), dzi(B), y_dot(n), zf_dot(B);
    APF_ASSERT_OK(reference::recurrence_forward<T>(ctx, B, steps, p.F, p.x.data(), p.a.data(),
                                                   p.zi.data(), y.data(), zf.data()));
    APF_ASSERT_OK(reference::recurrence_backward<T>(ctx, B, steps, p.F, p.dy.data(), p.dzf.data(),
                                                    p.a.data(), p.zi.data(), y.data(), dx.data(),
                                                    da.data(), dzi.data()));
    APF_ASSERT_OK(reference::recurrence_jvp<T>(ctx, B, steps, p.F, v.x.data(), v.a.data(),
                                               v.zi.data(), p.a.data(), p.zi.data(), y.data(),
                                               y_dot.data(), zf_dot.data()));

    const Output<T> out = forward(p), dots = jvp(p, v, y);
    const Gradients<T> g = backward(p, y);

    EXPECT_LE(relative_error(out.y, y), tolerance);
    EXPECT_LE(relative_error(out.zf, zf), tolerance);
    EXPECT_LE(relative_error(g.dx, dx), tolerance);
    EXPECT_LE(relative_error(g.da, da), tolerance);
    EXPECT_LE(relative_error(g.dzi, dzi), tolerance);
    EXPECT_LE(relative_error(dots.y, y_dot), tolerance);
    EXPECT_LE(relative_error(dots.zf, zf_dot), tolerance);
  }

  template <class T>
  void expect_chunks_equal_one_shot(double tolerance)
  {
    const int64_t first = 37;
    const Problem<T> whole(1, 100, false);
    Problem<T> head = whole, tail = whole;
    head.steps = head.F = first;
    tail.steps = tail.F = whole.steps - first;
    head.x.resize(first), head.a.resize(first);
    tail.x.erase(tail.x.begin(), tail.x.begin() + first);
    tail.a.erase(tail.a.begin(), tail.a.begin() + first);

    const Output<T> one_shot = forward(whole);
    Output<T> chunked = forward(head);
    tail.zi = chunked.zf;
    const Output<T> last = forward(tail);
    chunked.y.insert(chunked.y.end(), last.y.begin(), last.y.end());

    EXPECT_LE(relative_error(chunked.y, one_shot.y), tolerance);
    EXPECT_LE(relative_error(last.zf, one_shot.zf), tolerance);
  }
};
APF_ON_EVERY_BACKEND(Recurrence);

TEST_P(Recurrence, WorkedExample)
{
  Problem<double> p(1, 3, false);
  p.x = {1, 2, 3};
  p.a = {0.5, -1, 2};
  p.zi = {4};
  p.dy = {1, 0, 0};
  p.dzf = {1};

  const Output<double> out = forward(p);
  const Gradients<double> g = backward(p, out.y);

  EXPECT_EQ(out.y, (std::vector<double>{3, -1, 1}));
  EXPECT_EQ(out.zf, std::vector<double>{1});
  EXPECT_EQ(g.dx, (std::vector<double>{-1, 2, 1}));
  EXPECT_EQ(g.da, (std::vector<double>{-4, 6, -1}));
  EXPECT_EQ(g.dzi, std::vector<double>{-0.5});
}

TEST_P(Recurrence, ComplexAdjointUsesTheConjugate)
{
  Problem<apf_c128> p(1, 1, true);
  p.x = {{0, 0}};
  p.a = {{0, 1}};
  p.zi = {{2, 0}};
  p.dy = {{1, 0}};
  p.dzf = {{0, 0}};

  const Output<apf_c128> out = forward(p);
  const Gradients<apf_c128> g = backward(p, out.y);

  EXPECT_EQ(out.y[0].im, 2);
  EXPECT_EQ(g.da[0].re, 2);
  EXPECT_EQ(g.dzi[0].re, 0);
  EXPECT_EQ(g.dzi[0].im, -1);
}

TEST_P(Recurrence, BackwardIsTheAdjointOfForwardMode)
{
  using Sizes = std::vector<int64_t>;
  for (bool constant : {false, true})
    for (int64_t B : is_emulated(ctx) ? Sizes{1, 33} : Sizes{1, 3, 31, 33})
      for (int64_t T :
           is_emulated(ctx) ? Sizes{1, 2, 17, 129} : Sizes{1, 2, 15, 16, 17, 129, 1000}) {
        expect_adjoint<float>(B, T, constant, 1e-4);
        expect_adjoint<double>(B, T, constant, 1e-11);
        expect_adjoint<apf_c64>(B, T, constant, 1e-4);
        expect_adjoint<apf_c128>(B, T, constant, 1e-11);
      }
}

TEST_P(Recurrence, FastKernelEqualsReference)
{
  using Sizes = std::vector<int64_t>;
  for (bool constant : {false, true})
    for (int64_t B : is_emulated(ctx) ? Sizes{1, 7} : Sizes{1, 3, 31, 33})
      for (int64_t T : is_emulated(ctx) ? Sizes{1, 2, 17, 512, 1025}
                                        : Sizes{1, 2, 16, 17, 18, 33, 1025, 4000}) {
        expect_reference<float>(B, T, constant, 0.95, 1e-5);
        expect_reference<double>(B, T, constant, 0.95, 2e-14);
        expect_reference<apf_c64>(B, T, constant, 0.65, 1e-5);
        expect_reference<apf_c128>(B, T, constant, 0.65, 2e-14);
      }
}

TEST_P(Recurrence, SequencesDividedAmongThreadsEqualReference)
{
  using Sizes = std::vector<int64_t>;
  for (bool constant : {false, true})
    for (int64_t B : {1, 2})
      for (int64_t T : is_emulated(ctx) ? Sizes{4096, 10001} : Sizes{40960, 57345, 100003}) {
        expect_reference<float>(B, T, constant, 0.95, 1e-5);
        expect_reference<double>(B, T, constant, 0.95, 2e-14);
        expect_reference<apf_c128>(B, T, constant, 0.65, 2e-14);
      }
}

TEST_P(Recurrence, PolesNearTheUnitCircleLoseNoMoreThanSerially)
{
  const int64_t T = 100000;
  Problem<double> p(1, T, false);
  for (double &a : p.a) a = 0.9999;
  /* Unstable for a while: the output grows by e^10 on the way. */
  for (int64_t t = 50000; t < 51000; t++) p.a[t] = 1.01;
  std::vector<double> y(T);
  APF_ASSERT_OK(reference::recurrence_forward<double>(ctx, 1, T, T, p.x.data(), p.a.data(),
                                                      p.zi.data(), y.data(), nullptr));

  EXPECT_LE(relative_error(forward(p).y, y), 1e-12);
}

TEST_P(Recurrence, SameThreadsGiveTheSameBits)
{
  const Problem<float> p(1, 150000, false);

  const Output<float> first = forward(p), second = forward(p);
  const Gradients<float> g = backward(p, first.y), h = backward(p, first.y);

  EXPECT_EQ(first.y, second.y);
  EXPECT_EQ(g.dx, h.dx);
}

TEST_P(Recurrence, GradientsEqualCentralDifferences)
{
  for (bool constant : {false, true}) {
    const Problem<double> p(2, 40, constant);
    const auto loss = [&](const Problem<double> &at) {
      const Output<double> out = forward(at);
      return dot(out.y, p.dy) + dot(out.zf, p.dzf);
    };

    const Gradients<double> g = backward(p, forward(p).y);

    const auto along = [&](std::vector<double> Problem<double>::*member) {
      return [&, member](const std::vector<double> &values) {
        Problem<double> moved = p;
        moved.*member = values;
        return loss(moved);
      };
    };
    expect_gradient(along(&Problem<double>::x), p.x, g.dx);
    expect_gradient(along(&Problem<double>::a), p.a, g.da);
    expect_gradient(along(&Problem<double>::zi), p.zi, g.dzi);
  }
}

TEST_P(Recurrence, ChunksWithCarriedStateEqualOneShot)
{
  expect_chunks_equal_one_shot<float>(1e-6);
  expect_chunks_equal_one_shot<double>(1e-14);
  expect_chunks_equal_one_shot<apf_c64>(1e-6);
  expect_chunks_equal_one_shot<apf_c128>(1e-14);
}

TEST_P(Recurrence, EveryOptionalArrayMayBeNull)
{
  const Problem<double> p(3, 50, false);
  Problem<double> zero_state = p;
  std::fill(zero_state.zi.begin(), zero_state.zi.end(), 0);
  std::fill(zero_state.dzf.begin(), zero_state.dzf.end(), 0);
  const Output<double> out = forward(zero_state);
  const Gradients<double> g = backward(zero_state, out.y);
  Array<double> x(ctx, p.x), a(ctx, p.a), dy(ctx, p.dy), y(ctx, 150), only(ctx, 150);
  Array<double> dzi(ctx, 3);

  APF_EXPECT_OK(op::recurrence_forward<double>(ctx, 3, 50, 50, x.data(), a.data(), nullptr,
                                               y.data(), nullptr));
  EXPECT_EQ(y.values(), out.y);
  APF_EXPECT_OK(op::recurrence_backward<double>(ctx, 3, 50, 50, dy.data(), nullptr, a.data(),
                                                nullptr, nullptr, only.data(), nullptr, nullptr));
  EXPECT_EQ(only.values(), g.dx);
  APF_EXPECT_OK(op::recurrence_backward<double>(ctx, 3, 50, 50, dy.data(), nullptr, a.data(),
                                                nullptr, y.data(), nullptr, only.data(), nullptr));
  EXPECT_EQ(only.values(), g.da);
  APF_EXPECT_OK(op::recurrence_backward<double>(ctx, 3, 50, 50, dy.data(), nullptr, a.data(),
                                                nullptr, nullptr, nullptr, nullptr, dzi.data()));
  EXPECT_EQ(dzi.values(), g.dzi);
  APF_EXPECT_OK(op::recurrence_jvp<double>(ctx, 3, 50, 50, x.data(), nullptr, nullptr, a.data(),
                                           nullptr, nullptr, only.data(), nullptr));
  EXPECT_LE(relative_error(only.values(), out.y), 1e-15);
  APF_EXPECT_OK(op::recurrence_jvp<double>(ctx, 3, 50, 50, nullptr, nullptr, nullptr, a.data(),
                                           nullptr, nullptr, only.data(), nullptr));
  EXPECT_EQ(only.values(), std::vector<double>(150, 0.0));
}

TEST_P(Recurrence, OutputMayReplaceInput)
{
  const Problem<float> p(3, 333, false);
  const Output<float> out = forward(p);
  const Gradients<float> g = backward(p, out.y);
  Array<float> x(ctx, p.x), a(ctx, p.a), zi(ctx, p.zi), dy(ctx, p.dy), dzf(ctx, p.dzf);
  Array<float> da(ctx, 999), x_dot(ctx, p.x);

  APF_EXPECT_OK(op::recurrence_forward<float>(ctx, 3, 333, 333, x.data(), a.data(), zi.data(),
                                              x.data(), nullptr));
  EXPECT_EQ(x.values(), out.y);
  APF_EXPECT_OK(op::recurrence_backward<float>(ctx, 3, 333, 333, dy.data(), dzf.data(), a.data(),
                                               zi.data(), x.data(), dy.data(), da.data(), nullptr));
  EXPECT_EQ(dy.values(), g.dx);
  EXPECT_EQ(da.values(), g.da);
  APF_EXPECT_OK(op::recurrence_jvp<float>(ctx, 3, 333, 333, x_dot.data(), nullptr, zi.data(),
                                          a.data(), nullptr, nullptr, x_dot.data(), nullptr));
  EXPECT_EQ(x_dot.values(), out.y);
}

TEST_P(Recurrence, ZeroCoefficientsGiveTheInput)
{
  Problem<double> p(2, 100, false);
  std::fill(p.a.begin(), p.a.end(), 0);

  EXPECT_EQ(forward(p).y, p.x);
}

TEST_P(Recurrence, NoSamplesPassTheStateThrough)
{
  const Problem<double> p(3, 0, true);

  const Output<double> out = forward(p);
  const Gradients<double> g = backward(p, out.y);

  EXPECT_EQ(out.zf, p.zi);
  EXPECT_EQ(g.dzi, p.dzf);
  EXPECT_EQ(g.da, std::vector<double>(3, 0.0));
  APF_EXPECT_OK(
      op::recurrence_forward<float>(ctx, 0, 5, 1, nullptr, nullptr, nullptr, nullptr, nullptr));
  APF_EXPECT_OK(
      op::recurrence_forward<float>(ctx, 2, 0, 0, nullptr, nullptr, nullptr, nullptr, nullptr));
}

TEST_P(Recurrence, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 12);
  float *const x = memory.data(), *const a = x + 4, *const y = a + 4;
  const auto forward_of = [&](apf_context *c, int64_t B, int64_t T, int64_t F, float *in,
                              float *coefficient, float *out) {
    return op::recurrence_forward<float>(c, B, T, F, in, coefficient, nullptr, out, nullptr);
  };

  expect_failure(nullptr, forward_of(nullptr, 1, 4, 4, x, a, y), APF_ERR_ARGUMENT, {"ctx is NULL"});
  expect_failure(ctx, forward_of(ctx, -1, 4, 4, x, a, y), APF_ERR_ARGUMENT,
                 {"apf_recurrence_forward_f32", "B is -1"});
  expect_failure(ctx, forward_of(ctx, 1, -4, 1, x, a, y), APF_ERR_ARGUMENT, {"T is -4"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 3, x, a, y), APF_ERR_ARGUMENT,
                 {"F is 3", "expected 1 or T", "4"});
  expect_failure(ctx, forward_of(ctx, INT64_MAX / 4, 2, 1, x, a, y), APF_ERR_ARGUMENT,
                 {"overflows"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, nullptr, a, y), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, x, nullptr, y), APF_ERR_ARGUMENT, {"a is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, x, a, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx,
                 op::recurrence_backward<float>(ctx, 1, 4, 4, nullptr, nullptr, a, nullptr, y, x,
                                                nullptr, nullptr),
                 APF_ERR_ARGUMENT, {"dy is NULL"});
  expect_failure(ctx,
                 op::recurrence_backward<float>(ctx, 1, 4, 4, x, nullptr, a, nullptr, nullptr,
                                                nullptr, y, nullptr),
                 APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx,
                 op::recurrence_jvp<double>(ctx, 1, 4, 4, nullptr, nullptr, nullptr, nullptr,
                                            nullptr, nullptr, nullptr, nullptr),
                 APF_ERR_ARGUMENT, {"apf_recurrence_jvp_f64", "a is NULL"});
}
