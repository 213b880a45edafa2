/** The convolution as its defining sums, in double: what the fast kernel must equal. */
#include "cpu/cpu.h"

#include <string.h>

/* The part of the sums that one tap of one pair of channels contributes. */
typedef struct tap {
  int64_t h0, h1, t0, t1; /* output points whose input lies inside the plane */
  int64_t shift;          /* from output to input */
} tap;

static tap tap_of(int64_t H, int64_t W, int64_t KH, int64_t KW, int64_t D, int64_t k, int64_t j)
{
  int64_t down = k - (KH - 1) / 2, right = D * (j - (KW - 1) / 2);
  return (tap){.h0 = down < 0 ? -down : 0,
               .h1 = down > 0 ? H - down : H,
               .t0 = right < 0 ? -right : 0,
               .t1 = right > 0 ? W - right : W,
               .shift = down * W + right};
}

apf_status APF_CPU(conv2d_forward_reference)(apf_context *ctx, int64_t B, int64_t I, int64_t O,
                                             int64_t H, int64_t W, int64_t KH, int64_t KW,
                                             int64_t D, const real *x, const real *w,
                                             const real *bias, real *y)
{
  (void)ctx;
  for (int64_t b = 0; b < B; b++)
    for (int64_t o = 0; o < O; o++)
      for (int64_t h = 0; h < H; h++)
        for (int64_t t = 0; t < W; t++) {
          double sum = bias ? bias[o] : 0;
          for (int64_t i = 0; i < I; i++)
            for (int64_t k = 0; k < KH; k++)
              for (int64_t j = 0; j < KW; j++) {
                tap p = tap_of(H, W, KH, KW, D, k, j);
                if (h < p.h0 || h >= p.h1 || t < p.t0 || t >= p.t1) continue;
                sum += (double)w[((o * I + i) * KH + k) * KW + j] *
                       (double)x[((b * I + i) * H + h) * W + t + p.shift];
              }
          y[((b * O + o) * H + h) * W + t] = (real)sum;
        }
  return APF_OK;
}

apf_status APF_CPU(conv2d_backward_reference)(apf_context *ctx, int64_t B, int64_t I, int64_t O,
                                              int64_t H, int64_t W, int64_t KH, int64_t KW,
                                              int64_t D, const real *dy, const real *x,
                                              const real *w, real *dx, real *dw, real *dbias)
{
  (void)ctx;
  memset(dx, 0, (size_t)(B * I * H * W) * sizeof(real));
  for (int64_t o = 0; o < O; o++) {
    double bias = 0;
    for (int64_t b = 0; b < B; b++)
      for (int64_t p = 0; p < H * W; p++) bias += dy[(b * O + o) * H * W + p];
    dbias[o] = (real)bias;
    for (int64_t i = 0; i < I; i++)
      for (int64_t k = 0; k < KH; k++)
        for (int64_t j = 0; j < KW; j++) {
          const tap p = tap_of(H, W, KH, KW, D, k, j);
          const int64_t at = ((o * I + i) * KH + k) * KW + j;
          double sum = 0;
          for (int64_t b = 0; b < B; b++)
            for (int64_t h = p.h0; h < p.h1; h++)
              for (int64_t t = p.t0; t < p.t1; t++) {
                const real g = dy[((b * O + o) * H + h) * W + t];
                const int64_t from = ((b * I + i) * H + h) * W + t + p.shift;
                sum += (double)g * (double)x[from];
                dx[from] += g * w[at];
              }
          dw[at] = (real)sum;
        }
  }
  return APF_OK;
}
