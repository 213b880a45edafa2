#include "support/support.h"

extern "C" {
#include "core/random.h"
#include "graph/optimizer.h"
}

/* Minimises sum over sets of (p - goal)^2 with two parameters of two values each. */
class Optimizer : public OnEveryBackend {
 protected:
  void build(apf_dtype dtype, int64_t sets)
  {
    APF_ASSERT_OK(apf_graph_create(ctx, dtype, &g));
    apf_var a = apf_graph_parameter(g, "a", APF_SHAPE(sets, 2));
    apf_var b = apf_graph_parameter(g, "b", APF_SHAPE(sets, 1));
    apf_var goal = apf_graph_input(g, "goal", APF_SHAPE(1, 2));
    apf_var loss =
        apf_sum(g, apf_square(g, apf_sub(g, apf_add(g, a, b), goal)), APF_AXIS(-1), false);
    apf_graph_output(g, loss, "loss");
    APF_ASSERT_OK(apf_graph_build(g, loss));
    const double values[] = {1, -2};
    APF_ASSERT_OK(apf_graph_set(g, goal, values));
  }
  void TearDown() override
  {
    apf_optimizer_destroy(optimizer);
    apf_graph_destroy(g);
    OnEveryBackend::TearDown();
  }
  void create(apf_optimizer_options options)
  {
    apf_optimizer_destroy(optimizer);
    APF_ASSERT_OK(apf_optimizer_create(g, &options, &optimizer));
  }
  apf_status step()
  {
    APF_EXPECT_OK(apf_graph_forward(g));
    APF_EXPECT_OK(apf_graph_backward(g));
    return apf_optimizer_step(optimizer);
  }
  std::vector<double> get(const char *name)
  {
    apf_var v = apf_graph_find(g, name);
    std::vector<double> values(apf_shape_count(apf_graph_shape(g, v)));
    APF_EXPECT_OK(apf_graph_get(g, v, values.data()));
    return values;
  }
  apf_graph *g = nullptr;
  apf_optimizer *optimizer = nullptr;
};
APF_ON_EVERY_BACKEND(Optimizer);

TEST_P(Optimizer, EveryKindFindsTheMinimumInEitherPrecision)
{
  for (apf_dtype dtype : {APF_F32, APF_F64})
    for (apf_optimizer_kind kind : {APF_SGD, APF_ADAM, APF_ADAMW}) {
      build(dtype, 1);
      apf_optimizer_options options = apf_optimizer_defaults(kind, 0.05);
      options.momentum = 0.5;
      options.learning_rate_end = 0.001;
      options.steps = 400;
      create(options);

      for (int k = 0; k < 400; k++) APF_ASSERT_OK(step());

      EXPECT_LT(get("loss")[0], 1e-6) << "kind " << kind << " dtype " << dtype;
      apf_optimizer_destroy(optimizer);
      optimizer = nullptr;
      apf_graph_destroy(g);
      g = nullptr;
    }
}

TEST_P(Optimizer, ScheduleIsLinearBetweenItsEnds)
{
  build(APF_F64, 1);
  apf_optimizer_options options = apf_optimizer_defaults(APF_SGD, 1);
  options.learning_rate_end = 0.5;
  options.steps = 11;
  create(options);

  EXPECT_DOUBLE_EQ(apf_optimizer_learning_rate(optimizer, 1), 1);
  EXPECT_DOUBLE_EQ(apf_optimizer_learning_rate(optimizer, 6), 0.75);
  EXPECT_DOUBLE_EQ(apf_optimizer_learning_rate(optimizer, 11), 0.5);
  EXPECT_DOUBLE_EQ(apf_optimizer_learning_rate(optimizer, 99), 0.5);
}

TEST_P(Optimizer, SetsAreClippedByTheirOwnNorms)
{
  build(APF_F64, 2);
  apf_optimizer_options options = apf_optimizer_defaults(APF_SGD, 1);
  options.sets = 2;
  options.clip_norm = 1e-3;
  create(options);
  const double far[] = {1000, -2, 1, -2};
  APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "a"), far));

  APF_ASSERT_OK(step());

  EXPECT_NEAR(apf_optimizer_norms(optimizer)[0], 2 * 999 * std::sqrt(2.0), 1e-6);
  EXPECT_EQ(apf_optimizer_norms(optimizer)[1], 0);
  EXPECT_EQ(get("a")[2], 1);
  EXPECT_NEAR(get("a")[0], 1000 - 1e-3 / std::sqrt(2.0), 1e-6);
}

TEST_P(Optimizer, ASetThatDivergesLeavesTheOthersAlone)
{
  build(APF_F64, 2);
  apf_optimizer_options options = apf_optimizer_defaults(APF_SGD, 0.1);
  options.sets = 2;
  create(options);
  const double values[] = {INFINITY, 0, 0, 0};
  APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "a"), values));

  APF_EXPECT_OK(step());
  EXPECT_GT(get("a")[2], 0);

  const double both[] = {INFINITY, 0, NAN, 0};
  APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "a"), both));
  expect_failure(ctx, step(), APF_ERR_NOT_FINITE, {"every parameter set"});
}

