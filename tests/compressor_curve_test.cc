#include "support/support.h"

namespace {

template <class T>
struct Curve {
  std::vector<T> threshold, ratio, exp_threshold, exp_ratio;
};

template <class T>
struct Gradients {
  std::vector<T> dp, dthreshold, dratio, dexp_threshold, dexp_ratio;
};

/** Powers from -130 to +10 dB: silence, expander, neither, compressor. */
template <class T>
std::vector<T> powers(int64_t n, uint64_t seed)
{
  std::vector<T> p(n);
  const auto level = random_values<double>(n, seed, 70);
  for (int64_t i = 0; i < n; i++) p[i] = static_cast<T>(std::pow(10, (level[i] - 60) / 10));
  return p;
}

double gain_by_hand(double p, double threshold, double ratio, double exp_threshold,
                    double exp_ratio)
{
  const double L = 10 * std::log10(p);
  const double g =
      std::min({0.0, (1 - 1 / ratio) * (threshold - L), (1 - 1 / exp_ratio) * (exp_threshold - L)});
  return std::pow(10, g / 20);
}

}  // namespace

class CompressorCurve : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t steps, const std::vector<T> &p, const Curve<T> &curve)
  {
    Array<T> in(ctx, p), threshold(ctx, curve.threshold), ratio(ctx, curve.ratio),
        exp_threshold(ctx, curve.exp_threshold), exp_ratio(ctx, curve.exp_ratio),
        gain(ctx, B * steps);
    const bool expander = !curve.exp_ratio.empty();
    APF_EXPECT_OK(
        op::compressor_curve_forward<T>(ctx, B, steps, in.data(), threshold.data(), ratio.data(),
                                        expander ? exp_threshold.data() : nullptr,
                                        expander ? exp_ratio.data() : nullptr, gain.data()));
    return gain.values();
  }
  template <class T>
  Gradients<T> backward(int64_t B, int64_t steps, const std::vector<T> &dgain,
                        const std::vector<T> &p, const Curve<T> &curve, const std::vector<T> &gain)
  {
    Array<T> up(ctx, dgain), in(ctx, p), threshold(ctx, curve.threshold), ratio(ctx, curve.ratio),
        exp_threshold(ctx, curve.exp_threshold), exp_ratio(ctx, curve.exp_ratio), out(ctx, gain),
        dp(ctx, B * steps), dthreshold(ctx, B), dratio(ctx, B), dexp_threshold(ctx, B),
        dexp_ratio(ctx, B);
    APF_EXPECT_OK(op::compressor_curve_backward<T>(
        ctx, B, steps, up.data(), in.data(), threshold.data(), ratio.data(), exp_threshold.data(),
        exp_ratio.data(), out.data(), dp.data(), dthreshold.data(), dratio.data(),
        dexp_threshold.data(), dexp_ratio.data()));
    return {dp.values(), dthreshold.values(), dratio.values(), dexp_threshold.values(),
            dexp_ratio.values()};
  }
};
APF_ON_EVERY_BACKEND(CompressorCurve);

TEST_P(CompressorCurve, WorkedExample)
{
  /* 0, -20, -40 and -80 dB against 2:1 above -20 dB and 1:2 below -60 dB */
  const Curve<double> curve = {{-20}, {2}, {-60}, {0.5}};

  const auto gain = forward<double>(1, 4, {1, 1e-2, 1e-4, 1e-8}, curve);

  EXPECT_LE(relative_error(gain, {std::pow(10, -0.5), 1, 1, 0.1}), 1e-14);
}

TEST_P(CompressorCurve, FollowsTheEquationAtEverySize)
{
  for (int64_t B : {1, 3, 33})
    for (int64_t steps : {1, 7, 2047, 2048, 2049}) {
      Curve<double> curve;
      for (int64_t b = 0; b < B; b++) {
        curve.threshold.push_back(-10.0 - b);
        curve.ratio.push_back(1.0 + b);
        curve.exp_threshold.push_back(-70.0);
        curve.exp_ratio.push_back(0.3);
      }
      const auto p = powers<double>(B * steps, 1);
      std::vector<double> want(B * steps);
      for (int64_t i = 0; i < B * steps; i++) {
        const int64_t b = i / steps;
        want[i] = gain_by_hand(p[i], curve.threshold[b], curve.ratio[b], curve.exp_threshold[b],
                               curve.exp_ratio[b]);
      }

      EXPECT_LE(relative_error(forward<double>(B, steps, p, curve), want), 1e-13);

      const Curve<float> narrow = {{curve.threshold.begin(), curve.threshold.end()},
                                   {curve.ratio.begin(), curve.ratio.end()},
                                   {curve.exp_threshold.begin(), curve.exp_threshold.end()},
                                   {curve.exp_ratio.begin(), curve.exp_ratio.end()}};
      EXPECT_LE(relative_error(forward<float>(B, steps, {p.begin(), p.end()}, narrow),
                               {want.begin(), want.end()}),
                2e-6);
    }
}

TEST_P(CompressorCurve, InfiniteRatioLimitsAndNoExpanderLeavesQuietSoundsAlone)
{
  const Curve<double> limiter = {{-20}, {INFINITY}, {}, {}};

  const auto gain = forward<double>(1, 4, {100, 1, 1e-3, 0}, limiter);

  EXPECT_LE(relative_error(gain, {0.01, 0.1, 1, 1}), 1e-14);
}

