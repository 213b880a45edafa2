/**
 * CBLAS in this file's precision. Row-major: C (M, N) = A (M, K) B (K, N), each a plain matrix or,
 * with CblasTrans, stored as its transpose; `beta` 0 writes C, 1 adds to it. Row lengths are given.
 */
#ifndef APF_CPU_GEMM_H
#define APF_CPU_GEMM_H

#include "core/precision.h"
#include "cpu/blas.h"

#include <cblas.h>
#undef I /* <complex.h>, which some cblas.h include, takes the name of a size */

#if APF_REAL_IS_FLOAT
#define APF_GEMM cblas_sgemm
#else
#define APF_GEMM cblas_dgemm
#endif

/** Sizes must fit in int. */
static inline void gemm(CBLAS_TRANSPOSE a_as, CBLAS_TRANSPOSE b_as, int64_t M, int64_t N, int64_t K,
                        const real *a, int64_t a_row, const real *b, int64_t b_row, real beta,
                        real *c, int64_t c_row)
{
  APF_GEMM(CblasRowMajor, a_as, b_as, (int)M, (int)N, (int)K, 1, a, (int)a_row, b, (int)b_row, beta,
           c, (int)c_row);
}

#endif
