/** Losses, through the graph: ESR in its three definitions, L1 after pre-emphasis. */
#include "golden/golden.h"

extern "C" {
#include "graph/graph.h"
}

namespace {

/** A graph with what a loss compares as parameters, so that both have gradients. */
struct Comparison {
  explicit Comparison(golden::Case &golden_case) : c(golden_case)
  {
    c.call(apf_graph_create(c.ctx(), c.dtype(), &g));
    const apf_shape shape = APF_SHAPE(c.size("pred", 0), c.size("pred", 1));
    pred = apf_graph_parameter(g, "pred", shape);
    target = apf_graph_parameter(g, "target", shape);
  }
  Comparison(const Comparison &) = delete;
  Comparison &operator=(const Comparison &) = delete;
  ~Comparison() { apf_graph_destroy(g); }

  void run(apf_var loss)
  {
    c.call(apf_graph_build(g, loss));
    c.call(apf_graph_set(g, pred, c.values("pred").data()));
    c.call(apf_graph_set(g, target, c.values("target").data()));
    c.call(apf_graph_forward(g));
    c.call(apf_graph_backward(g));
  }
  void compare(const char *name, apf_var v, bool gradient, golden::Tolerance tolerance)
  {
    std::vector<double> got(apf_shape_count(apf_graph_shape(g, v)));
    c.call(gradient ? apf_graph_get_gradient(g, v, got.data()) : apf_graph_get(g, v, got.data()));
    c.compare(name, got, tolerance);
  }

  golden::Case &c;
  apf_graph *g = nullptr;
  apf_var pred, target;
};

void esr_loss(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-12, 1e-5};
  const apf_esr_kind kind = c.variant() == "compressor" ? APF_ESR_TOTAL
                            : c.variant() == "per_row"  ? APF_ESR_ROWS
                                                        : APF_ESR_MEAN;
  Comparison graph(c);
  apf_var loss = apf_esr(graph.g, graph.pred, graph.target, kind, 0);
  graph.run(loss);
  graph.compare("loss", loss, false, tolerance);
  graph.compare("grad_pred", graph.pred, true, tolerance);
  graph.compare("grad_target", graph.target, true, tolerance);
}

/** v[t] = x[t] - x[t-1] + 0.995 v[t-1]. */
apf_var pre_emphasis(apf_graph *g, apf_var x, const char *name)
{
  const double taps[] = {1, -1}, decay[] = {0.995};
  apf_var b = apf_graph_table(g, APF_SHAPE(1, 2), taps);
  apf_var a = apf_graph_table(g, APF_SHAPE(1), decay);
  apf_var v = apf_recurrence(g, apf_fir(g, x, b, APF_NO_VAR), a, APF_NO_VAR);
  return apf_graph_output(g, v, name);
}

void preemphasis_l1(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-11, 1e-5};
  Comparison graph(c);
  apf_var filtered_pred = pre_emphasis(graph.g, graph.pred, "filtered_pred");
  apf_var filtered_target = pre_emphasis(graph.g, graph.target, "filtered_target");
  apf_var loss = apf_preemphasis_l1(graph.g, graph.pred, graph.target, 0);
  graph.run(loss);
  graph.compare("loss", loss, false, tolerance);
  graph.compare("grad_pred", graph.pred, true, tolerance);
  graph.compare("filtered_pred", filtered_pred, false, tolerance);
  graph.compare("filtered_target", filtered_target, false, tolerance);
}

const golden::Type esr_registered("esr_loss", esr_loss, esr_loss);
const golden::Type l1_registered("preemphasis_l1", preemphasis_l1, preemphasis_l1);

}  // namespace
