/** The compressor's parts: averages, gains of compressor and expander, limiter. */
#include "golden/golden.h"

#include <cmath>

namespace {

using Values = std::vector<double>;

/** Arrays of a case in one precision, and the operators on them. */
template <class T>
class Chain {
 public:
  explicit Chain(golden::Case &c) : c_(c), B_(c.size("x", 0)), N_(c.size("x", 1)) {}

  Values average(const Values &x, const Values &coefficient)
  {
    auto in = upload(x), rate = upload(coefficient), y = c_.array<T>(B_ * N_);
    c_.call(op::one_pole_forward<T>(c_.ctx(), B_, N_, in.data(), rate.data(), nullptr, y.data(),
                                    nullptr));
    return y.values();
  }

  /** Gradients of x and of the coefficient. */
  std::pair<Values, Values> average_gradients(const Values &dy, const Values &x,
                                              const Values &coefficient, const Values &y)
  {
    auto up = upload(dy), in = upload(x), rate = upload(coefficient), out = upload(y);
    auto dx = c_.array<T>(B_ * N_), dc = c_.array<T>(B_);
    c_.call(op::one_pole_backward<T>(c_.ctx(), B_, N_, up.data(), nullptr, in.data(), rate.data(),
                                     nullptr, out.data(), dx.data(), dc.data(), nullptr));
    return {dx.values(), dc.values()};
  }

  /** Thresholds and ratios; those of the expander may be empty. */
  struct Curve {
    Values threshold, ratio, exp_threshold, exp_ratio;
  };
  struct CurveGradients {
    Values x, threshold, ratio, exp_threshold, exp_ratio;
  };

  /** The curve takes power: x is an amplitude. */
  Values curve(const Values &x, const Curve &curve)
  {
    auto p = upload(squared(x)), gain = c_.array<T>(B_ * N_);
    auto threshold = upload(curve.threshold), ratio = upload(curve.ratio);
    auto exp_threshold = upload(curve.exp_threshold), exp_ratio = upload(curve.exp_ratio);
    const bool expander = exp_ratio.size() > 0;
    c_.call(op::compressor_curve_forward<T>(c_.ctx(), B_, N_, p.data(), threshold.data(),
                                            ratio.data(), expander ? exp_threshold.data() : nullptr,
                                            expander ? exp_ratio.data() : nullptr, gain.data()));
    return gain.values();
  }

  CurveGradients curve_gradients(const Values &dgain, const Values &x, const Curve &curve,
                                 const Values &gain)
  {
    auto up = upload(dgain), p = upload(squared(x)), out = upload(gain), dp = c_.array<T>(B_ * N_);
    auto threshold = upload(curve.threshold), ratio = upload(curve.ratio);
    auto exp_threshold = upload(curve.exp_threshold), exp_ratio = upload(curve.exp_ratio);
    auto dthreshold = c_.array<T>(B_), dratio = c_.array<T>(B_);
    auto dexp_threshold = c_.array<T>(B_), dexp_ratio = c_.array<T>(B_);
    const bool expander = exp_ratio.size() > 0;
    c_.call(op::compressor_curve_backward<T>(
        c_.ctx(), B_, N_, up.data(), p.data(), threshold.data(), ratio.data(),
        expander ? exp_threshold.data() : nullptr, expander ? exp_ratio.data() : nullptr,
        out.data(), dp.data(), dthreshold.data(), dratio.data(),
        expander ? dexp_threshold.data() : nullptr, expander ? dexp_ratio.data() : nullptr));
    Values dx = dp.values();
    for (size_t i = 0; i < dx.size(); i++) dx[i] *= 2 * x[i];
    return {dx, dthreshold.values(), dratio.values(), expander ? dexp_threshold.values() : Values(),
            expander ? dexp_ratio.values() : Values()};
  }

  Values smooth(const Values &x, double from, const Values &at, const Values &rt)
  {
    auto in = upload(x), zi = upload(Values(B_, from)), attack = upload(at), release = upload(rt);
    auto y = c_.array<T>(B_ * N_);
    c_.call(op::ballistics_forward<T>(c_.ctx(), B_, N_, in.data(), zi.data(), attack.data(),
                                      release.data(), y.data(), nullptr));
    return y.values();
  }

  struct SmoothGradients {
    Values x, at, rt;
  };
  SmoothGradients smooth_gradients(const Values &dy, const Values &x, double from, const Values &at,
                                   const Values &rt, const Values &y)
  {
    auto up = upload(dy), in = upload(x), zi = upload(Values(B_, from)), out = upload(y);
    auto attack = upload(at), release = upload(rt);
    auto dx = c_.array<T>(B_ * N_), dat = c_.array<T>(B_), drt = c_.array<T>(B_);
    c_.call(op::ballistics_backward<T>(c_.ctx(), B_, N_, up.data(), nullptr, in.data(), zi.data(),
                                       attack.data(), release.data(), out.data(), dx.data(),
                                       nullptr, dat.data(), drt.data()));
    return {dx.values(), dat.values(), drt.values()};
  }

