#include "support/graph.h"

extern "C" {
#include "core/maps.h"
#include "graph/node.h"
}

namespace {

int allocations = 0;
const apf_backend_table *counted = nullptr;

apf_status counting_allocate(apf_context *ctx, size_t bytes, void **out)
{
  allocations++;
  return counted->allocate(ctx, bytes, out);
}

/** A chain of alternating maps and broadcast products: deep, with everything needed backward. */
apf_var deep_chain(apf_graph *g, apf_var x, apf_var gain, int depth)
{
  for (int i = 0; i < depth; i++) x = apf_tanh(g, apf_add(g, apf_mul(g, x, gain), x));
  return x;
}

/** y = a + b + 2 c, and z = 3 c: a node as another file might add it. */
apf_status add_twice_forward(const apf_step *s)
{
  const int64_t n = *static_cast<const int64_t *>(s->attributes);
  auto in = [&](int i) { return static_cast<const double *>(s->in[i]); };
  auto out = [&](int i) { return static_cast<double *>(s->out[i]); };
  const int64_t size[] = {n};
  if (!s->in[2]) return APF_ERR_STATE;
  APF_TRY(apf_map_binary_forward_f64(s->ctx, APF_MAP_ADD, 1, size, size, in(0), in(1), out(0)));
  for (int twice = 0; twice < 2; twice++) APF_TRY(apf_accumulate_f64(s->ctx, n, in(2), out(0)));
  return apf_map_unary_forward_f64(s->ctx, APF_MAP_AFFINE, n, 3, 0, in(2), out(1));
}

apf_status add_twice_backward(const apf_step *s)
{
  const int64_t n = *static_cast<const int64_t *>(s->attributes);
  auto *dc = static_cast<double *>(s->d_in[2]);
  if (s->in[0] || s->in[1] || s->in[2] || s->out[0]) return APF_ERR_STATE; /* not asked for */
  APF_TRY(apf_fill_f64(s->ctx, n, 0, dc));
  for (int i = 0; i < 2 + 3; i++) {
    const auto *from = static_cast<const double *>(s->d_out[i < 2 ? 0 : 1]);
    if (from) APF_TRY(apf_accumulate_f64(s->ctx, n, from, dc));
  }
  return APF_OK;
}

void add_twice(apf_graph *g, apf_var a, apf_var b, apf_var c, apf_var *out)
{
  static const apf_node_kind kind = [] {
    apf_node_kind k = {};
    k.name = "add_twice";
    k.forward = add_twice_forward;
    k.backward = add_twice_backward;
    k.gradient_passes = APF_BIT(0) | APF_BIT(1);
    return k;
  }();
  const apf_shape shape = apf_graph_shape(g, a), shapes[] = {shape, shape};
  const apf_var inputs[] = {a, b, c};
  const int64_t n = apf_shape_count(shape);
  apf_graph_add_outputs(g, &kind, inputs, 3, shapes, 2, out, &n, sizeof n);
}

}  // namespace

class GraphTest : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(GraphTest);

TEST_P(GraphTest, WorkedExample)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(3));
  apf_var gain = apf_graph_parameter(g, "gain", APF_SHAPE(1));
  apf_var y = apf_graph_output(g, apf_mul(g, x, gain), "y");
  apf_var loss = apf_mean(g, apf_square(g, y), APF_ALL_AXES, false);
  g.build(loss);
  g.set(x, {1, 2, 3});
  g.set(gain, {0.5});

  g.step();

  EXPECT_EQ(g.get(y), (std::vector<double>{0.5, 1, 1.5}));
  EXPECT_DOUBLE_EQ(g.get(loss)[0], 3.5 / 3);
  EXPECT_DOUBLE_EQ(g.gradient(gain)[0], 2 * 0.5 * 14 / 3);
}

TEST_P(GraphTest, FloatGraphsConvertAndAgree)
{
  Graph g(ctx, APF_F32);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(2));
  apf_var p = apf_graph_parameter(g, "p", APF_SHAPE(2));
  apf_var loss = apf_sum(g, apf_mul(g, x, apf_exp(g, p)), APF_ALL_AXES, false);
  g.set(p, {0, 1}); /* before build */
  g.build(loss);
  g.set(x, {2, 3});

  g.step();

  EXPECT_NEAR(g.get(loss)[0], 2 + 3 * std::exp(1.0), 1e-5);
  EXPECT_NEAR(g.gradient(p)[1], 3 * std::exp(1.0), 1e-5);
  float raw[2];
  APF_EXPECT_OK(apf_graph_get_raw(g, p, raw));
  EXPECT_EQ(raw[1], 1.0f);
}

