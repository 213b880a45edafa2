/**
 * High orders over few long sequences (src/cuda/allpole_taps_scan.cu) on emulated devices with the
 * shared memory of real ones: the smaller it is, the shorter a sequence may be that has many tiles.
 */
#include "cuda/allpole.h"

#include "cuda_on_cpu/emulator.h"
#include "support/allpole.h"

namespace {

enum { KIB = 1024, SM_75 = 64 * KIB, SM_86 = 99 * KIB, SM_90 = 227 * KIB };

/** Whatever tuning.h would choose. */
struct TapsScan {
  template <class S>
  static apf_status forward(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                            const S *x, const S *a, const S *zi, S *y, S *zf)
  {
    return apf_cuda::allpole_forward_taps_scan<S>(
        ctx, {B, T, F, M, x, a, zi, nullptr, nullptr, nullptr, y, zf});
  }
  template <class S>
  static apf_status backward(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                             const S *dy, const S *dzf, const S *a, const S *zi, const S *y, S *dx,
                             S *da, S *dzi)
  {
    return apf_cuda::allpole_backward_taps_scan<S>(ctx,
                                                   {B, T, F, M, dy, dzf, a, zi, y, dx, da, dzi});
  }
  template <class S>
  static apf_status jvp(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t M,
                        const S *x_dot, const S *a_dot, const S *zi_dot, const S *a, const S *zi,
                        const S *y, S *y_dot, S *zf_dot)
  {
    return apf_cuda::allpole_forward_taps_scan<S>(
        ctx, {B, T, F, M, x_dot, a, zi_dot, a_dot, y, zi, y_dot, zf_dot});
  }
};

class AllpoleTapsScan : public AllpoleTest<TapsScan> {
 protected:
  void SetUp() override
  {
    AllpoleTest::SetUp();
    become(SM_75);
  }

  void become(size_t shared_bytes, int multiprocessors = 2)
  {
    apf_cuda::device(ctx)->shared_bytes = shared_bytes;
    apf_cuda::device(ctx)->multiprocessors = multiprocessors;
  }

  template <class S>
  int64_t tile(int64_t M, bool past = true)
  {
    return apf_cuda::allpole_taps_scan_tile(ctx, sizeof(S), M, true, past);
  }

  /** Tiles, the last of them ragged; numbers of sequences and kinds of coefficients take turns. */
  template <class S>
  void expect_equals_reference_at(const Sizes &orders, int64_t tiles = 3)
  {
    int64_t turn = 0;
    for (int64_t M : orders) {
      ASSERT_GT(tile<S>(M), 0) << M;
      const int64_t T = tiles * tile<S>(M) + 13;
      for (int64_t F : {T, turn % 2 ? int64_t(1) : int64_t(23)})
        expect_equals_reference<S>(1 + turn++ % 3, T, F, M);
    }
  }
};
APF_ON_CUDA(AllpoleTapsScan);

/** Coefficients that throw any state beyond the largest float within samples from .. to - 1 of the
 *  first sequence, where nothing comes in before `to`, nor back from `from` on. */
Case<float> silent_explosion(int64_t T, int64_t M, int64_t from, int64_t to)
{
  Case<float> c = random_case<float>(2, T, T, M);
  std::fill_n(c.a.begin() + from * M, (to - from) * M, 4.0f);
  std::fill_n(c.x.begin(), to, 0.0f);
  std::fill_n(c.zi.begin(), M, 0.0f);
  std::fill_n(c.dy.begin() + from, T - from, 0.0f);
  std::fill_n(c.dzf.begin(), M, 0.0f);
  return c;
}

}  // namespace

TEST_P(AllpoleTapsScan, FloatEqualsReference)
{
  expect_equals_reference_at<float>({9, 16, 22, 24, 25, 33, 64});
}

TEST_P(AllpoleTapsScan, DoubleEqualsReference)
{
  expect_equals_reference_at<double>({7, 8, 9, 16, 22, 32, 33, 64});
}

TEST_P(AllpoleTapsScan, SingleComplexEqualsReference)
{
  expect_equals_reference_at<apf_c64>({7, 9, 16, 22, 32, 33, 64});
}

TEST_P(AllpoleTapsScan, DoubleComplexEqualsReference)
{
  expect_equals_reference_at<apf_c128>({5, 9, 16, 22, 32, 33});
  become(SM_90);
  expect_equals_reference_at<apf_c128>({64}, 2);
}

