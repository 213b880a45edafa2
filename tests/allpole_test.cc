#include "support/reference.h"
#include "support/support.h"

#include <algorithm>

APF_REFERENCE_SCALAR(allpole_forward)
APF_REFERENCE_SCALAR(allpole_backward)
APF_REFERENCE_SCALAR(allpole_jvp)

namespace {

template <class S>
using Values = std::vector<S>;
typedef std::vector<int64_t> Sizes;

template <class S>
constexpr bool is_complex = std::is_same_v<S, apf_c64> || std::is_same_v<S, apf_c128>;
template <class S>
constexpr double tolerance = std::is_same_v<S, float> || std::is_same_v<S, apf_c64> ? 2e-5 : 1e-12;

/** Sizes and data of one call; dy and dzf are upstream gradients. */
template <class S>
struct Case {
  int64_t B, T, F, M;
  Values<S> x, a, zi, dy, dzf;
};

/** Coefficients small enough for any sequence of them to be stable. */
template <class S>
Case<S> random_case(int64_t B, int64_t T, int64_t F, int64_t M, uint64_t seed = 1)
{
  const double scale = (is_complex<S> ? 0.65 : 0.95) / static_cast<double>(M);
  return {B,
          T,
          F,
          M,
          random_values<S>(B * T, seed),
          random_values<S>(B * F * M, seed + 1, scale),
          random_values<S>(B * M, seed + 2),
          random_values<S>(B * T, seed + 3),
          random_values<S>(B * M, seed + 4)};
}

template <class S>
struct Output {
  Values<S> y, zf;
};

template <class S>
struct Gradients {
  Values<S> dx, da, dzi;
};

template <class S>
Output<S> reference_forward(apf_context *ctx, const Case<S> &c)
{
  Output<S> out{Values<S>(c.B * c.T), Values<S>(c.B * c.M)};
  EXPECT_EQ(reference::allpole_forward<S>(ctx, c.B, c.T, c.F, c.M, c.x.data(), c.a.data(),
                                          c.zi.data(), out.y.data(), out.zf.data()),
            APF_OK);
  return out;
}

template <class S>
Gradients<S> reference_backward(apf_context *ctx, const Case<S> &c, const Values<S> &y)
{
  Gradients<S> out{Values<S>(c.B * c.T), Values<S>(c.B * c.F * c.M), Values<S>(c.B * c.M)};
  EXPECT_EQ(reference::allpole_backward<S>(ctx, c.B, c.T, c.F, c.M, c.dy.data(), c.dzf.data(),
                                           c.a.data(), c.zi.data(), y.data(), out.dx.data(),
                                           out.da.data(), out.dzi.data()),
            APF_OK);
  return out;
}

template <class S>
Output<S> reference_jvp(apf_context *ctx, const Case<S> &c, const Case<S> &dot, const Values<S> &y)
{
  Output<S> out{Values<S>(c.B * c.T), Values<S>(c.B * c.M)};
  EXPECT_EQ(
      reference::allpole_jvp<S>(ctx, c.B, c.T, c.F, c.M, dot.x.data(), dot.a.data(), dot.zi.data(),
                                c.a.data(), c.zi.data(), y.data(), out.y.data(), out.zf.data()),
      APF_OK);
  return out;
}

class Allpole : public OnEveryBackend {
 protected:
  template <class S>
  Output<S> forward(const Case<S> &c)
  {
    Array<S> x(ctx, c.x), a(ctx, c.a), zi(ctx, c.zi), y(ctx, c.B * c.T), zf(ctx, c.B * c.M);
    APF_EXPECT_OK(op::allpole_forward<S>(ctx, c.B, c.T, c.F, c.M, x.data(), a.data(), zi.data(),
                                         y.data(), zf.data()));
    return {y.values(), zf.values()};
  }

  template <class S>
  Gradients<S> backward(const Case<S> &c, const Values<S> &output)
  {
    Array<S> dy(ctx, c.dy), dzf(ctx, c.dzf), a(ctx, c.a), zi(ctx, c.zi), y(ctx, output);
    Array<S> dx(ctx, c.B * c.T), da(ctx, c.B * c.F * c.M), dzi(ctx, c.B * c.M);
    APF_EXPECT_OK(op::allpole_backward<S>(ctx, c.B, c.T, c.F, c.M, dy.data(), dzf.data(), a.data(),
                                          zi.data(), y.data(), dx.data(), da.data(), dzi.data()));
    return {dx.values(), da.values(), dzi.values()};
  }