TEST_P(GraphTest, ATensorUsedSeveralTimesCollectsItsGradients)
{
  expect_gradients(ctx, {{APF_SHAPE(4)}, {APF_SHAPE(4)}},
                   [](apf_graph *g, const std::vector<apf_var> &v) {
                     apf_var s = apf_add(g, v[0], v[1]);
                     apf_var twice = apf_add(g, s, s);
                     apf_var square = apf_mul(g, s, s);
                     apf_var rest = apf_sub(g, apf_tanh(g, s), apf_reshape(g, v[0], APF_SHAPE(4)));
                     return apf_add(g, apf_mul(g, twice, square), apf_add(g, rest, v[0]));
                   });
}

TEST_P(GraphTest, ReshapedTensorsShareMemoryAndGradients)
{
  expect_gradients(ctx, {{APF_SHAPE(2, 6)}}, [](apf_graph *g, const std::vector<apf_var> &v) {
    apf_var x = apf_sin(g, v[0]);
    apf_var a = apf_reshape(g, x, APF_SHAPE(3, 4)), b = apf_reshape(g, x, APF_SHAPE(12));
    apf_var c = apf_reshape(g, apf_exp(g, a), APF_SHAPE(12));
    return apf_add(g, apf_mul(g, c, b), apf_reshape(g, x, APF_SHAPE(12)));
  });
}

TEST_P(GraphTest, RandomGraphsKeepTheirGradientsWhenMemoryIsPoisoned)
{
  for (int seed = 0; seed < 40; seed++) {
    SCOPED_TRACE(seed);
    expect_gradients(
        ctx, {{APF_SHAPE(2, 3)}, {APF_SHAPE(3)}, {APF_SHAPE(2, 1)}},
        [&](apf_graph *g, const std::vector<apf_var> &v) {
          std::mt19937 random(seed);
          std::vector<apf_var> pool = {apf_expand(g, v[0], APF_SHAPE(2, 3)),
                                       apf_expand(g, v[1], APF_SHAPE(2, 3)),
                                       apf_expand(g, v[2], APF_SHAPE(2, 3))};
          auto pick = [&]() { return pool[random() % pool.size()]; };
          for (int i = 0; i < 25; i++) {
            apf_var a = pick(), b = pick();
            switch (random() % 9) {
              case 0: pool.push_back(apf_add(g, a, b)); break;
              case 1: pool.push_back(apf_sub(g, a, b)); break;
              case 2: pool.push_back(apf_mul(g, apf_tanh(g, a), apf_tanh(g, b))); break;
              case 3: pool.push_back(apf_tanh(g, a)); break;
              case 4: pool.push_back(apf_sin(g, a)); break;
              case 5: pool.push_back(apf_affine(g, a, -0.5, 0.1)); break;
              case 6:
                pool.push_back(apf_reshape(g, apf_tanh(g, apf_reshape(g, a, APF_SHAPE(3, 2))),
                                           APF_SHAPE(2, 3)));
                break;
              case 7: pool.push_back(apf_flip(g, a, 1)); break;
              case 8: pool.push_back(apf_mul(g, apf_mean(g, a, APF_AXIS(1), true), b)); break;
            }
          }
          apf_var y = pool.back();
          for (int i = 0; i < 3; i++)
            y = apf_add(g, y, apf_add(g, pool[i], pool[pool.size() - 2 - i]));
          return apf_tanh(g, apf_scale(g, y, 0.1));
        },
        1e-5);
  }
}

