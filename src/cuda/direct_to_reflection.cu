/**
 * Step-down recursion from the direct form to reflection coefficients, and its adjoint.
 *
 *   k[m] = a^(m)[m],   a^(m-1)[i] = (a^(m)[i] - k[m] a^(m)[m-i]) / (1 - k[m]^2),   m = M..1
 *
 * Adjoint, with c = 1 / (1 - k[m]^2) and g^(0) empty, for m = 1..M:
 *   g^(m)[m] = dk[m] + c sum_i g^(m-1)[i] (k[m] a^(m-1)[i] - a^(m-1)[m-i])
 *   g^(m)[i] = c (g^(m-1)[i] - k[m] g^(m-1)[m-i]);   da = g^(M)
 *
 * M^2 multiply-adds a row. A thread per row; see cuda/reflection.h.
 */
#include "cuda/reflection.h"

namespace apf_cuda {

template <class real>
__device__ inline real inverse_of_loss(real k)
{
  return 1 / ((1 - k) * (1 + k));
}

struct StepDown {
  template <class real>
  __device__ static void convert(int64_t M, SharedRow<real> a)
  {
    for (int64_t m = M; m >= 1; m--) reflection_mix(m - 1, -a[m - 1], inverse_of_loss(a[m - 1]), a);
  }

  template <class real>
  __device__ static void adjoint(int64_t M, SharedRow<real> k, const Levels<real> &levels,
                                 SharedRow<real> g)
  {
    levels.fill(M, k);
    for (int64_t m = 1; m <= M; m++) {
      const real km = k[m - 1], inverse = inverse_of_loss(km);
      real sum = 0;
      for (int64_t i = 0; i < m - 1; i++)
        sum += g[i] * (km * load(levels.at(m - 1, i)) - load(levels.at(m - 1, m - 2 - i)));
      g[m - 1] += inverse * sum;
      reflection_mix(m - 1, -km, inverse, g);
    }
  }
};

template <class real>
apf_status direct_to_reflection_forward(apf_context *ctx, int64_t N, int64_t M, const real *a,
                                        real *k)
{
  return reflection_forward<StepDown>(ctx, N, M, a, k);
}
APF_INSTANTIATE_REAL(direct_to_reflection_forward);

template <class real>
apf_status direct_to_reflection_backward(apf_context *ctx, int64_t N, int64_t M, const real *dk,
                                         const real *k, real *da)
{
  return reflection_backward<StepDown>(ctx, N, M, dk, k, da);
}
APF_INSTANTIATE_REAL(direct_to_reflection_backward);

}  // namespace apf_cuda