TEST_P(Optimizer, ASetThatDivergesKeepsItsParametersDespiteMomentumAndDecay)
{
  for (apf_optimizer_kind kind : {APF_SGD, APF_ADAM, APF_ADAMW}) {
    build(APF_F64, 2);
    apf_optimizer_options options = apf_optimizer_defaults(kind, 0.1);
    options.sets = 2;
    options.momentum = 0.9;
    options.weight_decay = 0.1;
    create(options);
    for (int k = 0; k < 3; k++) APF_ASSERT_OK(step());
    auto a = get("a");
    const auto b = get("b");
    a[0] = INFINITY;
    APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "a"), a.data()));

    APF_ASSERT_OK(step());

    EXPECT_EQ(get("a")[1], a[1]) << "kind " << kind;
    EXPECT_EQ(get("b")[0], b[0]) << "kind " << kind;
    EXPECT_NE(get("a")[2], a[2]) << "kind " << kind;
    EXPECT_NE(get("b")[1], b[1]) << "kind " << kind;
    apf_graph_destroy(g);
  }
  g = nullptr;
}

TEST_P(Optimizer, AStepThatFailsChangesNothing)
{
  for (apf_optimizer_kind kind : {APF_SGD, APF_ADAM, APF_ADAMW}) {
    build(APF_F64, 1);
    apf_optimizer_options options = apf_optimizer_defaults(kind, 0.1);
    options.momentum = 0.9;
    options.weight_decay = 0.1;
    create(options);
    for (int k = 0; k < 3; k++) APF_ASSERT_OK(step());
    const double values[] = {1, NAN};
    APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "a"), values));
    const auto b = get("b");
    std::vector<double> before(apf_optimizer_state_count(optimizer)), after(before.size());
    APF_ASSERT_OK(apf_optimizer_get_state(optimizer, before.data()));

    expect_failure(ctx, step(), APF_ERR_NOT_FINITE, {"norm nan"});

    APF_ASSERT_OK(apf_optimizer_get_state(optimizer, after.data()));
    EXPECT_EQ(after, before) << "kind " << kind;
    EXPECT_EQ(get("a")[0], values[0]) << "kind " << kind;
    EXPECT_EQ(get("b"), b) << "kind " << kind;
    apf_graph_destroy(g);
  }
  g = nullptr;
}

TEST_P(Optimizer, TheNumbersOfAStepAreThoseOfItsPreparation)
{
  build(APF_F64, 1);
  apf_optimizer_options options = apf_optimizer_defaults(APF_SGD, 1);
  options.learning_rate_end = 0.5;
  options.steps = 2;
  create(options);
  const double slope[] = {2 * (0 - 1), 2 * (0 + 2)};

  for (double rate : {1.0, 0.5}) {
    const double zero[] = {0, 0};
    APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "a"), zero));
    APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "b"), zero));
    APF_ASSERT_OK(apf_optimizer_prepare(optimizer));
    APF_ASSERT_OK(apf_graph_forward(g));
    APF_ASSERT_OK(apf_graph_backward(g));
    APF_ASSERT_OK(apf_optimizer_enqueue(optimizer));
    APF_ASSERT_OK(apf_optimizer_finish(optimizer));

    EXPECT_EQ(get("a"), (std::vector<double>{-rate * slope[0], -rate * slope[1]}));
  }
}

TEST_P(Optimizer, RestoredStateContinuesBitForBit)
{
  for (apf_dtype dtype : {APF_F32, APF_F64}) {
    build(dtype, 1);
    create(apf_optimizer_defaults(APF_ADAM, 0.1));
    for (int k = 0; k < 5; k++) APF_ASSERT_OK(step());
    std::vector<double> state(apf_optimizer_state_count(optimizer));
    APF_ASSERT_OK(apf_optimizer_get_state(optimizer, state.data()));
    const auto a = get("a"), b = get("b");
    for (int k = 0; k < 5; k++) APF_ASSERT_OK(step());
    const auto want = get("a");

    create(apf_optimizer_defaults(APF_ADAM, 0.1));
    APF_ASSERT_OK(apf_optimizer_set_state(optimizer, state.data()));
    APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "a"), a.data()));
    APF_ASSERT_OK(apf_graph_set(g, apf_graph_find(g, "b"), b.data()));
    for (int k = 0; k < 5; k++) APF_ASSERT_OK(step());

    EXPECT_EQ(get("a"), want);
    apf_optimizer_destroy(optimizer);
    optimizer = nullptr;
    apf_graph_destroy(g);
    g = nullptr;
  }
}

TEST_P(Optimizer, ParametersWithoutTheSetsAxisAreRefused)
{
  build(APF_F64, 2);
  apf_optimizer_options options = apf_optimizer_defaults(APF_SGD, 0.1);
  options.sets = 3;

  expect_failure(ctx, apf_optimizer_create(g, &options, &optimizer), APF_ERR_ARGUMENT,
                 {"a has 2 rows", "3 sets"});
}

TEST(Random, IsAFunctionOfSeedStreamAndDraws)
{
  apf_random a = apf_random_start(7, 1), same = apf_random_start(7, 1);
  apf_random stream = apf_random_start(7, 2), seed = apf_random_start(8, 1);

  EXPECT_EQ(apf_random_bits(&a), apf_random_bits(&same));
  EXPECT_NE(apf_random_bits(&a), apf_random_bits(&stream));
  EXPECT_NE(apf_random_bits(&a), apf_random_bits(&seed));
}

TEST(Random, HasTheMomentsItClaims)
{
  apf_random random = apf_random_start(1, 0);
  double mean = 0, square = 0, normal = 0, normal_square = 0;
  const int n = 20000;
  for (int i = 0; i < n; i++) {
    const double u = apf_random_uniform(&random), z = apf_random_normal(&random);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    mean += u / n;
    square += u * u / n;
    normal += z / n;
    normal_square += z * z / n;
  }

  EXPECT_NEAR(mean, 1 / 2.0, 0.01);
  EXPECT_NEAR(square, 1 / 3.0, 0.01);
  EXPECT_NEAR(normal, 0, 0.03);
  EXPECT_NEAR(normal_square, 1, 0.04);
}