TEST_P(AllpoleTapsScan, GroupsOfTilesEqualReference)
{
  expect_equals_reference_at<float>({9}, 10);
  expect_equals_reference_at<double>({7}, 6);
  expect_equals_reference_at<apf_c64>({7}, 6);
  become(SM_86);
  expect_equals_reference_at<apf_c128>({5}, 6);
}

TEST_P(AllpoleTapsScan, LengthsAroundTilesEqualReference)
{
  const int64_t M = 22, whole = tile<double>(M);
  for (int64_t T : {int64_t(1), M, whole - 1, whole, whole + 1, 2 * whole, 2 * whole + 31})
    expect_equals_reference<double>(1, T, T, M);
}

TEST_P(AllpoleTapsScan, FramesOfEveryDensityEqualReference)
{
  const int64_t M = 9, T = 2 * tile<float>(M) + 100;
  for (int64_t F : {int64_t(2), T / 40, T - 1, 2 * T}) expect_equals_reference<float>(1, T, F, M);
}

TEST_P(AllpoleTapsScan, AdjointIdentitiesHold)
{
  for (int64_t M : {9, 16, 22, 33, 64}) {
    const int64_t T = 3 * tile<double>(M) + 5;
    for (int64_t F : {int64_t(1), int64_t(19), T}) expect_adjoint_identities<double>(2, T, F, M);
  }
  for (int64_t M : {9, 22}) {
    const int64_t T = 3 * tile<apf_c128>(M) + 5;
    for (int64_t F : {int64_t(1), int64_t(19), T}) expect_adjoint_identities<apf_c128>(1, T, F, M);
  }
}

TEST_P(AllpoleTapsScan, MapsThatOverflowAreRunSampleBySample)
{
  const int64_t M = 9, step = tile<float>(M), T = 7 * step - 100;
  for (int64_t k = 0; k < 6; k++) {
    const int64_t from = k * step, to = from + (k % 2 ? step / 2 : 3 * step / 2);
    SCOPED_TRACE(testing::Message() << "unstable from " << from << " to " << to);
    const Case<float> c = silent_explosion(T, M, from, to);

    const Output<float> out = forward(c), want = reference_forward(ctx, c);
    const Gradients<float> d = backward(c, c.x), want_d = reference_backward(ctx, c, c.x);
    const Output<float> dot = jvp(c, c, want.y), want_dot = reference_jvp(ctx, c, c, want.y);

    EXPECT_LE(relative_error(out.y, want.y), tolerance<float>);
    EXPECT_LE(relative_error(out.zf, want.zf), tolerance<float>);
    EXPECT_LE(relative_error(d.dx, want_d.dx), tolerance<float>);
    EXPECT_LE(relative_error(d.da, want_d.da), 10 * tolerance<float>);
    EXPECT_LE(relative_error(d.dzi, want_d.dzi), tolerance<float>);
    EXPECT_LE(relative_error(dot.y, want_dot.y), tolerance<float>);
  }
}

TEST_P(AllpoleTapsScan, ClusteredPolesLoseNoMoreThanTheReference)
{
  expect_clustered_poles_lose_no_more(5 * tile<float>(6), 6, 0.9);
}

TEST_P(AllpoleTapsScan, OneSequenceOverflowingLeavesTheOthersAlone)
{
  const int64_t M = 22, T = 4 * tile<float>(M);
  Case<float> c = random_case<float>(3, T, T, M);
  std::fill_n(c.a.begin() + T * M, T * M, 4.0f);

  const Output<float> out = forward(c), want = reference_forward(ctx, c);

  EXPECT_FALSE(std::isfinite(out.y[2 * T - 1]));
  for (int64_t b : {0, 2}) {
    const auto sequence = [&](const Values<float> &y) {
      return Values<float>(y.begin() + b * T, y.begin() + (b + 1) * T);
    };
    EXPECT_LE(relative_error(sequence(out.y), sequence(want.y)), tolerance<float>);
  }
}

TEST_P(AllpoleTapsScan, TheOrderOfBlocksAndThreadsDecidesNoBit)
{
  const Case<float> grouped = random_case<float>(1, 6 * tile<float>(9) + 1, 50, 9);
  const Case<apf_c64> alone = random_case<apf_c64>(2, 4 * tile<apf_c64>(33) + 1, 1, 33);
  const auto run = [&](auto c) {
    const auto out = forward(c);
    const auto d = backward(c, out.y);
    const auto tangent = jvp(c, c, out.y);
    std::vector<unsigned char> bytes;
    for (const auto *v : {&out.y, &out.zf, &d.dx, &d.da, &d.dzi, &tangent.y, &tangent.zf}) {
      const auto *first = reinterpret_cast<const unsigned char *>(v->data());
      bytes.insert(bytes.end(), first, first + v->size() * sizeof(*v->data()));
    }
    return bytes;
  };
  cuda_on_cpu::set_seed(1);
  const auto want = run(grouped), want_alone = run(alone);

  for (uint64_t seed = 2; seed < 8; seed++) {
    cuda_on_cpu::set_seed(seed);
    EXPECT_EQ(run(grouped), want) << seed;
    EXPECT_EQ(run(alone), want_alone) << seed;
  }
}

