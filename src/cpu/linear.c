/**
 * Linear layer, for G sets of parameters at once.
 *
 *   y[g,n,o] = bias[g,o] + sum_i x[g,n,i] w[g,o,i]
 *   dx[g,n,i] = sum_o dy[g,n,o] w[g,o,i];   dw[g,o,i] = sum_n dy[g,n,o] x[g,n,i]
 *   dbias[g,o] = sum_n dy[g,n,o]
 *
 * Matrix products by CBLAS. Threads own blocks of rows of y, dx and dw, so each sum is made by one
 * thread; the long sums of dw over n are taken in steps, which bounds the rounding error and the
 * sizes that CBLAS sees.
 */
#include "cpu/cpu.h"
#include "cpu/gemm.h"

enum {
  ROWS = 1024,      /* of y or dx: one call of CBLAS */
  STEP = 1 << 16,   /* rows that are summed by one call */
  WEIGHT_ROWS = 64, /* of dw: the part of one thread */
  SMALL = 1 << 15   /* multiplications that are not worth a second thread */
};

static int threads_for(const apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O)
{
  return (double)G * (double)N * (double)I * (double)O < SMALL ? 1 : ctx->threads;
}

static int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

apf_status APF_CPU(linear_forward)(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                                   const real *x, const real *w, const real *bias, real *y)
{
  apf_blas_begin();
#pragma omp parallel for collapse(2) num_threads(threads_for(ctx, G, N, I, O)) schedule(static)
  for (int64_t g = 0; g < G; g++) {
    for (int64_t n = 0; n < N; n += ROWS) {
      int64_t rows = smaller(ROWS, N - n);
      real *to = y + (g * N + n) * O;
      for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < O; o++) to[r * O + o] = bias ? bias[g * O + o] : 0;
      gemm(CblasNoTrans, CblasTrans, rows, O, I, x + (g * N + n) * I, I, w + g * O * I, I, 1, to,
           O);
    }
  }
  apf_blas_end();
  return APF_OK;
}

static void input_backward(const apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                           const real *dy, const real *w, real *dx)
{
#pragma omp parallel for collapse(2) num_threads(threads_for(ctx, G, N, I, O)) schedule(static)
  for (int64_t g = 0; g < G; g++)
    for (int64_t n = 0; n < N; n += ROWS)
      gemm(CblasNoTrans, CblasNoTrans, smaller(ROWS, N - n), I, O, dy + (g * N + n) * O, O,
           w + g * O * I, I, 0, dx + (g * N + n) * I, I);
}

static void weights_backward(const apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                             const real *dy, const real *x, real *dw)
{
#pragma omp parallel for collapse(2) num_threads(threads_for(ctx, G, N, I, O)) schedule(static)
  for (int64_t g = 0; g < G; g++)
    for (int64_t o = 0; o < O; o += WEIGHT_ROWS)
      for (int64_t n = 0; n < N; n += STEP)
        gemm(CblasTrans, CblasNoTrans, smaller(WEIGHT_ROWS, O - o), I, smaller(STEP, N - n),
             dy + (g * N + n) * O + o, O, x + (g * N + n) * I, I, n > 0, dw + (g * O + o) * I, I);
}

static void bias_backward(const apf_context *ctx, int64_t G, int64_t N, int64_t O, const real *dy,
                          real *dbias)
{
#pragma omp parallel for num_threads(threads_for(ctx, G, N, 1, O)) schedule(static)
  for (int64_t g = 0; g < G; g++) {
    for (int64_t o = 0; o < O; o++) {
      double sum = 0;
      for (int64_t n = 0; n < N; n++) sum += dy[(g * N + n) * O + o];
      dbias[g * O + o] = (real)sum;
    }
  }
}

apf_status APF_CPU(linear_backward)(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                                    const real *dy, const real *x, const real *w, real *dx,
                                    real *dw, real *dbias)
{
  apf_blas_begin();
  if (dx) input_backward(ctx, G, N, I, O, dy, w, dx);
  if (dw) weights_backward(ctx, G, N, I, O, dy, x, dw);
  apf_blas_end();
  if (dbias) bias_backward(ctx, G, N, O, dy, dbias);
  return APF_OK;
}
