/**
 * What CUDA's elementwise operators and sums do to memory, counted by the emulation: the part of
 * their performance that can be known without a GPU. And that sums have the same bits whatever the
 * order in which blocks and threads run.
 */
#include "support/support.h"

#include <memory>

#include "emulator.h"

extern "C" {
#include "core/maps.h"
}

namespace {

constexpr int64_t kRows = 4, kLength = 20000, kCount = kRows * kLength; /* several pieces a row */

struct Traffic {
  double bytes_per_element;
  uint64_t launches;
  double coalescing;
};

}  // namespace

class CudaTraffic : public testing::Test {
 protected:
  void SetUp() override
  {
    ctx = make_context({APF_CUDA, APF_SIMD_AUTO, 1});
    ASSERT_NE(ctx, nullptr);
    for (int k = 0; k < 3; k++) in[k].reset(new Array<float>(ctx, random_values<float>(kCount, k)));
    for (auto &o : out) o.reset(new Array<float>(ctx, kCount));
    row.reset(new Array<float>(ctx, random_values<float>(kRows, 9)));
    row_out.reset(new Array<float>(ctx, kRows));
  }
  void TearDown() override
  {
    for (auto &a : in) a.reset();
    for (auto &a : out) a.reset();
    row.reset(), row_out.reset();
    apf_context_destroy(ctx);
  }
  Traffic traffic_of(const std::function<apf_status()> &call)
  {
    APF_EXPECT_OK(call()); /* grows scratch memory */
    cuda_on_cpu::start_counting();
    APF_EXPECT_OK(call());
    const cuda_on_cpu::Counters c = cuda_on_cpu::stop_counting();
    return {static_cast<double>(c.load_bytes + c.store_bytes) / kCount, c.launches, c.coalescing()};
  }
  /** No more bytes an element than `bytes` and a hundredth, and nearly nothing but whole sectors.
   */
  void expect_traffic(const char *what, double bytes, uint64_t launches,
                      const std::function<apf_status()> &call)
  {
    const Traffic t = traffic_of(call);
    EXPECT_LE(t.bytes_per_element, 1.1 * bytes) << what;
    EXPECT_GE(t.bytes_per_element, bytes) << what;
    EXPECT_EQ(t.launches, launches) << what;
    EXPECT_GE(t.coalescing, 0.97) << what;
  }
  /** The sums of `call`, which writes `row_out`, have the same bits under every seed. */
  void expect_same_bits(const char *what, const std::function<apf_status()> &call)
  {
    APF_ASSERT_OK(call());
    const auto want = row_out->values();
    for (uint64_t seed = 1; seed <= 8; seed++) {
      cuda_on_cpu::set_seed(seed);
      APF_ASSERT_OK(call());
      EXPECT_EQ(row_out->values(), want) << what << " under seed " << seed;
    }
  }
  apf_context *ctx = nullptr;
  std::unique_ptr<Array<float>> in[3], out[2], row, row_out;
  const float *x() { return in[0]->data(); }
  const float *z() { return in[1]->data(); }
  const float *dy() { return in[2]->data(); }
  float *y() { return out[0]->data(); }
  float *w() { return out[1]->data(); }
  const float *per_row() { return row->data(); }
  float *sums() { return row_out->data(); }
};

TEST_F(CudaTraffic, ElementwiseOperatorsTouchEachElementOnce)
{
  const int64_t n = kCount;

  expect_traffic("accumulate", 12, 1, [&] { return op::accumulate<float>(ctx, n, x(), y()); });
  expect_traffic("map_unary forward", 8, 1, [&] {
    return op::map_unary_forward<float>(ctx, APF_MAP_TANH, n, 0, 0, x(), y());
  });
  expect_traffic("map_unary backward", 12, 1, [&] {
    return op::map_unary_backward<float>(ctx, APF_MAP_SIN, n, 0, 0, dy(), x(), nullptr, y());
  });
  expect_traffic("map_binary forward", 12, 1, [&] {
    return op::map_binary_forward<float>(ctx, APF_MAP_MUL, 1, &n, &n, x(), z(), y());
  });
  expect_traffic("map_binary backward", 24, 1, [&] { /* each gradient reads dy and one of a, b */
                                                     return op::map_binary_backward<float>(
                                                         ctx, APF_MAP_MUL, 1, &n, &n, dy(), x(),
                                                         z(), y(), w());
  });
  expect_traffic("dropout", 8.5, 1, /* every thread reads the step */ [&] {
    return op::dropout_forward<float>(ctx, n, 0.0, 1, 0, per_row(), x(), y());
  });
}

