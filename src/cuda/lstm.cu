/**
 * Long short-term memory layer, gates in PyTorch's order i, f, g, o.
 *
 *   a[t] = b_ih + b_hh + w_ih x[t] + w_hh h[t-1]          (4 H values)
 *   i, f, o = sigmoid(a_i, a_f, a_o),  g = tanh(a_g)
 *   c[t] = f c[t-1] + i g,   h[t] = y[t] = o tanh c[t]
 *
 * Backward through time, from dh[t] = dy[t] + w_hh' da[t+1] and dc:
 *
 *   do = dh tanh c;   dc += dh o (1 - tanh^2 c);   di = dc g;  dg = dc i;  df = dc c[t-1]
 *   da = d(gate) times the derivative of its function;   dc[t-1] = dc f
 *   dx = da w_ih;  dw_ih = sum da x';  dw_hh = sum da[t] h[t-1]';  db = sum da
 *
 * What does not recur is computed for many steps at once: the inputs' part of a before, and the
 * products with da after the recurrence, by cuBLAS. The recurrence is one launch: a block per
 * sequence with the weights in registers up to 64 hidden units (lstm_small.h), in global memory
 * beyond (lstm_large.h).
 *
 * Scratch: forward without gates, a of as many steps as SPAN_BYTES hold; backward, da and h[t-1] of
 * PASS sequences. Sums over sequences and steps are made in a fixed order.
 */
#include "cuda/column_sums.h"
#include "cuda/gemm.h"
#include "cuda/lstm_large.h"
#include "cuda/lstm_small.h"

