/**
 * What the first-order operators and the FIR filter move, counted by the
 * emulation: the part of their speed that is known without a GPU. The floor is each array touched
 * once, by one launch. And their results, which no order of blocks and threads may change.
 */
#include "cuda_on_cpu/emulator.h"
#include "support/support.h"

namespace {

/* Sequences end inside tiles and begin at sectors of 32 bytes. */
constexpr int64_t kRows = 2, kSteps = 10240 - 8, kSamples = kRows * kSteps;

class TrafficScan : public testing::Test {
 protected:
  void SetUp() override
  {
    ctx = make_context({APF_CUDA, APF_SIMD_AUTO, 1});
    ASSERT_NE(ctx, nullptr);
  }
  void TearDown() override { apf_context_destroy(ctx); }

  /** Runs a call, which is one launch, and holds what it moved against `floor` bytes a sample. */
  void expect_traffic(double floor, const std::function<apf_status()> &call, double slack = 1.02,
                      double coalescing = 0.97)
  {
    cuda_on_cpu::start_counting();
    const apf_status status = call();
    const cuda_on_cpu::Counters c = cuda_on_cpu::stop_counting();

    APF_EXPECT_OK(status);
    const double bytes = static_cast<double>(c.load_bytes + c.store_bytes) / kSamples;
    EXPECT_EQ(c.launches, 1u);
    EXPECT_GE(bytes, floor);
    EXPECT_LE(bytes, slack * floor);
    EXPECT_GE(c.coalescing(), coalescing);
  }

  /** Under every order of blocks and threads, a call leaves the same bits in the outputs. */
  void expect_same_bits(const std::function<std::vector<float>()> &call)
  {
    cuda_on_cpu::set_seed(1);
    const std::vector<float> first = call();
    for (uint64_t seed = 2; seed <= 8; seed++) {
      cuda_on_cpu::set_seed(seed);
      const std::vector<float> again = call();
      EXPECT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(float)), 0) << seed;
    }
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

TEST_F(TrafficScan, RecurrenceTouchesEveryArrayOnce)
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
                                     s.dzf.data(), s.a.data(), s.zi.data(), s.y.data(), s.dx.data(),
                                     s.zf.data());
  });
}

/* Below, coefficients of a sequence are read once for every 16 bytes of signal: they come from the
 * first cache. */
constexpr double kPerPack = 1;

TEST_F(TrafficScan, RecurrenceWithAConstantReadsItOncePerPack)
{
  Signals s(ctx);

  expect_traffic(8 + kPerPack, [&] {
    return op::recurrence_forward<float>(ctx, kRows, kSteps, 1, s.x.data(), s.rows.data(),
                                         s.zi.data(), s.dx.data(), s.zf.data());
  });
  expect_traffic(16 - 4 + kPerPack, [&] {
    return op::recurrence_backward<float>(ctx, kRows, kSteps, 1, s.dy.data(), s.dzf.data(),
                                          s.rows.data(), s.zi.data(), s.y.data(), s.dx.data(),
                                          s.da.data(), s.zf.data());
  });
}

TEST_F(TrafficScan, SmoothingTouchesEveryArrayOnce)
{
  Signals s(ctx);

  expect_traffic(8 + kPerPack, [&] {
    return op::one_pole_forward<float>(ctx, kRows, kSteps, s.x.data(), s.rows.data(), s.zi.data(),
                                       s.dx.data(), s.zf.data());
  });
  expect_traffic(16 + kPerPack, [&] {
    return op::one_pole_backward<float>(ctx, kRows, kSteps, s.dy.data(), s.dzf.data(), s.x.data(),
                                        s.rows.data(), s.zi.data(), s.y.data(), s.dx.data(),
                                        s.zf.data(), s.da.data());
  });
  expect_traffic(16 + 2 * kPerPack, [&] {
    return op::ballistics_backward<float>(
        ctx, kRows, kSteps, s.dy.data(), s.dzf.data(), s.x.data(), s.zi.data(), s.rows.data(),
        s.more_rows.data(), s.y.data(), s.dx.data(), s.zf.data(), s.da.data(), s.da.data() + kRows);
  });
}