TEST_P(GraphTest, NodesMayHaveSeveralOutputsAndLetGradientsPass)
{
  for (int used = 1; used <= 3; used++) { /* the first output, the second, both */
    SCOPED_TRACE(used);
    for (bool same : {false, true})
      expect_gradients(ctx, {{APF_SHAPE(4)}, {APF_SHAPE(4)}},
                       [=](apf_graph *g, const std::vector<apf_var> &v) {
                         apf_var out[2], a = apf_sin(g, v[0]), c = apf_sin(g, v[1]);
                         add_twice(g, a, same ? a : c, c, out);
                         apf_var rest = apf_mul(g, v[0], v[1]);
                         if (used & 1) rest = apf_add(g, rest, apf_tanh(g, out[0]));
                         if (used & 2) rest = apf_add(g, rest, apf_tanh(g, out[1]));
                         return rest;
                       });
  }
}

TEST_P(GraphTest, EachParameterSetGetsTheGradientItWouldGetAlone)
{
  const auto x = random_values<double>(2 * 50, 1);
  const std::vector<double> gains = {0.3, -1.2, 2};
  auto model = [](apf_graph *g, apf_var signal, apf_var gain) {
    return apf_mean(g, apf_square(g, apf_tanh(g, apf_mul(g, signal, gain))), APF_AXES_FROM(1),
                    false);
  };
  Graph all(ctx);
  apf_var gain = apf_graph_parameter(all, "gain", APF_SHAPE(3, 1, 1));
  apf_var signal = apf_graph_input(all, "x", APF_SHAPE(2, 50));
  apf_var losses = model(all, signal, gain);
  all.build(losses);
  EXPECT_EQ(all.count(losses), 3);
  all.set(signal, x);
  all.set(gain, gains);
  all.step();

  for (int i = 0; i < 3; i++) {
    Graph one(ctx);
    apf_var p = apf_graph_parameter(one, "gain", APF_SHAPE(1, 1, 1));
    apf_var s = apf_graph_input(one, "x", APF_SHAPE(2, 50));
    apf_var loss = model(one, s, p);
    one.build(loss);
    one.set(s, x);
    one.set(p, {gains[i]});
    one.step();
    EXPECT_DOUBLE_EQ(all.get(losses)[i], one.get(loss)[0]);
    EXPECT_DOUBLE_EQ(all.gradient(gain)[i], one.gradient(p)[0]);
  }
}

TEST_P(GraphTest, StepsAllocateNothing)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(3, 40000));
  apf_var gain = apf_graph_parameter(g, "gain", APF_SHAPE(3, 1));
  g.build(apf_mean(g, deep_chain(g, x, gain, 4), APF_ALL_AXES, false));
  g.step(); /* operators may grow the workspace once */
  apf_backend_table table = *ctx->table;
  counted = ctx->table;
  table.allocate = counting_allocate;
  ctx->table = &table;
  allocations = 0;

  for (int i = 0; i < 3; i++) g.step();

  EXPECT_EQ(allocations, 0);
  ctx->table = counted;
}

TEST_P(GraphTest, MemoryIsSharedByLifetimes)
{
  const int depth = 50;
  const int64_t n = 1000, bytes = n * 8;
  Graph inference(ctx), training(ctx);

  apf_var x = apf_graph_input(inference, "x", APF_SHAPE(n));
  apf_var gain = apf_graph_parameter(inference, "gain", APF_SHAPE(1));
  apf_graph_output(inference, deep_chain(inference, x, gain, depth), "y");
  inference.build();
  x = apf_graph_input(training, "x", APF_SHAPE(n));
  gain = apf_graph_parameter(training, "gain", APF_SHAPE(1));
  training.build(apf_mean(training, deep_chain(training, x, gain, depth), APF_ALL_AXES, false));

  /* forward only: input, output, and what two neighbours need */
  EXPECT_LE(apf_graph_memory_use(inference).arena_bytes, 4 * bytes + 1024);
  /* each of the maps keeps one tensor for backward (the input of the next), not five */
  const apf_graph_memory use = apf_graph_memory_use(training);
  EXPECT_LE(use.arena_bytes, (depth + 6) * bytes);
  EXPECT_GE(use.tensor_bytes, 2 * use.arena_bytes);
}

