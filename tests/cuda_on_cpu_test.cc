/**
 * The emulation of CUDA must let correct kernels pass and catch broken ones. Each mistake is made
 * here once, beside the same kernel without it.
 */
#include "cuda_on_cpu/testing.h"

using namespace apf_cuda;
using namespace cuda_on_cpu;

#ifdef __SANITIZE_ADDRESS__
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

/* --- inside a block --------------------------------------------------------------------------- */

struct Tile {
  float v[32][33];
};

template <Kernel K>
__global__ void transpose_kernel(int n, const float *x, float *y)
{
  APF_SHARED(tile, Tile);
  const int column = threadIdx.x;
  for (int row = threadIdx.y; row < 32; row += blockDim.y)
    tile.v[row][column] = load(x + (blockIdx.y * 32 + row) * n + blockIdx.x * 32 + column);
  if (K == Kernel::CORRECT) __syncthreads();
  for (int row = threadIdx.y; row < 32; row += blockDim.y)
    store(y + (blockIdx.x * 32 + row) * n + blockIdx.y * 32 + column, tile.v[column][row]);
}

template <Kernel K>
static Outcome transposes()
{
  constexpr int n = 96;
  DeviceArray<float> x(ramp(n * n));
  std::vector<float> want(n * n);
  for (int i = 0; i < n * n; i++) want[i % n * n + i / n] = static_cast<float>(i + 1);
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(n * n);
    *error = run(transpose_kernel<K>, dim3(3, 3), dim3(32, 8), 0, n, x.data(), y.data());
    return y.values() == want;
  });
}

TEST(CudaOnCpu, CatchesAMissingBarrier)
{
  expect_sound(transposes<Kernel::CORRECT>());
  expect_caught(transposes<Kernel::BROKEN>());
}

/* The tile is overwritten while others still read it. */
template <Kernel K>
__global__ void reverse_rows_kernel(int rows, const float *x, float *y)
{
  struct Row {
    float v[64];
  };
  APF_SHARED(row, Row);
  const int t = threadIdx.x;
  for (int r = 0; r < rows; r++) {
    row.v[t] = load(x + r * 64 + t);
    __syncthreads();
    store(y + r * 64 + t, row.v[63 - t]);
    if (K == Kernel::CORRECT) __syncthreads();
  }
}

template <Kernel K>
static Outcome reverses()
{
  DeviceArray<float> x(ramp(4 * 64));
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(4 * 64);
    *error = run(reverse_rows_kernel<K>, 1, 64, 0, 4, x.data(), y.data());
    const std::vector<float> got = y.values();
    bool right = true;
    for (int i = 0; i < 4 * 64; i++)
      right = right && got[i] == static_cast<float>(i / 64 * 64 + 64 - i % 64);
    return right;
  });
}

TEST(CudaOnCpu, CatchesAMissingBarrierBeforeReuse)
{
  expect_sound(reverses<Kernel::CORRECT>());
  expect_caught(reverses<Kernel::BROKEN>());
}

template <Kernel K>
__global__ void early_return_kernel(int n, float *y)
{
  const bool idle = static_cast<int>(threadIdx.x) >= n;
  if (K == Kernel::BROKEN && idle) return;
  __syncthreads();
  if (!idle) store(y + threadIdx.x, 1.0f);
}

template <Kernel K>
__global__ void two_barriers_kernel(float *y)
{
  if (K == Kernel::CORRECT || threadIdx.x % 2)
    __syncthreads();
  else
    __syncthreads();
  store(y + threadIdx.x, 1.0f);
}

template <Kernel K>
__global__ void missing_lanes_kernel(float *y)
{
  if (K == Kernel::BROKEN && threadIdx.x % 32 >= 16)
    __syncthreads();
  else
    __syncwarp();
  if (!(K == Kernel::BROKEN && threadIdx.x % 32 >= 16)) __syncthreads();
  store(y + threadIdx.x, 1.0f);
}

template <class... Parameters, class... Arguments>
static Outcome writes_ones(void (*kernel)(Parameters...), Arguments... before)
{
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(64);
    *error = run(kernel, 1, 64, 0, before..., y.data());
    return y.values()[0] == 1;
  });
}