  template <class S>
  Output<S> jvp(const Case<S> &c, const Case<S> &dot, const Values<S> &output)
  {
    Array<S> x_dot(ctx, dot.x), a_dot(ctx, dot.a), zi_dot(ctx, dot.zi);
    Array<S> a(ctx, c.a), zi(ctx, c.zi), y(ctx, output);
    Array<S> y_dot(ctx, c.B * c.T), zf_dot(ctx, c.B * c.M);
    APF_EXPECT_OK(op::allpole_jvp<S>(ctx, c.B, c.T, c.F, c.M, x_dot.data(), a_dot.data(),
                                     zi_dot.data(), a.data(), zi.data(), y.data(), y_dot.data(),
                                     zf_dot.data()));
    return {y_dot.values(), zf_dot.values()};
  }

  template <class S>
  void expect_equals_reference(int64_t B, int64_t T, int64_t F, int64_t M)
  {
    SCOPED_TRACE(testing::Message()
                 << "B " << B << " T " << T << " F " << F << " M " << M << " bytes " << sizeof(S));
    const Case<S> c = random_case<S>(B, T, F, M), dot = random_case<S>(B, T, F, M, 11);

    const Output<S> want = reference_forward(ctx, c), got = forward(c);
    EXPECT_LE(relative_error(got.y, want.y), tolerance<S>);
    EXPECT_LE(relative_error(got.zf, want.zf), tolerance<S>);

    const Gradients<S> want_d = reference_backward(ctx, c, want.y), got_d = backward(c, want.y);
    EXPECT_LE(relative_error(got_d.dx, want_d.dx), tolerance<S>);
    EXPECT_LE(relative_error(got_d.da, want_d.da), 10 * tolerance<S>);
    EXPECT_LE(relative_error(got_d.dzi, want_d.dzi), tolerance<S>);

    const Output<S> want_dot = reference_jvp(ctx, c, dot, want.y), got_dot = jvp(c, dot, want.y);
    EXPECT_LE(relative_error(got_dot.y, want_dot.y), tolerance<S>);
    EXPECT_LE(relative_error(got_dot.zf, want_dot.zf), tolerance<S>);
  }

  template <class S>
  void expect_equals_reference_at_edges()
  {
    const bool emulated = is_emulated(ctx);
    for (int64_t M : {1, 2, 3, 4, 5, 6, 8, 16, 22, 64})
      for (int64_t T : {int64_t(1), M - 1, M, M + 1, int64_t(97), int64_t(384)})
        for (int64_t B : emulated ? Sizes{M == 2 ? 33 : 2} : Sizes{1, 3, 33})
          for (int64_t F : {int64_t(1), int64_t(2), int64_t(7), T})
            if (T > 0 && (M < 16 || (T < 200 && (emulated || B == 33))) && !HasFailure())
              expect_equals_reference<S>(B, T, F, M);
  }

  template <class S>
  void expect_adjoint_identities(int64_t B, int64_t T, int64_t F, int64_t M)
  {
    SCOPED_TRACE(testing::Message() << "B " << B << " T " << T << " F " << F << " M " << M);
    const Case<S> c = random_case<S>(B, T, F, M), dot_case = random_case<S>(B, T, F, M, 11);
    const Output<S> out = forward(c);
    const Gradients<S> d = backward(c, out.y);

    const double left = dot(out.y, c.dy) + dot(out.zf, c.dzf);
    EXPECT_NEAR(left, dot(c.x, d.dx) + dot(c.zi, d.dzi), 1e-11 * (1 + std::abs(left)));

    const Output<S> out_dot = jvp(c, dot_case, out.y);
    const double left_dot = dot(out_dot.y, c.dy) + dot(out_dot.zf, c.dzf);
    EXPECT_NEAR(left_dot, dot(dot_case.x, d.dx) + dot(dot_case.a, d.da) + dot(dot_case.zi, d.dzi),
                1e-11 * (1 + std::abs(left_dot)));
  }