TEST_P(GraphTest, WhatIsNotNeededDoesNotRun)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(4));
  apf_var p = apf_graph_parameter(g, "p", APF_SHAPE(4));
  apf_var frozen = apf_graph_parameter(g, "frozen", APF_SHAPE(4));
  apf_graph_freeze(g, frozen);
  apf_exp(g, apf_exp(g, p));                          /* leads nowhere */
  apf_var fixed = apf_tanh(g, apf_mul(g, x, frozen)); /* no gradient: 2 nodes */
  apf_var y = apf_mul(g, fixed, p);                   /* 1 */
  apf_graph_output(g, apf_scale(g, y, 2), "aside");   /* 1, forward only */
  g.build(apf_sum(g, y, APF_ALL_AXES, false));        /* 1 */

  const apf_graph_memory use = apf_graph_memory_use(g);

  EXPECT_EQ(use.forward_nodes, 5);
  EXPECT_EQ(use.backward_nodes, 2);
  EXPECT_EQ(apf_graph_flat(g).count, 8);
  EXPECT_EQ(apf_graph_flat_offset(g, frozen), -1);
  EXPECT_EQ(apf_graph_gradient(g, frozen), nullptr);
}

TEST_P(GraphTest, ParametersThatTheLossDoesNotSeeHaveZeroGradients)
{
  Graph g(ctx);
  apf_var p = apf_graph_parameter(g, "p", APF_SHAPE(3));
  apf_var idle = apf_graph_parameter(g, "idle", APF_SHAPE(5));
  apf_graph_poison(g);
  g.build(apf_sum(g, p, APF_ALL_AXES, false));

  g.step();

  EXPECT_EQ(g.gradient(p), std::vector<double>(3, 1.0));
  EXPECT_EQ(g.gradient(idle), std::vector<double>(5, 0.0));
}

TEST_P(GraphTest, TrackedTensorsKeepTheirGradients)
{
  Graph g(ctx);
  apf_graph_poison(g);
  apf_var x = apf_graph_track(g, apf_graph_input(g, "x", APF_SHAPE(2)));
  apf_var middle = apf_graph_track(g, apf_square(g, x));
  apf_var y = apf_scale(g, apf_neg(g, middle), 3);
  apf_var loss = apf_sum(g, y, APF_ALL_AXES, false);
  g.build(loss);
  g.set(x, {2, -1});

  g.step();
  g.step();

  EXPECT_EQ(g.gradient(middle), (std::vector<double>{-3, -3}));
  EXPECT_EQ(g.gradient(x), (std::vector<double>{-12, 6}));
  double out[2];
  expect_failure(ctx, apf_graph_get_gradient(g, y, out), APF_ERR_ARGUMENT, {"no gradient"});
  expect_failure(ctx, apf_graph_get(g, middle, out), APF_ERR_ARGUMENT, {"no value"});
}

TEST_P(GraphTest, ParametersAreFlatAlignedAndFrozenOnesLast)
{
  Graph g(ctx);
  apf_var a = apf_graph_parameter(g, "a", APF_SHAPE(3));
  apf_var b = apf_graph_parameter(g, "b", APF_SHAPE(1));
  apf_var c = apf_graph_parameter(g, "c", APF_SHAPE(9));
  apf_graph_freeze(g, b);
  const apf_var all[] = {a, b, c};
  g.build(apf_sum(g, apf_concat(g, all, 3, 0), APF_ALL_AXES, false));
  g.set(a, {1, 2, 3});
  g.set(b, {4});

  EXPECT_EQ(apf_graph_parameter_count(g), 3);
  EXPECT_EQ(apf_graph_parameter_at(g, 1).id, b.id);
  EXPECT_EQ(apf_graph_parameter_at(g, 3).id, 0);
  EXPECT_EQ(apf_graph_flat_offset(g, a), 0);
  EXPECT_EQ(apf_graph_flat_offset(g, c), 8);
  EXPECT_EQ(apf_graph_flat(g).count, 24);
  EXPECT_EQ(apf_graph_data(g, a), apf_graph_flat(g).values);
  EXPECT_EQ(g.get(a), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(g.get(b), std::vector<double>{4});

  EXPECT_EQ(apf_graph_parameter_offset(g, b), 24);
  EXPECT_EQ(apf_graph_parameter_space(g), 32);
  std::vector<double> all_values(32, NAN);
  APF_ASSERT_OK(apf_graph_get_parameters(g, all_values.data()));
  EXPECT_EQ(std::vector<double>(all_values.begin(), all_values.begin() + 3), g.get(a));
  EXPECT_EQ(all_values[24], 4);
}

TEST_P(GraphTest, TheFirstMistakeSticksAndIsNamed)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(2, 100));
  apf_var gain = apf_graph_parameter(g, "gain", APF_SHAPE(3, 1));
  apf_var y = apf_mul(g, x, gain);
  EXPECT_EQ(y.id, 0);
  apf_var z = apf_tanh(g, apf_slice(g, y, 5, 0, 1));
  EXPECT_EQ(z.id, 0);
  EXPECT_EQ(apf_graph_status(g), APF_ERR_ARGUMENT);

  expect_failure(ctx, apf_graph_build(g, z), APF_ERR_ARGUMENT,
                 {"apf_mul", "[2,100]", "[3,1]", "broadcast"});
  expect_failure(ctx, apf_graph_forward(g), APF_ERR_STATE, {"not built"});
}

