/** Every node by central differences, with broadcasting, and with memory poisoned. */
#include "support/graph.h"

class GraphNodes : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(GraphNodes);

using Vars = std::vector<apf_var>;

TEST_P(GraphNodes, UnaryFunctionsHaveTheirGradients)
{
  struct Unary {
    const char *name;
    apf_var (*node)(apf_graph *, apf_var);
    double low, high;
  };
  const Unary all[] = {
      {"neg", apf_neg, -1, 1},
      {"exp", apf_exp, -1, 1},
      {"log", apf_log, 0.2, 2},
      {"log10", apf_log10, 0.2, 2},
      {"tanh", apf_tanh, -2, 2},
      {"sigmoid", apf_sigmoid, -2, 2},
      {"softplus", apf_softplus, -2, 2},
      {"sin", apf_sin, -3, 3},
      {"cos", apf_cos, -3, 3},
      {"tan", apf_tan, -1, 1},
      {"abs", apf_abs, 0.1, 1},
      {"square", apf_square, -1, 1},
      {"sqrt", apf_sqrt, 0.2, 2},
      {"reciprocal", apf_reciprocal, 0.3, 2},
      {"db_to_amplitude", apf_db_to_amplitude, -40, 10},
      {"amplitude_to_db", apf_amplitude_to_db, 0.1, 2},
  };
  for (const Unary &u : all) {
    SCOPED_TRACE(u.name);
    expect_gradients(ctx, {{APF_SHAPE(3, 5), u.low, u.high}},
                     [&](apf_graph *g, const Vars &v) { return u.node(g, v[0]); });
  }
  expect_gradients(ctx, {{APF_SHAPE(7)}}, [](apf_graph *g, const Vars &v) {
    return apf_affine(g, apf_scale(g, apf_offset(g, v[0], 1), 2), -3, 0.5);
  });
  expect_gradients(ctx, {{APF_SHAPE(7), 0.2, 1}}, [](apf_graph *g, const Vars &v) {
    return apf_add(g, apf_pow(g, v[0], 4), apf_pow(g, v[0], -0.5));
  });
  expect_gradients(
      ctx, {{APF_SHAPE(50)}},
      [](apf_graph *g, const Vars &v) { return apf_clamp(g, v[0], -0.4, INFINITY); }, 1e-3);
}

TEST_P(GraphNodes, DecibelsAreRight)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(3));
  apf_var y = apf_graph_output(g, apf_db_to_amplitude(g, x), "y");
  apf_var z = apf_graph_output(g, apf_amplitude_to_db(g, y), "z");
  g.build();
  g.set(x, {20, 0, -6});
  g.forward();

  const auto amplitude = g.get(y), back = g.get(z);

  EXPECT_NEAR(amplitude[0], 10, 1e-13);
  EXPECT_EQ(amplitude[1], 1);
  EXPECT_NEAR(back[2], -6, 1e-13);
}

TEST_P(GraphNodes, BinaryFunctionsBroadcastLikeNumPy)
{
  apf_var (*const all[])(apf_graph *, apf_var, apf_var) = {apf_add, apf_sub, apf_mul,
                                                           apf_div, apf_min, apf_max};
  const std::pair<apf_shape, apf_shape> shapes[] = {
      {APF_SHAPE(4), APF_SHAPE(4)},
      {APF_SHAPE(3, 4), APF_SHAPE(4)},
      {APF_SHAPE(2, 1, 1), APF_SHAPE(3, 4)},
      {APF_SHAPE(3, 4), APF_SCALAR},
      {APF_SHAPE(2, 1, 5, 1, 2), APF_SHAPE(3, 1, 4, 1)},
  };
  for (auto node : all)
    for (const auto &s : shapes) {
      const double tolerance = node == apf_min || node == apf_max ? 1e-4 : 1e-6;
      expect_gradients(
          ctx, {{s.first}, {s.second, 0.5, 1.5}},
          [&](apf_graph *g, const Vars &v) { return node(g, v[0], v[1]); }, tolerance, 1e-6);
    }
}