  /** Central differences of <y, dy> + <zf, dzf> along x, a and zi. */
  template <class S>
  void expect_gradients(int64_t B, int64_t T, int64_t F, int64_t M)
  {
    SCOPED_TRACE(testing::Message() << "B " << B << " T " << T << " F " << F << " M " << M);
    const Case<S> c = random_case<S>(B, T, F, M);
    const Gradients<S> d = backward(c, forward(c).y);
    const auto parts = [](const Values<S> &v) {
      const auto *first = reinterpret_cast<const double *>(v.data());
      return std::vector<double>(first, first + v.size() * sizeof(S) / sizeof(double));
    };
    const auto loss_along = [&](Values<S> Case<S>::*input) {
      return [&, input](const std::vector<double> &flat) {
        Case<S> moved = c;
        std::memcpy((moved.*input).data(), flat.data(), flat.size() * sizeof(double));
        const Output<S> out = forward(moved);
        return dot(out.y, c.dy) + dot(out.zf, c.dzf);
      };
    };

    expect_gradient(loss_along(&Case<S>::x), parts(c.x), parts(d.dx));
    expect_gradient(loss_along(&Case<S>::a), parts(c.a), parts(d.da));
    expect_gradient(loss_along(&Case<S>::zi), parts(c.zi), parts(d.dzi));
  }
};
APF_ON_EVERY_BACKEND(Allpole);

/** Poles at radius r and angles that wander with t: (T, 2) coefficients. */
std::vector<double> moving_poles(int64_t T, double radius)
{
  std::vector<double> a;
  for (int64_t t = 0; t < T; t++) {
    a.push_back(-2 * radius * std::cos(0.3 + 0.2 * std::sin(0.001 * static_cast<double>(t))));
    a.push_back(radius * radius);
  }
  return a;
}

template <class S>
Values<S> slice(const Values<S> &v, int64_t B, int64_t T, int64_t from, int64_t to, int64_t C = 1)
{
  Values<S> out(B * (to - from) * C);
  for (int64_t b = 0; b < B; b++)
    std::copy(v.begin() + (b * T + from) * C, v.begin() + (b * T + to) * C,
              out.begin() + b * (to - from) * C);
  return out;
}

}  // namespace

TEST_P(Allpole, WorkedExample)
{
  const Case<double> c{1, 3, 3, 2, {1, 2, 3}, {.5, 0, 1, -1, 2, .5}, {2, 4}, {1, 0, 1}, {0, 0}};

  const Output<double> out = forward(c);
  const Gradients<double> d = backward(c, out.y);

  EXPECT_EQ(out.y, (Values<double>{0, 4, -5}));
  EXPECT_EQ(out.zf, (Values<double>{-5, 4}));
  EXPECT_EQ(d.dx, (Values<double>{2.5, -2, 1}));
  EXPECT_EQ(d.da, (Values<double>{-5, -10, 0, 4, -4, 0}));
  EXPECT_EQ(d.dzi, (Values<double>{-3.25, 0}));
}

TEST_P(Allpole, ComplexWorkedExampleConjugatesInTheAdjoint)
{
  const Case<apf_c128> c{1,       2, 1, 1, {{1, 0}, {0, 0}}, {{0, 1}}, {{2, 0}}, {{0, 0}, {1, 0}},
                         {{0, 0}}};

  const Output<apf_c128> out = forward(c);
  const Gradients<apf_c128> d = backward(c, out.y);

  EXPECT_EQ(relative_error(out.y, {{1, -2}, {-2, -1}}), 0);
  EXPECT_EQ(relative_error(out.zf, {{-2, -1}}), 0);
  EXPECT_EQ(relative_error(d.dx, {{0, 1}, {1, 0}}), 0);
  EXPECT_EQ(relative_error(d.da, {{-1, -4}}), 0);
  EXPECT_EQ(relative_error(d.dzi, {{-1, 0}}), 0);
}

TEST_P(Allpole, FloatEqualsReference)
{
  expect_equals_reference_at_edges<float>();
}