TEST_P(GraphTest, MistakesAreNamed)
{
  struct Mistake {
    std::function<void(apf_graph *, apf_var)> make;
    std::vector<const char *> words;
  };
  const std::vector<Mistake> mistakes = {
      {[](apf_graph *g, apf_var) { apf_exp(g, APF_NO_VAR); }, {"apf_exp", "x is not a tensor"}},
      {[](apf_graph *g, apf_var x) { apf_add(g, x, apf_var{99}); }, {"apf_add", "b is not"}},
      {[](apf_graph *g, apf_var) { apf_graph_input(g, "x", APF_SCALAR); }, {"'x' is taken"}},
      {[](apf_graph *g, apf_var) { apf_graph_input(g, "", APF_SCALAR); }, {"empty"}},
      {[](apf_graph *g, apf_var) { apf_graph_input(g, nullptr, APF_SCALAR); }, {"NULL"}},
      {[](apf_graph *g, apf_var) { apf_graph_parameter(g, "n", APF_SHAPE(-3)); }, {"[-3]"}},
      {[](apf_graph *g, apf_var) { apf_graph_parameter(g, "n", APF_SHAPE(1L << 40, 1L << 40)); },
       {"2^44"}},
      {[](apf_graph *g, apf_var) { apf_graph_table(g, APF_SHAPE(2), nullptr); }, {"values"}},
      {[](apf_graph *g, apf_var x) { apf_graph_freeze(g, x); }, {"not a parameter"}},
      {[](apf_graph *g, apf_var) { apf_graph_track(g, apf_graph_constant(g, 1)); }, {"constant"}},
      {[](apf_graph *g, apf_var x) { apf_graph_output(g, x, "x"); }, {"'x' is taken"}},
      {[](apf_graph *g, apf_var x) { apf_clamp(g, x, 2, 1); }, {"low is 2"}},
      {[](apf_graph *g, apf_var x) { apf_sum(g, x, APF_AXIS(2), false); }, {"apf_sum", "[2,6]"}},
      {[](apf_graph *g, apf_var x) { apf_mean(g, x, APF_AXIS(-3), false); }, {"apf_mean"}},
      {[](apf_graph *g, apf_var x) { apf_reshape(g, x, APF_SHAPE(5)); }, {"[2,6]", "[5]"}},
      {[](apf_graph *g, apf_var x) { apf_expand(g, x, APF_SHAPE(3, 6)); }, {"[3,6]"}},
      {[](apf_graph *g, apf_var x) { apf_slice(g, x, 1, 4, 3); }, {"apf_slice", "start is 4"}},
      {[](apf_graph *g, apf_var x) { apf_flip(g, x, 2); }, {"axis is 2", "-2 to 1"}},
      {[](apf_graph *g, apf_var x) { apf_concat(g, &x, 0, 0); }, {"n is 0"}},
      {[](apf_graph *g, apf_var x) {
         const apf_var both[] = {x, apf_graph_input(g, "z", APF_SHAPE(2, 5))};
         apf_concat(g, both, 2, 0);
       },
       {"x[1] is [2,5]"}},
      {[](apf_graph *g, apf_var x) {
         const int order[] = {0, 0};
         apf_transpose(g, x, order);
       },
       {"order[1] is 0"}},
  };
  for (const Mistake &m : mistakes) {
    Graph g(ctx);
    apf_var x = apf_graph_input(g, "x", APF_SHAPE(2, 6));
    m.make(g, x);
    EXPECT_EQ(apf_graph_build(g, APF_NO_VAR), APF_ERR_ARGUMENT);
    for (const char *word : m.words)
      EXPECT_NE(std::strstr(apf_last_error(ctx), word), nullptr)
          << "message lacks '" << word << "': " << apf_last_error(ctx);
  }
}

