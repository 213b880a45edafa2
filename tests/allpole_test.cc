#include "support/allpole.h"

namespace {

class Allpole : public AllpoleTest<> {
 protected:
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

/** Five pairs of poles at radius r, whose angles wander apart: (T, 10) coefficients. */
std::vector<double> moving_resonances(int64_t T, double radius)
{
  std::vector<double> a;
  for (int64_t t = 0; t < T; t++) {
    std::vector<double> product(11);
    product[0] = 1;
    for (int k = 0; k < 5; k++) {
      const double angle = 0.3 + 0.55 * k + 0.2 * std::sin(0.001 * static_cast<double>(t) + k);
      for (int i = 10; i > 0; i--)
        product[i] += -2 * radius * std::cos(angle) * product[i - 1] +
                      (i > 1 ? radius * radius * product[i - 2] : 0);
    }
    a.insert(a.end(), product.begin() + 1, product.end());
  }
  return a;
}

/** The largest of what any state weighs in a later output: a, constant. */
double largest_weight(const Values<float> &a)
{
  const size_t M = a.size();
  double largest = 0;
  for (size_t m = 0; m < M; m++) {
    std::vector<double> state(M);
    state[m] = 1;
    for (int t = 0; t < 1000; t++) {
      double y = 0;
      for (size_t i = 0; i < M; i++) y -= static_cast<double>(a[i]) * state[i];
      state.pop_back();
      state.insert(state.begin(), y);
      largest = std::max(largest, std::fabs(y));
    }
  }
  return largest;
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

TEST_P(Allpole, FewLongSignalsOfHighOrderEqualReference)
{
  const bool emulated = is_emulated(ctx);
  for (int64_t M : emulated ? Sizes{9, 22} : Sizes{9, 16, 22, 32, 33, 64})
    for (int64_t T : emulated ? Sizes{5003} : Sizes{5003, 20011})
      for (int64_t F : {int64_t(1), int64_t(33), T}) {
        expect_equals_reference<float>(emulated ? 1 : 3, T, F, M);
        expect_equals_reference<double>(1, T, F, M);
      }
  expect_equals_reference<apf_c64>(1, 5003, 5003, 16);
  expect_equals_reference<apf_c128>(1, 5003, 70, 16);
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

TEST_P(Allpole, AdjointIdentitiesHoldForFewLongSequences)
{
  for (int64_t M : {2, 11})
    for (int64_t F : {1, 40, 5003}) expect_adjoint_identities<double>(1, 5003, F, M);
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

TEST_P(Allpole, ResonancesOfHighOrderLoseNoMoreThanTheReference)
{
  const int64_t T = 12000, M = 10;
  std::vector<double> a = moving_resonances(T, 0.999);
  const std::vector<double> unstable = moving_resonances(200, 1.05);
  std::copy(unstable.begin(), unstable.end(), a.begin() + 7000 * M);
  const std::vector<double> noise = random_values<double>(T, 1), zero(M);
  const Case<double> c{1, T, T, M, noise, a, zero, {}, {}};
  const auto rounded = [](const Values<double> &v) { return Values<float>(v.begin(), v.end()); };
  const Case<float> narrow{1, T, T, M, rounded(noise), rounded(a), rounded(zero), {}, {}};

  const Output<double> want = reference_forward(ctx, c);
  const auto loss = [&](const Values<float> &y) {
    return relative_error(std::vector<double>(y.begin(), y.end()), want.y);
  };

  EXPECT_LE(relative_error(forward(c).y, want.y), 1e-10);
  EXPECT_LE(loss(forward(narrow).y), 2 * loss(reference_forward(ctx, narrow).y) + 1e-5);
}

TEST_P(Allpole, ClusteredPolesLoseNoMoreThanTheReference)
{
  expect_clustered_poles_lose_no_more(is_emulated(ctx) ? 9001 : 20000, 4, 0.975);
}

/* Few long sequences are cut into spans, and a span is walked from its end for as long as anything
 * is left there of earlier samples: all of it, a part, or hardly any. */
TEST_P(Allpole, SpansReachAsFarBackAsTheirEndsRemember)
{
  const int64_t T = is_emulated(ctx) ? 5003 : 40000;
  Case<double> c = random_case<double>(1, T, T, 2);
  const std::vector<double> slow = moving_poles(T, 0.9999), fast = moving_poles(T, 0.5);
  for (int64_t k = 0; k < 2 * T; k++) c.a[k] = (k / 3000 % 2 ? slow : fast)[k];

  expect_equals_reference(c, random_case<double>(1, T, T, 2, 11));
}

TEST_P(Allpole, LongPredictorsLoseNoMoreThanTheReference)
{
  const int64_t T = is_emulated(ctx) ? 5003 : 40000, M = 22;
  Values<double> a = {1}; /* of the polynomial with pole pairs all around the circle */
  for (int k = 0; k < M / 2; k++) {
    Values<double> longer(a.size() + 2);
    for (size_t j = 0; j < a.size(); j++) {
      longer[j] += a[j];
      longer[j + 1] -= 2 * 0.97 * std::cos(0.2 + 0.24 * k) * a[j];
      longer[j + 2] += 0.97 * 0.97 * a[j];
    }
    a = longer;
  }
  const Values<float> narrow_a(a.begin() + 1, a.end()), narrow_x = random_values<float>(T, 1);
  const Case<float> narrow{1, T, 1, M, narrow_x, narrow_a, Values<float>(M), {}, {}};
  const Case<double> c{1,
                       T,
                       1,
                       M,
                       {narrow_x.begin(), narrow_x.end()},
                       {narrow_a.begin(), narrow_a.end()},
                       Values<double>(M),
                       {},
                       {}};

  const Output<double> want = reference_forward(ctx, c);
  const auto loss = [&](const Values<float> &y) {
    return relative_error(std::vector<double>(y.begin(), y.end()), want.y);
  };

  /* Spans of the CPU are so long that states have decayed at their ends. Those of CUDA are short:
   * rounding is multiplied by the square of the largest weight, see src/core/growth.h. */
  const double H = largest_weight(narrow_a), eps = std::numeric_limits<float>::epsilon() / 2;
  EXPECT_LE(loss(forward(narrow).y), GetParam().backend == APF_CUDA
                                         ? eps * H * H
                                         : 3 * loss(reference_forward(ctx, narrow).y));
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