TEST_P(Allpole, DoubleEqualsReference)
{
  expect_equals_reference_at_edges<double>();
}

TEST_P(Allpole, SingleComplexEqualsReference)
{
  expect_equals_reference_at_edges<apf_c64>();
}

TEST_P(Allpole, DoubleComplexEqualsReference)
{
  expect_equals_reference_at_edges<apf_c128>();
}

TEST_P(Allpole, LongSignalsEqualReference)
{
  const bool emulated = is_emulated(ctx);
  const int64_t T = emulated ? 5003 : 20011;
  for (int64_t M : {1, 2, 7})
    for (int64_t F : {int64_t(1), int64_t(50), T}) {
      expect_equals_reference<float>(emulated ? 2 : 17, T, F, M);
      expect_equals_reference<double>(emulated ? 1 : 5, T, F, M);
    }
}

TEST_P(Allpole, FewLongSignalsEqualReference)
{
  const bool emulated = is_emulated(ctx);
  for (int64_t B : emulated ? Sizes{1} : Sizes{1, 2, 3})
    for (int64_t M : emulated ? Sizes{1, 3, 8} : Sizes{1, 2, 3, 5, 8, 9})
      for (int64_t T : emulated ? Sizes{8999} : Sizes{8192, 8999})
        for (int64_t F : {int64_t(1), int64_t(33), T}) {
          expect_equals_reference<float>(B, T, F, M);
          expect_equals_reference<double>(B, T, F, M);
        }
  expect_equals_reference<apf_c64>(1, 9000, 9000, 2);
  expect_equals_reference<apf_c128>(1, 9000, 70, 3);
}

TEST_P(Allpole, LengthsAroundATileOfTheGpuEqualReference)
{
  for (int64_t T : {1023, 1024, 1025, 2047, 2048, 2049, 4096, 4097}) {
    expect_equals_reference<float>(1, T, T, 2);
    expect_equals_reference<float>(1, T, 9, 3);
    expect_equals_reference<double>(1, T, T, 4);
  }
}

TEST_P(Allpole, ManySequencesEqualReference)
{
  for (int64_t M : {1, 6})
    for (int64_t F : {1, 5, 300})
      expect_equals_reference<float>(is_emulated(ctx) ? 70 : 17000, 300, F, M);
}

TEST_P(Allpole, FramesDenserThanSamplesEqualReference)
{
  for (int64_t M : {1, 3, 9})
    for (int64_t T : {40, M < 9 ? 2500 : 300}) {
      expect_equals_reference<float>(1, T, T + 1, M);
      expect_equals_reference<float>(2, T, 3 * T - 1, M);
    }
}

TEST_P(Allpole, AdjointIdentitiesHold)
{
  for (int64_t M : {1, 2, 3, 6, 11})
    for (int64_t T : {1, 5, 200})
      for (int64_t F : {int64_t(1), int64_t(4), T}) {
        expect_adjoint_identities<double>(3, T, F, M);
        expect_adjoint_identities<apf_c128>(3, T, F, M);
      }
}

TEST_P(Allpole, GradientsMatchCentralDifferences)
{
  for (int64_t M : {1, 2, 5})
    for (int64_t T : {3, 40})
      for (int64_t F : {int64_t(1), int64_t(4), T}) {
        expect_gradients<double>(2, T, F, M);
        expect_gradients<apf_c128>(2, T, F, M);
      }
}

TEST_P(Allpole, ZeroCoefficientsAreTheIdentity)
{
  Case<float> c = random_case<float>(3, 100, 100, 4);
  std::fill(c.a.begin(), c.a.end(), 0.0f);

  EXPECT_EQ(forward(c).y, c.x);
  EXPECT_EQ(backward(c, c.x).dzi, Values<float>(12, 0.0f));
}

