/** What the tests of graphs share: a graph that frees itself, values as vectors, differences. */
#ifndef APF_TESTS_GRAPH_H
#define APF_TESTS_GRAPH_H

#include "support/support.h"

extern "C" {
#include "graph/graph.h"
}

class Graph {
 public:
  explicit Graph(apf_context *ctx, apf_dtype dtype = APF_F64) : ctx_(ctx)
  {
    EXPECT_EQ(apf_graph_create(ctx, dtype, &g_), APF_OK) << apf_last_error(ctx);
  }
  Graph(const Graph &) = delete;
  Graph &operator=(const Graph &) = delete;
  ~Graph() { apf_graph_destroy(g_); }
  operator apf_graph *() { return g_; }

  void build(apf_var loss = APF_NO_VAR)
  {
    ASSERT_EQ(apf_graph_build(g_, loss), APF_OK) << apf_last_error(ctx_);
  }
  void step()
  {
    ASSERT_EQ(apf_graph_forward(g_), APF_OK) << apf_last_error(ctx_);
    ASSERT_EQ(apf_graph_backward(g_), APF_OK) << apf_last_error(ctx_);
  }
  void forward() { ASSERT_EQ(apf_graph_forward(g_), APF_OK) << apf_last_error(ctx_); }

  void set(apf_var v, const std::vector<double> &values)
  {
    ASSERT_EQ(static_cast<int64_t>(values.size()), count(v)) << apf_graph_name(g_, v);
    ASSERT_EQ(apf_graph_set(g_, v, values.data()), APF_OK) << apf_last_error(ctx_);
  }
  std::vector<double> get(apf_var v)
  {
    std::vector<double> out(count(v), NAN);
    EXPECT_EQ(apf_graph_get(g_, v, out.data()), APF_OK) << apf_last_error(ctx_);
    return out;
  }
  std::vector<double> gradient(apf_var v)
  {
    std::vector<double> out(count(v), NAN);
    EXPECT_EQ(apf_graph_get_gradient(g_, v, out.data()), APF_OK) << apf_last_error(ctx_);
    return out;
  }
  int64_t count(apf_var v) const { return apf_shape_count(apf_graph_shape(g_, v)); }

 private:
  apf_context *ctx_;
  apf_graph *g_ = nullptr;
};

/** One input of a model under test: its shape and the range of its random values. */
struct Argument {
  apf_shape shape;
  double low = -1, high = 1;
};

inline std::vector<double> values_of(const Argument &a, uint64_t seed)
{
  std::vector<double> v = random_values<double>(apf_shape_count(a.shape), seed, 0.5);
  for (double &x : v) x = a.low + (x + 0.5) * (a.high - a.low);
  return v;
}

/** The model: tensors in, one tensor out. */
using Model = std::function<apf_var(apf_graph *, const std::vector<apf_var> &)>;

/**
 * Gradients of sum(w * model(arguments)) with random w, for every argument, against central
 * differences along random directions; and again with each argument alone as a parameter while the
 * others are inputs without gradient, with memory poisoned: the numbers must be the same.
 */
inline void expect_gradients(apf_context *ctx, const std::vector<Argument> &arguments,
                             const Model &model, double tolerance = 1e-6, double h = 1e-5)
{
  const int n = static_cast<int>(arguments.size());
  std::vector<std::vector<double>> values;
  for (int i = 0; i < n; i++) values.push_back(values_of(arguments[i], 70 + i));

  /* wanted: the bits of the arguments that get a gradient */
  auto run = [&](unsigned wanted, const std::vector<std::vector<double>> &at, bool poison,
                 std::vector<std::vector<double>> *gradients) {
    Graph g(ctx);
    if (poison) apf_graph_poison(g);
    std::vector<apf_var> vars;
    for (int i = 0; i < n; i++) {
      const std::string name = "argument " + std::to_string(i);
      vars.push_back(wanted >> i & 1 ? apf_graph_parameter(g, name.c_str(), arguments[i].shape)
                                     : apf_graph_input(g, name.c_str(), arguments[i].shape));
    }
    apf_var y = model(g, vars);
    apf_var w = apf_graph_input(g, "weights", apf_graph_shape(g, y));
    apf_var loss = apf_sum(g, apf_mul(g, y, w), APF_ALL_AXES, false);
    g.build(loss);
    if (testing::Test::HasFatalFailure()) return 0.0;
    for (int i = 0; i < n; i++) g.set(vars[i], at[i]);
    g.set(w, random_values<double>(g.count(w), 7));
    g.step();
    for (int i = 0; gradients && i < n; i++)
      gradients->push_back(wanted >> i & 1 ? g.gradient(vars[i]) : std::vector<double>());
    return g.get(loss)[0];
  };

  std::vector<std::vector<double>> all;
  run((1u << n) - 1, values, false, &all);
  if (testing::Test::HasFatalFailure()) return;
  for (int i = 0; i < n; i++) {
    SCOPED_TRACE("argument " + std::to_string(i));
    expect_gradient(
        [&](const std::vector<double> &v) {
          auto moved = values;
          moved[i] = v;
          return run((1u << n) - 1, moved, false, nullptr);
        },
        values[i], all[i], tolerance, h);
    std::vector<std::vector<double>> alone;
    run(1u << i, values, true, &alone);
    if (testing::Test::HasFatalFailure()) return;
    EXPECT_LE(relative_error(alone[i], all[i]), 1e-14);
  }
}

#endif
