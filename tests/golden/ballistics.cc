/** Attack and release ballistics. */
#include "golden/golden.h"

namespace {

/** 1 where a sample took the attack coefficient: x[t] < y[t-1]. */
std::vector<double> attack_mask(const std::vector<double> &x, const std::vector<double> &y,
                                const std::vector<double> &zi)
{
  const size_t N = x.size() / zi.size();
  std::vector<double> mask(x.size());
  for (size_t i = 0; i < x.size(); i++) mask[i] = x[i] < (i % N ? y[i - 1] : zi[i / N]);
  return mask;
}

template <class T>
void ballistics(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-11, 5e-5};
  const int64_t B = c.size("x", 0), N = c.size("x", 1);
  auto x = c.input<T>("x"), zi = c.input<T>("zi"), at = c.input<T>("at"), rt = c.input<T>("rt");
  auto grad_y = c.input<T>("grad_y");
  auto y = c.array<T>(x.size()), grad_x = c.array<T>(x.size());
  auto grad_zi = c.array<T>(B), grad_at = c.array<T>(B), grad_rt = c.array<T>(B);

  c.call(op::ballistics_forward<T>(c.ctx(), B, N, x.data(), zi.data(), at.data(), rt.data(),
                                   y.data(), nullptr));
  c.call(op::ballistics_backward<T>(c.ctx(), B, N, grad_y.data(), nullptr, x.data(), zi.data(),
                                    at.data(), rt.data(), y.data(), grad_x.data(), grad_zi.data(),
                                    grad_at.data(), grad_rt.data()));

  c.compare("y", y, tolerance);
  c.compare("attack_mask", attack_mask(x.values(), y.values(), zi.values()), {0.5, 0.5});
  c.compare("grad_x", grad_x, tolerance);
  c.compare("grad_zi", grad_zi, tolerance);
  c.compare("grad_at", grad_at, tolerance);
  c.compare("grad_rt", grad_rt, tolerance);
}

const golden::Type registered("ballistics", ballistics<double>, ballistics<float>);

}  // namespace
