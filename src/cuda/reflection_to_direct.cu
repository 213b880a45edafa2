/**
 * Step-up recursion from reflection coefficients to the direct form, and its adjoint.
 *
 *   a^(m)[i] = a^(m-1)[i] + k[m] a^(m-1)[m-i]  for i = 1..m-1,   a^(m)[m] = k[m],   m = 1..M
 *
 * Adjoint, g^(M) = da, for m = M..1:
 *   dk[m] = g^(m)[m] + sum_i g^(m)[i] a^(m-1)[m-i]
 *   g^(m-1)[i] = g^(m)[i] + k[m] g^(m)[m-i]
 *
 * M^2 multiply-adds a row. A thread per row; see cuda/reflection.h.
 */
#include "cuda/reflection.h"

namespace apf_cuda {

struct StepUp {
  template <class real>
  __device__ static void convert(int64_t M, SharedRow<real> k)
  {
    for (int64_t m = 1; m <= M; m++) reflection_mix(m - 1, k[m - 1], real(1), k);
  }

  template <class real>
  __device__ static void adjoint(int64_t M, SharedRow<real> k, const Levels<real> &levels,
                                 SharedRow<real> g)
  {
    levels.fill(M, k);
    for (int64_t m = M; m >= 1; m--) {
      real sum = g[m - 1];
      for (int64_t i = 0; i < m - 1; i++) sum += g[i] * load(levels.at(m - 1, m - 2 - i));
      g[m - 1] = sum;
      reflection_mix(m - 1, k[m - 1], real(1), g);
    }
  }
};

template <class real>
apf_status reflection_to_direct_forward(apf_context *ctx, int64_t N, int64_t M, const real *k,
                                        real *a)
{
  return reflection_forward<StepUp>(ctx, N, M, k, a);
}
APF_INSTANTIATE_REAL(reflection_to_direct_forward);

template <class real>
apf_status reflection_to_direct_backward(apf_context *ctx, int64_t N, int64_t M, const real *da,
                                         const real *k, real *dk)
{
  return reflection_backward<StepUp>(ctx, N, M, da, k, dk);
}
APF_INSTANTIATE_REAL(reflection_to_direct_backward);

}  // namespace apf_cuda
