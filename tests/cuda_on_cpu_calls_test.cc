/** The emulation's checks of places in memory, of launches, and of errors. */
#include "cuda_on_cpu/testing.h"

using namespace apf_cuda;
using namespace cuda_on_cpu;

/* --- places ----------------------------------------------------------------------------------- */

template <Kernel K>
__global__ void neighbour_in_global_kernel(int n, const float *x, float *y)
{
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const bool outside = i + 1 == n && K == Kernel::CORRECT;
  store(y + i, load(x + i) + (outside ? 0.0f : load(x + i + 1)));
}

template <Kernel K>
static Outcome adds_neighbours_in_global()
{
  DeviceArray<float> x(ramp(100));
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(100);
    *error = run(neighbour_in_global_kernel<K>, 4, 32, 0, 100, x.data(), y.data());
    return y.values()[98] == 199;
  });
}

TEST(CudaOnCpu, CatchesAnArrayThatIsOneTooSmall)
{
  expect_sound(adds_neighbours_in_global<Kernel::CORRECT>());
  expect_caught(adds_neighbours_in_global<Kernel::BROKEN>(), "outside every allocation");
}

__global__ void vectors_kernel(const float *x, float *y)
{
  const Pack<float, 4> p = load(reinterpret_cast<const Pack<float, 4> *>(x) + threadIdx.x);
  for (int i = 0; i < 4; i++) store(y + 4 * threadIdx.x + i, p.v[i]);
}

TEST(CudaOnCpu, CatchesAMisalignedVectorLoad)
{
  DeviceArray<float> x(ramp(132)), y(128);

  EXPECT_EQ(run(vectors_kernel, 1, 32, 0, x.data(), y.data()), cudaSuccess);
  EXPECT_EQ(y.values(), ramp(128));
  EXPECT_EQ(run(vectors_kernel, 1, 32, 0, x.data() + 1, y.data()), cudaErrorMisalignedAddress);
}

__global__ void copy_kernel(int n, const float *x, float *y)
{
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) store(y + i, load(x + i));
}
struct Hidden {
  const float *x;
};
__global__ void hidden_pointer_kernel(Hidden hidden, float *y)
{
  store(y + threadIdx.x, load(hidden.x + threadIdx.x));
}

TEST(CudaOnCpu, CatchesPointersOfTheWrongSide)
{
  std::vector<float> host(32, 1.0f);
  DeviceArray<float> x(host), y(32);

  EXPECT_EQ(run(copy_kernel, 1, 32, 0, 32, x.data(), y.data()), cudaSuccess);
  EXPECT_EQ(run(copy_kernel, 1, 32, 0, 32, host.data(), y.data()), cudaErrorInvalidDevicePointer);
  EXPECT_NE(last_message().find("argument 1"), std::string::npos);
  EXPECT_EQ(run(hidden_pointer_kernel, 1, 32, 0, Hidden{x.data()}, y.data()), cudaSuccess);
  EXPECT_EQ(run(hidden_pointer_kernel, 1, 32, 0, Hidden{host.data()}, y.data()),
            cudaErrorIllegalAddress);
  cudaSetDevice(1);
  EXPECT_EQ(run(copy_kernel, 1, 32, 0, 32, x.data(), y.data()), cudaErrorInvalidDevicePointer);
  cudaSetDevice(0);
  EXPECT_NE(cudaMemcpy(y.data(), x.data(), 4, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_NE(cudaMemcpy(host.data(), x.data(), 33 * 4, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_NE(cudaMemset(host.data(), 0, 4), cudaSuccess);
  EXPECT_NE(cudaFree(x.data() + 1), cudaSuccess);
  cudaGetLastError();
}

TEST(CudaOnCpu, CatchesTheHostInDeviceMemory)
{
  DeviceArray<float> x(ramp(8)), y(8);
  volatile float *memory = x.data();

  set_guard(true);
  EXPECT_EQ(run(copy_kernel, 1, 32, 0, 8, x.data(), y.data()), cudaSuccess);
  EXPECT_EQ(y.values(), ramp(8));
  EXPECT_DEATH(memory[0] = memory[1], "");
  set_guard(false);
  memory[0] = memory[1];
}

TEST(CudaOnCpu, FreshMemoryIsNotANumber)
{
  DeviceArray<float> x(3);
  DeviceArray<double> y(3);

  for (float v : x.values()) EXPECT_TRUE(std::isnan(v));
  for (double v : y.values()) EXPECT_TRUE(std::isnan(v));
}

/* --- launches --------------------------------------------------------------------------------- */

__global__ void dynamic_kernel(int n, float *y)
{
  APF_DYNAMIC_SHARED(values, float);
  for (int i = threadIdx.x; i < n; i += blockDim.x) values[i] = 1;
  __syncthreads();
  if (threadIdx.x == 0) store(y, values[n - 1]);
}

TEST(CudaOnCpu, CatchesLaunchesThatADeviceRefuses)
{
  DeviceArray<float> y(1);
  const void *kernel = reinterpret_cast<const void *>(dynamic_kernel);

  EXPECT_EQ(run(dynamic_kernel, 1, 1025, 4, 1, y.data()), cudaErrorInvalidConfiguration);
  EXPECT_EQ(run(dynamic_kernel, 0, 32, 4, 1, y.data()), cudaErrorInvalidConfiguration);
  EXPECT_EQ(run(dynamic_kernel, dim3(1, 65536), 32, 4, 1, y.data()), cudaErrorInvalidConfiguration);
  EXPECT_EQ(run(dynamic_kernel, 1, 64, 65536, 16384, y.data()), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 65536),
            cudaSuccess);
  EXPECT_EQ(run(dynamic_kernel, 1, 64, 65536, 16384, y.data()), cudaSuccess);
  EXPECT_EQ(y.values()[0], 1);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 233472),
            cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(CudaOnCpu, CatchesAnErrorThatIsNotFetched)
{
  DeviceArray<float> x(ramp(32)), y(32);
  cudaLaunchConfig_t config = {};
  config.blockDim = 32;
  const float *wrong = x.data() + 32;
  ASSERT_EQ(cudaLaunchKernelEx(&config, copy_kernel, 32, wrong, y.data()), cudaSuccess);

  const float *right = x.data();
  EXPECT_NE(cudaLaunchKernelEx(&config, copy_kernel, 32, right, y.data()), cudaSuccess);
  EXPECT_NE(last_message().find("not fetched"), std::string::npos);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaLaunchKernelEx(&config, copy_kernel, 32, right, y.data()), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}
