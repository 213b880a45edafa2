/** The LSTM layer step by step in double, forward only: gradients are checked by differences. */
#include "cpu/cpu.h"

#include <math.h>

enum { MOST_HIDDEN = 256 }; /* that tests compare */

static double sigmoid(double x)
{
  return 1 / (1 + exp(-x));
}

apf_status APF_CPU(lstm_forward_reference)(apf_context *ctx, int64_t B, int64_t T, int64_t I,
                                           int64_t H, const real *x, const real *w_ih,
                                           const real *w_hh, const real *b_ih, const real *b_hh,
                                           const real *h0, const real *c0, real *y, real *cn,
                                           real *gates, real *cells)
{
  double a[4 * MOST_HIDDEN], cell[MOST_HIDDEN];
  if (H > MOST_HIDDEN)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "H is above %d", MOST_HIDDEN);
  for (int64_t b = 0; b < B; b++) {
    for (int64_t h = 0; h < H; h++) cell[h] = c0 ? c0[b * H + h] : 0;
    for (int64_t t = 0; t < T; t++) {
      const int64_t at = b * T + t;
      for (int64_t q = 0; q < 4 * H; q++) {
        a[q] = (b_ih ? b_ih[q] : 0) + (b_hh ? b_hh[q] : 0);
        for (int64_t k = 0; k < I; k++) a[q] += (double)w_ih[q * I + k] * x[at * I + k];
        for (int64_t k = 0; k < H; k++) {
          const double before = t > 0 ? y[(at - 1) * H + k] : h0 ? h0[b * H + k] : 0;
          a[q] += w_hh[q * H + k] * before;
        }
      }
      for (int64_t h = 0; h < H; h++) {
        const double i = sigmoid(a[h]), f = sigmoid(a[H + h]), g = tanh(a[2 * H + h]),
                     o = sigmoid(a[3 * H + h]);
        cell[h] = f * cell[h] + i * g;
        y[at * H + h] = (real)(o * tanh(cell[h]));
        if (cells) cells[at * H + h] = (real)cell[h];
        const double all[] = {i, f, g, o};
        for (int64_t q = 0; gates && q < 4; q++) gates[at * 4 * H + q * H + h] = (real)all[q];
      }
    }
    for (int64_t h = 0; cn && h < H; h++) cn[b * H + h] = (real)cell[h];
  }
  return APF_OK;
}
