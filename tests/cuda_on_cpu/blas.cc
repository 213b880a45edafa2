/** cuBLAS over CBLAS. */
#include <cblas.h>

#include <algorithm>

#include "cublas_v2.h"
#include "machine.h"
#include "memory.h"
#include "stream.h"

extern "C" {
#include "cpu/blas.h"
}

using namespace cuda_on_cpu;

struct cublasContext {
  cudaStream_t stream;
};

namespace {

typedef std::lock_guard<std::recursive_mutex> Guard;

CBLAS_TRANSPOSE transpose(cublasOperation_t op)
{
  return op == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
}

void gemm(cublasOperation_t ta, cublasOperation_t tb, blasint m, blasint n, blasint k, float alpha,
          const float *a, blasint lda, const float *b, blasint ldb, float beta, float *c,
          blasint ldc)
{
  cblas_sgemm(CblasColMajor, transpose(ta), transpose(tb), m, n, k, alpha, a, lda, b, ldb, beta, c,
              ldc);
}
void gemm(cublasOperation_t ta, cublasOperation_t tb, blasint m, blasint n, blasint k, double alpha,
          const double *a, blasint lda, const double *b, blasint ldb, double beta, double *c,
          blasint ldc)
{
  cblas_dgemm(CblasColMajor, transpose(ta), transpose(tb), m, n, k, alpha, a, lda, b, ldb, beta, c,
              ldc);
}
void gemv(cublasOperation_t t, int m, int n, float alpha, const float *a, int lda, const float *x,
          int incx, float beta, float *y, int incy)
{
  cblas_sgemv(CblasColMajor, transpose(t), m, n, alpha, a, lda, x, incx, beta, y, incy);
}
void gemv(cublasOperation_t t, int m, int n, double alpha, const double *a, int lda,
          const double *x, int incx, double beta, double *y, int incy)
{
  cblas_dgemv(CblasColMajor, transpose(t), m, n, alpha, a, lda, x, incx, beta, y, incy);
}

/** What fits in the emulated memory fits. */
blasint narrow(int64_t n)
{
  return static_cast<blasint>(n);
}

/** A matrix in device memory: column-major, `stride` from one of the batch to the next. */
template <class T>
struct Matrix {
  T *data;
  int64_t rows, columns, ld;
  long long stride;
};

template <class T>
bool is_valid(const Matrix<T> &m, int64_t batch)
{
  if (m.rows < 0 || m.columns < 0 || m.ld < std::max(int64_t(1), m.rows)) return false;
  if (m.rows == 0 || m.columns == 0 || batch == 0) return true;
  const long long last = (m.columns - 1) * m.ld + m.rows + (batch - 1) * std::max(m.stride, 0LL);
  return m.stride >= 0 && is_device_memory(m.data, static_cast<size_t>(last) * sizeof(T));
}

/** The matrix that becomes rows x columns by `op`. */
template <class T>
Matrix<T> operand(cublasOperation_t op, T *data, int64_t rows, int64_t columns, int64_t ld,
                  long long stride)
{
  if (op == CUBLAS_OP_N) return {data, rows, columns, ld, stride};
  return {data, columns, rows, ld, stride};
}

cublasStatus_t run(cublasHandle_t handle, std::function<void()> work)
{
  const cudaError_t error = enqueue(handle->stream, [work = std::move(work)] {
    apf_blas_begin();
    work();
    apf_blas_end();
  });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

template <class T>
cublasStatus_t batched(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int64_t k,
                       const T *alpha, Matrix<const T> a, Matrix<const T> b, const T *beta,
                       Matrix<T> c, int64_t batch)
{
  const Guard guard(machine_lock());
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!alpha || !beta || in_arena(alpha) || in_arena(beta)) return CUBLAS_STATUS_INVALID_VALUE;
  if (batch < 0 || k < 0 || !is_valid(a, batch) || !is_valid(b, batch) || !is_valid(c, batch))
    return CUBLAS_STATUS_INVALID_VALUE;
  return run(handle, [=, al = *alpha, be = *beta] {
    for (long long i = 0; i < batch; i++)
      gemm(ta, tb, narrow(c.rows), narrow(c.columns), narrow(k), al, a.data + i * a.stride,
           narrow(a.ld), b.data + i * b.stride, narrow(b.ld), be, c.data + i * c.stride,
           narrow(c.ld));
  });
}

template <class T>
cublasStatus_t vector(cublasHandle_t handle, cublasOperation_t op, const T *alpha,
                      Matrix<const T> a, const T *x, int incx, const T *beta, T *y, int incy)
{
  const Guard guard(machine_lock());
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  const int64_t inputs = op == CUBLAS_OP_N ? a.columns : a.rows;
  const int64_t outputs = op == CUBLAS_OP_N ? a.rows : a.columns;
  if (!alpha || !beta || in_arena(alpha) || in_arena(beta) || incx <= 0 || incy <= 0 ||
      !is_valid(a, 1) || !is_valid(Matrix<const T>{x, 1, inputs, incx, 0}, 1) ||
      !is_valid(Matrix<T>{y, 1, outputs, incy, 0}, 1))
    return CUBLAS_STATUS_INVALID_VALUE;
  return run(handle, [=, al = *alpha, be = *beta] {
    gemv(op, narrow(a.rows), narrow(a.columns), al, a.data, narrow(a.ld), x, incx, be, y, incy);
  });
}

}  // namespace

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
  *handle = new cublasContext();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t)
{
  return handle ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *memory, size_t bytes)
{
  const Guard guard(machine_lock());
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  return !memory || is_device_memory(memory, bytes) ? CUBLAS_STATUS_SUCCESS
                                                    : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode)
{
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  return mode == CUBLAS_POINTER_MODE_HOST ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "the library was not initialized";
    case CUBLAS_STATUS_INVALID_VALUE: return "an unsupported value or parameter was passed";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "the GPU program failed to execute";
  }
  return "unknown status";
}

