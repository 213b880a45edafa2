/** What the spectral operators promise on CUDA beside their results: that they can be recorded, and
 *  that neighbouring threads touch neighbouring memory. */
#include "support/support.h"

#ifdef APF_CUDA_EMULATED
#include "cuda_on_cpu/emulator.h"
#endif

namespace {

const int64_t B = 2, T = 3000, N = 256, HOP = 64, F = T / HOP + 1, MELS = 40;
const double RATE = 16000;

/** Inputs and outputs of one call of each operator. */
struct Arrays {
  explicit Arrays(apf_context *ctx)
      : x(ctx, random_values<float>(B * T, 1)),
        target(ctx, random_values<float>(B * T, 2)),
        X(ctx, random_values<float>(B * F * (N + 2), 3)),
        mel(ctx, random_values<float>(B * MELS * F, 4)),
        b(ctx, random_values<float>(B * F * 3, 5)),
        a(ctx, denominators()),
        p(ctx, random_values<float>(B * F, 6, 0.5)),
        g(ctx, {0.3f, 0.4f}),
        parts(ctx, {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}),
        y(ctx, B * T),
        Y(ctx, B * F * (N + 2)),
        bands(ctx, B * MELS * F),
        db(ctx, B * F * 3),
        da(ctx, B * F * 3),
        dp(ctx, B * F),
        dg(ctx, B),
        dh(ctx, B),
        sums(ctx, 3 * B)
  {
  }
  static std::vector<float> denominators()
  {
    auto a = random_values<float>(B * F * 3, 7, 0.2);
    for (size_t i = 0; i < a.size(); i += 3) a[i] += 2;
    return a;
  }

  Array<float> x, target, X, mel, b, a, p, g, parts;
  Array<float> y, Y, bands, db, da, dp, dg, dh, sums;
};

struct Call {
  const char *name;
  std::function<apf_status(apf_context *, Arrays &)> run;
};

const Call kCalls[] = {
    {"stft_forward",
     [](apf_context *ctx, Arrays &v) {
       return op::stft_forward<float>(ctx, B, T, N, N, HOP, 1, v.x.data(), v.Y.data());
     }},
    {"stft_backward",
     [](apf_context *ctx, Arrays &v) {
       return op::stft_backward<float>(ctx, B, T, N, N, HOP, 1, v.X.data(), v.y.data());
     }},
    {"istft_forward",
     [](apf_context *ctx, Arrays &v) {
       return op::istft_forward<float>(ctx, B, T, N, N, HOP, v.X.data(), v.y.data());
     }},
    {"istft_backward",
     [](apf_context *ctx, Arrays &v) {
       return op::istft_backward<float>(ctx, B, T, N, N, HOP, v.x.data(), v.Y.data());
     }},
    {"frequency_filter_forward",
     [](apf_context *ctx, Arrays &v) {
       return op::frequency_filter_forward<float>(ctx, B, F, N, 3, 3, v.X.data(), v.b.data(),
                                                  v.a.data(), v.Y.data());
     }},
    {"stft_filter_backward",
     [](apf_context *ctx, Arrays &v) {
       return op::stft_filter_backward<float>(ctx, B, T, N, N, HOP, 3, 3, v.target.data(),
                                              v.x.data(), v.b.data(), v.a.data(), v.y.data(),
                                              v.db.data(), v.da.data());
     }},
    {"stft_phaser_backward",
     [](apf_context *ctx, Arrays &v) {
       return op::stft_phaser_backward<float>(ctx, B, T, N, N, HOP, v.target.data(), v.x.data(),
                                              v.p.data(), v.g.data(), v.g.data(), v.b.data(),
                                              v.a.data(), v.y.data(), v.dp.data(), v.dg.data(),
                                              v.dh.data(), v.db.data(), v.da.data());
     }},
    {"fft_one_pole_backward",
     [](apf_context *ctx, Arrays &v) {
       return op::fft_one_pole_backward<float>(ctx, B, T, v.target.data(), v.x.data(), v.g.data(),
                                               v.y.data(), v.dg.data());
     }},
    {"log_mel_forward",
     [](apf_context *ctx, Arrays &v) {
       return op::log_mel_forward<float>(ctx, B, T, N, N, HOP, MELS, RATE, 0, RATE / 2, 1e-7, 0,
                                         v.x.data(), v.bands.data());
     }},
    {"log_mel_backward",
     [](apf_context *ctx, Arrays &v) {
       return op::log_mel_backward<float>(ctx, B, T, N, N, HOP, MELS, RATE, 0, RATE / 2, 1e-7, 0,
                                          v.mel.data(), v.x.data(), v.y.data());
     }},
    {"stft_loss_forward",
     [](apf_context *ctx, Arrays &v) {
       return op::stft_loss_forward<float>(ctx, B, 1, T, 0, N, N, HOP, 0, 0, v.x.data(),
                                           v.target.data(), v.dg.data(), v.sums.data());
     }},
    {"stft_loss_backward",
     [](apf_context *ctx, Arrays &v) {
       return op::stft_loss_backward<float>(ctx, B, 1, T, 0, N, N, HOP, MELS, RATE, v.g.data(),
                                            v.x.data(), v.target.data(), v.parts.data(),
                                            v.y.data());
     }},
};

/** Everything that a call may have written. */
std::vector<std::vector<float>> written(Arrays &v)
{
  std::vector<std::vector<float>> all;
  for (Array<float> *array : {&v.y, &v.Y, &v.bands, &v.db, &v.da, &v.dp, &v.dg, &v.dh, &v.sums})
    all.push_back(array->values());
  return all;
}

/** NaN where nothing was written, so bits are what is compared. */
bool same_bits(const std::vector<std::vector<float>> &u, const std::vector<std::vector<float>> &v)
{
  for (size_t i = 0; i < u.size(); i++)
    if (std::memcmp(u[i].data(), v[i].data(), u[i].size() * sizeof(float)) != 0) return false;
  return true;
}

}  // namespace

class CudaSpectral : public OnEveryBackend {};
APF_ON_CUDA(CudaSpectral);

/* Recording refuses allocations: after the first call there are none. */
TEST_P(CudaSpectral, WhatWasCalledOnceCanBeRecordedAndReplayed)
{
  for (const Call &call : kCalls) {
    SCOPED_TRACE(call.name);
    Arrays first(ctx), second(ctx);
    void *recording = nullptr;
    APF_ASSERT_OK(call.run(ctx, first));
    APF_ASSERT_OK(apf_synchronize(ctx));

    APF_ASSERT_OK(ctx->table->record_begin(ctx));
    APF_EXPECT_OK(call.run(ctx, second));
    APF_ASSERT_OK(ctx->table->record_end(ctx, &recording));
    APF_EXPECT_OK(ctx->table->replay(ctx, recording));
    ctx->table->forget(ctx, recording);

    EXPECT_TRUE(same_bits(written(first), written(second)));
  }
}

#ifdef APF_CUDA_EMULATED
TEST_P(CudaSpectral, NeighbouringThreadsTouchNeighbouringMemory)
{
  for (const Call &call : kCalls) {
    SCOPED_TRACE(call.name);
    Arrays arrays(ctx);
    APF_ASSERT_OK(call.run(ctx, arrays));

    cuda_on_cpu::start_counting();
    APF_EXPECT_OK(call.run(ctx, arrays));

    /* Ends of rows, and log-mel bands of a few bins, fill a sector in part. */
    EXPECT_GE(cuda_on_cpu::stop_counting().coalescing(), 0.85);
  }
}
#endif
