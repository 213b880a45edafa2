/** The emulation between blocks and across launches: order, weak memory, counters, capture. */
#include "cuda_on_cpu/testing.h"

#include <algorithm>
#include <set>

using namespace apf_cuda;
using namespace cuda_on_cpu;

/* --- order ------------------------------------------------------------------------------------ */

__global__ void order_kernel(uint32_t *counter, uint32_t *order)
{
  if (threadIdx.x == 0) store(order + blockIdx.x, take_ticket(counter));
}

static std::vector<uint32_t> order_of_blocks(uint64_t seed)
{
  DeviceArray<uint32_t> counter(std::vector<uint32_t>(1, 0)), order(30);
  set_seed(seed);
  EXPECT_EQ(run(order_kernel, 30, 32, 0, counter.data(), order.data()), cudaSuccess);
  return order.values();
}

TEST(CudaOnCpuBlocks, TheSeedDecidesTheOrder)
{
  std::set<std::vector<uint32_t>> orders;
  for (uint64_t seed = 0; seed < kSeeds; seed++) {
    const std::vector<uint32_t> order = order_of_blocks(seed);
    EXPECT_EQ(order_of_blocks(seed), order);
    orders.insert(order);
    EXPECT_EQ(std::set<uint32_t>(order.begin(), order.end()).size(), 30u);
  }
  EXPECT_EQ(orders.size(), size_t(kSeeds));
}

__global__ void whole_grid_kernel(uint32_t *seen)
{
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  atomicAdd(seen + block * 24 + thread, 1);
}

TEST(CudaOnCpuBlocks, EveryThreadRunsOnce)
{
  for (int seed = 0; seed < kSeeds; seed++) {
    DeviceArray<uint32_t> seen(std::vector<uint32_t>(30 * 24, 0));
    set_seed(seed);
    ASSERT_EQ(run(whole_grid_kernel, dim3(5, 3, 2), dim3(4, 3, 2), 0, seen.data()), cudaSuccess);
    EXPECT_EQ(seen.values(), std::vector<uint32_t>(30 * 24, 1));
  }
}

/* --- weak memory ------------------------------------------------------------------------------ */

enum class Mistake { NONE, NO_ACQUIRE, NO_RELEASE, BLOCK_INDEX };

/** Prefix sums in one pass: each tile waits for the total of the one before. */
template <Mistake M>
__global__ void prefix_kernel(const float *x, float *y, uint32_t *ticket, uint32_t *ready,
                              float *totals)
{
  struct Shared {
    float v[32], before;
    unsigned tile;
  };
  APF_SHARED(s, Shared);
  const unsigned t = threadIdx.x;
  if (t == 0) s.tile = M == Mistake::BLOCK_INDEX ? gridDim.x - 1 - blockIdx.x : take_ticket(ticket);
  __syncthreads();
  s.v[t] = load(x + 32 * s.tile + t);
  __syncthreads();
  if (t == 0) {
    for (int i = 1; i < 32; i++) s.v[i] += s.v[i - 1];
    s.before = 0;
    if (s.tile > 0) {
      const uint32_t *flag = ready + s.tile - 1;
      while (!(M == Mistake::NO_ACQUIRE ? load_relaxed(flag) : load_acquire(flag))) spin_wait();
      s.before = load_relaxed(totals + s.tile - 1);
    }
    store_relaxed(totals + s.tile, s.before + s.v[31]);
    if (M == Mistake::NO_RELEASE)
      store_relaxed(ready + s.tile, 1u);
    else
      store_release(ready + s.tile, 1u);
  }
  __syncthreads();
  store(y + 32 * s.tile + t, s.before + s.v[t]);
}

template <Mistake M>
static Outcome sums(unsigned tiles)
{
  DeviceArray<float> x(std::vector<float>(32 * tiles, 1.0f));
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> y(32 * tiles), totals(std::vector<float>(tiles, 0));
    DeviceArray<uint32_t> ticket(std::vector<uint32_t>(1, 0));
    DeviceArray<uint32_t> ready(std::vector<uint32_t>(tiles, 0));
    *error = run(prefix_kernel<M>, tiles, 32, 0, x.data(), y.data(), ticket.data(), ready.data(),
                 totals.data());
    return y.values() == ramp(32 * tiles);
  });
}

