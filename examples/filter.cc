// The same from C++: coefficients as two frames that the library interpolates, in double.
#include <allpole/allpole.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using Context = std::unique_ptr<apf_context, decltype(&apf_context_destroy)>;

Context make_context()
{
  apf_context *ctx = nullptr;
  if (apf_context_create(nullptr, &ctx) != APF_OK)
    throw std::runtime_error(apf_last_error(nullptr));
  return {ctx, apf_context_destroy};
}

}  // namespace

int main()
try {
  const int64_t T = 1000, F = 2, M = 2;
  const double radius = 0.995;
  std::vector<double> x(T), y(T), dy(T), dx(T), da(F * M);
  const std::vector<double> a = {-2 * radius * std::cos(0.1), radius * radius,
                                 -2 * radius * std::cos(0.6), radius * radius};
  x[0] = 1;
  Context ctx = make_context();
  auto check = [&](apf_status status) {
    if (status != APF_OK) throw std::runtime_error(apf_last_error(ctx.get()));
  };

  check(apf_allpole_forward_f64(ctx.get(), 1, T, F, M, x.data(), a.data(), nullptr, y.data(),
                                nullptr));
  double energy = 0;
  for (int64_t t = 0; t < T; t++) {
    energy += y[t] * y[t];
    dy[t] = 2 * y[t];
  }
  check(apf_allpole_backward_f64(ctx.get(), 1, T, F, M, dy.data(), nullptr, a.data(), nullptr,
                                 y.data(), dx.data(), da.data(), nullptr));
  std::printf("energy %.3f, by x[0]: %.3f, by the last frame: %.3f %.3f\n", energy, dx[0], da[2],
              da[3]);
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
