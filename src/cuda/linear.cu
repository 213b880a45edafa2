/**
 * Linear layer, for G sets of parameters at once.
 *
 *   y[g,n,o] = bias[g,o] + sum_i x[g,n,i] w[g,o,i]
 *   dx[g,n,i] = sum_o dy[g,n,o] w[g,o,i];   dw[g,o,i] = sum_n dy[g,n,o] x[g,n,i]
 *   dbias[g,o] = sum_n dy[g,n,o]
 *
 * The products are cuBLAS's, one batched call each. The bias is written to y first and the product
 * added to it. Its gradient is summed in double in a fixed order.
 */
#include "cuda/column_sums.h"
#include "cuda/gemm.h"

namespace apf_cuda {

enum { THREADS = 256 };

/** y (G, N, O) = bias (G, O). Where an element belongs is carried along: divisions per element
 * would take longer than its store. */
template <class real>
__global__ void linear_bias_kernel(int64_t G, int64_t N, int64_t O, const real *bias, real *y)
{
  const int64_t start = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x, size = N * O;
  const int64_t step_g = step / size, step_r = step % size, step_o = step % O;
  int64_t g = start / size, r = start % size, o = start % O;
  for (int64_t i = start; i < G * size; i += step) {
    store(y + i, load(bias + g * O + o));
    r += step_r;
    g += step_g + (r >= size);
    o += step_o;
    if (r >= size) r -= size;
    if (o >= O) o -= O;
  }
}

template <class real>
apf_status linear_forward(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                          const real *x, const real *w, const real *bias, real *y)
{
  if (bias)
    APF_TRY(APF_LAUNCH(ctx, linear_bias_kernel<real>, grid_for(ctx, G * N * O, THREADS), THREADS, 0,
                       G, N, O, bias, y));
  Product p = {};
  p.rows = N, p.columns = O, p.depth = I;
  p.b_transposed = true;
  p.a_row = I, p.b_row = I, p.c_row = O;
  p.batch = G, p.a_next = N * I, p.b_next = O * I, p.c_next = N * O;
  return gemm<real>(ctx, p, x, w, bias ? 1 : 0, y);
}
APF_INSTANTIATE_REAL(linear_forward);

template <class real>
static apf_status input_backward(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                                 const real *dy, const real *w, real *dx)
{
  Product p = {};
  p.rows = N, p.columns = I, p.depth = O;
  p.a_row = O, p.b_row = I, p.c_row = I;
  p.batch = G, p.a_next = N * O, p.b_next = O * I, p.c_next = N * I;
  return gemm<real>(ctx, p, dy, w, 0, dx);
}

template <class real>
static apf_status weights_backward(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                                   const real *dy, const real *x, real *dw)
{
  Product p = {};
  p.rows = O, p.columns = I, p.depth = N;
  p.a_transposed = true;
  p.a_row = O, p.b_row = I, p.c_row = I;
  p.batch = G, p.a_next = N * O, p.b_next = N * I, p.c_next = O * I;
  return gemm<real>(ctx, p, dy, x, 0, dw);
}

template <class real>
apf_status linear_backward(apf_context *ctx, int64_t G, int64_t N, int64_t I, int64_t O,
                           const real *dy, const real *x, const real *w, real *dx, real *dw,
                           real *dbias)
{
  if (dx) APF_TRY(input_backward(ctx, G, N, I, O, dy, w, dx));
  if (dw) APF_TRY(weights_backward(ctx, G, N, I, O, dy, x, dw));
  if (!dbias) return APF_OK;
  const ColumnSums sums(G, N, O);
  void *scratch;
  APF_TRY(apf_workspace(ctx, sums.scratch() * sizeof(double), &scratch));
  return column_sums<real, real>(ctx, sums, dy, static_cast<double *>(scratch), 0, dbias);
}
APF_INSTANTIATE_REAL(linear_backward);

}  // namespace apf_cuda