TEST_P(Allpole, ConstantCoefficientsEqualRepeatedOnes)
{
  const Case<double> constant = random_case<double>(3, 90, 1, 2);
  Case<double> repeated = constant;
  repeated.F = 90;
  repeated.a.resize(3 * 180);
  for (int64_t k = 0; k < 3 * 180; k++) repeated.a[k] = constant.a[k / 180 * 2 + k % 2];

  const Output<double> out = forward(constant);
  const Gradients<double> d = backward(constant, out.y), d_repeated = backward(repeated, out.y);

  EXPECT_LE(relative_error(out.y, forward(repeated).y), 1e-14);
  Values<double> sum(6);
  for (int64_t b = 0; b < 3; b++)
    for (int64_t k = 0; k < 180; k++) sum[b * 2 + k % 2] += d_repeated.da[b * 180 + k];
  EXPECT_LE(relative_error(d.da, sum), 1e-13);
}

TEST_P(Allpole, FramesEqualInterpolatedCoefficients)
{
  const int64_t B = 3, T = 150, M = 3;
  for (int64_t F : {2, 3, 40, 149, 151, 400}) {
    const Case<double> frames = random_case<double>(B, T, F, M);
    Case<double> samples = frames;
    samples.F = T;
    Array<double> a(ctx, frames.a), a_t(ctx, B * T * M), da(ctx, B * F * M);
    APF_EXPECT_OK(op::interpolate_forward<double>(ctx, B, F, T, M, a.data(), a_t.data()));
    samples.a = a_t.values();

    const Output<double> out = forward(frames);
    const Gradients<double> d = backward(frames, out.y), d_samples = backward(samples, out.y);
    Array<double> da_t(ctx, d_samples.da);
    APF_EXPECT_OK(op::interpolate_backward<double>(ctx, B, F, T, M, da_t.data(), da.data()));

    EXPECT_LE(relative_error(out.y, forward(samples).y), 1e-13) << F;
    EXPECT_LE(relative_error(d.dx, d_samples.dx), 1e-13) << F;
    EXPECT_LE(relative_error(d.da, da.values()), 1e-13) << F;
  }
}

TEST_P(Allpole, ChunksWithCarriedStateEqualOneShot)
{
  const int64_t B = 3, T = 130, M = 5;
  const Case<double> c = random_case<double>(B, T, T, M);
  const Output<double> whole = forward(c);
  const Gradients<double> d = backward(c, whole.y);
  const std::vector<int64_t> ends = {0, 2, 3, 67, 130}; /* one chunk is shorter than the order */

  std::vector<Case<double>> chunks;
  Values<double> state = c.zi;
  for (size_t k = 0; k + 1 < ends.size(); k++) {
    const int64_t from = ends[k], to = ends[k + 1];
    chunks.push_back({B,
                      to - from,
                      to - from,
                      M,
                      slice(c.x, B, T, from, to),
                      slice(c.a, B, T, from, to, M),
                      state,
                      slice(c.dy, B, T, from, to),
                      {}});
    const Output<double> part = forward(chunks.back());
    EXPECT_LE(relative_error(part.y, slice(whole.y, B, T, from, to)), 1e-14);
    state = part.zf;
  }
  EXPECT_LE(relative_error(state, whole.zf), 1e-14);

  state = c.dzf;
  for (size_t k = chunks.size(); k-- > 0;) {
    const int64_t from = ends[k], to = ends[k + 1];
    chunks[k].dzf = state;
    const Gradients<double> part = backward(chunks[k], slice(whole.y, B, T, from, to));
    EXPECT_LE(relative_error(part.dx, slice(d.dx, B, T, from, to)), 1e-13);
    EXPECT_LE(relative_error(part.da, slice(d.da, B, T, from, to, M)), 1e-13);
    state = part.dzi;
  }
  EXPECT_LE(relative_error(state, d.dzi), 1e-13);
}

