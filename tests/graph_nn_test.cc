/** Nodes of neural networks and of the synth: gradients by differences, shapes, refusals. */
#include "support/graph.h"

class GraphNn : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(GraphNn);

using Vars = std::vector<apf_var>;

TEST_P(GraphNn, LinearHasItsGradients)
{
  const auto with_bias = [](apf_graph *g, const Vars &v) {
    return apf_linear(g, v[0], v[1], v[2]);
  };
  const auto without = [](apf_graph *g, const Vars &v) {
    return apf_linear(g, v[0], v[1], APF_NO_VAR);
  };

  expect_gradients(ctx, {{APF_SHAPE(2, 5, 3)}, {APF_SHAPE(4, 3)}, {APF_SHAPE(4)}}, with_bias);
  expect_gradients(ctx, {{APF_SHAPE(3)}, {APF_SHAPE(4, 3)}}, without);
  expect_gradients(ctx, {{APF_SHAPE(2, 5, 3)}, {APF_SHAPE(2, 4, 3)}, {APF_SHAPE(2, 4)}}, with_bias);
  expect_gradients(ctx, {{APF_SHAPE(5, 3)}, {APF_SHAPE(2, 4, 3)}, {APF_SHAPE(2, 4)}}, with_bias);
}

TEST_P(GraphNn, SetsOfParametersAreSeveralModels)
{
  const auto x = random_values<double>(2 * 5 * 3, 1), w = random_values<double>(2 * 4 * 3, 2);
  const auto run = [&](apf_shape x_shape, apf_shape w_shape, const std::vector<double> &in,
                       const std::vector<double> &weights) {
    Graph g(ctx);
    apf_var from = apf_graph_input(g, "x", x_shape), by = apf_graph_input(g, "w", w_shape);
    apf_var y = apf_graph_output(g, apf_linear(g, from, by, APF_NO_VAR), "y");
    g.build();
    g.set(from, in);
    g.set(by, weights);
    g.forward();
    return g.get(y);
  };

  const auto both = run(APF_SHAPE(2, 5, 3), APF_SHAPE(2, 4, 3), x, w);
  const auto second =
      run(APF_SHAPE(5, 3), APF_SHAPE(4, 3), {x.begin() + 15, x.end()}, {w.begin() + 12, w.end()});

  EXPECT_EQ(std::vector<double>(both.begin() + 20, both.end()), second);
}

TEST_P(GraphNn, ConvolutionBlockHasItsGradients)
{
  expect_gradients(
      ctx,
      {{APF_SHAPE(2, 2, 6, 9)}, {APF_SHAPE(3, 2, 5, 3)}, {APF_SHAPE(3)}, {APF_SHAPE(3), 0.1, 0.4}},
      [](apf_graph *g, const Vars &v) {
        apf_var x = apf_layer_norm(g, v[0], 2, 1e-5);
        x = apf_conv2d(g, x, v[1], v[2], 2);
        x = apf_max_pool(g, x, -2, 2);
        return apf_prelu(g, x, v[3], 1);
      },
      1e-4, 1e-7);
  expect_gradients(
      ctx, {{APF_SHAPE(1, 2, 3, 4)}, {APF_SHAPE(3, 2, 1, 3)}},
      [](apf_graph *g, const Vars &v) { return apf_conv2d(g, v[0], v[1], APF_NO_VAR, 1); });
}

TEST_P(GraphNn, DropoutDropsInTrainingOnlyAndByStep)
{
  Graph g(ctx);
  apf_var x = apf_graph_parameter(g, "x", APF_SHAPE(50, 40));
  apf_var step = apf_graph_input(g, "step", APF_SCALAR);
  apf_var y = apf_graph_output(g, apf_dropout(g, x, 0.25, step), "y");
  g.build(apf_sum(g, y, APF_ALL_AXES, false));
  g.set(x, std::vector<double>(2000, 3.0));
  const auto at = [&](double number) {
    g.set(step, {number});
    g.step();
    return g.get(y);
  };

  const auto first = at(1), gradient = g.gradient(x), second = at(2), again = at(1);

  EXPECT_NEAR(std::count(first.begin(), first.end(), 0.0), 500, 80);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, again);
  for (size_t i = 0; i < first.size(); i++) ASSERT_DOUBLE_EQ(first[i], 3 * gradient[i]);
  apf_graph_set_training(g, false);
  EXPECT_EQ(at(1), std::vector<double>(2000, 3.0));
}

TEST_P(GraphNn, LstmHasItsGradients)
{
  expect_gradients(ctx,
                   {{APF_SHAPE(2, 6, 3)},
                    {APF_SHAPE(16, 3)},
                    {APF_SHAPE(16, 4)},
                    {APF_SHAPE(16)},
                    {APF_SHAPE(16)},
                    {APF_SHAPE(2, 4)},
                    {APF_SHAPE(2, 4)}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_lstm(g, v[0], v[1], v[2], v[3], v[4], v[5], v[6]);
                   });
  expect_gradients(ctx, {{APF_SHAPE(2, 6, 3)}, {APF_SHAPE(16, 3)}, {APF_SHAPE(16, 4)}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_lstm(g, v[0], v[1], v[2], APF_NO_VAR, APF_NO_VAR, APF_NO_VAR,
                                     APF_NO_VAR);
                   });
}

