/* The rules of docs/cuda.md on streams, threads and devices. */
#include <cuda_runtime.h>

#include <memory>
#include <thread>

#include "support/support.h"

namespace {

/** A stream of the caller's. */
class Stream {
 public:
  Stream() { EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess); }
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;
  ~Stream() { EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess); }
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

apf_context *context_on(cudaStream_t stream, int device = 0)
{
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = APF_CUDA;
  options.device = device;
  options.stream = stream;
  apf_context *ctx = nullptr;
  EXPECT_EQ(apf_context_create(&options, &ctx), APF_OK) << apf_last_error(nullptr);
  return ctx;
}

/** A compressor-like chain of recursions and their gradients, in memory that is made once. */
class Chain {
 public:
  Chain(apf_context *context, uint64_t seed)
      : ctx(context),
        x(ctx, random_values<float>(B * T, seed)),
        a(ctx, random_values<float>(B * T * M, seed + 1, 0.4)),
        rate(ctx, std::vector<float>(B, 0.1f)),
        u(ctx, B * T),
        v(ctx, B * T),
        dx(ctx, B * T),
        da(ctx, B * T * M)
  {
  }

  void run()
  {
    APF_EXPECT_OK(
        apf_allpole_forward_f32(ctx, B, T, T, M, x.data(), a.data(), nullptr, u.data(), nullptr));
    APF_EXPECT_OK(apf_ballistics_forward_f32(ctx, B, T, u.data(), nullptr, rate.data(), rate.data(),
                                             v.data(), nullptr));
    APF_EXPECT_OK(apf_allpole_backward_f32(ctx, B, T, T, M, v.data(), nullptr, a.data(), nullptr,
                                           u.data(), dx.data(), da.data(), nullptr));
  }
  std::vector<float> results()
  {
    std::vector<float> all = v.values();
    for (Array<float> *part : {&dx, &da}) {
      const std::vector<float> values = part->values();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }
  void forget()
  {
    for (Array<float> *part : {&u, &v, &dx, &da})
      part->set(std::vector<float>(static_cast<size_t>(part->size()), NAN));
  }

 private:
  static constexpr int64_t B = 2, T = 5000, M = 2;
  apf_context *ctx;
  Array<float> x, a, rate, u, v, dx, da;
};

std::vector<float> results_alone(uint64_t seed)
{
  apf_context *ctx = context_on(nullptr);
  std::vector<float> results;
  {
    Chain chain(ctx, seed);
    chain.run();
    results = chain.results();
  }
  apf_context_destroy(ctx);
  return results;
}

class CudaStream : public OnEveryBackend {};
APF_ON_CUDA(CudaStream);

}  // namespace

TEST_P(CudaStream, WorkGoesToTheCallersStreamAndCanBeCapturedThere)
{
  Stream stream;
  apf_context *own = context_on(stream);
  {
    Chain chain(own, 1);
    chain.run(); /* grows what there is to grow */
    const std::vector<float> want = chain.results();
    chain.forget();
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    size_t nodes = 0;

    ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    chain.run();
    ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);

    ASSERT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
    EXPECT_EQ(nodes, 3u) << "a launch each";
    for (float value : chain.results()) ASSERT_TRUE(std::isnan(value)) << "ran while captured";
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
    ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
    EXPECT_EQ(chain.results(), want);
    EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  }
  apf_context_destroy(own);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess) << "the stream outlives the context";
}

TEST_P(CudaStream, ContextsOnTheirStreamsTakeTurns)
{
  Stream first, second;
  apf_context *const contexts[] = {context_on(first), context_on(second)};
  {
    Chain one(contexts[0], 1), two(contexts[1], 2);
    for (int i = 0; i < 3; i++) {
      one.run();
      two.run();
    }
    EXPECT_EQ(one.results(), results_alone(1));
    EXPECT_EQ(two.results(), results_alone(2));
  }
  for (apf_context *each : contexts) apf_context_destroy(each);
}

TEST_P(CudaStream, EachThreadHasItsContext)
{
  std::vector<float> got[2];
  const auto job = [&got](int k) {
    apf_context *own = context_on(nullptr);
    {
      Chain chain(own, static_cast<uint64_t>(k) + 1);
      for (int i = 0; i < 3; i++) chain.run();
      got[k] = chain.results();
    }
    apf_context_destroy(own);
  };

  std::thread first(job, 0), second(job, 1);
  first.join();
  second.join();

  EXPECT_EQ(got[0], results_alone(1));
  EXPECT_EQ(got[1], results_alone(2));
}

TEST_P(CudaStream, TheThreadsCurrentDeviceStaysTheCallers)
{
  int count = 0, now = -1;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  if (count < 2) GTEST_SKIP() << "one device only";
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  apf_context *other = context_on(nullptr, 1);
  {
    Chain chain(other, 1);
    chain.run();
    EXPECT_EQ(chain.results(), results_alone(1));
  }
  ASSERT_EQ(cudaGetDevice(&now), cudaSuccess);
  EXPECT_EQ(now, 0);
  apf_context_destroy(other);
  ASSERT_EQ(cudaGetDevice(&now), cudaSuccess);
  EXPECT_EQ(now, 0);
}