TEST_P(Allpole, OutputsMayTakeThePlaceOfInputs)
{
  for (int64_t B : {1, 18}) {
    const int64_t T = B == 1 ? 9001 : 700, M = 3;
    const Case<float> c = random_case<float>(B, T, T, M);
    const Output<float> out = forward(c);
    const Gradients<float> d = backward(c, out.y);
    const Output<float> tangent = jvp(c, c, out.y);
    Array<float> x(ctx, c.x), a(ctx, c.a), state(ctx, c.zi), zi(ctx, c.zi), y(ctx, out.y);
    Array<float> dy(ctx, c.dy), dstate(ctx, c.dzf), da(ctx, B * T * M), x_dot(ctx, c.x);

    APF_EXPECT_OK(op::allpole_forward<float>(ctx, B, T, T, M, x.data(), a.data(), state.data(),
                                             x.data(), state.data()));
    APF_EXPECT_OK(op::allpole_backward<float>(ctx, B, T, T, M, dy.data(), dstate.data(), a.data(),
                                              zi.data(), y.data(), dy.data(), da.data(),
                                              dstate.data()));
    APF_EXPECT_OK(op::allpole_jvp<float>(ctx, B, T, T, M, x_dot.data(), a.data(), zi.data(),
                                         a.data(), zi.data(), y.data(), x_dot.data(), nullptr));

    EXPECT_EQ(x.values(), out.y);
    EXPECT_EQ(state.values(), out.zf);
    EXPECT_EQ(dy.values(), d.dx);
    EXPECT_EQ(da.values(), d.da);
    EXPECT_EQ(dstate.values(), d.dzi);
    EXPECT_EQ(x_dot.values(), tangent.y);
  }
}

TEST_P(Allpole, EachOptionalOutputMayBeLeftOut)
{
  for (int64_t F : {1, 5, 60}) {
    const Case<double> c = random_case<double>(3, 60, F, 3);
    const Output<double> out = forward(c);
    const Gradients<double> d = backward(c, out.y);
    Array<double> x(ctx, c.x), a(ctx, c.a), zi(ctx, c.zi), dy(ctx, c.dy), dzf(ctx, c.dzf);
    Array<double> y(ctx, out.y);
    const auto call = [&](double *dx, double *da, double *dzi) {
      return op::allpole_backward<double>(ctx, 3, 60, F, 3, dy.data(), dzf.data(), a.data(),
                                          zi.data(), da ? y.data() : nullptr, dx, da, dzi);
    };

    Array<double> y_alone(ctx, 180), dx(ctx, 180), da(ctx, 9 * F), dzi(ctx, 9);
    APF_EXPECT_OK(op::allpole_forward<double>(ctx, 3, 60, F, 3, x.data(), a.data(), zi.data(),
                                              y_alone.data(), nullptr));
    APF_EXPECT_OK(call(dx.data(), nullptr, nullptr));
    APF_EXPECT_OK(call(nullptr, da.data(), nullptr));
    APF_EXPECT_OK(call(nullptr, nullptr, dzi.data()));
    APF_EXPECT_OK(call(nullptr, nullptr, nullptr));

    EXPECT_EQ(y_alone.values(), out.y);
    EXPECT_EQ(dx.values(), d.dx);
    EXPECT_EQ(da.values(), d.da);
    EXPECT_EQ(dzi.values(), d.dzi);
  }
}

TEST_P(Allpole, AbsentInputsAreZero)
{
  Case<double> c = random_case<double>(2, 30, 30, 4), dot = random_case<double>(2, 30, 30, 4, 11);
  c.zi.assign(8, 0.0);
  c.dzf.assign(8, 0.0);
  const Output<double> out = forward(c);
  const Gradients<double> d = backward(c, out.y);
  Array<double> x(ctx, c.x), a(ctx, c.a), dy(ctx, c.dy), y(ctx, 60), dx(ctx, 60), da(ctx, 240);
  Array<double> x_dot(ctx, dot.x), a_dot(ctx, dot.a), zi_dot(ctx, dot.zi), y_dot(ctx, 60);
  const auto tangent = [&](double *xd, double *ad, double *zd) {
    APF_EXPECT_OK(op::allpole_jvp<double>(ctx, 2, 30, 30, 4, xd, ad, zd, a.data(), nullptr,
                                          ad ? y.data() : nullptr, y_dot.data(), nullptr));
    return y_dot.values();
  };

  APF_EXPECT_OK(op::allpole_forward<double>(ctx, 2, 30, 30, 4, x.data(), a.data(), nullptr,
                                            y.data(), nullptr));
  APF_EXPECT_OK(op::allpole_backward<double>(ctx, 2, 30, 30, 4, dy.data(), nullptr, a.data(),
                                             nullptr, y.data(), dx.data(), da.data(), nullptr));

  EXPECT_LE(relative_error(y.values(), out.y), 1e-14);
  EXPECT_LE(relative_error(dx.values(), d.dx), 1e-14);
  EXPECT_LE(relative_error(da.values(), d.da), 1e-14);
  const Values<double> all = jvp(c, dot, out.y).y;
  const Values<double> along_x = tangent(x_dot.data(), nullptr, nullptr);
  const Values<double> along_a = tangent(nullptr, a_dot.data(), nullptr);
  Values<double> sum = tangent(nullptr, nullptr, zi_dot.data());
  for (size_t t = 0; t < sum.size(); t++) sum[t] += along_x[t] + along_a[t];
  EXPECT_LE(relative_error(sum, all), 1e-13);
  EXPECT_EQ(tangent(nullptr, nullptr, nullptr), Values<double>(60, 0.0));
}

