/**
 * Time-varying all-pole filter, one sample after the other, as the equations are written.
 *
 *   y_t = x_t - sum_i a_{t,i} y_{t-i},   y_{-j} = zi_j,   zf_j = y_{T-j}       (i, j = 1..M)
 *   dx_t = dy_t - sum_i conj(a_{t+i,i}) dx_{t+i},   da_{t,i} = -dx_t conj(y_{t-i})
 *   dzi_j = -sum_{t=0..M-j} conj(a_{t,t+j}) dx_t
 * dzf_j is one more gradient of y_{T-j}; where T < j that is zi_{j-T}.
 */
#include "cpu/cpu.h"

#include "cpu/frames.h"
#include "cpu/scalar.h"

/** a_{t,i+1} of one sequence, whose coefficients are (F, M). */
static scalar coefficient(const scalar *a, int64_t t, int64_t i, int64_t T, int64_t F, int64_t M)
{
  if (!a) return scalar_of(0);
  if (F == T) return a[t * M + i];
  frame_position at = frame_position_of(t, F, T);
  const scalar *left = a + at.frame * M + i;
  return at.weight == 0 ? *left
                        : scalar_add(scalar_mul(scalar_of(1 - at.weight), left[0]),
                                     scalar_mul(scalar_of(at.weight), left[M]));
}

/** y_t of one sequence, for t >= -M. */
static scalar past(const scalar *y, const scalar *zi, int64_t t)
{
  if (t >= 0) return y[t];
  return zi ? zi[-t - 1] : scalar_of(0);
}

static void final_state(int64_t T, int64_t M, const scalar *y, const scalar *zi, scalar *zf)
{
  for (int64_t j = M - 1; j >= 0; j--) zf[j] = past(y, zi, T - 1 - j); /* zf may be zi */
}

static const scalar *row(const scalar *array, int64_t b, int64_t length)
{
  return array ? array + b * length : NULL;
}

apf_status APF_CPU(allpole_forward_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                              int64_t M, const scalar *x, const scalar *a,
                                              const scalar *zi, scalar *y, scalar *zf)
{
  (void)ctx;
  for (int64_t b = 0; b < B; b++) {
    const scalar *zb = row(zi, b, M);
    scalar *yb = y + b * T;
    for (int64_t t = 0; t < T; t++) {
      scalar sum = x[b * T + t];
      for (int64_t i = M - 1; i >= 0; i--)
        sum = scalar_sub(
            sum, scalar_mul(coefficient(row(a, b, F * M), t, i, T, F, M), past(yb, zb, t - 1 - i)));
      yb[t] = sum;
    }
    if (zf) final_state(T, M, yb, zb, zf + b * M);
  }
  return APF_OK;
}

/** da (F, M) of one sequence += the gradient of a_{t,i+1}. */
static void add_to_frames(scalar *da, scalar gradient, int64_t t, int64_t i, int64_t T, int64_t F,
                          int64_t M)
{
  frame_position at = F == T ? (frame_position){t, 0} : frame_position_of(t, F, T);
  scalar *left = da + at.frame * M + i;
  left[0] = scalar_add(left[0], scalar_mul(scalar_of(1 - at.weight), gradient));
  if (at.weight != 0) left[M] = scalar_add(left[M], scalar_mul(scalar_of(at.weight), gradient));
}

apf_status APF_CPU(allpole_backward_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                               int64_t M, const scalar *dy, const scalar *dzf,
                                               const scalar *a, const scalar *zi, const scalar *y,
                                               scalar *dx, scalar *da, scalar *dzi)
{
  (void)ctx;
  for (int64_t b = 0; b < B; b++) {
    const scalar *ab = row(a, b, F * M), *dzfb = row(dzf, b, M);
    scalar *dxb = dx + b * T;
    for (int64_t t = T - 1; t >= 0; t--) {
      scalar sum = dy[b * T + t];
      if (dzfb && T - t <= M) sum = scalar_add(sum, dzfb[T - t - 1]);
      for (int64_t i = 1; i <= M && t + i < T; i++)
        sum = scalar_sub(
            sum, scalar_mul(scalar_conj(coefficient(ab, t + i, i - 1, T, F, M)), dxb[t + i]));
      dxb[t] = sum;
    }
    for (int64_t k = 0; k < F * M; k++) da[b * F * M + k] = scalar_of(0);
    for (int64_t t = 0; t < T; t++)
      for (int64_t i = 1; i <= M; i++) {
        scalar gradient = scalar_mul(dxb[t], scalar_conj(past(row(y, b, T), row(zi, b, M), t - i)));
        add_to_frames(da + b * F * M, scalar_neg(gradient), t, i - 1, T, F, M);
      }
    for (int64_t j = 1; j <= M; j++) {
      scalar sum = dzfb && j + T <= M ? dzfb[j + T - 1] : scalar_of(0);
      for (int64_t t = 0; t <= M - j && t < T; t++)
        sum = scalar_sub(sum,
                         scalar_mul(scalar_conj(coefficient(ab, t, t + j - 1, T, F, M)), dxb[t]));
      dzi[b * M + j - 1] = sum;
    }
  }
  return APF_OK;
}

apf_status APF_CPU(allpole_jvp_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                          int64_t M, const scalar *x_dot, const scalar *a_dot,
                                          const scalar *zi_dot, const scalar *a, const scalar *zi,
                                          const scalar *y, scalar *y_dot, scalar *zf_dot)
{
  (void)ctx;
  for (int64_t b = 0; b < B; b++) {
    const scalar *ab = row(a, b, F * M), *a_dot_b = row(a_dot, b, F * M);
    const scalar *zi_b = row(zi, b, M), *zi_dot_b = row(zi_dot, b, M);
    scalar *y_dot_b = y_dot + b * T;
    for (int64_t t = 0; t < T; t++) {
      scalar sum = x_dot ? x_dot[b * T + t] : scalar_of(0);
      for (int64_t i = M - 1; i >= 0 && a_dot; i--)
        sum = scalar_sub(sum, scalar_mul(coefficient(a_dot_b, t, i, T, F, M),
                                         past(row(y, b, T), zi_b, t - 1 - i)));
      for (int64_t i = M - 1; i >= 0; i--)
        sum = scalar_sub(
            sum, scalar_mul(coefficient(ab, t, i, T, F, M), past(y_dot_b, zi_dot_b, t - 1 - i)));
      y_dot_b[t] = sum;
    }
    if (zf_dot) final_state(T, M, y_dot_b, zi_dot_b, zf_dot + b * M);
  }
  return APF_OK;
}
