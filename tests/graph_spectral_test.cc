/** The nodes of spectra and of spectral losses. */
#include "support/graph.h"

class GraphSpectral : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(GraphSpectral);

using Vars = std::vector<apf_var>;

TEST_P(GraphSpectral, TransformsHaveTheirGradients)
{
  expect_gradients(ctx, {{APF_SHAPE(2, 3, 40)}},
                   [](apf_graph *g, const Vars &v) { return apf_stft(g, v[0], 16, 12, 5, true); });
  expect_gradients(ctx, {{APF_SHAPE(2, 9, 9, 2)}},
                   [](apf_graph *g, const Vars &v) { return apf_istft(g, v[0], 40, 16, 5); });
}

TEST_P(GraphSpectral, FiltersBroadcastAndHaveTheirGradients)
{
  expect_gradients(
      ctx, {{APF_SHAPE(2, 1, 9, 9, 2)}, {APF_SHAPE(3, 9, 2)}, {APF_SHAPE(9, 1), 1, 2}},
      [](apf_graph *g, const Vars &v) { return apf_frequency_filter(g, v[0], v[1], v[2]); });
  expect_gradients(
      ctx, {{APF_SHAPE(40)}, {APF_SHAPE(3, 9, 2)}, {APF_SHAPE(9, 1), 1, 2}},
      [](apf_graph *g, const Vars &v) { return apf_stft_filter(g, v[0], v[1], v[2], 16, 12, 5); });
  expect_gradients(
      ctx,
      {{APF_SHAPE(40)},
       {APF_SHAPE(3, 9), -0.8, 0.8},
       {APF_SHAPE(3)},
       {APF_SHAPE(3), 0.1, 0.6},
       {APF_SHAPE(3)},
       {APF_SHAPE(1, 3), 0.1, 0.3}},
      [](apf_graph *g, const Vars &v) {
        const apf_var one = apf_graph_constant(g, 1);
        const apf_var a = apf_add(g, v[5], apf_expand(g, one, APF_SHAPE(1, 3)));
        return apf_stft_phaser(g, v[0], v[1], v[2], v[3], v[4], a, 16, 12, 5);
      },
      1e-5);
}

TEST_P(GraphSpectral, FusedFilterIsTheThreeNodes)
{
  Graph g(ctx);
  const apf_var x = apf_graph_input(g, "x", APF_SHAPE(2, 40));
  const apf_var b = apf_graph_input(g, "b", APF_SHAPE(2, 9, 3));
  const apf_var a = apf_graph_constant(g, 2);
  const apf_var den = apf_expand(g, a, APF_SHAPE(2, 9, 1));
  const apf_var X = apf_stft(g, x, 16, 12, 5, false);
  const apf_var three = apf_graph_output(
      g, apf_istft(g, apf_frequency_filter(g, X, b, den), 40, 12, 5), "three nodes");
  const apf_var one = apf_graph_output(g, apf_stft_filter(g, x, b, den, 16, 12, 5), "one");
  g.build();
  g.set(x, random_values<double>(80, 1));
  g.set(b, random_values<double>(54, 2));
  g.forward();

  EXPECT_LE(relative_error(g.get(one), g.get(three)), 1e-13);
}

TEST_P(GraphSpectral, LogMelHasItsGradient)
{
  for (bool offset : {false, true})
    expect_gradients(
        ctx, {{APF_SHAPE(2, 1, 90)}},
        [&](apf_graph *g, const Vars &v) {
          return apf_log_mel(g, v[0], {32, 7, 5, 16000, 1e-7, offset});
        },
        1e-4, 1e-6);
}

namespace {

/** A loss by its pred and target, one set kept. */
using Loss = apf_var (*)(apf_graph *, apf_var, apf_var, int);
apf_var mel(apf_graph *g, apf_var pred, apf_var target, int keep)
{
  return apf_mel_stft_loss(g, pred, target, 48000, keep);
}
apf_var mfcc(apf_graph *g, apf_var pred, apf_var target, int keep)
{
  return apf_mfcc_l1(g, pred, target, 48000, keep);
}
const Loss kLosses[] = {apf_mrstft_loss, mel, mfcc};

}  // namespace

TEST_P(GraphSpectral, LossesHaveTheirGradients)
{
  const auto target = random_values<double>(1100, 5);
  for (Loss loss : kLosses)
    expect_gradients(
        ctx, {{APF_SHAPE(2, 1, 1100)}},
        [&](apf_graph *g, const Vars &v) {
          return loss(g, v[0], apf_graph_table(g, APF_SHAPE(1100), target.data()), 1);
        },
        1e-4, 1e-8);
}

