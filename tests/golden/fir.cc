/** Time-varying FIR filter. */
#include "golden/golden.h"

namespace {

template <class T>
void fir(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-12, 2e-6};
  const int64_t B = c.size("x", 0), N = c.size("x", 1), F = c.size("b", 1), K = c.size("b", 2);
  const bool state = c.has("zi");
  auto x = c.input<T>("x"), b = c.input<T>("b"), grad_y = c.input<T>("grad_y");
  auto zi = state ? c.input<T>("zi") : c.array<T>(0);
  T *initial = state ? zi.data() : nullptr;
  auto y = c.array<T>(x.size());
  auto grad_x = c.array<T>(x.size()), grad_b = c.array<T>(b.size()),
       grad_zi = c.array<T>(zi.size());

  c.call(op::fir_forward<T>(c.ctx(), B, N, F, K, x.data(), b.data(), initial, y.data(), nullptr));
  c.call(op::fir_backward<T>(c.ctx(), B, N, F, K, grad_y.data(), nullptr, x.data(), b.data(),
                             initial, grad_x.data(), grad_b.data(),
                             state ? grad_zi.data() : nullptr));

  c.compare("y", y, tolerance);
  c.compare("grad_x", grad_x, tolerance);
  c.compare("grad_b", grad_b, tolerance);
  if (state) c.compare("grad_zi", grad_zi, tolerance);
}

const golden::Type registered("fir", fir<double>, fir<float>);

}  // namespace