#define DEFINE(T, S)                                                                              \
  cublasStatus_t cublas##S##gemmStridedBatched_64(                                                \
      cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int64_t m, int64_t n,    \
      int64_t k, const T *alpha, const T *a, int64_t lda, long long stride_a, const T *b,         \
      int64_t ldb, long long stride_b, const T *beta, T *c, int64_t ldc, long long stride_c,      \
      int64_t batch)                                                                              \
  {                                                                                               \
    return batched(handle, ta, tb, k, alpha, operand(ta, a, m, k, lda, stride_a),                 \
                   operand(tb, b, k, n, ldb, stride_b), beta, Matrix<T>{c, m, n, ldc, stride_c},  \
                   batch);                                                                        \
  }                                                                                               \
  cublasStatus_t cublas##S##gemmStridedBatched(                                                   \
      cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,     \
      const T *alpha, const T *a, int lda, long long stride_a, const T *b, int ldb,               \
      long long stride_b, const T *beta, T *c, int ldc, long long stride_c, int batch)            \
  {                                                                                               \
    return cublas##S##gemmStridedBatched_64(handle, ta, tb, m, n, k, alpha, a, lda, stride_a, b,  \
                                            ldb, stride_b, beta, c, ldc, stride_c, batch);        \
  }                                                                                               \
  cublasStatus_t cublas##S##gemm(                                                                 \
      cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,     \
      const T *alpha, const T *a, int lda, const T *b, int ldb, const T *beta, T *c, int ldc)     \
  {                                                                                               \
    return cublas##S##gemmStridedBatched_64(handle, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, \
                                            beta, c, ldc, 0, 1);                                  \
  }                                                                                               \
  cublasStatus_t cublas##S##gemv(cublasHandle_t handle, cublasOperation_t op, int m, int n,       \
                                 const T *alpha, const T *a, int lda, const T *x, int incx,       \
                                 const T *beta, T *y, int incy)                                   \
  {                                                                                               \
    return vector(handle, op, alpha, Matrix<const T>{a, m, n, lda, 0}, x, incx, beta, y, incy);   \
  }
DEFINE(float, S)
DEFINE(double, D)