TEST(CudaOnCpuBlocks, CatchesALookBackWithoutAcquireOrRelease)
{
  expect_sound(sums<Mistake::NONE>(20));
  expect_caught(sums<Mistake::NO_ACQUIRE>(20));
  expect_caught(sums<Mistake::NO_RELEASE>(20));
}

TEST(CudaOnCpuBlocks, CatchesWaitingForABlockThatHasNotStarted)
{
  const Outcome outcome = sums<Mistake::BLOCK_INDEX>(20);

  EXPECT_EQ(outcome.wrong, 0);
  EXPECT_GT(outcome.flagged, 0);
  EXPECT_NE(outcome.message.find("waits for ever"), std::string::npos) << outcome.message;
}

/** The last block to finish adds up what all have stored. */
template <Kernel K>
__global__ void total_kernel(const float *x, float *parts, float *y, uint32_t *ticket)
{
  if (threadIdx.x) return;
  store(parts + blockIdx.x, load(x + blockIdx.x));
  const uint32_t before = K == Kernel::CORRECT ? take_ticket(ticket) : atomicAdd(ticket, 1);
  if (before + 1 < gridDim.x) return;
  float total = 0;
  for (unsigned i = 0; i < gridDim.x; i++) total += load(parts + i);
  store(y, total);
}

/** The same with fences around a relaxed atomic. */
__global__ void fenced_total_kernel(const float *x, float *parts, float *y, uint32_t *ticket)
{
  if (threadIdx.x) return;
  store(parts + blockIdx.x, load(x + blockIdx.x));
  __threadfence();
  if (atomicAdd(ticket, 1) + 1 < gridDim.x) return;
  __threadfence();
  float total = 0;
  for (unsigned i = 0; i < gridDim.x; i++) total += load(parts + i);
  store(y, total);
}

static Outcome totals(void (*kernel)(const float *, float *, float *, uint32_t *))
{
  DeviceArray<float> x(ramp(50));
  return over_seeds([&](cudaError_t *error) {
    DeviceArray<float> parts(50), y(1);
    DeviceArray<uint32_t> ticket(std::vector<uint32_t>(1, 0));
    *error = run(kernel, 50, 32, 0, x.data(), parts.data(), y.data(), ticket.data());
    return y.values()[0] == 50 * 51 / 2;
  });
}

TEST(CudaOnCpuBlocks, CatchesReadingOfOtherBlocksWithoutOrder)
{
  expect_sound(totals(total_kernel<Kernel::CORRECT>));
  expect_sound(totals(fenced_total_kernel));
  expect_caught(totals(total_kernel<Kernel::BROKEN>), "nothing orders the two");
}

template <Kernel K>
__global__ void overlapping_kernel(float *y)
{
  const unsigned width = K == Kernel::CORRECT ? 32 : 31;
  store(y + blockIdx.x * width + threadIdx.x, 1.0f);
}

TEST(CudaOnCpuBlocks, CatchesTwoBlocksThatWriteTheSameElement)
{
  DeviceArray<float> y(128);

  EXPECT_EQ(run(overlapping_kernel<Kernel::CORRECT>, 4, 32, 0, y.data()), cudaSuccess);
  EXPECT_EQ(run(overlapping_kernel<Kernel::BROKEN>, 4, 32, 0, y.data()), cudaErrorIllegalAddress);
}

/* --- counters --------------------------------------------------------------------------------- */

__global__ void strided_copy_kernel(int n, int stride, const float *x, float *y)
{
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int from = i * stride % n + i * stride / n;
  if (i < n) store(y + i, load(x + from));
}
__global__ void vector_copy_kernel(const Pack<float, 4> *x, Pack<float, 4> *y)
{
  store_once(y + threadIdx.x, load_once(x + threadIdx.x));
}

