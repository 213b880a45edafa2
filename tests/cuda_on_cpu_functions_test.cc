/** The emulation's warp functions, mathematics, cuBLAS and cuFFT, against plain loops. */
#include "cuda_on_cpu/testing.h"

#include <cmath>
#include <complex>

#include <cublas_v2.h>
#include <cufft.h>

using namespace apf_cuda;
using namespace cuda_on_cpu;

/* --- warps ------------------------------------------------------------------------------------ */

enum { WARP_RESULTS = 14 };

__global__ void warp_kernel(double *y)
{
  constexpr unsigned all = 0xffffffffu;
  const int lane = threadIdx.x;
  const double v = lane;
  const double results[WARP_RESULTS] = {
      __shfl_sync(all, v, 5),
      __shfl_sync(all, v, 5, 8),
      __shfl_up_sync(all, v, 3),
      __shfl_down_sync(all, v, 3),
      __shfl_down_sync(all, v, 3, 16),
      __shfl_xor_sync(all, v, 9),
      double(__ballot_sync(all, lane % 3 == 0)),
      double(__any_sync(all, lane == 7)),
      double(__all_sync(all, lane < 31)),
      double(__reduce_add_sync(all, lane)),
      double(__reduce_max_sync(all, lane)),
      double(__syncthreads_count(lane > 3)),
      double(__syncthreads_or(lane == 40)),
      double(__syncthreads_and(lane < 40)),
  };
  for (int i = 0; i < WARP_RESULTS; i++) store(y + 32 * i + lane, results[i]);
}

TEST(CudaOnCpuFunctions, WarpsExchangeAsOnADevice)
{
  DeviceArray<double> y(32 * WARP_RESULTS);

  for (int seed = 0; seed < kSeeds; seed++) {
    set_seed(seed);
    ASSERT_EQ(run(warp_kernel, 1, 32, 0, y.data()), cudaSuccess);
    const std::vector<double> got = y.values();
    for (int lane = 0; lane < 32; lane++) {
      const double want[WARP_RESULTS] = {5.0,
                                         lane / 8 * 8 + 5.0,
                                         lane < 3 ? lane : lane - 3.0,
                                         lane > 28 ? lane : lane + 3.0,
                                         lane % 16 > 12 ? lane : lane + 3.0,
                                         double(lane ^ 9),
                                         double(0x49249249u),
                                         1,
                                         0,
                                         31 * 16,
                                         31,
                                         28,
                                         0,
                                         1};
      for (int i = 0; i < WARP_RESULTS; i++)
        EXPECT_EQ(got[32 * i + lane], want[i]) << "result " << i << " of lane " << lane;
    }
  }
}

/* --- mathematics ------------------------------------------------------------------------------ */

TEST(CudaOnCpuFunctions, SinpiAndCospiAreExactAtQuarters)
{
  const double s[] = {0, 1, 0, -1};
  for (int i = -8; i <= 8; i++) {
    EXPECT_EQ(sinpi(i / 2.0), s[(i + 8) % 4]);
    EXPECT_EQ(cospi(i / 2.0), s[(i + 9) % 4]);
  }
  for (double x = -3; x < 3; x += 0.0173) {
    EXPECT_NEAR(sinpi(x), std::sin(M_PI * x), 2e-15);
    EXPECT_NEAR(cospi(x), std::cos(M_PI * x), 2e-15);
  }
}

/* --- cuBLAS ----------------------------------------------------------------------------------- */

static std::vector<double> noise(size_t n)
{
  std::vector<double> values(n);
  for (size_t i = 0; i < n; i++) values[i] = std::sin(3.0 * i * i + 1);
  return values;
}

TEST(CudaOnCpuFunctions, GemmIsThatOfCublas)
{
  constexpr int m = 3, n = 4, k = 5, ld = 7, batch = 2, stride = 60;
  const std::vector<double> a = noise(200), b = noise(210), c = noise(220);
  const double alpha = 0.7, beta = -0.3;
  cublasHandle_t handle = nullptr;
  cublasCreate(&handle);
  for (const auto ta : {CUBLAS_OP_N, CUBLAS_OP_T})
    for (const auto tb : {CUBLAS_OP_N, CUBLAS_OP_T}) {
      DeviceArray<double> da(a), db(b), dc(c);

      ASSERT_EQ(
          cublasDgemmStridedBatched(handle, ta, tb, m, n, k, &alpha, da.data(), ld, stride,
                                    db.data(), ld, stride, &beta, dc.data(), ld, stride, batch),
          CUBLAS_STATUS_SUCCESS);

      std::vector<double> want = c;
      for (int s = 0; s < batch; s++)
        for (int i = 0; i < m; i++)
          for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++)
              sum += a[s * stride + (ta == CUBLAS_OP_N ? l * ld + i : i * ld + l)] *
                     b[s * stride + (tb == CUBLAS_OP_N ? j * ld + l : l * ld + j)];
            double &element = want[s * stride + j * ld + i];
            element = alpha * sum + beta * element;
          }
      const std::vector<double> got = dc.values();
      for (size_t i = 0; i < want.size(); i++) EXPECT_NEAR(got[i], want[i], 1e-14);
    }
  cublasDestroy(handle);
}

