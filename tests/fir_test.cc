#include "support/reference.h"
#include "support/support.h"

#include <algorithm>

APF_REFERENCE_REAL(fir_forward)
APF_REFERENCE_REAL(fir_backward)
APF_REFERENCE_REAL(fir_jvp)

namespace {

template <class T>
struct Problem {
  int64_t B, steps, F, K;
  std::vector<T> x, b, zi, dy, dzf;

  Problem(int64_t batch, int64_t T_, int64_t F_, int64_t K_, uint64_t seed = 0)
      : B(batch), steps(T_), F(F_), K(K_)
  {
    x = random_values<T>(B * steps, 10 * seed + 1);
    b = random_values<T>(B * F * K, 10 * seed + 2);
    zi = random_values<T>(B * (K - 1), 10 * seed + 3);
    dy = random_values<T>(B * steps, 10 * seed + 4);
    dzf = random_values<T>(B * (K - 1), 10 * seed + 5);
  }
};

template <class T>
struct Output {
  std::vector<T> y, zf;
};

template <class T>
struct Gradients {
  std::vector<T> dx, db, dzi;
};

/** T and F of the shapes that every check goes through: per sample, constant, interpolated. */
struct Shape {
  int64_t steps, F;
};
const Shape kShapes[] = {{1, 1},     {1, 3},   {2, 2},     {6, 6},     {7, 1},       {15, 15},
                         {16, 4},    {17, 30}, {64, 1},    {129, 129}, {130, 2},     {250, 1},
                         {500, 500}, {501, 9}, {333, 332}, {1000, 1},  {1000, 1000}, {1000, 41}};

}  // namespace

class Fir : public OnEveryBackend {
 protected:
  template <class T>
  Output<T> forward(const Problem<T> &p)
  {
    Array<T> x(ctx, p.x), b(ctx, p.b), zi(ctx, p.zi);
    Array<T> y(ctx, p.B * p.steps), zf(ctx, p.B * (p.K - 1));
    APF_EXPECT_OK(op::fir_forward<T>(ctx, p.B, p.steps, p.F, p.K, x.data(), b.data(), zi.data(),
                                     y.data(), zf.data()));
    return {y.values(), zf.values()};
  }
  template <class T>
  Gradients<T> backward(const Problem<T> &p)
  {
    Array<T> dy(ctx, p.dy), dzf(ctx, p.dzf), x(ctx, p.x), b(ctx, p.b), zi(ctx, p.zi);
    Array<T> dx(ctx, p.B * p.steps), db(ctx, p.B * p.F * p.K), dzi(ctx, p.B * (p.K - 1));
    APF_EXPECT_OK(op::fir_backward<T>(ctx, p.B, p.steps, p.F, p.K, dy.data(), dzf.data(), x.data(),
                                      b.data(), zi.data(), dx.data(), db.data(), dzi.data()));
    return {dx.values(), db.values(), dzi.values()};
  }
  template <class T>
  Output<T> jvp(const Problem<T> &p, const Problem<T> &v)
  {
    Array<T> x_dot(ctx, v.x), b_dot(ctx, v.b), zi_dot(ctx, v.zi);
    Array<T> x(ctx, p.x), b(ctx, p.b), zi(ctx, p.zi);
    Array<T> y_dot(ctx, p.B * p.steps), zf_dot(ctx, p.B * (p.K - 1));
    APF_EXPECT_OK(op::fir_jvp<T>(ctx, p.B, p.steps, p.F, p.K, x_dot.data(), b_dot.data(),
                                 zi_dot.data(), x.data(), b.data(), zi.data(), y_dot.data(),
                                 zf_dot.data()));
    return {y_dot.values(), zf_dot.values()};
  }
  template <class T>
  void expect_adjoint(int64_t B, Shape shape, int64_t K, double tolerance)
  {
    SCOPED_TRACE("B " + std::to_string(B) + " T " + std::to_string(shape.steps) + " F " +
                 std::to_string(shape.F) + " K " + std::to_string(K));
    const Problem<T> p(B, shape.steps, shape.F, K), v(B, shape.steps, shape.F, K, 1);

    const Output<T> dots = jvp(p, v);
    const Gradients<T> g = backward(p);

    const double left = dot(dots.y, p.dy) + dot(dots.zf, p.dzf);
    const double right = dot(v.x, g.dx) + dot(v.b, g.db) + dot(v.zi, g.dzi);
    EXPECT_NEAR(left, right, tolerance * (1 + std::abs(left)) * std::sqrt(K * B * shape.steps));
  }

