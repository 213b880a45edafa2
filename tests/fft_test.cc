/* The transforms of src/cpu/fft.h themselves; the operators on top test them in every type and
 * instruction set. */
#define APF_TYPED_F64 1
#define APF_ISA       base
#include "support/spectral.h"

extern "C" {
#include "cpu/fft.h"
}

namespace {

class Fft : public testing::Test {
 protected:
  void SetUp() override { ctx = make_context({APF_CPU, APF_SIMD_BASE, 2}); }
  void TearDown() override { apf_context_destroy(ctx); }
  const fft_plan *plan(int64_t n)
  {
    const fft_plan *found = nullptr;
    APF_EXPECT_OK(APF_CPU(fft_plan_for)(ctx, n, &found));
    return found;
  }
  std::vector<double> forward(const std::vector<double> &x)
  {
    const fft_plan *p = plan(x.size());
    Array<double> in(ctx, x), out(ctx, 2 * p->bins), scratch(ctx, p->scratch);
    APF_CPU(fft_forward)
    (p, 1, in.data(), reinterpret_cast<bin *>(out.data()), scratch.data());
    scratch.values(); /* checks its guards */
    EXPECT_EQ(in.values(), x);
    return out.values();
  }
  std::vector<double> inverse(int64_t n, const std::vector<double> &X)
  {
    const fft_plan *p = plan(n);
    Array<double> in(ctx, X), out(ctx, n), scratch(ctx, p->scratch);
    APF_CPU(fft_inverse)
    (p, 1, reinterpret_cast<bin *>(in.data()), out.data(), scratch.data());
    scratch.values();
    return out.values();
  }
  apf_context *ctx = nullptr;
};

/** Small ones all; then powers, odd and even composites, large primes, twice a prime. */
std::vector<int64_t> lengths()
{
  std::vector<int64_t> n;
  for (int64_t i = 1; i <= 40; i++) n.push_back(i);
  for (int64_t i : {64, 97, 100, 121, 128, 194, 256, 343, 441, 510, 512, 1000, 1001, 1009, 1024,
                    1102, 2018, 2048})
    n.push_back(i);
  return n;
}

}  // namespace

TEST_F(Fft, WorkedExample)
{
  EXPECT_LE(relative_error(forward({1, 2, 3, 4}), {10, 0, -2, 2, -2, 0}), 1e-15);
  EXPECT_LE(relative_error(inverse(4, {10, 0, -2, 2, -2, 0}), {4, 8, 12, 16}), 1e-15);
}

TEST_F(Fft, ForwardOfEveryKindOfLengthIsTheSum)
{
  for (int64_t n : lengths()) {
    const auto x = random_values<double>(n, n);

    EXPECT_LE(relative_error(forward(x), spectral::interleaved<double>(spectral::transform(x))),
              2e-14)
        << n;
  }
}

TEST_F(Fft, InverseOfForwardIsTheSignalTimesTheLength)
{
  for (int64_t n : lengths()) {
    auto x = random_values<double>(n, n);
    const auto back = inverse(n, forward(x));
    for (double &v : x) v *= n;

    EXPECT_LE(relative_error(back, x), 1e-14) << n;
  }
}

TEST_F(Fft, InverseIgnoresImaginaryPartsOfTheEndBins)
{
  auto X = random_values<double>(2 * 5, 1), clean = X;
  X[1] = 7;
  X[9] = -3;
  clean[1] = clean[9] = 0;

  EXPECT_EQ(inverse(8, X), inverse(8, clean));
}

TEST_F(Fft, ALengthIsPlannedOnce)
{
  const fft_plan *first = plan(100);

  EXPECT_NE(plan(100 + 64), first); /* the same place in the table of plans */
  EXPECT_EQ(plan(100), first);
}
