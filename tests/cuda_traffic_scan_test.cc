/**
 * What the first-order operators, the FIR filter and the interpolation move, counted by the
 * emulation: the part of their speed that is known without a GPU. The floor is each array touched
 * once. And their results, which no order of blocks and threads may change.
 */
#include "cuda_on_cpu/emulator.h"
#include "support/support.h"

namespace {

constexpr int64_t kRows = 2, kSteps = 10000, kSamples = kRows * kSteps;

class TrafficScan : public testing::Test {
 protected:
  void SetUp() override
  {
    ctx = make_context({APF_CUDA, APF_SIMD_AUTO, 1});
    ASSERT_NE(ctx, nullptr);
  }
  void TearDown() override { apf_context_destroy(ctx); }

  /** Runs a call and holds what it moved against `floor` bytes a sample. */
  void expect_traffic(double floor, const std::function<apf_status()> &call, double slack = 1.02,
                      uint64_t launches = 1)
  {
    cuda_on_cpu::start_counting();
    const apf_status status = call();
    const cuda_on_cpu::Counters c = cuda_on_cpu::stop_counting();

    APF_EXPECT_OK(status);
    const double bytes = static_cast<double>(c.load_bytes + c.store_bytes) / kSamples;
    EXPECT_EQ(c.launches, launches);
    EXPECT_GE(bytes, floor);
    EXPECT_LE(bytes, slack * floor);
    EXPECT_GE(c.coalescing(), 0.97);
  }

  apf_context *ctx = nullptr;
};

/** Signals, coefficients and outputs, all (kRows, kSteps). */
struct Signals {
  Array<float> x, a, y, dy, dx, da, zi, dzf, zf, rows, more_rows;

  explicit Signals(apf_context *ctx)
      : x(ctx, random_values<float>(kSamples, 1)),
        a(ctx, random_values<float>(kSamples, 2, 0.99)),
        y(ctx, random_values<float>(kSamples, 3)),
        dy(ctx, random_values<float>(kSamples, 4)),
        dx(ctx, kSamples),
        da(ctx, kSamples),
        zi(ctx, random_values<float>(kRows, 5)),
        dzf(ctx, random_values<float>(kRows, 6)),
        zf(ctx, kRows),
        rows(ctx, std::vector<float>(kRows, 0.1f)),
        more_rows(ctx, std::vector<float>(kRows, 0.001f))
  {
  }
};

}  // namespace

TEST_F(TrafficScan, RecurrenceTouchesEveryArrayOnceInOneLaunch)
{
  Signals s(ctx);

  expect_traffic(12, [&] {
    return op::recurrence_forward<float>(ctx, kRows, kSteps, kSteps, s.x.data(), s.a.data(),
                                         s.zi.data(), s.dx.data(), s.zf.data());
  });
  expect_traffic(20, [&] {
    return op::recurrence_backward<float>(ctx, kRows, kSteps, kSteps, s.dy.data(), s.dzf.data(),
                                          s.a.data(), s.zi.data(), s.y.data(), s.dx.data(),
                                          s.da.data(), s.zf.data());
  });
  expect_traffic(20, [&] {
    return op::recurrence_jvp<float>(ctx, kRows, kSteps, kSteps, s.x.data(), s.dy.data(),
                                     s.dzf.data(), s.a.data(), s.zi.data(), s.y.data(),
                                     s.dx.data(), s.zf.data());
  });
}

TEST_F(TrafficScan, RecurrenceWithAConstantMovesNoCoefficients)
{
  Signals s(ctx);

  expect_traffic(
      8,
      [&] {
        return op::recurrence_forward<float>(ctx, kRows, kSteps, 1, s.x.data(), s.rows.data(),
                                             s.zi.data(), s.dx.data(), s.zf.data());
      },
      1.14);
}

TEST_F(TrafficScan, SmoothingTouchesEveryArrayOnceInOneLaunch)
{
  Signals s(ctx);
  /* A coefficient of the sequence for every 16 bytes comes from the first cache. */
  const double per_pack = 4.0 / 4;

  expect_traffic(8 + per_pack, [&] {
    return op::one_pole_forward<float>(ctx, kRows, kSteps, s.x.data(), s.rows.data(), s.zi.data(),
                                       s.dx.data(), s.zf.data());
  });
  expect_traffic(16 + per_pack, [&] {
    return op::one_pole_backward<float>(ctx, kRows, kSteps, s.dy.data(), s.dzf.data(), s.x.data(),
                                        s.rows.data(), s.zi.data(), s.y.data(), s.dx.data(),
                                        s.zf.data(), s.da.data());
  });
  expect_traffic(8, [&] {
    return op::ballistics_forward<float>(ctx, kRows, kSteps, s.x.data(), s.zi.data(),
                                         s.rows.data(), s.more_rows.data(), s.dx.data(),
                                         s.zf.data());
  });
  expect_traffic(16 + 2 * per_pack, [&] {
    return op::ballistics_backward<float>(ctx, kRows, kSteps, s.dy.data(), s.dzf.data(),
                                          s.x.data(), s.zi.data(), s.rows.data(),
                                          s.more_rows.data(), s.y.data(), s.dx.data(),
                                          s.zf.data(), s.da.data(), s.da.data() + kRows);
  });
}

TEST_F(TrafficScan, ManySequencesOfBallisticsTouchEveryArrayOnce)
{
  const int64_t B = 80, T = kSamples / B;
  Signals s(ctx);
  Array<float> at(ctx, std::vector<float>(B, 0.1f)), rt(ctx, std::vector<float>(B, 0.01f));

  expect_traffic(8, [&] {
    return op::ballistics_forward<float>(ctx, B, T, s.x.data(), nullptr, at.data(), rt.data(),
                                         s.dx.data(), nullptr);
  });
}
