/** First-order recurrence y[t] = a[t] y[t-1] + x[t]. */
#include "golden/golden.h"

namespace {

template <class T>
void recurrence(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-11, 1e-5};
  const int64_t B = c.size("x", 0), N = c.size("x", 1), F = c.size("a", 1);
  const bool state = c.has("zi");
  auto x = c.input<T>("x"), a = c.input<T>("a"), grad_y = c.input<T>("grad_y");
  auto zi = state ? c.input<T>("zi") : c.array<T>(0);
  T *initial = state ? zi.data() : nullptr;
  auto y = c.array<T>(x.size()), zf = c.array<T>(B);
  auto grad_x = c.array<T>(x.size()), grad_a = c.array<T>(a.size()),
       grad_zi = c.array<T>(zi.size());

  c.call(op::recurrence_forward<T>(c.ctx(), B, N, F, x.data(), a.data(), initial, y.data(),
                                   zf.data()));
  c.call(op::recurrence_backward<T>(c.ctx(), B, N, F, grad_y.data(), nullptr, a.data(), initial,
                                    y.data(), grad_x.data(), grad_a.data(),
                                    state ? grad_zi.data() : nullptr));

  c.compare("y", y, tolerance);
  c.compare("zf", zf, tolerance);
  c.compare("grad_x", grad_x, tolerance);
  c.compare("grad_a", grad_a, tolerance);
  if (state) c.compare("grad_zi", grad_zi, tolerance);
}

const golden::Type registered("recurrence", recurrence<double>, recurrence<float>);

}  // namespace