  Values attack_mask(const Values &x, double from, const Values &y) const
  {
    Values mask(x.size());
    for (size_t i = 0; i < x.size(); i++) mask[i] = x[i] < (i % N_ ? y[i - 1] : from);
    return mask;
  }

  int64_t rows() const { return B_; }

 private:
  golden::Buffer<T> upload(const Values &values)
  {
    auto buffer = c_.array<T>(static_cast<int64_t>(values.size()));
    if (!values.empty()) buffer.set(values);
    return buffer;
  }
  static Values squared(Values x)
  {
    for (double &v : x) v *= v;
    return x;
  }

  golden::Case &c_;
  int64_t B_, N_;
};

template <class T>
void average(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-11, 1e-5};
  Chain<T> chain(c);
  const Values x = c.values("x"), coefficient = c.values("avg_coef");

  const Values y = chain.average(x, coefficient);
  const auto [dx, dc] = chain.average_gradients(c.values("grad_y"), x, coefficient, y);

  c.compare("y", y, tolerance);
  c.compare("grad_x", dx, tolerance);
  if (c.has("grad_avg_coef")) c.compare("grad_avg_coef", dc, tolerance);
}

template <class T>
void compressor_expander(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-10, 1e-4};
  Chain<T> chain(c);
  const Values x = c.values("x"), at = c.values("at"), rt = c.values("rt");
  const typename Chain<T>::Curve curve = {c.values("comp_thresh"), c.values("comp_ratio"),
                                          c.values("exp_thresh"), c.values("exp_ratio")};

  const Values f = chain.curve(x, curve);
  const Values y = chain.smooth(f, 1, at, rt);
  const auto up = chain.smooth_gradients(c.values("grad_y"), f, 1, at, rt, y);
  const auto gradient = chain.curve_gradients(up.x, x, curve, f);

  c.compare("y", y, tolerance);
  c.compare("attack_mask", chain.attack_mask(f, 1, y), {0.5, 0.5});
  c.compare("grad_at", up.at, tolerance);
  c.compare("grad_rt", up.rt, tolerance);
  c.compare("grad_x", gradient.x, tolerance);
  c.compare("grad_comp_thresh", gradient.threshold, tolerance);
  c.compare("grad_comp_ratio", gradient.ratio, tolerance);
  c.compare("grad_exp_thresh", gradient.exp_threshold, tolerance);
  c.compare("grad_exp_ratio", gradient.exp_ratio, tolerance);
}

/** A limiter is a compressor of infinite ratio behind a peak detector. */
template <class T>
void limiter(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-10, 1e-4};
  Chain<T> chain(c);
  const Values x = c.values("x"), at = c.values("at"), rt = c.values("rt");
  const typename Chain<T>::Curve curve = {
      c.values("threshold"), Values(chain.rows(), INFINITY), {}, {}};
  Values rectified = x;
  for (double &v : rectified) v = std::abs(v);

  const Values peak = chain.smooth(rectified, 0, rt, at);
  const Values f = chain.curve(peak, curve);
  const Values y = chain.smooth(f, 1, at, rt);
  const auto second = chain.smooth_gradients(c.values("grad_y"), f, 1, at, rt, y);
  const auto gradient = chain.curve_gradients(second.x, peak, curve, f);
  auto first = chain.smooth_gradients(gradient.x, rectified, 0, rt, at, peak);

  for (size_t i = 0; i < x.size(); i++) first.x[i] *= x[i] < 0 ? -1 : 1;
  for (int64_t b = 0; b < chain.rows(); b++) { /* the detector has them the other way round */
    first.at[b] += second.rt[b];
    first.rt[b] += second.at[b];
  }
  c.compare("y", y, tolerance);
  c.compare("grad_x", first.x, tolerance);
  c.compare("grad_threshold", gradient.threshold, tolerance);
  c.compare("grad_at", first.rt, tolerance);
  c.compare("grad_rt", first.at, tolerance);
}

template <class T>
void compressor_gain(golden::Case &c)
{
  if (c.variant_begins_with("avg"))
    average<T>(c);
  else if (c.variant_begins_with("comp"))
    compressor_expander<T>(c);
  else if (c.variant_begins_with("limiter"))
    limiter<T>(c);
  else
    c.skip("unknown variant");
}

const golden::Type registered("compressor_gain", compressor_gain<double>, compressor_gain<float>);

}  // namespace
