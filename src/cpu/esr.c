/**
 * Error-to-signal ratio per row, and its gradient.
 *
 *   loss = n / m,   n = sum (pred - target)^2,   m = sum target^2 + epsilon
 *   dpred = dloss 2 (pred - target) / m,   dtarget = -dpred - dloss 2 loss target / m
 *
 * One pass over memory each. Sums are taken in double over pieces that depend on T alone, so the
 * result does not depend on the number of threads.
 */
#include "cpu/cpu.h"

enum { PIECE = 8192, PARALLEL_FROM = 1 << 14 };

static int64_t piece_length(int64_t T, int64_t start)
{
  return T - start < PIECE ? T - start : PIECE;
}

apf_status APF_CPU(esr_forward)(apf_context *ctx, int64_t B, int64_t R, int64_t T, double epsilon,
                                const real *pred, const real *target, real *loss, real *denominator)
{
  const int64_t pieces = (T + PIECE - 1) / PIECE;
  void *workspace = NULL;
  APF_TRY(apf_workspace(ctx, (size_t)(2 * B * pieces) * sizeof(double), &workspace));
  double *sums = workspace;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= PARALLEL_FROM)
  for (int64_t i = 0; i < B * pieces; i++) {
    const int64_t b = i / pieces, start = i % pieces * PIECE, n = piece_length(T, start);
    const real *p = pred + b * T + start, *q = target + b % R * T + start;
    double error = 0, signal = 0;
#pragma omp simd reduction(+ : error, signal)
    for (int64_t t = 0; t < n; t++) {
      const double e = (double)(p[t] - q[t]), s = (double)q[t];
      error += e * e;
      signal += s * s;
    }
    sums[2 * i] = error;
    sums[2 * i + 1] = signal;
  }
  for (int64_t b = 0; b < B; b++) {
    double error = 0, signal = epsilon;
    for (int64_t i = b * pieces; i < (b + 1) * pieces; i++) {
      error += sums[2 * i];
      signal += sums[2 * i + 1];
    }
    loss[b] = (real)(error / signal);
    if (denominator) denominator[b] = (real)signal;
  }
  return APF_OK;
}

apf_status APF_CPU(esr_backward)(apf_context *ctx, int64_t B, int64_t R, int64_t T,
                                 const real *dloss, const real *pred, const real *target,
                                 const real *loss, const real *denominator, real *dpred,
                                 real *dtarget)
{
  const int64_t pieces = (T + PIECE - 1) / PIECE;
  const int64_t groups = dtarget ? R : B; /* rows of one target are added up by one thread */
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (B * T >= PARALLEL_FROM)
  for (int64_t i = 0; i < groups * pieces; i++) {
    const int64_t group = i / pieces, start = i % pieces * PIECE, n = piece_length(T, start);
    for (int64_t b = group; b < B; b += groups) {
      const real *p = pred + b * T + start, *q = target + b % R * T + start;
      const real scale = 2 * dloss[b] / denominator[b];
      if (dpred) {
        real *dp = dpred + b * T + start;
        for (int64_t t = 0; t < n; t++) dp[t] = scale * (p[t] - q[t]);
      }
      if (dtarget) {
        real *dq = dtarget + group * T + start;
        const real ratio = loss[b];
        const int add = b != group;
        for (int64_t t = 0; t < n; t++)
          dq[t] = (add ? dq[t] : 0) - scale * (p[t] - q[t] + ratio * q[t]);
      }
    }
  }
  return APF_OK;
}
