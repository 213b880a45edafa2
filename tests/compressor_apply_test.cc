#include "support/support.h"

namespace {
template <class T>
struct Gradients {
  std::vector<T> dx, dgain, dmake_up;
};
}  // namespace

class CompressorApply : public OnEveryBackend {
 protected:
  template <class T>
  std::vector<T> forward(int64_t B, int64_t C, int64_t steps, int64_t delay,
                         const std::vector<T> &x, const std::vector<T> &gain,
                         const std::vector<T> &make_up)
  {
    Array<T> in(ctx, x), g(ctx, gain), m(ctx, make_up), y(ctx, B * C * steps);
    APF_EXPECT_OK(op::compressor_apply_forward<T>(ctx, B, C, steps, delay, in.data(), g.data(),
                                                  make_up.empty() ? nullptr : m.data(), y.data()));
    return y.values();
  }
  template <class T>
  Gradients<T> backward(int64_t B, int64_t C, int64_t steps, int64_t delay,
                        const std::vector<T> &dy, const std::vector<T> &x,
                        const std::vector<T> &gain, const std::vector<T> &make_up)
  {
    Array<T> up(ctx, dy), in(ctx, x), g(ctx, gain), m(ctx, make_up), dx(ctx, B * C * steps),
        dgain(ctx, B * steps), dmake_up(ctx, B);
    APF_EXPECT_OK(op::compressor_apply_backward<T>(ctx, B, C, steps, delay, up.data(), in.data(),
                                                   g.data(), m.data(), dx.data(), dgain.data(),
                                                   dmake_up.data()));
    return {dx.values(), dgain.values(), dmake_up.values()};
  }
};
APF_ON_EVERY_BACKEND(CompressorApply);

TEST_P(CompressorApply, WorkedExample)
{
  const std::vector<double> x = {1, 2, 3, 4}, gain = {0.5, 0.25, 0.125, 2};

  EXPECT_EQ(forward<double>(1, 1, 4, 0, x, gain, {}), (std::vector<double>{0.5, 0.5, 0.375, 8}));
  EXPECT_EQ(forward<double>(1, 1, 4, 1, x, gain, {20}), (std::vector<double>{2.5, 2.5, 60, 40}));
  EXPECT_EQ(forward<double>(1, 2, 2, 5, x, {7, 8}, {}), x);

  const auto g = backward<double>(1, 1, 4, 1, {1, 1, 1, 1}, x, gain, {20});
  EXPECT_EQ(g.dx, (std::vector<double>{2.5, 1.25, 20, 10}));
  EXPECT_EQ(g.dgain, (std::vector<double>{0, 10, 20, 30}));
  EXPECT_NEAR(g.dmake_up[0], std::log(10) / 20 * 105, 1e-12);
}

TEST_P(CompressorApply, GradientsAreCentralDifferences)
{
  for (int64_t C : {1, 2})
    for (int64_t delay : {0, 3, 4096, 5000, 9000}) {
      const int64_t B = 2, steps = 5000;
      const auto x = random_values<double>(B * C * steps, 1);
      const auto gain = random_values<double>(B * steps, 2);
      const auto dy = random_values<double>(B * C * steps, 3);
      const std::vector<double> make_up = {3, -6};

      const auto g = backward<double>(B, C, steps, delay, dy, x, gain, make_up);

      SCOPED_TRACE(testing::Message() << "C " << C << " delay " << delay);
      expect_gradient(
          [&](const auto &v) {
            return dot(forward<double>(B, C, steps, delay, v, gain, make_up), dy);
          },
          x, g.dx);
      if (delay < steps)
        expect_gradient(
            [&](const auto &v) {
              return dot(forward<double>(B, C, steps, delay, x, v, make_up), dy);
            },
            gain, g.dgain);
      else
        EXPECT_EQ(g.dgain, std::vector<double>(B * steps, 0.0));
      expect_gradient(
          [&](const auto &v) { return dot(forward<double>(B, C, steps, delay, x, gain, v), dy); },
          make_up, g.dmake_up);
    }
}

TEST_P(CompressorApply, EachGradientIsOptional)
{
  const int64_t C = 2, steps = 4100, delay = 16;
  const auto x = random_values<float>(C * steps, 1), gain = random_values<float>(steps, 2);
  const auto dy = random_values<float>(C * steps, 3);
  const auto all = backward<float>(1, C, steps, delay, dy, x, gain, {6});
  Array<float> up(ctx, dy), in(ctx, x), g(ctx, gain), m(ctx, std::vector<float>{6}),
      dx(ctx, C * steps), dgain(ctx, steps), dmake_up(ctx, 1);

  APF_EXPECT_OK(op::compressor_apply_backward<float>(ctx, 1, C, steps, delay, up.data(), in.data(),
                                                     g.data(), m.data(), dx.data(), nullptr,
                                                     nullptr));
  APF_EXPECT_OK(op::compressor_apply_backward<float>(ctx, 1, C, steps, delay, up.data(), in.data(),
                                                     g.data(), m.data(), nullptr, dgain.data(),
                                                     nullptr));
  APF_EXPECT_OK(op::compressor_apply_backward<float>(ctx, 1, C, steps, delay, up.data(), in.data(),
                                                     g.data(), m.data(), nullptr, nullptr,
                                                     dmake_up.data()));

  EXPECT_EQ(dx.values(), all.dx);
  EXPECT_EQ(dgain.values(), all.dgain);
  EXPECT_EQ(dmake_up.values(), all.dmake_up);
}

TEST_P(CompressorApply, ZeroSizesDoNothing)
{
  APF_EXPECT_OK(
      op::compressor_apply_forward<float>(ctx, 0, 1, 5, 0, nullptr, nullptr, nullptr, nullptr));
  EXPECT_EQ(backward<double>(2, 1, 0, 3, {}, {}, {}, {1, 2}).dmake_up, (std::vector<double>{0, 0}));
}

TEST_P(CompressorApply, BadArgumentsAreNamed)
{
  Array<float> v_memory(ctx, 4);
  float *v = v_memory.data();

  expect_failure(ctx, op::compressor_apply_forward<float>(ctx, 1, 1, 4, -1, v, v, v, v),
                 APF_ERR_ARGUMENT, {"apf_compressor_apply_forward_f32", "delay is -1"});
  expect_failure(ctx, op::compressor_apply_forward<float>(ctx, 1, 1, 4, 0, v, nullptr, v, v),
                 APF_ERR_ARGUMENT, {"gain is NULL"});
  expect_failure(ctx,
                 op::compressor_apply_backward<float>(ctx, 1, 1, 4, 0, v, v, v, nullptr, v, v, v),
                 APF_ERR_ARGUMENT, {"make_up is NULL"});
  expect_failure(ctx, op::compressor_apply_forward<float>(ctx, INT64_MAX / 2, 1, 4, 0, v, v, v, v),
                 APF_ERR_ARGUMENT, {"overflows"});
  expect_failure(nullptr, op::compressor_apply_forward<float>(nullptr, 1, 1, 4, 0, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
