/** The all-pole filter on the CPU: the plain recursion. */
#include "cpu/cpu.h"

#include <string.h>

apf_status APF_CPU(allpole_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                    const scalar *x, const scalar *a, const scalar *zi, scalar *y,
                                    scalar *zf)
{
  return APF_CPU(allpole_forward_reference)(ctx, B, T, F, M, x, a, zi, y, zf);
}

apf_status APF_CPU(allpole_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                     const scalar *dy, const scalar *dzf, const scalar *a,
                                     const scalar *zi, const scalar *y, scalar *dx, scalar *da,
                                     scalar *dzi)
{
  const size_t signal = (size_t)(B * T), coefficients = (size_t)(B * F * M);
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (signal * 2 + coefficients + (size_t)(B * M)) * sizeof(scalar),
                        &workspace));
  scalar *spare_y = workspace;
  if (!y) memset(spare_y, 0, signal * sizeof(scalar));
  scalar *spare_dx = spare_y + signal, *spare_da = spare_dx + signal;
  return APF_CPU(allpole_backward_reference)(ctx, B, T, F, M, dy, dzf, a, zi, y ? y : spare_y,
                                             dx ? dx : spare_dx, da ? da : spare_da,
                                             dzi ? dzi : spare_da + coefficients);
}

apf_status APF_CPU(allpole_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                                const scalar *x_dot, const scalar *a_dot, const scalar *zi_dot,
                                const scalar *a, const scalar *zi, const scalar *y, scalar *y_dot,
                                scalar *zf_dot)
{
  return APF_CPU(allpole_jvp_reference)(ctx, B, T, F, M, x_dot, a_dot, zi_dot, a, zi, y, y_dot,
                                        zf_dot);
}