TEST_P(GraphTest, CallsAtTheWrongMomentAreRefused)
{
  Graph g(ctx);
  apf_var p = apf_graph_parameter(g, "p", APF_SHAPE(2));
  apf_var loss = apf_sum(g, p, APF_ALL_AXES, false);
  double out[2];
  expect_failure(ctx, apf_graph_get(g, p, out), APF_ERR_STATE, {"not built"});
  expect_failure(ctx, apf_graph_get_parameters(g, out), APF_ERR_STATE, {"not built"});
  expect_failure(ctx, apf_graph_forward(g), APF_ERR_STATE, {"not built"});
  g.build(loss);

  expect_failure(ctx, apf_graph_build(g, loss), APF_ERR_STATE, {"built already"});
  expect_failure(ctx, apf_graph_backward(g), APF_ERR_STATE, {"forward"});
  g.step();
  expect_failure(ctx, apf_graph_backward(g), APF_ERR_STATE, {"forward"});
  expect_failure(ctx, apf_graph_set(g, loss, out), APF_ERR_ARGUMENT, {"not an input"});
  expect_failure(ctx, apf_graph_set(g, p, nullptr), APF_ERR_ARGUMENT, {"'p'"});
  EXPECT_EQ(apf_exp(g, p).id, 0);
  EXPECT_EQ(apf_graph_status(g), APF_ERR_STATE);
}

TEST_P(GraphTest, ALossWithoutGradientIsRefused)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(2));
  expect_failure(ctx, apf_graph_build(g, apf_sum(g, x, APF_ALL_AXES, false)), APF_ERR_ARGUMENT,
                 {"the loss depends on no parameter"});
  double out[2] = {0};
  expect_failure(ctx, apf_graph_set(g, x, out), APF_ERR_STATE, {"could not be built"});
  apf_graph *none = nullptr;
  expect_failure(ctx, apf_graph_create(ctx, APF_C64, &none), APF_ERR_ARGUMENT, {"dtype is 2"});
  expect_failure(nullptr, apf_graph_create(nullptr, APF_F32, &none), APF_ERR_ARGUMENT, {"ctx"});
}

TEST_P(GraphTest, ParametersMoveBetweenGraphsByName)
{
  Graph from(ctx), to(ctx), other(ctx);
  apf_var a = apf_graph_parameter(from, "a", APF_SHAPE(2));
  apf_graph_parameter(from, "b", APF_SHAPE(1));
  apf_var b = apf_graph_parameter(to, "b", APF_SHAPE(1));
  apf_var a2 = apf_graph_parameter(to, "a", APF_SHAPE(2));
  apf_graph_parameter(other, "a", APF_SHAPE(3));
  from.build();
  to.build();
  other.build();
  from.set(a, {1, 2});
  from.set(apf_graph_find(from, "b"), {3});

  APF_EXPECT_OK(apf_graph_copy_parameters(to, from));

  EXPECT_EQ(to.get(a2), (std::vector<double>{1, 2}));
  EXPECT_EQ(to.get(b), std::vector<double>{3});
  expect_failure(ctx, apf_graph_copy_parameters(from, other), APF_ERR_MISMATCH, {"'a'", "[3]"});
  expect_failure(ctx, apf_graph_copy_parameters(to, other), APF_ERR_MISMATCH, {"'b' is missing"});
}

TEST_P(GraphTest, EmptyTensorsAreValid)
{
  Graph g(ctx);
  apf_var x = apf_graph_input(g, "x", APF_SHAPE(0, 5));
  apf_var p = apf_graph_parameter(g, "p", APF_SHAPE(5));
  g.build(apf_sum(g, apf_tanh(g, apf_mul(g, x, p)), APF_ALL_AXES, false));

  g.step();

  EXPECT_EQ(g.gradient(p), std::vector<double>(5, 0.0));
}