TEST(CudaOnCpu, CatchesDivergentBarriers)
{
  expect_sound(writes_ones(early_return_kernel<Kernel::CORRECT>, 40));
  const Outcome early = writes_ones(early_return_kernel<Kernel::BROKEN>, 40);
  EXPECT_EQ(early.flagged, kSeeds);
  EXPECT_NE(early.message.find("returned"), std::string::npos) << early.message;
  EXPECT_NE(early.message.find("cuda_on_cpu_test.cc:"), std::string::npos) << early.message;

  expect_sound(writes_ones(two_barriers_kernel<Kernel::CORRECT>));
  expect_caught(writes_ones(two_barriers_kernel<Kernel::BROKEN>), "while others wait at that of");
}

TEST(CudaOnCpu, CatchesAMaskWithLanesThatNeverArrive)
{
  expect_sound(writes_ones(missing_lanes_kernel<Kernel::CORRECT>));
  expect_caught(writes_ones(missing_lanes_kernel<Kernel::BROKEN>), "waits for ever");
}

template <Kernel K>
__global__ void inactive_lane_kernel(float *y)
{
  const unsigned lane = threadIdx.x % 32;
  float v = static_cast<float>(lane);
  if (lane < 16) v = __shfl_sync(0xffffu, v, K == Kernel::CORRECT ? 3 : 20);
  store(y + threadIdx.x, lane < 16 ? v - 2 : v);
}

TEST(CudaOnCpu, CatchesAShuffleFromAnInactiveLane)
{
  expect_sound(writes_ones(inactive_lane_kernel<Kernel::CORRECT>));
  expect_caught(writes_ones(inactive_lane_kernel<Kernel::BROKEN>), "lane 20");
}

/* --- places ----------------------------------------------------------------------------------- */

template <Kernel K>
__global__ void neighbour_in_tile_kernel(float *y)
{
  struct Row {
    float v[64];
  };
  APF_SHARED(row, Row);
  const int t = threadIdx.x;
  row.v[t] = 1;
  __syncthreads();
  store(y + t, row.v[K == Kernel::CORRECT ? (t + 1) % 64 : t + 1]);
}

static bool is_all_ones(const std::vector<float> &values)
{
  return values == std::vector<float>(values.size(), 1.0f);
}

template <Kernel K>
static Outcome adds_neighbours()
{
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(64);
    *error = run(neighbour_in_tile_kernel<K>, 1, 64, 0, y.data());
    return is_all_ones(y.values());
  });
}

TEST(CudaOnCpu, CatchesATileThatIsOneTooSmall)
{
  expect_sound(adds_neighbours<Kernel::CORRECT>());
  if (kAddressSanitizer)
    EXPECT_DEATH(adds_neighbours<Kernel::BROKEN>(), "AddressSanitizer|out of bounds");
  else
    expect_caught(adds_neighbours<Kernel::BROKEN>());
}

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

/* --- asynchronous copies ---------------------------------------------------------------------- */

template <Kernel K>
__global__ void async_kernel(const float *x, float *y)
{
  struct Two {
    float v[2][32];
  };
  APF_SHARED(tile, Two);
  const int t = threadIdx.x;
  for (int i = 0; i < 2; i++) {
    async_copy(&tile.v[i][t], x + 32 * i + t);
    async_commit();
  }
  async_wait<1>();
  store(y + t, tile.v[0][t]);
  if (K == Kernel::CORRECT) async_wait<0>();
  store(y + 32 + t, tile.v[1][t]);
}

template <Kernel K>
static Outcome copies_asynchronously()
{
  DeviceArray<float> x(ramp(64));
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(64);
    *error = run(async_kernel<K>, 1, 32, 0, x.data(), y.data());
    return y.values() == ramp(64);
  });
}

TEST(CudaOnCpu, CatchesAReadBeforeAnAsynchronousCopyArrived)
{
  expect_sound(copies_asynchronously<Kernel::CORRECT>());
  EXPECT_EQ(copies_asynchronously<Kernel::BROKEN>().wrong, kSeeds);
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
