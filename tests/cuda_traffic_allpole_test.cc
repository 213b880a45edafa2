/**
 * What the all-pole kernels move, counted by the emulation: the part of their speed that is known
 * without a GPU. The floor is each array touched once: 4 (M + 2) bytes a sample forward and
 * 4 (2 M + 3) backward in float. Lengths are multiples of every strategy's tile.
 */
#include "cuda_on_cpu/emulator.h"
#include "support/support.h"

namespace {

constexpr double kSlack = 1.02;
constexpr double kCoalesced = 0.96; /* backward, the few outputs before a row fill no sector */

struct Shape {
  const char *strategy;
  int64_t B, T, F, M;
};

class AllpoleTraffic : public testing::Test {
 protected:
  void SetUp() override { ctx = make_context({APF_CUDA, APF_SIMD_AUTO, 1}); }
  void TearDown() override { apf_context_destroy(ctx); }

  cuda_on_cpu::Counters forward(const Shape &s)
  {
    Array<float> x(ctx, s.B * s.T), a(ctx, random_values<float>(s.B * s.F * s.M, 1, .9 / s.M));
    Array<float> y(ctx, s.B * s.T);
    x.set(random_values<float>(s.B * s.T, 2));
    cuda_on_cpu::start_counting();
    APF_EXPECT_OK(op::allpole_forward<float>(ctx, s.B, s.T, s.F, s.M, x.data(), a.data(), nullptr,
                                             y.data(), nullptr));
    return cuda_on_cpu::stop_counting();
  }

  cuda_on_cpu::Counters backward(const Shape &s)
  {
    const std::vector<float> signal = random_values<float>(s.B * s.T, 2);
    Array<float> dy(ctx, signal), y(ctx, signal), dx(ctx, s.B * s.T);
    Array<float> a(ctx, random_values<float>(s.B * s.F * s.M, 1, .9 / s.M));
    Array<float> da(ctx, s.B * s.F * s.M);
    cuda_on_cpu::start_counting();
    APF_EXPECT_OK(op::allpole_backward<float>(ctx, s.B, s.T, s.F, s.M, dy.data(), nullptr, a.data(),
                                              nullptr, y.data(), dx.data(), da.data(), nullptr));
    return cuda_on_cpu::stop_counting();
  }

  apf_context *ctx = nullptr;
};

double bytes_of(const cuda_on_cpu::Counters &c)
{
  return static_cast<double>(c.load_bytes + c.store_bytes);
}

/** What `strategy` names is what tuning.h chooses on the emulated device. */
constexpr Shape kPerSample[] = {
    {"scan", 2, 8192, 8192, 1},     {"scan", 2, 8192, 8192, 2},
    {"scan", 2, 8192, 8192, 6},     {"sequences", 64, 256, 256, 1},
    {"sequences", 64, 256, 256, 2}, {"sequences", 64, 256, 256, 6},
    {"taps", 2, 2048, 2048, 22},    {"taps_scan", 1, 8192, 8192, 22},
};

}  // namespace

TEST_F(AllpoleTraffic, ForwardTouchesEachArrayOnceInOneLaunch)
{
  for (const Shape &s : kPerSample) {
    SCOPED_TRACE(testing::Message() << s.strategy << " M " << s.M);
    const cuda_on_cpu::Counters c = forward(s);

    const double floor = 4.0 * static_cast<double>((s.M + 2) * s.B * s.T);
    EXPECT_EQ(c.launches, 1u);
    EXPECT_LE(bytes_of(c), kSlack * floor);
    EXPECT_GE(bytes_of(c), floor);
    EXPECT_GE(c.coalescing(), kCoalesced);
  }
}

TEST_F(AllpoleTraffic, BackwardTouchesEachArrayOnceInOneLaunch)
{
  for (const Shape &s : kPerSample) {
    SCOPED_TRACE(testing::Message() << s.strategy << " M " << s.M);
    const cuda_on_cpu::Counters c = backward(s);

    const double floor = 4.0 * static_cast<double>((2 * s.M + 3) * s.B * s.T);
    EXPECT_EQ(c.launches, 1u);
    EXPECT_LE(bytes_of(c), kSlack * floor);
    EXPECT_GE(bytes_of(c), floor);
    EXPECT_GE(c.coalescing(), kCoalesced);
  }
}

/** Signals, and up to a tenth more for frames, sums of their gradients, and what tiles tell each
 *  other; backward, the M outputs before every 32 once more, where a warp has a sequence. */
TEST_F(AllpoleTraffic, CoefficientsBetweenFramesNeverTouchMemory)
{
  for (const Shape &s : {Shape{"scan", 2, 8192, 33, 6}, Shape{"sequences", 64, 256, 5, 6},
                         Shape{"taps", 2, 2048, 9, 22}, Shape{"taps_scan", 1, 8448, 17, 16}}) {
    SCOPED_TRACE(s.strategy);
    const cuda_on_cpu::Counters c = forward(s), d = backward(s);

    const double samples = static_cast<double>(s.B * s.T);
    const double past = 4.0 * static_cast<double>(s.M) / 32;
    EXPECT_EQ(c.launches, 1u);
    EXPECT_LE(d.launches, 2u);
    EXPECT_LE(bytes_of(c), 1.1 * 8 * samples);
    EXPECT_LE(bytes_of(d), 1.1 * (12 + past) * samples);
  }
}