TEST_P(GraphNodes, ReductionsOverAnyAxes)
{
  for (unsigned axes : {APF_AXIS(0), APF_AXIS(-1), APF_AXIS(1), APF_AXIS(0) | APF_AXIS(-1),
                        APF_AXES_FROM(1), APF_ALL_AXES})
    for (bool keep : {false, true}) {
      expect_gradients(ctx, {{APF_SHAPE(2, 3, 4)}}, [&](apf_graph *g, const Vars &v) {
        return apf_add(g, apf_sum(g, v[0], axes, keep), apf_mean(g, apf_sin(g, v[0]), axes, keep));
      });
    }
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(2, 3, 4));
  EXPECT_TRUE(
      apf_shape_equal(apf_graph_shape(g, apf_sum(g, x, APF_AXIS(1), false)), APF_SHAPE(2, 4)));
  EXPECT_TRUE(
      apf_shape_equal(apf_graph_shape(g, apf_sum(g, x, APF_AXIS(-3), true)), APF_SHAPE(1, 3, 4)));
  EXPECT_TRUE(apf_shape_equal(apf_graph_shape(g, apf_mean(g, x, APF_ALL_AXES, false)), APF_SCALAR));
}

TEST_P(GraphNodes, ShapeFunctionsMoveWhatTheySay)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(2, 3));
  apf_var slice = apf_graph_output(g, apf_slice(g, x, -1, 1, 2), "slice");
  const apf_var parts[] = {x, slice};
  apf_var concat = apf_graph_output(g, apf_concat(g, parts, 2, 1), "concat");
  const apf_var rows[] = {apf_slice(g, x, 1, 2, 1), apf_slice(g, x, 1, 0, 1)};
  apf_var stack = apf_graph_output(g, apf_stack(g, rows, 2), "stack");
  apf_var ahead = apf_graph_output(g, apf_shift(g, x, 1, 1, 1), "ahead");
  apf_var delayed = apf_graph_output(g, apf_shift(g, x, 1, -2, 0), "delayed");
  apf_var gone = apf_graph_output(g, apf_shift(g, x, 1, 7, 9), "gone");
  apf_var flip = apf_graph_output(g, apf_flip(g, x, 1), "flip");
  const int order[] = {1, 0};
  apf_var transpose = apf_graph_output(g, apf_transpose(g, x, order), "transpose");
  apf_var expand = apf_graph_output(g, apf_expand(g, slice, APF_SHAPE(2, 2, 2)), "expand");
  g.build();
  g.set(x, {1, 2, 3, 4, 5, 6});

  g.forward();

  EXPECT_EQ(g.get(slice), (std::vector<double>{2, 3, 5, 6}));
  EXPECT_EQ(g.get(concat), (std::vector<double>{1, 2, 3, 2, 3, 4, 5, 6, 5, 6}));
  EXPECT_EQ(g.get(stack), (std::vector<double>{3, 1, 6, 4}));
  EXPECT_TRUE(apf_shape_equal(apf_graph_shape(g, stack), APF_SHAPE(2, 1, 2)));
  EXPECT_EQ(g.get(ahead), (std::vector<double>{2, 3, 1, 5, 6, 1}));
  EXPECT_EQ(g.get(delayed), (std::vector<double>{0, 0, 1, 0, 0, 4}));
  EXPECT_EQ(g.get(gone), std::vector<double>(6, 9.0));
  EXPECT_EQ(g.get(flip), (std::vector<double>{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(g.get(transpose), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(g.get(expand), (std::vector<double>{2, 3, 5, 6, 2, 3, 5, 6}));
}

TEST_P(GraphNodes, ShapeFunctionsHaveTheirGradients)
{
  const Argument x = {APF_SHAPE(2, 3, 4)};
  const Model models[] = {
      [](apf_graph *g, const Vars &v) { return apf_slice(g, v[0], 1, 1, 2); },
      [](apf_graph *g, const Vars &v) { return apf_slice(g, v[0], 1, 1, 0); },
      [](apf_graph *g, const Vars &v) { return apf_shift(g, v[0], 2, 3, 1); },
      [](apf_graph *g, const Vars &v) { return apf_shift(g, v[0], 0, -1, 1); },
      [](apf_graph *g, const Vars &v) { return apf_shift(g, v[0], 1, 5, 1); },
      [](apf_graph *g, const Vars &v) { return apf_flip(g, v[0], 1); },
      [](apf_graph *g, const Vars &v) {
        const int order[] = {2, 0, 1};
        return apf_transpose(g, v[0], order);
      },
      [](apf_graph *g, const Vars &v) { return apf_expand(g, v[0], APF_SHAPE(5, 2, 3, 4)); },
      [](apf_graph *g, const Vars &v) {
        const apf_var parts[] = {v[0], apf_sin(g, v[0]), v[0]};
        return apf_concat(g, parts, 3, 1);
      },
      [](apf_graph *g, const Vars &v) {
        const apf_var parts[] = {v[0], apf_sin(g, v[0])};
        return apf_stack(g, parts, 2);
      },
  };
  int i = 0;
  for (const Model &m : models) {
    SCOPED_TRACE(i++);
    expect_gradients(ctx, {x}, m);
  }
}

TEST_P(GraphNodes, RecursionsHaveTheirGradientsAndBroadcastLeadingAxes)
{
  const Argument x = {APF_SHAPE(2, 3, 20)}, coefficient = {APF_SHAPE(4, 1, 1), 0.2, 0.8};
  const Argument state = {APF_SHAPE(3)};
  expect_gradients(ctx, {x, {APF_SHAPE(3, 20, 2), -0.4, 0.4}, {APF_SHAPE(2, 1, 2)}},
                   [](apf_graph *g, const Vars &v) { return apf_allpole(g, v[0], v[1], v[2]); });
  expect_gradients(ctx, {x, {APF_SHAPE(4, 1, 1, 6, 2), -0.4, 0.4}},
                   [](apf_graph *g, const Vars &v) {
                     return apf_allpole(g, apf_sin(g, v[0]), v[1], APF_NO_VAR);
                   });
  expect_gradients(ctx, {x, {APF_SHAPE(1, 3), -0.3, 0.3}}, [](apf_graph *g, const Vars &v) {
    return apf_allpole(g, v[0], apf_reflection_to_direct(g, v[1]), APF_NO_VAR);
  });
  expect_gradients(ctx, {x, {APF_SHAPE(3, 20), 0.2, 0.8}, state},
                   [](apf_graph *g, const Vars &v) { return apf_recurrence(g, v[0], v[1], v[2]); });
  expect_gradients(ctx, {x, {APF_SHAPE(4, 1, 1, 1), 0.2, 0.8}}, [](apf_graph *g, const Vars &v) {
    return apf_recurrence(g, apf_tanh(g, v[0]), v[1], APF_NO_VAR);
  });
  expect_gradients(
      ctx, {x, coefficient, {APF_SHAPE(3), 0.2, 0.8}, state},
      [](apf_graph *g, const Vars &v) { return apf_ballistics(g, v[0], v[1], v[2], v[3]); }, 1e-5);
  expect_gradients(ctx, {x, {APF_SHAPE(20, 3)}, {APF_SHAPE(2, 1, 2)}},
                   [](apf_graph *g, const Vars &v) { return apf_fir(g, v[0], v[1], v[2]); });
  expect_gradients(ctx, {x, {APF_SHAPE(1, 4)}}, [](apf_graph *g, const Vars &v) {
    return apf_fir(g, apf_sin(g, v[0]), v[1], APF_NO_VAR);
  });
}

TEST_P(GraphNodes, InterpolationRunsAlongAnyAxis)
{
  for (int axis : {0, 1, -1})
    expect_gradients(ctx, {{APF_SHAPE(3, 4, 5)}}, [&](apf_graph *g, const Vars &v) {
      return apf_interpolate(g, v[0], axis, 13);
    });
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(2, 2));
  apf_var y = apf_graph_output(g, apf_interpolate(g, x, -1, 3), "y");
  g.build();
  g.set(x, {0, 2, 4, 8});
  g.forward();
  EXPECT_EQ(g.get(y), (std::vector<double>{0, 1, 2, 4, 6, 8}));
}

TEST_P(GraphNodes, RecursionsNameTheirMistakes)
{
  using Make = std::function<void(apf_graph *, apf_var x, apf_var a, apf_var zi)>;
  const std::pair<Make, std::vector<const char *>> mistakes[] = {
      {[](auto g, auto x, auto, auto zi) { apf_ballistics(g, x, zi, zi, APF_NO_VAR); },
       {"apf_ballistics", "at is [2,3]", "axes [2]"}},
      {[](auto g, auto x, auto a, auto) { apf_allpole(g, x, a, a); }, {"apf_allpole", "zi is"}},
      {[](auto g, auto x, auto, auto) { apf_allpole(g, x, APF_NO_VAR, x); },
       {"apf_allpole", "a is not a tensor"}},
      {[](auto g, auto x, auto, auto zi) { apf_recurrence(g, x, zi, APF_NO_VAR); },
       {"apf_recurrence", "3 frames for 20 samples"}},
      {[](auto g, auto x, auto a, auto) { apf_ballistics(g, x, a, a, APF_NO_VAR); },
       {"apf_ballistics", "at is [2,5,3]"}},
      {[](auto g, auto x, auto a, auto zi) { apf_fir(g, x, a, zi); }, {"apf_fir", "[...,2]"}},
      {[](auto g, auto x, auto, auto) { apf_interpolate(g, x, 2, 5); }, {"axis is 2"}},
      {[](auto g, auto x, auto, auto) { apf_interpolate(g, x, 0, -5); }, {"[-5,20]"}},
      {[](auto g, auto, auto, auto) { apf_reflection_to_direct(g, apf_graph_constant(g, 1)); },
       {"apf_reflection_to_direct"}},
  };
  for (const auto &[make, words] : mistakes) {
    Graph g(ctx);
    make(g, apf_graph_input(g, "x", APF_SHAPE(2, 20)), apf_graph_input(g, "a", APF_SHAPE(2, 5, 3)),
         apf_graph_input(g, "zi", APF_SHAPE(2, 3)));
    EXPECT_EQ(apf_graph_build(g, APF_NO_VAR), APF_ERR_ARGUMENT);
    for (const char *word : words)
      EXPECT_NE(std::strstr(apf_last_error(ctx), word), nullptr)
          << "message lacks '" << word << "': " << apf_last_error(ctx);
  }
}

TEST_P(GraphNodes, LossesHaveTheirGradientsForEveryShapeOfTarget)
{
  const apf_shape targets[] = {APF_SHAPE(2, 3, 20), APF_SHAPE(3, 20), APF_SHAPE(20)};
  for (const apf_shape &target : targets)
    for (int keep = 0; keep < 3; keep++) {
      const std::vector<Argument> arguments = {{APF_SHAPE(2, 3, 20)}, {target}};
      SCOPED_TRACE(std::to_string(target.dims) + " axes, keep " + std::to_string(keep));
      expect_gradients(
          ctx, arguments,
          [&](apf_graph *g, const Vars &v) { return apf_preemphasis_l1(g, v[0], v[1], keep); },
          1e-6, 1e-6);
      for (apf_esr_kind kind : {APF_ESR_TOTAL, APF_ESR_MEAN, APF_ESR_ROWS})
        expect_gradients(ctx, arguments, [&](apf_graph *g, const Vars &v) {
          return apf_esr(g, v[0], v[1], kind, keep);
        });
    }
}

TEST_P(GraphNodes, LossesOfParameterSetsAreThoseOfEachAlone)
{
  const auto pred = random_values<double>(2 * 3 * 20, 1), target = random_values<double>(60, 2);
  auto losses = [&](int sets, int first) {
    Graph g(ctx);
    apf_var p = apf_graph_input(g, "pred", APF_SHAPE(sets, 3, 20));
    apf_var t = apf_graph_input(g, "target", APF_SHAPE(3, 20));
    const apf_var all[] = {apf_preemphasis_l1(g, p, t, 1), apf_esr(g, p, t, APF_ESR_TOTAL, 1),
                           apf_esr(g, p, t, APF_ESR_MEAN, 1), apf_esr(g, p, t, APF_ESR_ROWS, 1)};
    apf_var out = apf_graph_output(g, apf_concat(g, all, 4, 0), "losses");
    g.build();
    g.set(p, {pred.begin() + first * 60, pred.begin() + (first + sets) * 60});
    g.set(t, target);
    g.forward();
    return g.get(out);
  };

  const auto both = losses(2, 0), one = losses(1, 0), other = losses(1, 1);

  for (int i = 0; i < 4; i++) {
    EXPECT_DOUBLE_EQ(both[2 * i], one[i]);
    EXPECT_DOUBLE_EQ(both[2 * i + 1], other[i]);
  }
}

TEST_P(GraphNodes, LossesNameTheirMistakes)
{
  const std::pair<std::function<void(apf_graph *, apf_var, apf_var)>, std::vector<const char *>>
      mistakes[] = {
          {[](auto g, auto x, auto y) { apf_preemphasis_l1(g, x, y, 0); },
           {"apf_preemphasis_l1", "target is [3]", "[2,5]"}},
          {[](auto g, auto x, auto) { apf_preemphasis_l1(g, x, x, 2); }, {"keep is 2", "0 to 1"}},
          {[](auto g, auto x, auto) { apf_esr(g, x, APF_NO_VAR, APF_ESR_MEAN, 0); },
           {"apf_esr", "target is not"}},
          {[](auto g, auto x, auto) { apf_esr(g, x, x, static_cast<apf_esr_kind>(3), 0); },
           {"kind is 3"}},
      };
  for (const auto &[make, words] : mistakes) {
    Graph g(ctx);
    make(g, apf_graph_input(g, "x", APF_SHAPE(2, 5)), apf_graph_input(g, "y", APF_SHAPE(3)));
    EXPECT_EQ(apf_graph_build(g, APF_NO_VAR), APF_ERR_ARGUMENT);
    for (const char *word : words)
      EXPECT_NE(std::strstr(apf_last_error(ctx), word), nullptr)
          << "message lacks '" << word << "': " << apf_last_error(ctx);
  }
}