TEST(CudaOnCpuBlocks, CountsBytesAndTransactions)
{
  constexpr int n = 1024;
  DeviceArray<float> x(ramp(n)), y(n);

  start_counting();
  ASSERT_EQ(run(strided_copy_kernel, n / 256, 256, 0, n, 1, x.data(), y.data()), cudaSuccess);
  const Counters coalesced = stop_counting();
  start_counting();
  ASSERT_EQ(run(strided_copy_kernel, n / 256, 256, 0, n, 8, x.data(), y.data()), cudaSuccess);
  const Counters strided = stop_counting();

  EXPECT_EQ(coalesced.launches, 1u);
  EXPECT_EQ(coalesced.blocks, 4u);
  EXPECT_EQ(coalesced.load_bytes + coalesced.store_bytes, 2u * 4 * n);
  EXPECT_EQ(coalesced.loads, n / 32u);
  EXPECT_EQ(coalesced.load_sectors, 4u * n / 32);
  EXPECT_EQ(coalesced.store_sectors, 4u * n / 32);
  EXPECT_EQ(coalesced.coalescing(), 1.0);
  EXPECT_EQ(strided.load_bytes, 4u * n);
  EXPECT_EQ(strided.load_sectors, 1u * n);
}

TEST(CudaOnCpuBlocks, CountsVectors)
{
  DeviceArray<float> x(ramp(128)), y(128);

  start_counting();
  ASSERT_EQ(run(vector_copy_kernel, 1, 32, 0, reinterpret_cast<const Pack<float, 4> *>(x.data()),
                reinterpret_cast<Pack<float, 4> *>(y.data())),
            cudaSuccess);
  const Counters counters = stop_counting();

  EXPECT_EQ(counters.loads, 1u);
  EXPECT_EQ(counters.load_sectors, 16u);
  EXPECT_EQ(counters.coalescing(), 1.0);
}

__global__ void barriers_kernel(int n)
{
  for (int i = 0; i < n; i++) __syncthreads();
}

TEST(CudaOnCpuBlocks, CountsBarriers)
{
  start_counting();
  ASSERT_EQ(run(barriers_kernel, 3, 64, 0, 5), cudaSuccess);

  EXPECT_EQ(stop_counting().barriers, 15u);
}

/* --- capture ---------------------------------------------------------------------------------- */

__global__ void scale_kernel(int n, float by, float *y)
{
  for (int i = threadIdx.x; i < n; i += blockDim.x) store(y + i, by * load(y + i));
}

class CudaOnCpuCapture : public testing::Test {
 protected:
  void SetUp() override
  {
    cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking);
    ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  }
  void TearDown() override
  {
    cudaGetLastError();
    cudaStreamDestroy(stream_);
  }
  /** y *= by, enqueued. */
  cudaError_t scale(float *y, float by)
  {
    cudaLaunchConfig_t config = {};
    config.blockDim = 32;
    config.stream = stream_;
    return cudaLaunchKernelEx(&config, scale_kernel, 4, by, y);
  }
  cudaStream_t stream_ = nullptr;
};

TEST_F(CudaOnCpuCapture, RunsNothingUntilItIsReplayed)
{
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  size_t nodes = 0;
  cudaStreamEndCapture(stream_, &graph);
  cudaGraphDestroy(graph);
  DeviceArray<float> y(ramp(4)), copy(4);
  cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal);
  EXPECT_EQ(scale(y.data(), 2), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(copy.data(), y.data(), 16, cudaMemcpyDeviceToDevice, stream_),
            cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(stream_, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
  EXPECT_EQ(nodes, 2u);
  EXPECT_EQ(y.values(), ramp(4));
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);

  for (int i = 0; i < 3; i++) EXPECT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);

  EXPECT_EQ(y.values(), std::vector<float>({8, 16, 24, 32}));
  EXPECT_EQ(copy.values(), y.values());
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
}

TEST_F(CudaOnCpuCapture, RefusesToWaitOrAllocate)
{
  void *memory = nullptr;
  cudaGraph_t graph = nullptr;

  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(graph, nullptr);
}