TEST_P(Allpole, PolesNearTheUnitCircleLoseNoMoreThanTheReference)
{
  const int64_t T = 50000;
  const std::vector<double> a = moving_poles(T, 0.9999);
  const Case<double> c{1, T, T, 2, random_values<double>(T, 1), a, {0.5, -0.5}, {}, {}};
  const Case<float> narrow{1,
                           T,
                           T,
                           2,
                           Values<float>(c.x.begin(), c.x.end()),
                           Values<float>(a.begin(), a.end()),
                           {0.5f, -0.5f},
                           {},
                           {}};

  const Output<double> want = reference_forward(ctx, c);
  const auto loss = [&](const Values<float> &y) {
    return relative_error(std::vector<double>(y.begin(), y.end()), want.y);
  };

  EXPECT_LE(relative_error(forward(c).y, want.y), 1e-10);
  EXPECT_LE(loss(forward(narrow).y), 2 * loss(reference_forward(ctx, narrow).y) + 1e-5);
}

TEST_P(Allpole, CoefficientsThatAreUnstableForAWhileLoseNoMoreThanTheReference)
{
  const int64_t T = 3000;
  std::vector<double> a = moving_poles(T, 0.99);
  for (int64_t t = 1000; t < 1200; t++) {
    a[2 * t] *= 1.05 / 0.99;
    a[2 * t + 1] *= std::pow(1.05 / 0.99, 2);
  }
  const Case<double> c{1, T, T, 2, random_values<double>(T, 1), a, {0, 0}, {}, {}};

  const Output<double> want = reference_forward(ctx, c);

  EXPECT_LE(relative_error(forward(c).y, want.y), 1e-10);
}

TEST_P(Allpole, SilenceThroughUnstableCoefficientsStaysSilent)
{
  const int64_t T = 20000;
  const Case<float> c{1,     T, 1, 2, Values<float>(T), {-2.0f, 1.5f}, {0, 0}, Values<float>(T),
                      {0, 0}};

  const Output<float> out = forward(c);
  const Gradients<float> d = backward(c, out.y);

  EXPECT_EQ(out.y, Values<float>(T));
  EXPECT_EQ(d.dx, Values<float>(T));
  EXPECT_EQ(d.dzi, Values<float>(2));
}

TEST_P(Allpole, OneSequenceOverflowingLeavesTheOthersAlone)
{
  Case<float> c = random_case<float>(3, 400, 400, 2);
  for (int64_t k = 0; k < 800; k++) c.a[800 + k] = 4.0f;

  const Output<float> out = forward(c);

  const Output<float> want = reference_forward(ctx, c);
  EXPECT_FALSE(std::isfinite(out.y[799]));
  EXPECT_LE(relative_error(slice(out.y, 1, 400, 0, 400), slice(want.y, 1, 400, 0, 400)), 1e-5);
  EXPECT_LE(relative_error(Values<float>(out.y.begin() + 800, out.y.end()),
                           Values<float>(want.y.begin() + 800, want.y.end())),
            1e-5);
}

