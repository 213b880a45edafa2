/**
 * Clips gradients by their 2-norm, one norm for each parameter set, as torch's clip_grad_norm_:
 *
 *   norm[s] = sqrt(sum of g[i]^2 over set[i] = s);   g[i] *= min(1, max_norm / (norm[s] + 1e-6))
 *
 * Sums in double, in order: two passes over what the cache holds.
 */
#include "cpu/cpu.h"

#include <math.h>

apf_status APF_CPU(clip_by_norm)(apf_context *ctx, int64_t N, int64_t S, const int32_t *set,
                                 double max_norm, real *g, double *norm)
{
  const double epsilon = 1e-6;
  (void)ctx;
  for (int64_t s = 0; s < S; s++) norm[s] = 0;
  for (int64_t i = 0; i < N; i++) {
    const int64_t s = set ? set[i] : 0;
    if (s >= 0 && s < S) norm[s] += (double)g[i] * (double)g[i];
  }
  for (int64_t s = 0; s < S; s++) norm[s] = sqrt(norm[s]);
  for (int64_t i = 0; i < N; i++) {
    const int64_t s = set ? set[i] : 0;
    if (s < 0 || s >= S) continue;
    if (!isfinite(norm[s]))
      g[i] = 0; /* a set that has diverged stands still, the others go on */
    else if (max_norm < norm[s] + epsilon)
      g[i] = (real)((double)g[i] * (max_norm / (norm[s] + epsilon)));
  }
  return APF_OK;
}
