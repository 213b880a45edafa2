/** Linear interpolation of frames with aligned end points. */
#include "golden/golden.h"

namespace {

template <class T>
void interpolate(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-12, 2e-5};
  const int64_t B = c.size("x", 0), F = c.size("x", 1), C = c.size("x", 2), N = c.size("y", 1);
  auto x = c.input<T>("x"), grad_y = c.input<T>("grad_y");
  auto y = c.array<T>(grad_y.size()), grad_x = c.array<T>(x.size());

  c.call(op::interpolate_forward<T>(c.ctx(), B, F, N, C, x.data(), y.data()));
  c.call(op::interpolate_backward<T>(c.ctx(), B, F, N, C, grad_y.data(), grad_x.data()));

  c.compare("y", y, tolerance);
  c.compare("grad_x", grad_x, tolerance);
}

const golden::Type registered("interpolate", interpolate<double>, interpolate<float>);

}  // namespace