TEST_P(AllpoleTapsScan, EachOptionalOutputMayBeLeftOut)
{
  const int64_t M = 9, T = 2 * tile<double>(M) + 50;
  for (int64_t F : {int64_t(1), int64_t(5), T}) {
    const Case<double> c = random_case<double>(1, T, F, M);
    const Output<double> out = forward(c);
    const Gradients<double> d = backward(c, out.y);
    Array<double> x(ctx, c.x), a(ctx, c.a), zi(ctx, c.zi), dy(ctx, c.dy), dzf(ctx, c.dzf);
    Array<double> y(ctx, out.y);
    const auto call = [&](double *dx, double *da, double *dzi) {
      return TapsScan::backward<double>(ctx, 1, T, F, M, dy.data(), dzf.data(), a.data(), zi.data(),
                                        da ? y.data() : nullptr, dx, da, dzi);
    };

    Array<double> y_alone(ctx, T), dx(ctx, T), da(ctx, F * M), dzi(ctx, M);
    APF_EXPECT_OK(TapsScan::forward<double>(ctx, 1, T, F, M, x.data(), a.data(), zi.data(),
                                            y_alone.data(), nullptr));
    APF_EXPECT_OK(call(dx.data(), nullptr, nullptr));
    APF_EXPECT_OK(call(nullptr, da.data(), nullptr));
    APF_EXPECT_OK(call(nullptr, nullptr, dzi.data()));
    APF_EXPECT_OK(call(nullptr, nullptr, nullptr));

    EXPECT_LE(relative_error(y_alone.values(), out.y), 1e-13);
    EXPECT_LE(relative_error(dx.values(), d.dx), 1e-13); /* without past outputs tiles are longer */
    EXPECT_LE(relative_error(da.values(), d.da), 1e-13);
    EXPECT_LE(relative_error(dzi.values(), d.dzi), 1e-13);
  }
}

TEST_P(AllpoleTapsScan, AbsentInputsAreZero)
{
  const int64_t M = 9, T = 2 * tile<double>(M) + 50;
  Case<double> c = random_case<double>(1, T, T, M), dot = random_case<double>(1, T, T, M, 11);
  c.zi.assign(M, 0.0);
  c.dzf.assign(M, 0.0);
  const Output<double> out = forward(c);
  const Gradients<double> d = backward(c, out.y);
  Array<double> x(ctx, c.x), a(ctx, c.a), dy(ctx, c.dy), y(ctx, T), dx(ctx, T), da(ctx, T * M);
  Array<double> x_dot(ctx, dot.x), a_dot(ctx, dot.a), zi_dot(ctx, dot.zi), y_dot(ctx, T);
  const auto tangent = [&](const double *xd, const double *ad, const double *zd) {
    APF_EXPECT_OK(TapsScan::jvp<double>(ctx, 1, T, T, M, xd, ad, zd, a.data(), nullptr,
                                        ad ? y.data() : nullptr, y_dot.data(), nullptr));
    return y_dot.values();
  };

  APF_EXPECT_OK(
      TapsScan::forward<double>(ctx, 1, T, T, M, x.data(), a.data(), nullptr, y.data(), nullptr));
  APF_EXPECT_OK(TapsScan::backward<double>(ctx, 1, T, T, M, dy.data(), nullptr, a.data(), nullptr,
                                           y.data(), dx.data(), da.data(), nullptr));

  EXPECT_EQ(y.values(), out.y);
  EXPECT_EQ(dx.values(), d.dx);
  EXPECT_EQ(da.values(), d.da);
  const Values<double> all = jvp(c, dot, out.y).y;
  const Values<double> along_x = tangent(x_dot.data(), nullptr, nullptr);
  const Values<double> along_a = tangent(nullptr, a_dot.data(), nullptr);
  Values<double> sum = tangent(nullptr, nullptr, zi_dot.data());
  for (size_t t = 0; t < sum.size(); t++) sum[t] += along_x[t] + along_a[t];
  EXPECT_LE(relative_error(sum, all), 1e-13);
}

