/** The part of cuBLAS that the project uses, over CBLAS: column-major, arguments checked. */
#ifndef CUDA_ON_CPU_CUBLAS_V2_H
#define CUDA_ON_CPU_CUBLAS_V2_H

#include "cuda_runtime.h"

typedef struct cublasContext *cublasHandle_t;

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
};
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2 };
enum cublasMath_t {
  CUBLAS_DEFAULT_MATH = 0,
  CUBLAS_PEDANTIC_MATH = 2,
  CUBLAS_TF32_TENSOR_OP_MATH = 3
};
enum cublasPointerMode_t { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 };

cublasStatus_t cublasCreate(cublasHandle_t *handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *memory, size_t bytes);
/** Only the host's pointers for alpha and beta. */
cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode);
const char *cublasGetStatusString(cublasStatus_t status);

#define CUDA_ON_CPU_BLAS(T, S)                                                                  \
  cublasStatus_t cublas##S##gemm(cublasHandle_t handle, cublasOperation_t transa,               \
                                 cublasOperation_t transb, int m, int n, int k, const T *alpha, \
                                 const T *a, int lda, const T *b, int ldb, const T *beta, T *c, \
                                 int ldc);                                                      \
  cublasStatus_t cublas##S##gemmStridedBatched(                                                 \
      cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,  \
      int k, const T *alpha, const T *a, int lda, long long stride_a, const T *b, int ldb,      \
      long long stride_b, const T *beta, T *c, int ldc, long long stride_c, int batch);         \
  cublasStatus_t cublas##S##gemmStridedBatched_64(                                              \
      cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t m,     \
      int64_t n, int64_t k, const T *alpha, const T *a, int64_t lda, long long stride_a,        \
      const T *b, int64_t ldb, long long stride_b, const T *beta, T *c, int64_t ldc,            \
      long long stride_c, int64_t batch);                                                       \
  cublasStatus_t cublas##S##gemv(cublasHandle_t handle, cublasOperation_t trans, int m, int n,  \
                                 const T *alpha, const T *a, int lda, const T *x, int incx,     \
                                 const T *beta, T *y, int incy)
CUDA_ON_CPU_BLAS(float, S);
CUDA_ON_CPU_BLAS(double, D);
#undef CUDA_ON_CPU_BLAS

#endif
