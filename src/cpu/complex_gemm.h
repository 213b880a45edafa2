/**
 * C = A B or C += conj(A) B on complex matrices with split parts: a register tile of some rows by
 * one vector of columns, for operands that are already laid out as the loop wants them.
 *
 *   A(r, k) = a[r row + k step], imaginary part `a_imag` further
 *   B(k, :) = one vec at b + k b_step, imaginary part `b_imag` further
 *   C(r, :) = one vec at c + r c_row, imaginary part `c_imag` further
 *
 * Four fused multiply-adds per element pair; with 16 accumulators (AVX-512) or 12 the loop is bound
 * by the multipliers.
 */
#ifndef APF_CPU_COMPLEX_GEMM_H
#define APF_CPU_COMPLEX_GEMM_H

#include "cpu/vector.h"

#if VEC_BYTES == 64
enum { COMPLEX_GEMM_ROWS = 8 };
#else
enum { COMPLEX_GEMM_ROWS = 6 };
#endif

typedef struct complex_gemm {
  int64_t K;
  int64_t row, step, a_imag;
  int64_t b_step, b_imag;
  int64_t c_row, c_imag;
} complex_gemm;

APF_INLINE void complex_gemm_tile(const complex_gemm *g, int rows, int conjugate, const real *a,
                                  const real *b, real *c)
{
  vec re[COMPLEX_GEMM_ROWS], im[COMPLEX_GEMM_ROWS];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
    re[r] = conjugate ? *(vec *)(c + r * g->c_row) : (vec){0};
    im[r] = conjugate ? *(vec *)(c + r * g->c_row + g->c_imag) : (vec){0};
  }
  for (int64_t k = 0; k < g->K; k++) {
    const vec br = *(const vec *)(b + k * g->b_step);
    const vec bi = *(const vec *)(b + k * g->b_step + g->b_imag);
    const real *at = a + k * g->step;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      const real ar = at[r * g->row], ai = at[r * g->row + g->a_imag];
      re[r] += br * ar;
      im[r] += bi * ar;
      if (conjugate) {
        re[r] += bi * ai;
        im[r] -= br * ai;
      } else {
        re[r] -= bi * ai;
        im[r] += br * ai;
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
    *(vec *)(c + r * g->c_row) = re[r];
    *(vec *)(c + r * g->c_row + g->c_imag) = im[r];
  }
}

APF_INLINE void complex_gemm_rows(const complex_gemm *g, int conjugate, int64_t rows, const real *a,
                                  const real *b, real *c)
{
  int64_t r = 0;
  for (; r + COMPLEX_GEMM_ROWS <= rows; r += COMPLEX_GEMM_ROWS)
    complex_gemm_tile(g, COMPLEX_GEMM_ROWS, conjugate, a + r * g->row, b, c + r * g->c_row);
  a += r * g->row;
  c += r * g->c_row;
  switch (rows - r) {
    case 1: complex_gemm_tile(g, 1, conjugate, a, b, c); break;
    case 2: complex_gemm_tile(g, 2, conjugate, a, b, c); break;
    case 3: complex_gemm_tile(g, 3, conjugate, a, b, c); break;
    case 4: complex_gemm_tile(g, 4, conjugate, a, b, c); break;
    case 5: complex_gemm_tile(g, 5, conjugate, a, b, c); break;
#if VEC_BYTES == 64
    case 6: complex_gemm_tile(g, 6, conjugate, a, b, c); break;
    case 7: complex_gemm_tile(g, 7, conjugate, a, b, c); break;
#endif
    default: break;
  }
}

/** C = A B over `rows` rows and one vector of columns. */
static void complex_gemm_multiply(const complex_gemm *g, int64_t rows, const real *a, const real *b,
                                  real *c)
{
  complex_gemm_rows(g, 0, rows, a, b, c);
}

/** C += conj(A) B. */
static void complex_gemm_accumulate(const complex_gemm *g, int64_t rows, const real *a,
                                    const real *b, real *c)
{
  complex_gemm_rows(g, 1, rows, a, b, c);
}

#endif
