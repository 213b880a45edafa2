#include "support/graph.h"

class GraphCompressor : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(GraphCompressor);

using Vars = std::vector<apf_var>;

TEST_P(GraphCompressor, WorkedExample)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(1, 1, 1, 3)); /* (sets, B, C, T) */
  apf_var threshold = apf_graph_parameter(g, "threshold", APF_SHAPE(2, 1));
  apf_var power = apf_one_pole(g, apf_compressor_level(g, x), apf_graph_constant(g, 1), APF_NO_VAR);
  apf_var gain =
      apf_compressor_curve(g, power, threshold, apf_graph_constant(g, 2), APF_NO_VAR, APF_NO_VAR);
  apf_var y =
      apf_graph_output(g, apf_compressor_apply(g, x, gain, apf_graph_constant(g, 20), 1), "y");
  g.build();
  g.set(x, {1, 0.01, 1});
  g.set(threshold, {-20, 0});

  g.forward();

  /* Above -20 dB half of the decibels: 0 dB loses 10 dB; the gain of a sample is the next one's. */
  EXPECT_TRUE(apf_shape_equal(apf_graph_shape(g, y), APF_SHAPE(2, 1, 1, 3)));
  const double ten_db = std::pow(10, -0.5);
  EXPECT_LE(relative_error(g.get(y), {10, 0.1 * ten_db, 10, 10, 0.1, 10}), 1e-14);
}

TEST_P(GraphCompressor, OnePolesHaveTheirGradientsHoweverTheyBroadcast)
{
  expect_gradients(ctx, {{APF_SHAPE(3, 40)}, {APF_SHAPE(3), 0.1, 0.9}, {APF_SHAPE(3)}},
                   [](apf_graph *g, const Vars &v) { return apf_one_pole(g, v[0], v[1], v[2]); });
  expect_gradients(ctx, {{APF_SHAPE(1, 2, 40)}, {APF_SHAPE(3, 1), 0.1, 0.9}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_one_pole(g, v[0], v[1], apf_graph_constant(g, 1));
                   });
  expect_gradients(ctx, {{APF_SHAPE(1, 2, 40)}, {APF_SHAPE(3, 1), 0.1, 0.9}},
                   [](apf_graph *g, const Vars &v) { return apf_fft_one_pole(g, v[0], v[1]); });
}

TEST_P(GraphCompressor, LevelCurveAndOutputHaveTheirGradients)
{
  expect_gradients(ctx, {{APF_SHAPE(2, 3, 30), 0.1, 1}},
                   [](apf_graph *g, const Vars &v) { return apf_compressor_level(g, v[0]); });
  const Argument threshold = {APF_SHAPE(3, 1), -30, -20}, ratio = {APF_SHAPE(3, 1), 2, 8};
  expect_gradients(ctx,
                   {{APF_SHAPE(1, 2, 30), 0.1, 1},
                    threshold,
                    ratio,
                    {APF_SCALAR, -60, -50},
                    {APF_SHAPE(2), 0.5, 0.8}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_compressor_curve(g, v[0], v[1], v[2], v[3], v[4]);
                   });
  expect_gradients(
      ctx, {{APF_SHAPE(1, 2, 2, 30)}, {APF_SHAPE(3, 2, 30)}, {APF_SHAPE(3, 1), -6, 6}},
      [](apf_graph *g, const Vars &v) { return apf_compressor_apply(g, v[0], v[1], v[2], 4); });
}

TEST_P(GraphCompressor, MistakesAreNamed)
{
  const auto message = [&](const std::function<apf_var(apf_graph *, apf_var)> &describe) {
    Graph g(ctx);
    describe(g, apf_graph_input(g, "x", APF_SHAPE(2, 3, 10)));
    EXPECT_EQ(apf_graph_build(g, APF_NO_VAR), APF_ERR_ARGUMENT);
    return std::string(apf_last_error(ctx));
  };

  EXPECT_NE(message([](apf_graph *g, apf_var x) {
              return apf_one_pole(g, x, apf_graph_input(g, "c", APF_SHAPE(4)), APF_NO_VAR);
            }).find("c is [4] and does not broadcast to the leading axes [2,3]"),
            std::string::npos);
  EXPECT_NE(message([](apf_graph *g, apf_var) {
              return apf_compressor_level(g, apf_graph_input(g, "mono", APF_SHAPE(5)));
            }).find("x is [5], expected at least 2 axes"),
            std::string::npos);
  EXPECT_NE(message([](apf_graph *g, apf_var x) {
              return apf_compressor_apply(g, x, apf_graph_input(g, "gain", APF_SHAPE(2, 9)),
                                          APF_NO_VAR, 0);
            }).find("gain is [2,9]"),
            std::string::npos);
}