namespace apf_cuda {

enum {
  THREADS = 256,
  FEW_INPUTS = 16,     /* that are not worth a call of cuBLAS */
  ROWS_PER_BLOCK = 16, /* of the inputs' kernel: its threads load weights once for these */
  SPAN_BYTES = 16 << 20,
  PASS = 512 /* more sequences than an H100 takes at once */
};

/* --- forward ------------------------------------------------------------------------------------
 */

/** Where the inputs of the steps of a launch lie. */
template <class real>
struct LstmInputs {
  int64_t B, T, I, H, first, steps;
  const real *x, *w_ih, *b_ih, *b_hh;
};

/** sums (B, steps, 4H) = biases + w_ih x, of the first `few` inputs. A thread stays with its gate;
 *  gridDim.y strides over sequences and steps. */
template <class real>
__global__ void __launch_bounds__(THREADS)
    lstm_inputs_kernel(LstmInputs<real> p, int few, real *sums)
{
  const int64_t q = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
  const int64_t gates = LSTM_GATES * p.H;
  if (q >= gates) return;
  const real bias = load_or_zero(p.b_ih, q) + load_or_zero(p.b_hh, q);
  real w[FEW_INPUTS];
#pragma unroll
  for (int i = 0; i < FEW_INPUTS; i++) w[i] = i < few ? load(p.w_ih + q * p.I + i) : 0;
  for (int64_t row = blockIdx.y; row < p.B * p.steps; row += gridDim.y) {
    const int64_t b = row / p.steps, t = p.first + row % p.steps;
    const real *x = p.x + (b * p.T + t) * p.I;
    real sum = bias;
#pragma unroll
    for (int i = 0; i < FEW_INPUTS; i++)
      if (i < few) sum = fma(w[i], load(x + i), sum);
    store(sums + row * gates + q, sum);
  }
}

/** Few inputs are multiplied here: bound by memory either way, and with bits that do not depend on
 *  the number of steps. */
template <class real>
static apf_status add_inputs(apf_context *ctx, const LstmInputs<real> &p, real *sums)
{
  enum { MOST_BLOCKS = 65535 };
  const int64_t gates = LSTM_GATES * p.H, rows = p.B * p.steps;
  const bool few = p.I <= FEW_INPUTS, all = p.steps == p.T;
  const dim3 grid(
      static_cast<unsigned>(divide_up(gates, THREADS)),
      static_cast<unsigned>(std::min<int64_t>(divide_up(rows, ROWS_PER_BLOCK), MOST_BLOCKS)));
  APF_TRY(APF_LAUNCH(ctx, lstm_inputs_kernel<real>, grid, THREADS, 0, p,
                     few ? static_cast<int>(p.I) : 0, sums));
  if (few) return APF_OK;
  Product m = {};
  m.rows = all ? rows : p.steps, m.columns = gates, m.depth = p.I;
  m.b_transposed = true;
  m.a_row = p.I, m.b_row = p.I, m.c_row = gates;
  m.batch = all ? 1 : p.B, m.a_next = p.T * p.I, m.c_next = p.steps * gates;
  return gemm<real>(ctx, m, p.x + p.first * p.I, p.w_ih, 1, sums);
}

/** to (H, 4H) = w_hh (4H, H) transposed. */
template <class real>
__global__ void lstm_transpose_kernel(int64_t H, const real *w_hh, real *to)
{
  APF_GRID_LOOP(n, LSTM_GATES * H * H)
  {
    const int64_t q = n % (LSTM_GATES * H), k = n / (LSTM_GATES * H);
    store(to + n, load(w_hh + q * H + k));
  }
}

static unsigned large_threads(int64_t H)
{
  return static_cast<unsigned>(
      std::min<int64_t>(divide_up(LSTM_GATES * H, 32) * 32, LSTM_LARGE_THREADS));
}

template <class real>
static apf_status recur(apf_context *ctx, const LstmForward<real> &p)
{
  const unsigned grid = grid_for(ctx, p.B, 1);
  if (p.H <= 32) return APF_LAUNCH(ctx, (lstm_forward_kernel<real, 32>), grid, 128, 0, p);
  if (p.H <= 64) return APF_LAUNCH(ctx, (lstm_forward_kernel<real, 64>), grid, 256, 0, p);
  return APF_LAUNCH(ctx, lstm_large_forward_kernel<real>, grid, large_threads(p.H), 0, p);
}

template <class real>
apf_status lstm_forward(apf_context *ctx, int64_t B, int64_t T, int64_t I, int64_t H, const real *x,
                        const real *w_ih, const real *w_hh, const real *b_ih, const real *b_hh,
                        const real *h0, const real *c0, real *y, real *cn, real *gates, real *cells)
{
  const bool large = H > 64;
  const int64_t step_size = B * LSTM_GATES * H, weights = large ? LSTM_GATES * H * H : 0;
  const int64_t fit = SPAN_BYTES / static_cast<int64_t>(sizeof(real)) / step_size;
  const int64_t steps = gates ? T : std::min(std::max<int64_t>(fit, 1), T);
  void *memory;
  APF_TRY(apf_workspace(ctx, (B * H + weights + (gates ? 0 : steps * step_size)) * sizeof(real),
                        &memory));
  real *state = static_cast<real *>(memory), *transposed = state + B * H;
  real *sums = gates ? gates : transposed + weights;
  if (large)
    APF_TRY(APF_LAUNCH(ctx, lstm_transpose_kernel<real>, grid_for(ctx, weights, THREADS), THREADS,
                       0, H, w_hh, transposed));
  for (int64_t first = 0; first < T; first += steps) {
    const int64_t n = std::min(steps, T - first);
    const LstmInputs<real> inputs = {B, T, I, H, first, n, x, w_ih, b_ih, b_hh};
    APF_TRY(add_inputs(ctx, inputs, sums));
    APF_TRY(
        recur<real>(ctx, {B, T, H, first, n, sums, large ? transposed : w_hh, h0,
                          first ? state : c0, cn && first + n == T ? cn : state, y, gates, cells}));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(lstm_forward);

/* --- backward -----------------------------------------------------------------------------------
 */

template <class real>
static apf_status recur_backward(apf_context *ctx, const LstmBackward<real> &p, real *parts)
{
  const unsigned grid = grid_for(ctx, p.B, 1);
  if (p.H <= 32) return APF_LAUNCH(ctx, (lstm_backward_kernel<real, 32>), grid, 128, 0, p);
  if (p.H <= 64) return APF_LAUNCH(ctx, (lstm_backward_kernel<real, 64>), grid, 256, 0, p);
  return APF_LAUNCH(ctx, lstm_large_backward_kernel<real>, grid, large_threads(p.H), 0, p, parts);
}

/** before[b][0] = h0[b] or zero */
template <class real>
__global__ void lstm_first_kernel(int64_t B, int64_t T, int64_t H, const real *h0, real *before)
{
  APF_GRID_LOOP(n, B * H) store(before + n / H * T * H + n % H, load_or_zero(h0, n));
}

/** dw (4H, columns) = sum over rows of da (rows, 4H) times v (rows, columns), plus beta dw. */
template <class real>
static apf_status add_products(apf_context *ctx, int64_t rows, int64_t H, int64_t columns,
                               const real *da, const real *v, real beta, real *dw)
{
  Product p = {};
  p.rows = LSTM_GATES * H, p.columns = columns, p.depth = rows;
  p.a_transposed = true;
  p.a_row = LSTM_GATES * H, p.b_row = columns, p.c_row = columns;
  p.batch = 1;
  return gemm<real>(ctx, p, da, v, beta, dw);
}

/** dw_hh from h before every step, which is y one step later. */
template <class real>
static apf_status recurrent_weights(apf_context *ctx, int64_t B, int64_t T, int64_t H,
                                    const real *da, const real *h0, const real *y, real *before,
                                    real beta, real *dw_hh)
{
  APF_TRY(ctx->table->copy(ctx, before + H, y, (B * T - 1) * H * sizeof(real)));
  APF_TRY(APF_LAUNCH(ctx, lstm_first_kernel<real>, grid_for(ctx, B * H, THREADS), THREADS, 0, B, T,
                     H, h0, before));
  return add_products(ctx, B * T, H, H, da, before, beta, dw_hh);
}

/** dx (rows, I) = da (rows, 4H) w_ih (4H, I). */
template <class real>
static apf_status inputs_backward(apf_context *ctx, int64_t rows, int64_t I, int64_t H,
                                  const real *da, const real *w_ih, real *dx)
{
  Product p = {};
  p.rows = rows, p.columns = I, p.depth = LSTM_GATES * H;
  p.a_row = LSTM_GATES * H, p.b_row = I, p.c_row = I;
  p.batch = 1;
  return gemm<real>(ctx, p, da, w_ih, 0, dx);
}

/** p + i, where p is an array. */
template <class T>
static T *at(T *p, int64_t i)
{
  return p ? p + i : nullptr;
}

template <class real>
apf_status lstm_backward(apf_context *ctx, int64_t B, int64_t T, int64_t I, int64_t H,
                         const real *dy, const real *dhn, const real *dcn, const real *x,
                         const real *w_ih, const real *w_hh, const real *h0, const real *c0,
                         const real *y, const real *gates, const real *cells, real *dx, real *dw_ih,
                         real *dw_hh, real *db, real *dh0, real *dc0)
{
  const int64_t most = std::min<int64_t>(B, PASS), of_gates = LSTM_GATES * H;
  const ColumnSums bias(1, most * T, of_gates);
  const int64_t reals = most * (T * (of_gates + H) + of_gates + H);
  void *memory;
  APF_TRY(apf_workspace(ctx, bias.scratch() * sizeof(double) + reals * sizeof(real), &memory));
  double *scratch = static_cast<double *>(memory);
  real *da = reinterpret_cast<real *>(scratch + bias.scratch());
  real *before = da + most * T * of_gates, *parts = before + most * T * H;
  real *dc = parts + most * of_gates;
  for (int64_t b = 0; b < B; b += most) {
    const int64_t n = std::min(most, B - b), rows = n * T, row = b * T;
    const real beta = b > 0;
    APF_TRY(recur_backward<real>(
        ctx,
        {n, T, H, w_hh, at(c0, b * H), gates + row * of_gates, cells + row * H, at(dy, row * H),
         at(dhn, b * H), at(dcn, b * H), da, at(dh0, b * H), dc0 ? dc0 + b * H : dc},
        parts));
    if (dx) APF_TRY(inputs_backward(ctx, rows, I, H, da, w_ih, dx + row * I));
    if (dw_ih) APF_TRY(add_products(ctx, rows, H, I, da, x + row * I, beta, dw_ih));
    if (dw_hh)
      APF_TRY(recurrent_weights(ctx, n, T, H, da, at(h0, b * H), y + row * H, before, beta, dw_hh));
    if (db)
      APF_TRY((column_sums<real, real>(ctx, ColumnSums(1, rows, of_gates), da, scratch, beta, db)));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(lstm_backward);

}  // namespace apf_cuda