TEST_P(CompressorCurve, GradientsAreCentralDifferences)
{
  const int64_t B = 3, steps = 3000;
  const Curve<double> curve = {{-20, -40, -30}, {2, 8, 1.1}, {-70, -60, -80}, {0.5, 0.9, 0.2}};
  const auto p = powers<double>(B * steps, 1), dgain = random_values<double>(B * steps, 2);
  const auto loss = [&](const std::vector<double> &at_p, const Curve<double> &at) {
    return dot(forward<double>(B, steps, at_p, at), dgain);
  };
  /* Steps in proportion to p: it spans fourteen decades. */
  const auto scaled = [&](const std::vector<double> &v) {
    std::vector<double> out(v.size());
    for (size_t i = 0; i < v.size(); i++) out[i] = p[i] * v[i];
    return out;
  };

  const auto g = backward<double>(B, steps, dgain, p, curve, forward<double>(B, steps, p, curve));

  expect_gradient([&](const auto &v) { return loss(scaled(v), curve); },
                  std::vector<double>(B * steps, 1.0), scaled(g.dp), 1e-5, 1e-7);
  expect_gradient(
      [&](const auto &v) {
        return loss(p, {v, curve.ratio, curve.exp_threshold, curve.exp_ratio});
      },
      curve.threshold, g.dthreshold, 1e-5, 1e-7);
  expect_gradient(
      [&](const auto &v) {
        return loss(p, {curve.threshold, v, curve.exp_threshold, curve.exp_ratio});
      },
      curve.ratio, g.dratio, 1e-6, 1e-6);
  expect_gradient(
      [&](const auto &v) {
        return loss(p, {curve.threshold, curve.ratio, v, curve.exp_ratio});
      },
      curve.exp_threshold, g.dexp_threshold, 1e-5, 1e-7);
  expect_gradient(
      [&](const auto &v) {
        return loss(p, {curve.threshold, curve.ratio, curve.exp_threshold, v});
      },
      curve.exp_ratio, g.dexp_ratio, 1e-6, 1e-6);
}

TEST_P(CompressorCurve, EachGradientIsOptional)
{
  const int64_t steps = 2100;
  const Curve<float> curve = {{-20}, {4}, {-70}, {0.5}};
  const auto p = powers<float>(steps, 1), dgain = random_values<float>(steps, 2);
  const auto gain = forward<float>(1, steps, p, curve);
  const auto all = backward<float>(1, steps, dgain, p, curve, gain);
  Array<float> up(ctx, dgain), in(ctx, p), out(ctx, gain), threshold(ctx, curve.threshold),
      ratio(ctx, curve.ratio), exp_threshold(ctx, curve.exp_threshold),
      exp_ratio(ctx, curve.exp_ratio), dp(ctx, steps), scalars(ctx, 4);
  const std::vector<float> want[] = {all.dthreshold, all.dratio, all.dexp_threshold,
                                     all.dexp_ratio};

  for (int wanted = -1; wanted < 4; wanted++) {
    float *to[4] = {nullptr, nullptr, nullptr, nullptr};
    if (wanted >= 0) to[wanted] = scalars.data() + wanted;
    APF_EXPECT_OK(op::compressor_curve_backward<float>(
        ctx, 1, steps, up.data(), in.data(), threshold.data(), ratio.data(), exp_threshold.data(),
        exp_ratio.data(), out.data(), wanted < 0 ? dp.data() : nullptr, to[0], to[1], to[2],
        to[3]));
    if (wanted >= 0) {
      EXPECT_EQ(scalars.values()[wanted], want[wanted][0]) << wanted;
    }
  }
  EXPECT_EQ(dp.values(), all.dp);
}

TEST_P(CompressorCurve, ZeroSizesDoNothing)
{
  APF_EXPECT_OK(op::compressor_curve_forward<float>(ctx, 0, 5, nullptr, nullptr, nullptr, nullptr,
                                                    nullptr, nullptr));
  const auto g = backward<double>(1, 0, {}, {}, {{-20}, {4}, {-70}, {0.5}}, {});
  EXPECT_EQ(g.dthreshold, std::vector<double>{0});
  EXPECT_EQ(g.dexp_ratio, std::vector<double>{0});
}

TEST_P(CompressorCurve, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 4);
  float *v = v_memory.data();

  expect_failure(ctx, op::compressor_curve_forward<float>(ctx, 1, 4, v, nullptr, v, v, v, v),
                 APF_ERR_ARGUMENT, {"apf_compressor_curve_forward_f32", "threshold is NULL"});
  expect_failure(ctx, op::compressor_curve_forward<float>(ctx, 1, 4, v, v, v, v, nullptr, v),
                 APF_ERR_ARGUMENT, {"exp_ratio is NULL"});
  expect_failure(ctx,
                 op::compressor_curve_backward<float>(ctx, 1, 4, v, v, v, v, nullptr, nullptr, v, v,
                                                      v, v, v, v),
                 APF_ERR_ARGUMENT, {"exp_threshold is NULL"});
  expect_failure(
      ctx,
      op::compressor_curve_backward<float>(ctx, 1, 4, v, v, v, v, v, v, nullptr, v, v, v, v, v),
      APF_ERR_ARGUMENT, {"gain is NULL"});
  expect_failure(ctx, op::compressor_curve_forward<float>(ctx, INT64_MAX / 2, 4, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(nullptr, op::compressor_curve_forward<float>(nullptr, 1, 4, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