TEST_P(Allpole, ZeroSizesDoNothingButCarryTheState)
{
  Array<double> zi(ctx, {1.0, 2.0}), zf(ctx, 2), da(ctx, 6), dzi(ctx, 2);

  APF_EXPECT_OK(
      op::allpole_forward<float>(ctx, 0, 5, 5, 2, nullptr, nullptr, nullptr, nullptr, nullptr));
  APF_EXPECT_OK(op::allpole_forward<double>(ctx, 1, 0, 0, 2, nullptr, nullptr, zi.data(), nullptr,
                                            zf.data()));
  EXPECT_EQ(zf.values(), (Values<double>{1, 2}));
  APF_EXPECT_OK(op::allpole_backward<double>(ctx, 1, 0, 3, 2, nullptr, zi.data(), nullptr, nullptr,
                                             nullptr, nullptr, da.data(), dzi.data()));
  EXPECT_EQ(dzi.values(), (Values<double>{1, 2}));
  EXPECT_EQ(da.values(), Values<double>(6, 0.0));
  APF_EXPECT_OK(op::allpole_jvp<double>(ctx, 1, 0, 0, 2, nullptr, nullptr, nullptr, nullptr,
                                        nullptr, nullptr, nullptr, zf.data()));
  EXPECT_EQ(zf.values(), (Values<double>{0, 0}));
}

TEST_P(Allpole, BadArgumentsAreNamed)
{
  Array<float> in(ctx, 8), result(ctx, {7, 7, 7, 7, 7, 7, 7, 7});
  float *v = in.data(), *out = result.data();
  const auto forward_with = [&](apf_context *with, int64_t B, int64_t T, int64_t F, int64_t M,
                                const float *x, const float *a, float *y) {
    return op::allpole_forward<float>(with, B, T, F, M, x, a, nullptr, y, nullptr);
  };
  const auto refused = [&](apf_status got, std::initializer_list<const char *> words) {
    expect_failure(ctx, got, APF_ERR_ARGUMENT, words);
  };

  refused(forward_with(ctx, -1, 4, 4, 1, v, v, out), {"apf_allpole_forward_f32", "B is -1"});
  refused(forward_with(ctx, 1, -4, 4, 1, v, v, out), {"T is -4"});
  refused(forward_with(ctx, 1, 4, 0, 1, v, v, out), {"F is 0", "at least 1"});
  refused(forward_with(ctx, 1, 4, 4, 0, v, v, out), {"M is 0", "1 to 64"});
  refused(forward_with(ctx, 1, 4, 4, 65, v, v, out), {"M is 65", "1 to 64"});
  refused(forward_with(ctx, INT64_MAX / 8, 4, 4, 1, v, v, out), {"overflows"});
  refused(forward_with(ctx, 1, 4, INT64_MAX / 8, 4, v, v, out), {"size of a", "overflows"});
  refused(forward_with(ctx, 1, 4, 4, 1, nullptr, v, out), {"x is NULL"});
  refused(forward_with(ctx, 1, 4, 4, 1, v, nullptr, out), {"a is NULL"});
  refused(forward_with(ctx, 1, 4, 4, 1, v, v, nullptr), {"y is NULL"});
  refused(op::allpole_backward<float>(ctx, 1, 4, 4, 1, nullptr, nullptr, v, nullptr, v, out, out,
                                      nullptr),
          {"apf_allpole_backward_f32", "dy is NULL"});
  refused(op::allpole_backward<float>(ctx, 1, 4, 4, 1, v, nullptr, nullptr, nullptr, v, out, out,
                                      nullptr),
          {"a is NULL"});
  refused(op::allpole_backward<float>(ctx, 1, 4, 4, 1, v, nullptr, v, nullptr, nullptr, out, out,
                                      nullptr),
          {"y is NULL"});
  refused(op::allpole_jvp<float>(ctx, 1, 4, 4, 1, v, v, v, nullptr, v, v, out, nullptr),
          {"apf_allpole_jvp_f32", "a is NULL"});
  refused(op::allpole_jvp<float>(ctx, 1, 4, 4, 1, v, v, v, v, v, nullptr, out, nullptr),
          {"y is NULL"});
  refused(op::allpole_jvp<float>(ctx, 1, 4, 4, 1, v, v, v, v, v, v, nullptr, nullptr),
          {"y_dot is NULL"});
  expect_failure(nullptr, forward_with(nullptr, 1, 4, 4, 1, v, v, out), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
  EXPECT_EQ(result.values(), Values<float>(8, 7.0f));
}