  /** The fast kernels against the plain ones, to `tolerance` of the peak. */
  template <class T>
  void expect_reference(int64_t B, Shape shape, int64_t K, double tolerance)
  {
    SCOPED_TRACE("B " + std::to_string(B) + " T " + std::to_string(shape.steps) + " F " +
                 std::to_string(shape.F) + " K " + std::to_string(K));
    const int64_t n = B * shape.steps, F = shape.F, taps = B * F * K, states = B * (K - 1);
    const Problem<T> p(B, shape.steps, F, K), v(B, shape.steps, F, K, 1);
    std::vector<T> y(n), zf(states), dx(n), db(taps), dzi(states), y_dot(n), zf_dot(states);
    APF_ASSERT_OK(reference::fir_forward<T>(ctx, B, p.steps, F, K, p.x.data(), p.b.data(),
                                            p.zi.data(), y.data(), zf.data()));
    APF_ASSERT_OK(reference::fir_backward<T>(ctx, B, p.steps, F, K, p.dy.data(), p.dzf.data(),
                                             p.x.data(), p.b.data(), p.zi.data(), dx.data(),
                                             db.data(), dzi.data()));
    APF_ASSERT_OK(reference::fir_jvp<T>(ctx, B, p.steps, F, K, v.x.data(), v.b.data(), v.zi.data(),
                                        p.x.data(), p.b.data(), p.zi.data(), y_dot.data(),
                                        zf_dot.data()));

    const Output<T> out = forward(p), dots = jvp(p, v);
    const Gradients<T> g = backward(p);

    EXPECT_LE(relative_error(out.y, y), tolerance);
    EXPECT_EQ(out.zf, zf);
    EXPECT_LE(relative_error(g.dx, dx), tolerance);
    EXPECT_LE(relative_error(g.db, db), tolerance * std::sqrt(shape.steps));
    EXPECT_LE(relative_error(g.dzi, dzi), tolerance);
    EXPECT_LE(relative_error(dots.y, y_dot), tolerance);
    EXPECT_EQ(dots.zf, zf_dot);
  }
};
APF_ON_EVERY_BACKEND(Fir);

TEST_P(Fir, WorkedExample)
{
  Problem<double> p(1, 2, 2, 3);
  p.x = {1, 2};
  p.b = {1, 10, 100, 2, 20, 200};
  p.zi = {3, 4};
  p.dy = {1, 1};
  p.dzf = {0, 1000};

  const Output<double> out = forward(p);
  const Gradients<double> g = backward(p);

  EXPECT_EQ(out.y, (std::vector<double>{341, 824}));
  EXPECT_EQ(out.zf, (std::vector<double>{1, 2}));
  EXPECT_EQ(g.dx, (std::vector<double>{21, 1002}));
  EXPECT_EQ(g.db, (std::vector<double>{1, 4, 3, 2, 1, 4}));
  EXPECT_EQ(g.dzi, (std::vector<double>{100, 210}));
}

TEST_P(Fir, FastKernelEqualsReference)
{
  using Sizes = std::vector<int64_t>;
  for (int64_t B : is_emulated(ctx) ? Sizes{3} : Sizes{1, 3, 31})
    for (const Shape &shape : kShapes)
      for (int64_t K : is_emulated(ctx) ? Sizes{1, 2, 5, 17} : Sizes{1, 2, 3, 4, 5, 7, 8, 17}) {
        expect_reference<float>(B, shape, K, 2e-6);
        if (B == 3) expect_reference<double>(B, shape, K, 1e-13);
      }
  expect_reference<double>(1, {700, 700}, 300, 1e-13); /* more taps than a tile has samples */
  expect_reference<float>(1, {700, 5}, 300, 1e-5);
}

TEST_P(Fir, SequencesDividedAmongThreadsEqualReference)
{
  using Shapes = std::vector<Shape>;
  const Shapes small = {{2500, 2500}, {2501, 1}, {2503, 2}, {2501, 5}, {4097, 65}, {2501, 2000}};
  for (const Shape &shape :
       is_emulated(ctx)
           ? small
           : Shapes{
                 {50000, 50000}, {50001, 1}, {50003, 2}, {50001, 5}, {65537, 1025}, {50001, 40000}})
    for (int64_t K : {1, 3, 7}) {
      expect_reference<float>(1, shape, K, 2e-6);
      /* The reference rounds positions among many frames. */
      expect_reference<double>(1, shape, K, shape.F > 2 && shape.F < shape.steps ? 1e-11 : 1e-14);
    }
}

TEST_P(Fir, OneTapIsAGain)
{
  Problem<double> p(3, 100, 1, 1);

  const Output<double> out = forward(p);

  for (int64_t i = 0; i < 300; i++) EXPECT_EQ(out.y[i], p.b[i / 100] * p.x[i]);
}

