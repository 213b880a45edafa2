/** Time-varying FIR filter, its adjoint and its derivative, plainly; equations in fir.c. */
#include "cpu/cpu.h"
#include "cpu/frames.h"

#include <string.h>

/** x[t] of one sequence, for t >= -(K-1): negative times lie in zi. */
static real input_at(const real *x, const real *zi, int64_t K, int64_t t)
{
  if (t >= 0) return x[t];
  return zi ? zi[K - 1 + t] : 0;
}

/** Tap k at time t of one sequence. */
static real tap_at(const real *b, int64_t T, int64_t F, int64_t K, int64_t t, int64_t k)
{
  if (F == T) return b[t * K + k];
  const frame_position at = frame_position_of(t, F, T);
  const real *frame = b + at.frame * K + k;
  return F == 1 ? *frame : (1 - at.weight) * frame[0] + at.weight * frame[K];
}

apf_status APF_CPU(fir_forward_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                          int64_t K, const real *x, const real *b, const real *zi,
                                          real *y, real *zf)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t i = 0; i < B; i++) {
    const real *xi = x + i * T, *bi = b + i * F * K, *zii = zi ? zi + i * (K - 1) : NULL;
    for (int64_t t = 0; t < T; t++) {
      real sum = 0;
      for (int64_t k = 0; k < K; k++)
        sum += tap_at(bi, T, F, K, t, k) * input_at(xi, zii, K, t - k);
      y[i * T + t] = sum;
    }
    if (!zf) continue;
    for (int64_t j = 0; j < K - 1; j++) zf[i * (K - 1) + j] = input_at(xi, zii, K, T - (K - 1) + j);
  }
  return APF_OK;
}

/** dL/dx[s] of one sequence, for s >= -(K-1). */
static real input_gradient(const real *dy, const real *dzf, const real *b, int64_t T, int64_t F,
                           int64_t K, int64_t s)
{
  const int64_t kept = s - (T - (K - 1)); /* where x[s] lies in zf */
  real sum = dzf && kept >= 0 ? dzf[kept] : 0;
  for (int64_t k = s < 0 ? -s : 0; k < K && s + k < T; k++)
    sum += tap_at(b, T, F, K, s + k, k) * dy[s + k];
  return sum;
}

/** db of one sequence. */
static void tap_gradient(const real *dy, const real *x, const real *zi, int64_t T, int64_t F,
                         int64_t K, real *db)
{
  memset(db, 0, (size_t)(F * K) * sizeof(real));
  for (int64_t t = 0; t < T; t++) {
    const frame_position at = F == T ? (frame_position){t, 0} : frame_position_of(t, F, T);
    for (int64_t k = 0; k < K; k++) {
      const real dbt = dy[t] * input_at(x, zi, K, t - k);
      db[at.frame * K + k] += (1 - at.weight) * dbt;
      if (at.weight > 0) db[(at.frame + 1) * K + k] += at.weight * dbt;
    }
  }
}

apf_status APF_CPU(fir_backward_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F,
                                           int64_t K, const real *dy, const real *dzf,
                                           const real *x, const real *b, const real *zi, real *dx,
                                           real *db, real *dzi)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t i = 0; i < B; i++) {
    const real *dyi = dy + i * T, *dzfi = dzf ? dzf + i * (K - 1) : NULL, *bi = b + i * F * K;
    if (dzi)
      for (int64_t s = -(K - 1); s < 0; s++)
        dzi[i * (K - 1) + K - 1 + s] = input_gradient(dyi, dzfi, bi, T, F, K, s);
    if (dx)
      for (int64_t s = 0; s < T; s++) dx[i * T + s] = input_gradient(dyi, dzfi, bi, T, F, K, s);
    if (db) tap_gradient(dyi, x + i * T, zi ? zi + i * (K - 1) : NULL, T, F, K, db + i * F * K);
  }
  return APF_OK;
}

apf_status APF_CPU(fir_jvp_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                                      const real *x_dot, const real *b_dot, const real *zi_dot,
                                      const real *x, const real *b, const real *zi, real *y_dot,
                                      real *zf_dot)
{
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t i = 0; i < B; i++) {
    const int64_t row = i * T, taps = i * F * K, state = i * (K - 1);
    for (int64_t t = 0; t < T; t++) {
      real sum = 0;
      for (int64_t k = 0; k < K; k++) {
        const int64_t s = t - k;
        const real *input = s >= 0 ? x_dot : zi_dot;
        if (input)
          sum += tap_at(b + taps, T, F, K, t, k) *
                 (s >= 0 ? x_dot[row + s] : zi_dot[state + K - 1 + s]);
        if (b_dot)
          sum +=
              tap_at(b_dot + taps, T, F, K, t, k) * input_at(x + row, zi ? zi + state : NULL, K, s);
      }
      y_dot[row + t] = sum;
    }
    if (!zf_dot) continue;
    for (int64_t j = 0; j < K - 1; j++) {
      const int64_t s = T - (K - 1) + j;
      const real *input = s >= 0 ? x_dot : zi_dot;
      zf_dot[state + j] = !input ? 0 : s >= 0 ? x_dot[row + s] : zi_dot[state + K - 1 + s];
    }
  }
  return APF_OK;
}