TEST(CudaOnCpuFunctions, GemmRefusesWhatDoesNotFit)
{
  const double one = 1;
  std::vector<double> host(16);
  DeviceArray<double> a(16), small(15);
  cublasHandle_t handle = nullptr;
  cublasCreate(&handle);
  const auto gemm = [&](const double *x, int ld, double *y) {
    return cublasDgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, x, ld, a.data(), 4, &one, y,
                       4);
  };

  EXPECT_EQ(gemm(a.data(), 4, a.data()), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(gemm(a.data(), 3, a.data()), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(gemm(host.data(), 4, a.data()), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(gemm(a.data(), 4, small.data()), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasSetWorkspace(handle, host.data(), 8), CUBLAS_STATUS_INVALID_VALUE);
  cublasDestroy(handle);
}

/* --- cuFFT ------------------------------------------------------------------------------------ */

/** Rows of n reals in n/2 + 1 complex numbers each, transformed in place and back. */
TEST(CudaOnCpuFunctions, RealTransformsInPaddedRows)
{
  constexpr int rows = 3;
  for (int n : {1, 2, 9, 16, 11}) {
    int bins = n / 2 + 1, padded = 2 * bins;
    DeviceArray<double> x(noise(rows * padded));
    const std::vector<double> before = x.values();
    cufftHandle forward = 0, backward = 0;
    ASSERT_EQ(cufftPlanMany(&forward, 1, &n, &padded, 1, padded, &bins, 1, bins, CUFFT_D2Z, rows),
              CUFFT_SUCCESS);
    ASSERT_EQ(cufftPlanMany(&backward, 1, &n, &bins, 1, bins, &padded, 1, padded, CUFFT_Z2D, rows),
              CUFFT_SUCCESS);

    ASSERT_EQ(cufftExecD2Z(forward, x.data(), reinterpret_cast<double2 *>(x.data())),
              CUFFT_SUCCESS);
    const std::vector<double> spectrum = x.values();
    ASSERT_EQ(cufftExecZ2D(backward, reinterpret_cast<double2 *>(x.data()), x.data()),
              CUFFT_SUCCESS);

    const std::vector<double> after = x.values();
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < n; i++)
        EXPECT_NEAR(after[r * padded + i], n * before[r * padded + i], 1e-13 * n);
      for (int f = 0; f < bins; f++) {
        std::complex<double> want = 0;
        for (int i = 0; i < n; i++)
          want += before[r * padded + i] * std::polar(1.0, -2 * M_PI * f * i / n);
        EXPECT_NEAR(spectrum[r * padded + 2 * f], want.real(), 1e-13 * n);
        EXPECT_NEAR(spectrum[r * padded + 2 * f + 1], want.imag(), 1e-13 * n);
      }
    }
    cufftDestroy(forward);
    cufftDestroy(backward);
  }
}

TEST(CudaOnCpuFunctions, ComplexToRealLeavesNothingToRelyOn)
{
  DeviceArray<float> spectrum(std::vector<float>(10, 0)), x(8);
  float2 *bins = reinterpret_cast<float2 *>(spectrum.data());
  cufftHandle plan = 0;
  ASSERT_EQ(cufftPlan1d(&plan, 8, CUFFT_C2R, 1), CUFFT_SUCCESS);

  ASSERT_EQ(cufftExecC2R(plan, bins, x.data()), CUFFT_SUCCESS);
  EXPECT_EQ(x.values(), std::vector<float>(8, 0));
  for (float v : spectrum.values()) EXPECT_TRUE(std::isnan(v));

  std::vector<float> not_real(10, 0);
  not_real[1] = 1; /* the mean's imaginary part */
  cudaMemcpy(bins, not_real.data(), 40, cudaMemcpyHostToDevice);
  ASSERT_EQ(cufftExecC2R(plan, bins, x.data()), CUFFT_SUCCESS);
  for (float v : x.values()) EXPECT_TRUE(std::isnan(v));
  cufftDestroy(plan);
}

TEST(CudaOnCpuFunctions, TransformsRefuseWhatDoesNotFit)
{
  std::vector<float> host(16);
  DeviceArray<float> x(8), spectrum(8);
  float2 *small = reinterpret_cast<float2 *>(spectrum.data());
  cufftHandle plan = 0;
  size_t bytes = 0;
  int n = 8;
  cufftCreate(&plan);
  EXPECT_EQ(cufftSetAutoAllocation(plan, 0), CUFFT_SUCCESS);
  ASSERT_EQ(cufftMakePlanMany(plan, 1, &n, nullptr, 1, 0, nullptr, 1, 0, CUFFT_R2C, 1, &bytes),
            CUFFT_SUCCESS);

  EXPECT_EQ(cufftExecR2C(plan, x.data(), small), CUFFT_NO_WORKSPACE);
  DeviceArray<unsigned char> work(bytes);
  EXPECT_EQ(cufftSetWorkArea(plan, host.data()), CUFFT_INVALID_VALUE);
  EXPECT_EQ(cufftSetWorkArea(plan, work.data()), CUFFT_SUCCESS);
  EXPECT_EQ(cufftExecR2C(plan, x.data(), small), CUFFT_INVALID_VALUE);
  EXPECT_EQ(cufftExecR2C(plan, host.data(), small), CUFFT_INVALID_VALUE);
  EXPECT_EQ(cufftExecD2Z(plan, nullptr, nullptr), CUFFT_INVALID_TYPE);
  EXPECT_EQ(cufftDestroy(plan), CUFFT_SUCCESS);
  EXPECT_EQ(cufftDestroy(plan), CUFFT_INVALID_PLAN);
}