TEST_P(GraphSpectral, ASetsLossIsThatOfTheSetAlone)
{
  const auto pred = random_values<double>(2 * 1100, 1), target = random_values<double>(1100, 2);
  for (Loss loss : kLosses) {
    Graph both(ctx), one(ctx);
    const apf_var p2 = apf_graph_input(both, "pred", APF_SHAPE(2, 1100));
    const apf_var t2 = apf_graph_input(both, "target", APF_SHAPE(1100));
    const apf_var l2 = apf_graph_output(both, loss(both, p2, t2, 1), "loss");
    const apf_var p1 = apf_graph_input(one, "pred", APF_SHAPE(1100));
    const apf_var t1 = apf_graph_input(one, "target", APF_SHAPE(1100));
    const apf_var l1 = apf_graph_output(one, loss(one, p1, t1, 0), "loss");
    both.build();
    one.build();
    both.set(p2, pred);
    both.set(t2, target);
    one.set(p1, {pred.begin() + 1100, pred.end()});
    one.set(t1, target);
    both.forward();
    one.forward();

    EXPECT_EQ(both.count(l2), 2);
    EXPECT_NEAR(both.get(l2)[1], one.get(l1)[0], 1e-12);
  }
}

TEST_P(GraphSpectral, MfccIsTheCosineTransformOfTheLogMelSpectrogram)
{
  Graph g(ctx);
  const apf_var x = apf_graph_input(g, "x", APF_SHAPE(2, 1100));
  const apf_var pred = apf_slice(g, x, 0, 0, 1), target = apf_slice(g, x, 0, 1, 1);
  const apf_var mel =
      apf_graph_output(g, apf_log_mel(g, x, {1024, 32, 128, 48000, 1e-6, true}), "mel");
  const apf_var loss = apf_graph_output(g, apf_mfcc_l1(g, pred, target, 48000, 0), "loss");
  g.build();
  g.set(x, random_values<double>(2200, 1));
  g.forward();

  const auto bands = g.get(mel); /* [2, 128, F] */
  const int64_t F = 1100 / 32 + 1;
  double sum = 0;
  for (int64_t f = 0; f < F; f++)
    for (int k = 0; k < 40; k++) {
      double difference = 0;
      for (int m = 0; m < 128; m++)
        difference += (bands[m * F + f] - bands[(128 + m) * F + f]) *
                      std::sqrt((k == 0 ? 1.0 : 2.0) / 128) * std::cos(M_PI * k * (m + 0.5) / 128);
      sum += std::abs(difference);
    }
  EXPECT_NEAR(g.get(loss)[0], sum / static_cast<double>(40 * F), 1e-12);
}

namespace {

void expect_refused(apf_context *ctx, const std::function<void(apf_graph *)> &describe,
                    std::initializer_list<const char *> words)
{
  Graph g(ctx);
  describe(g);
  expect_failure(ctx, apf_graph_build(g, APF_NO_VAR), APF_ERR_ARGUMENT, words);
}

apf_var input(apf_graph *g, apf_shape shape)
{
  static int count = 0;
  return apf_graph_input(g, std::to_string(count++).c_str(), shape);
}

}  // namespace

TEST_P(GraphSpectral, MistakesAreNamed)
{
  expect_refused(ctx, [](apf_graph *g) { apf_stft(g, input(g, APF_SHAPE(40)), 15, 12, 5, false); },
                 {"apf_stft", "n_fft is 15"});
  expect_refused(ctx, [](apf_graph *g) { apf_stft(g, input(g, APF_SHAPE(8)), 16, 12, 5, true); },
                 {"8 samples", "one frame of 16"});
  expect_refused(ctx, [](apf_graph *g) { apf_stft(g, input(g, APF_SHAPE(40)), 16, 17, 5, false); },
                 {"window is 17"});
  expect_refused(ctx, [](apf_graph *g) { apf_istft(g, input(g, APF_SHAPE(8, 9, 2)), 40, 12, 5); },
                 {"apf_istft", "[8,9,2]", "9 frames"});
  expect_refused(ctx, [](apf_graph *g) { apf_istft(g, input(g, APF_SHAPE(9, 9, 2)), 40, 12, 7); },
                 {"hop is 7"});
  expect_refused(ctx,
                 [](apf_graph *g) {
                   apf_stft_filter(g, input(g, APF_SHAPE(40)), input(g, APF_SHAPE(8, 3)),
                                   input(g, APF_SHAPE(9, 3)), 16, 12, 5);
                 },
                 {"apf_stft_filter", "b is [8,3]", "9 frames"});
  expect_refused(ctx,
                 [](apf_graph *g) {
                   apf_mrstft_loss(g, input(g, APF_SHAPE(1000)), input(g, APF_SHAPE(1000)), 0);
                 },
                 {"apf_mrstft_loss", "1000 samples", "more than 1024"});
  expect_refused(ctx,
                 [](apf_graph *g) {
                   apf_mrstft_loss(g, input(g, APF_SHAPE(2000)), input(g, APF_SHAPE(2, 2000)), 0);
                 },
                 {"apf_mrstft_loss", "target [2,2000]"});
}

TEST_P(GraphSpectral, ATargetWithAGradientIsRefused)
{
  Graph g(ctx);
  const apf_var x = apf_graph_parameter(g, "x", APF_SHAPE(1100));
  g.build(apf_mrstft_loss(g, x, apf_scale(g, x, 2), 0));
  g.forward();

  expect_failure(ctx, apf_graph_backward(g), APF_ERR_ARGUMENT, {"stft_loss", "target"});
}
