/** Order-M all-pole filter: gradients, complex numbers, forward mode, gradient of the gradient. */
#include "golden/golden.h"

namespace {

struct Sizes {
  int64_t B, T, F, M;
};

/** Coefficients are [B,T,M], or [B,M] where they are constant in time; complex ones have an axis
 *  more. */
template <class S>
Sizes sizes_of(const golden::Case &c)
{
  const bool constant = c.rank("a") - (golden::is_complex<S> ? 1 : 0) == 2;
  const int64_t T = c.size("x", 1);
  return {c.size("x", 0), T, constant ? 1 : T, c.size("a", constant ? 1 : 2)};
}

/** Float loses digits with high orders and with poles near the unit circle. */
golden::Tolerance tolerance_of(const golden::Case &c, const Sizes &n)
{
  if (c.variant_begins_with("near_unit_circle")) return {1e-11, 2e-4};
  return {1e-11, n.M >= 16 ? 5e-5 : 1e-5};
}

template <class S>
void gradients(golden::Case &c)
{
  const Sizes n = sizes_of<S>(c);
  const golden::Tolerance tolerance = tolerance_of(c, n);
  const bool state = c.has("zi");
  auto x = c.input<S>("x"), a = c.input<S>("a"), grad_y = c.input<S>("grad_y");
  auto zi = state ? c.input<S>("zi") : c.array<S>(0);
  S *initial = state ? zi.data() : nullptr;
  auto y = c.array<S>(x.size()), zf = c.array<S>(n.B * n.M);
  auto grad_x = c.array<S>(x.size()), grad_a = c.array<S>(a.size()),
       grad_zi = c.array<S>(zi.size());

  c.call(op::allpole_forward<S>(c.ctx(), n.B, n.T, n.F, n.M, x.data(), a.data(), initial, y.data(),
                                zf.data()));
  c.call(op::allpole_backward<S>(c.ctx(), n.B, n.T, n.F, n.M, grad_y.data(), nullptr, a.data(),
                                 initial, y.data(), grad_x.data(), grad_a.data(),
                                 state ? grad_zi.data() : nullptr));

  c.compare("y", y, tolerance);
  c.compare("zf", zf, tolerance);
  c.compare("grad_x", grad_x, tolerance);
  c.compare("grad_a", grad_a, tolerance);
  if (state) c.compare("grad_zi", grad_zi, tolerance);
}

template <class S>
void forward_mode(golden::Case &c)
{
  const Sizes n = sizes_of<S>(c);
  const golden::Tolerance tolerance = tolerance_of(c, n);
  auto x = c.input<S>("x"), a = c.input<S>("a"), zi = c.input<S>("zi");
  auto x_dot = c.input<S>("tangent_x"), a_dot = c.input<S>("tangent_a");
  auto zi_dot = c.input<S>("tangent_zi");
  auto y = c.array<S>(x.size()), y_dot = c.array<S>(x.size());

  c.call(op::allpole_forward<S>(c.ctx(), n.B, n.T, n.F, n.M, x.data(), a.data(), zi.data(),
                                y.data(), nullptr));
  c.call(op::allpole_jvp<S>(c.ctx(), n.B, n.T, n.F, n.M, x_dot.data(), a_dot.data(), zi_dot.data(),
                            a.data(), zi.data(), y.data(), y_dot.data(), nullptr));

  c.compare("y", y, tolerance);
  c.compare("tangent_y", y_dot, tolerance);
}

/** -v_a as the taps 1..M of a FIR of K = M + 1 taps, whose tap 0 is zero. */
std::vector<double> taps_of(const std::vector<double> &v_a, int64_t M)
{
  std::vector<double> taps;
  for (size_t i = 0; i < v_a.size(); i++) {
    if (i % static_cast<size_t>(M) == 0) taps.push_back(0);
    taps.push_back(-v_a[i]);
  }
  return taps;
}

/** All-pole states are newest first, FIR states oldest first. */
std::vector<double> reversed_rows(const std::vector<double> &state, int64_t M)
{
  std::vector<double> out;
  for (size_t row = 0; row < state.size(); row += static_cast<size_t>(M))
    for (int64_t i = M - 1; i >= 0; i--) out.push_back(state[row + static_cast<size_t>(i)]);
  return out;
}

std::vector<double> sum(std::vector<double> left, const std::vector<double> &right)
{
  for (size_t i = 0; i < left.size(); i++) left[i] += right[i];
  return left;
}

/**
 * S = <v_x, grad_x> + <v_a, grad_a> + <v_zi, grad_zi> is <grad_y, y_dot>, where y_dot is the
 * tangent of y along v:
 *   e[t] = v_x[t] - sum_i v_a[t,i-1] y[t-i],   y_dot = allpole(e, a, v_zi),   y = allpole(x, a, zi)
 * Its gradients come from going back through these three steps: all-pole with grad_y, the FIR with
 * taps -v_a, all-pole again with what the FIR gives y.
 */
template <class T>
void gradient_of_gradient(golden::Case &c)
{
  const Sizes n = sizes_of<T>(c);
  const golden::Tolerance tolerance = tolerance_of(c, n);
  auto x = c.input<T>("x"), a = c.input<T>("a"), zi = c.input<T>("zi");
  auto grad_y = c.input<T>("grad_y");
  auto v_x = c.input<T>("v_x"), v_a = c.input<T>("v_a"), v_zi = c.input<T>("v_zi");
  auto y = c.array<T>(x.size()), y_dot = c.array<T>(x.size());
  auto grad_x = c.array<T>(x.size()), grad_a = c.array<T>(a.size()),
       grad_zi = c.array<T>(zi.size());
  c.call(op::allpole_forward<T>(c.ctx(), n.B, n.T, n.F, n.M, x.data(), a.data(), zi.data(),
                                y.data(), nullptr));
  c.call(op::allpole_backward<T>(c.ctx(), n.B, n.T, n.F, n.M, grad_y.data(), nullptr, a.data(),
                                 zi.data(), y.data(), grad_x.data(), grad_a.data(),
                                 grad_zi.data()));
  c.call(op::allpole_jvp<T>(c.ctx(), n.B, n.T, n.F, n.M, v_x.data(), v_a.data(), v_zi.data(),
                            a.data(), zi.data(), y.data(), y_dot.data(), nullptr));

  auto de = c.array<T>(x.size()), da_late = c.array<T>(a.size());
  c.call(op::allpole_backward<T>(c.ctx(), n.B, n.T, n.F, n.M, grad_y.data(), nullptr, a.data(),
                                 v_zi.data(), y_dot.data(), de.data(), da_late.data(), nullptr));
  auto taps = c.array<T>(n.B * n.T * (n.M + 1)), past = c.array<T>(zi.size());
  taps.set(taps_of(v_a.values(), n.M));
  past.set(reversed_rows(zi.values(), n.M));
  auto dy = c.array<T>(x.size()), dpast = c.array<T>(zi.size());
  c.call(op::fir_backward<T>(c.ctx(), n.B, n.T, n.T, n.M + 1, de.data(), nullptr, y.data(),
                             taps.data(), past.data(), dy.data(), nullptr, dpast.data()));
  auto dx = c.array<T>(x.size()), da = c.array<T>(a.size()), dzi = c.array<T>(zi.size());
  c.call(op::allpole_backward<T>(c.ctx(), n.B, n.T, n.F, n.M, dy.data(), nullptr, a.data(),
                                 zi.data(), y.data(), dx.data(), da.data(), dzi.data()));

  double S = 0;
  const std::vector<double> upstream = grad_y.values(), tangent = y_dot.values();
  for (size_t i = 0; i < upstream.size(); i++) S += upstream[i] * tangent[i];
  c.compare("S", std::vector<double>{S}, tolerance);
  c.compare("grad_x", grad_x, tolerance);
  c.compare("grad_a", grad_a, tolerance);
  c.compare("grad_zi", grad_zi, tolerance);
  c.compare("gradgrad_grad_y", y_dot, tolerance);
  c.compare("gradgrad_x", dx, tolerance);
  c.compare("gradgrad_a", sum(da.values(), da_late.values()), tolerance);
  c.compare("gradgrad_zi", sum(dzi.values(), reversed_rows(dpast.values(), n.M)), tolerance);
}

template <class T>
void allpole(golden::Case &c)
{
  const bool complex = !c.setting("complex_layout").empty();
  if (c.has("S"))
    complex ? c.skip("gradient of the gradient of complex numbers") : gradient_of_gradient<T>(c);
  else if (c.has("tangent_y"))
    complex ? forward_mode<golden::complex_of<T>>(c) : forward_mode<T>(c);
  else
    complex ? gradients<golden::complex_of<T>>(c) : gradients<T>(c);
}

const golden::Type registered("allpole", allpole<double>, allpole<float>);

}  // namespace