TEST_F(TrafficScan, BallisticsTouchesEveryArrayOnceAlongTimeAndAcrossSequences)
{
  const int64_t B = kSamples / 176, T = 176;
  Signals s(ctx);
  Array<float> at(ctx, std::vector<float>(B, 0.1f)), rt(ctx, std::vector<float>(B, 0.01f));

  /* Every thread reads the coefficients and the state. */
  const double slack = 1 + 3 * 4 * 256 * kRows / (8.0 * kSamples) + 0.001;
  expect_traffic(
      8,
      [&] {
        return op::ballistics_forward<float>(ctx, kRows, kSteps, s.x.data(), s.zi.data(),
                                             s.rows.data(), s.more_rows.data(), s.dx.data(),
                                             s.zf.data());
      },
      slack);
  expect_traffic(8, [&] {
    return op::ballistics_forward<float>(ctx, B, T, s.x.data(), nullptr, at.data(), rt.data(),
                                         s.dx.data(), nullptr);
  });
}

/* Tiles of taps or of dy overlap by K-1 samples, which come from the second cache. */
TEST_F(TrafficScan, FirTouchesEveryArrayOnce)
{
  const int64_t K = 3;
  Signals s(ctx);
  Array<float> b(ctx, random_values<float>(kSamples * K, 7)), db(ctx, kSamples * K);

  /* A warp's part of x begins K-1 samples before an aligned one. */
  expect_traffic(
      4 * (K + 2),
      [&] {
        return op::fir_forward<float>(ctx, kRows, kSteps, kSteps, K, s.x.data(), b.data(), nullptr,
                                      s.dx.data(), nullptr);
      },
      1.02, 0.94);
  /* dy is read twice: by its own samples for db and by those that it reaches for dx. */
  expect_traffic(4 * (2 * K + 4), [&] {
    return op::fir_backward<float>(ctx, kRows, kSteps, kSteps, K, s.dy.data(), nullptr, s.x.data(),
                                   b.data(), nullptr, s.dx.data(), db.data(), nullptr);
  });
}

TEST_F(TrafficScan, NoOrderOfBlocksOrThreadsChangesABit)
{
  Signals s(ctx);
  const auto both = [](Array<float> &a, Array<float> &b) {
    std::vector<float> all = a.values(), more = b.values();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };

  expect_same_bits([&] {
    APF_EXPECT_OK(op::recurrence_forward<float>(ctx, kRows, kSteps, kSteps, s.x.data(), s.a.data(),
                                                s.zi.data(), s.dx.data(), s.zf.data()));
    return both(s.dx, s.zf);
  });
  expect_same_bits([&] {
    APF_EXPECT_OK(op::recurrence_backward<float>(ctx, kRows, kSteps, 1, s.dy.data(), s.dzf.data(),
                                                 s.rows.data(), s.zi.data(), s.y.data(),
                                                 s.dx.data(), s.zf.data(), nullptr));
    return both(s.dx, s.zf);
  });
  expect_same_bits([&] {
    APF_EXPECT_OK(op::ballistics_backward<float>(
        ctx, kRows, kSteps, s.dy.data(), s.dzf.data(), s.x.data(), s.zi.data(), s.rows.data(),
        s.more_rows.data(), s.y.data(), s.dx.data(), nullptr, s.zf.data(), nullptr));
    return both(s.dx, s.zf);
  });
  expect_same_bits([&] {
    APF_EXPECT_OK(op::fir_backward<float>(ctx, kRows, kSteps, 1, 1, s.dy.data(), nullptr,
                                          s.x.data(), s.rows.data(), nullptr, s.dx.data(),
                                          s.zf.data(), nullptr));
    return both(s.dx, s.zf);
  });
}