TEST_P(GraphNn, SignalsHaveTheirGradients)
{
  expect_gradients(
      ctx, {{APF_SHAPE(3), 50, 300}, {APF_SHAPE(3, 1)}, {APF_SHAPE(3), 0, 1}},
      [](apf_graph *g, const Vars &v) { return apf_oscillator(g, v[0], v[1], v[2], 8000, 20); });
  expect_gradients(ctx, {{APF_SHAPE(3), 50, 300}, {APF_SHAPE(3), 0, 1}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_oscillator(g, v[0], APF_NO_VAR, v[1], 8000, 20);
                   });
  expect_gradients(
      ctx, {{APF_SHAPE(3), 0.01, 0.02}, {APF_SHAPE(2, 1), 0.5, 3}},
      [](apf_graph *g, const Vars &v) { return apf_envelope(g, v[0], v[1], 1000, 1e-3, 9); });
  expect_gradients(ctx, {{APF_SHAPE(3)}, {APF_SHAPE(3)}, {APF_SHAPE(2, 1), 0, 0.3}, {APF_SHAPE(3)}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_damped_oscillator(g, v[0], v[1], v[2], v[3], 12);
                   });
  expect_gradients(ctx, {{APF_SHAPE(3)}, {APF_SHAPE(3)}, {APF_SHAPE(3)}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_damped_oscillator(g, v[0], v[1], APF_NO_VAR, v[2], 12);
                   });
}

TEST_P(GraphNn, CoefficientsHaveTheirGradients)
{
  for (int which : {0, 1, 2})
    expect_gradients(ctx, {{APF_SHAPE(2, 5), 0.05, 1}, {APF_SHAPE(2, 1), 0.7, 8}},
                     [&](apf_graph *g, const Vars &v) {
                       apf_var a, b;
                       apf_lowpass_coefficients(g, v[0], v[1], 0.999, &a, &b);
                       const apf_var both[] = {a, b};
                       return which == 0 ? a : which == 1 ? b : apf_concat(g, both, 2, -1);
                     });
  expect_gradients(ctx, {{APF_SHAPE(3, 4, 2), 0.1, 2}}, [](apf_graph *g, const Vars &v) {
    return apf_triangle_coefficients(g, v[0], 0.999);
  });
}

TEST_P(GraphNn, WrongShapesAreRefusedByName)
{
  const auto refused = [&](const Model &model, std::initializer_list<const char *> words) {
    Graph g(ctx);
    model(g,
          {apf_graph_input(g, "x", APF_SHAPE(2, 3, 4, 5)),
           apf_graph_input(g, "w", APF_SHAPE(7, 2, 3, 3)), apf_graph_input(g, "v", APF_SHAPE(3))});
    expect_failure(ctx, apf_graph_build(g, APF_NO_VAR), APF_ERR_ARGUMENT, words);
  };

  refused([](apf_graph *g, const Vars &v) { return apf_linear(g, v[0], v[2], APF_NO_VAR); },
          {"apf_linear", "x is [2,3,4,5]", "w [3]"});
  refused([](apf_graph *g, const Vars &v) { return apf_linear(g, v[2], v[1], v[2]); },
          {"apf_linear", "bias [3]"});
  refused([](apf_graph *g, const Vars &v) { return apf_conv2d(g, v[0], v[1], APF_NO_VAR, 1); },
          {"apf_conv2d", "w [7,2,3,3]"});
  refused([](apf_graph *g, const Vars &v) { return apf_layer_norm(g, v[0], 5, 1e-5); },
          {"apf_layer_norm", "axes 5"});
  refused([](apf_graph *g, const Vars &v) { return apf_max_pool(g, v[0], 2, 0); },
          {"apf_max_pool", "P is 0"});
  refused([](apf_graph *g, const Vars &v) { return apf_prelu(g, v[0], v[2], 2); },
          {"apf_prelu", "slope is [3]", "[4]"});
  refused([](apf_graph *g, const Vars &v) { return apf_dropout(g, v[0], 1, v[2]); },
          {"apf_dropout", "rate is 1"});
  refused([](apf_graph *g, const Vars &v) { return apf_triangle_coefficients(g, v[2], 1); },
          {"apf_triangle_coefficients", "logits is [3]"});
  refused(
      [](apf_graph *g, const Vars &v) {
        apf_var a, b;
        apf_lowpass_coefficients(g, v[2], v[2], 2, &a, &b);
        return a;
      },
      {"apf_lowpass_coefficients", "scale 2"});
  refused(
      [](apf_graph *g, const Vars &v) {
        apf_var w = apf_graph_input(g, "w_hh", APF_SHAPE(8, 2)),
                x = apf_graph_input(g, "sequence", APF_SHAPE(1, 5, 3));
        return apf_lstm(g, x, v[2], w, APF_NO_VAR, APF_NO_VAR, APF_NO_VAR, APF_NO_VAR);
      },
      {"apf_lstm", "w_ih is [3]", "[8,3]"});
  refused([](apf_graph *g, const Vars &v) { return apf_envelope(g, v[2], v[2], 0, 0, 5); },
          {"apf_envelope", "sample rate 0"});
}
