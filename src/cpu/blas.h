/**
 * How the CPU kernels call CBLAS: always one BLAS thread per call, from within OpenMP threads that
 * each own a part of the result.
 *
 * A BLAS that starts threads of its own (OpenBLAS built with pthreads) would run them beside ours
 * on the same cores, and serialises calls from several threads. Its number of threads is a setting
 * of the process, so it is changed for as long as calls are under way, and put back by the last.
 */
#ifndef APF_CPU_BLAS_H
#define APF_CPU_BLAS_H

/** Around every group of CBLAS calls; may nest, and be called by any thread. */
void apf_blas_begin(void);
void apf_blas_end(void);

#endif