TEST_P(AllpoleTapsScan, OutputsMayTakeThePlaceOfInputs)
{
  const int64_t M = 9, T = 6 * tile<float>(M) + 50;
  const Case<float> c = random_case<float>(1, T, T, M);
  const Output<float> out = forward(c), tangent = jvp(c, c, out.y);
  const Gradients<float> d = backward(c, out.y);
  Array<float> x(ctx, c.x), a(ctx, c.a), state(ctx, c.zi), zi(ctx, c.zi), y(ctx, out.y);
  Array<float> dy(ctx, c.dy), dstate(ctx, c.dzf), da(ctx, T * M), x_dot(ctx, c.x);

  APF_EXPECT_OK(TapsScan::forward<float>(ctx, 1, T, T, M, x.data(), a.data(), state.data(),
                                         x.data(), state.data()));
  APF_EXPECT_OK(TapsScan::backward<float>(ctx, 1, T, T, M, dy.data(), dstate.data(), a.data(),
                                          zi.data(), y.data(), dy.data(), da.data(),
                                          dstate.data()));
  APF_EXPECT_OK(TapsScan::jvp<float>(ctx, 1, T, T, M, x_dot.data(), a.data(), zi.data(), a.data(),
                                     zi.data(), y.data(), x_dot.data(), nullptr));

  EXPECT_EQ(x.values(), out.y);
  EXPECT_EQ(state.values(), out.zf);
  EXPECT_EQ(dy.values(), d.dx);
  EXPECT_EQ(da.values(), d.da);
  EXPECT_EQ(dstate.values(), d.dzi);
  EXPECT_EQ(x_dot.values(), tangent.y);
}

/** A block has a tile there, a sequence in src/cuda/allpole_taps.cu. */
TEST_P(AllpoleTapsScan, IsChosenForFewLongSequencesWhereMapsFit)
{
  const auto blocks = [&](int64_t B, int64_t T, int64_t M, auto zero) {
    using S = decltype(zero);
    const Values<S> zeros(B * T * M);
    Array<S> x(ctx, Values<S>(B * T)), a(ctx, zeros), y(ctx, B * T), da(ctx, B * T * M);
    cuda_on_cpu::start_counting();
    APF_EXPECT_OK(
        op::allpole_forward<S>(ctx, B, T, T, M, x.data(), a.data(), nullptr, y.data(), nullptr));
    const uint64_t forward = cuda_on_cpu::stop_counting().blocks;
    cuda_on_cpu::start_counting();
    APF_EXPECT_OK(op::allpole_backward<S>(ctx, B, T, T, M, x.data(), nullptr, a.data(), nullptr,
                                          y.data(), nullptr, da.data(), nullptr));
    EXPECT_EQ(cuda_on_cpu::stop_counting().blocks, forward);
    return static_cast<int64_t>(forward);
  };
  become(SM_90, 132);
  ASSERT_EQ(tile<float>(22), 2048);
  ASSERT_EQ(tile<float>(64), 704);

  EXPECT_EQ(blocks(1, 3 * 2048, 22, 0.0f), 3);
  EXPECT_EQ(blocks(3, 3 * 2048, 22, 0.0f), 9);
  EXPECT_EQ(blocks(1, 2048, 22, 0.0f), 1);
  EXPECT_EQ(blocks(1, 8 * 704, 64, 0.0f), 8);
  become(SM_90, 4);
  EXPECT_EQ(blocks(3, 3 * 2048, 22, 0.0f), 3);
  become(SM_75, 132);
  EXPECT_EQ(blocks(1, 2000, 64, apf_c128()), 1);
}

TEST_P(AllpoleTapsScan, TilesTellEachOtherAFiftiethOfTheArrays)
{
  become(SM_90);
  for (int64_t M : {9, 16, 22, 33, 64}) {
    SCOPED_TRACE(M);
    const int64_t T = (M == 9 ? 9 : 4) * tile<float>(M, false);
    const Case<float> c = random_case<float>(1, T, T, M);

    cuda_on_cpu::start_counting();
    forward(c);
    const cuda_on_cpu::Counters counted = cuda_on_cpu::stop_counting();

    const double floor = 4.0 * static_cast<double>((M + 2) * T + 2 * M);
    EXPECT_EQ(counted.launches, 1u);
    EXPECT_GE(static_cast<double>(counted.load_bytes + counted.store_bytes), floor);
    EXPECT_LE(static_cast<double>(counted.load_bytes + counted.store_bytes), 1.02 * floor);
  }
}