TEST_P(Fir, InterpolatedTapsEqualInterpolateThenFilter)
{
  using Sizes = std::vector<int64_t>;
  for (int64_t K : is_emulated(ctx) ? Sizes{3} : Sizes{1, 3, 5, 7, 17})
    for (int64_t F : {2, 9, 40, 600})
      for (int64_t T : {1, 2, 100, 500}) {
        if (F == T) continue;
        const Problem<double> frames(3, T, F, K);
        Problem<double> samples(3, T, T, K);
        samples.x = frames.x, samples.zi = frames.zi;
        Array<double> b(ctx, frames.b), wide(ctx, 3 * T * K);
        APF_ASSERT_OK(op::interpolate_forward<double>(ctx, 3, F, T, K, b.data(), wide.data()));
        samples.b = wide.values();

        const Gradients<double> g = backward(frames), want = backward(samples);
        Array<double> db(ctx, want.db), frame_db(ctx, 3 * F * K);
        APF_ASSERT_OK(
            op::interpolate_backward<double>(ctx, 3, F, T, K, db.data(), frame_db.data()));

        SCOPED_TRACE(std::to_string(T) + " " + std::to_string(F) + " " + std::to_string(K));
        EXPECT_LE(relative_error(forward(frames).y, forward(samples).y), 1e-13);
        EXPECT_LE(relative_error(g.dx, want.dx), 1e-13);
        EXPECT_LE(relative_error(g.dzi, want.dzi), 1e-13);
        EXPECT_LE(relative_error(g.db, frame_db.values()), 1e-12);
      }
}

TEST_P(Fir, BackwardIsTheAdjointOfForwardMode)
{
  using Sizes = std::vector<int64_t>;
  for (int64_t B : is_emulated(ctx) ? Sizes{3} : Sizes{1, 3})
    for (const Shape &shape : kShapes)
      for (int64_t K : is_emulated(ctx) ? Sizes{2, 33} : Sizes{1, 2, 3, 7, 16, 33}) {
        expect_adjoint<double>(B, shape, K, 1e-13);
        if (B == 3) expect_adjoint<float>(B, shape, K, 1e-5);
      }
}

TEST_P(Fir, GradientsEqualCentralDifferences)
{
  for (const Shape &shape : {Shape{40, 40}, Shape{40, 1}, Shape{40, 6}}) {
    const Problem<double> p(2, shape.steps, shape.F, 5);
    const auto along = [&](std::vector<double> Problem<double>::*member) {
      return [&, member](const std::vector<double> &values) {
        Problem<double> moved = p;
        moved.*member = values;
        const Output<double> out = forward(moved);
        return dot(out.y, p.dy) + dot(out.zf, p.dzf);
      };
    };

    const Gradients<double> g = backward(p);

    expect_gradient(along(&Problem<double>::x), p.x, g.dx);
    expect_gradient(along(&Problem<double>::b), p.b, g.db);
    expect_gradient(along(&Problem<double>::zi), p.zi, g.dzi);
  }
}

TEST_P(Fir, ChunksWithCarriedStateEqualOneShot)
{
  for (int64_t first : {0, 1, 2, 5, 60, 99}) {
    const int64_t K = 7;
    const Problem<double> whole(1, 100, 100, K);
    Problem<double> head = whole, tail = whole;
    head.steps = head.F = first;
    tail.steps = tail.F = whole.steps - first;
    head.x.resize(first), head.b.resize(first * K);
    tail.x.erase(tail.x.begin(), tail.x.begin() + first);
    tail.b.erase(tail.b.begin(), tail.b.begin() + first * K);

    const Output<double> one_shot = forward(whole);
    Output<double> chunked = forward(head);
    tail.zi = chunked.zf;
    const Output<double> last = forward(tail);
    chunked.y.insert(chunked.y.end(), last.y.begin(), last.y.end());

    EXPECT_LE(relative_error(chunked.y, one_shot.y), 1e-15);
    EXPECT_EQ(last.zf, one_shot.zf);
  }
}

