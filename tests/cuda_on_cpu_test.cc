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

/* The first warp overwrites, some shuffles later, what the second still has to read. */
template <Kernel K>
__global__ void run_ahead_kernel(float *y)
{
  struct Row {
    float v[64];
  };
  APF_SHARED(row, Row);
  const int t = threadIdx.x;
  row.v[t] = 1;
  __syncthreads();
  float v = t < 32 ? 1.0f : row.v[t - 32];
  if (K == Kernel::CORRECT) __syncthreads();
  for (int i = 0; i < 8; i++) v = __shfl_xor_sync(0xffffffffu, v, 1);
  if (t < 32) row.v[t] = 2;
  store(y + t, v);
}

template <Kernel K>
static Outcome runs_ahead()
{
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(64);
    *error = run(run_ahead_kernel<K>, 1, 64, 0, y.data());
    return y.values() == std::vector<float>(64, 1.0f);
  });
}

TEST(CudaOnCpu, CatchesAWarpThatRunsAhead)
{
  expect_sound(runs_ahead<Kernel::CORRECT>());
  expect_caught(runs_ahead<Kernel::BROKEN>());
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