TEST_F(CudaTraffic, SumsReadEachElementOnce)
{
  const int64_t size[] = {kRows, kLength}, of_rows[] = {kRows, 1}, of_columns[] = {1, kLength};

  expect_traffic("reduce_sum along rows", 4, 1, [&] {
    return op::reduce_sum_forward<float>(ctx, 2, size, of_rows, 1, x(), sums());
  });
  expect_traffic("reduce_sum across rows", 4 + 4.0 / kRows, 1, [&] {
    return op::reduce_sum_forward<float>(ctx, 2, size, of_columns, 1, x(), y());
  });
  expect_traffic("esr forward", 8, 1, [&] {
    return op::esr_forward<float>(ctx, kRows, kRows, kLength, 1, x(), z(), sums(), nullptr);
  });
  expect_traffic("esr backward", 12, 1, [&] {
    return op::esr_backward<float>(ctx, kRows, kRows, kLength, per_row(), x(), z(), nullptr,
                                   per_row(), y(), nullptr);
  });
  expect_traffic("prelu backward", 12, 1, [&] {
    return op::prelu_backward<float>(ctx, 1, kRows, kLength, dy(), x(), per_row(), y(), sums());
  });
  expect_traffic("layer_norm forward", 16, 1, [&] { /* three passes, one to write */
                                                    return op::layer_norm_forward<float>(
                                                        ctx, kRows, kLength, 1e-5, x(), y(),
                                                        nullptr);
  });
}

TEST_F(CudaTraffic, TheCompressorsOperatorsTouchEachSampleOnce)
{
  expect_traffic("level forward", 8, 1, [&] {
    return op::compressor_level_forward<float>(ctx, kRows, 1, kLength, x(), y());
  });
  expect_traffic("curve backward", 16, 1, [&] {
    return op::compressor_curve_backward<float>(ctx, kRows, kLength, dy(), x(), per_row(),
                                                per_row(), nullptr, nullptr, z(), y(), sums(),
                                                nullptr, nullptr, nullptr);
  });
  expect_traffic("apply backward", 20, 1, [&] {
    return op::compressor_apply_backward<float>(ctx, kRows, 1, kLength, 0, dy(), x(), z(),
                                                per_row(), y(), w(), sums());
  });
}

TEST_F(CudaTraffic, PreemphasisReadsTheSignalsTwiceAndKeepsAByteASample)
{
  expect_traffic("forward", 16, 2, [&] {
    return op::preemphasis_l1_forward<float>(ctx, kRows, kRows, kLength, x(), z(), sums());
  });
  const Traffic backward = traffic_of([&] {
    return op::preemphasis_l1_backward<float>(ctx, kRows, kRows, kLength, per_row(), x(), z(), y(),
                                              nullptr);
  });
  EXPECT_LE(backward.bytes_per_element, 1.1 * (16 + 2 + 4));
  EXPECT_EQ(backward.launches, 3u);
  EXPECT_GE(backward.coalescing, 0.9); /* a warp's signs are one sector, rarely a whole one */
}

TEST_F(CudaTraffic, SumsHaveTheSameBitsWhateverTheOrderOfBlocks)
{
  const int64_t size[] = {kRows, kLength}, of_rows[] = {kRows, 1};

  expect_same_bits("reduce_sum", [&] {
    return op::reduce_sum_forward<float>(ctx, 2, size, of_rows, 1, x(), sums());
  });
  expect_same_bits("esr", [&] {
    return op::esr_forward<float>(ctx, kRows, kRows, kLength, 1, x(), z(), sums(), nullptr);
  });
  expect_same_bits("prelu", [&] {
    return op::prelu_backward<float>(ctx, 1, kRows, kLength, dy(), x(), per_row(), nullptr, sums());
  });
  expect_same_bits("compressor_apply", [&] {
    return op::compressor_apply_backward<float>(ctx, kRows, 1, kLength, 3, dy(), x(), z(),
                                                per_row(), nullptr, nullptr, sums());
  });
  expect_same_bits("preemphasis_l1", [&] {
    return op::preemphasis_l1_forward<float>(ctx, kRows, kRows, kLength, x(), z(), sums());
  });
}

TEST_F(CudaTraffic, ClippingHasTheSameBitsWhateverTheOrderOfBlocks)
{
  std::vector<double> want;
  for (uint64_t seed = 1; seed <= 8; seed++) {
    Array<float> g(ctx, in[0]->values());
    Array<double> norm(ctx, 1);
    cuda_on_cpu::set_seed(seed);

    APF_ASSERT_OK(
        op::clip_by_norm<float>(ctx, kCount, 1, nullptr, INFINITY, g.data(), norm.data()));

    if (want.empty()) want = norm.values();
    EXPECT_EQ(norm.values(), want) << seed;
  }
}