TEST_P(Fir, EveryOptionalArrayMayBeNull)
{
  Problem<double> p(3, 50, 50, 3);
  std::fill(p.zi.begin(), p.zi.end(), 0);
  std::fill(p.dzf.begin(), p.dzf.end(), 0);
  const Output<double> out = forward(p);
  const Gradients<double> g = backward(p);
  Array<double> x(ctx, p.x), b(ctx, p.b), dy(ctx, p.dy), y(ctx, 150), dx(ctx, 150), db(ctx, 450),
      dzi(ctx, 6);

  APF_EXPECT_OK(
      op::fir_forward<double>(ctx, 3, 50, 50, 3, x.data(), b.data(), nullptr, y.data(), nullptr));
  APF_EXPECT_OK(op::fir_backward<double>(ctx, 3, 50, 50, 3, dy.data(), nullptr, nullptr, b.data(),
                                         nullptr, dx.data(), nullptr, nullptr));
  APF_EXPECT_OK(op::fir_backward<double>(ctx, 3, 50, 50, 3, dy.data(), nullptr, x.data(), b.data(),
                                         nullptr, nullptr, db.data(), nullptr));
  APF_EXPECT_OK(op::fir_backward<double>(ctx, 3, 50, 50, 3, dy.data(), nullptr, nullptr, b.data(),
                                         nullptr, nullptr, nullptr, dzi.data()));
  EXPECT_EQ(y.values(), out.y);
  EXPECT_EQ(dx.values(), g.dx);
  EXPECT_EQ(db.values(), g.db);
  EXPECT_EQ(dzi.values(), g.dzi);

  APF_EXPECT_OK(op::fir_jvp<double>(ctx, 3, 50, 50, 3, x.data(), nullptr, nullptr, nullptr,
                                    b.data(), nullptr, y.data(), nullptr));
  EXPECT_LE(relative_error(y.values(), out.y), 1e-15);
  APF_EXPECT_OK(op::fir_jvp<double>(ctx, 3, 50, 50, 3, nullptr, b.data(), nullptr, x.data(),
                                    nullptr, nullptr, y.data(), nullptr));
  EXPECT_LE(relative_error(y.values(), out.y), 1e-15);
  APF_EXPECT_OK(op::fir_jvp<double>(ctx, 3, 50, 50, 3, nullptr, nullptr, nullptr, nullptr, nullptr,
                                    nullptr, y.data(), nullptr));
  EXPECT_EQ(y.values(), std::vector<double>(150, 0.0));
}

TEST_P(Fir, NoSamplesPassTheStateThrough)
{
  const Problem<double> p(2, 0, 1, 4);

  EXPECT_EQ(forward(p).zf, p.zi);
  EXPECT_EQ(backward(p).dzi, p.dzf);
  EXPECT_EQ(backward(p).db, std::vector<double>(8, 0.0));
  APF_EXPECT_OK(
      op::fir_forward<float>(ctx, 0, 5, 5, 3, nullptr, nullptr, nullptr, nullptr, nullptr));
}

TEST_P(Fir, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, 12);
  float *const x = memory.data(), *const b = x + 4, *const y = b + 4;
  const auto forward_of = [&](apf_context *c, int64_t B, int64_t T, int64_t F, int64_t K, float *in,
                              float *taps, float *out) {
    return op::fir_forward<float>(c, B, T, F, K, in, taps, nullptr, out, nullptr);
  };

  expect_failure(nullptr, forward_of(nullptr, 1, 4, 4, 1, x, b, y), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
  expect_failure(ctx, forward_of(ctx, -1, 4, 4, 1, x, b, y), APF_ERR_ARGUMENT,
                 {"apf_fir_forward_f32", "B is -1"});
  expect_failure(ctx, forward_of(ctx, 1, -4, 1, 1, x, b, y), APF_ERR_ARGUMENT, {"T is -4"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 0, 1, x, b, y), APF_ERR_ARGUMENT,
                 {"F is 0", "at least 1"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, 0, x, b, y), APF_ERR_ARGUMENT,
                 {"K is 0", "at least 1"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, INT64_MAX / 4, x, b, y), APF_ERR_ARGUMENT,
                 {"size of b", "overflows"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, 1, nullptr, b, y), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, 1, x, nullptr, y), APF_ERR_ARGUMENT, {"b is NULL"});
  expect_failure(ctx, forward_of(ctx, 1, 4, 4, 1, x, b, nullptr), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx,
                 op::fir_backward<double>(ctx, 1, 4, 4, 1, nullptr, nullptr, nullptr, nullptr,
                                          nullptr, nullptr, nullptr, nullptr),
                 APF_ERR_ARGUMENT, {"apf_fir_backward_f64", "dy is NULL"});
  expect_failure(ctx,
                 op::fir_backward<float>(ctx, 1, 4, 4, 1, x, nullptr, nullptr, b, nullptr, nullptr,
                                         y, nullptr),
                 APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx,
                 op::fir_jvp<float>(ctx, 1, 4, 4, 1, x, nullptr, nullptr, nullptr, nullptr, nullptr,
                                    y, nullptr),
                 APF_ERR_ARGUMENT, {"b is NULL"});
}
