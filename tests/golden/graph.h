/** For types that are built as a graph: leaves with the file's values, results compared with it. */
#ifndef APF_TESTS_GOLDEN_GRAPH_H
#define APF_TESTS_GOLDEN_GRAPH_H

#include "golden/golden.h"

extern "C" {
#include "graph/nodes.h"
}

namespace golden {

/** A graph of the case's precision. Describe it with the functions of graph/nodes.h, then run(). */
class Graph {
 public:
  explicit Graph(Case &c) : case_(c) { c.call(apf_graph_create(c.ctx(), c.dtype(), &graph_)); }
  Graph(const Graph &) = delete;
  Graph &operator=(const Graph &) = delete;
  ~Graph() { apf_graph_destroy(graph_); }
  operator apf_graph *() const { return graph_; }

  /** An input with the values and shape of the file's tensor; its gradient can be compared. */
  apf_var input(const char *name)
  {
    const apf_var v = leaf(name);
    return apf_graph_track(graph_, v);
  }
  /** The same without a gradient. */
  apf_var data(const char *name) { return leaf(name); }
  /** What is back-propagated where `y` has the upstream gradient of this name: sum(y upstream). */
  apf_var against(apf_var y, const char *upstream)
  {
    return apf_sum(graph_, apf_mul(graph_, y, data(upstream)), APF_ALL_AXES, false);
  }
  /** Names a result, so that compare() can read it. */
  apf_var output(apf_var v, const char *name) { return apf_graph_output(graph_, v, name); }

  /** Builds the graph and runs it forward and backward. */
  void run(apf_var loss)
  {
    case_.call(apf_graph_build(graph_, loss));
    case_.call(apf_graph_forward(graph_));
    case_.call(apf_graph_backward(graph_));
  }
  /** Compares a value, or a gradient, with the file's tensor. */
  void compare(const char *name, apf_var v, Tolerance tolerance)
  {
    std::vector<double> got(elements(v));
    case_.call(apf_graph_get(graph_, v, got.data()));
    case_.compare(name, got, tolerance);
  }
  void compare_gradient(const char *name, apf_var v, Tolerance tolerance)
  {
    std::vector<double> got(elements(v));
    case_.call(apf_graph_get_gradient(graph_, v, got.data()));
    case_.compare(name, got, tolerance);
  }

 private:
  size_t elements(apf_var v) const
  {
    return static_cast<size_t>(apf_shape_count(apf_graph_shape(graph_, v)));
  }
  apf_var leaf(const char *name)
  {
    apf_shape shape = APF_SCALAR;
    for (const int64_t size : case_.shape(name)) shape.size[shape.dims++] = size;
    const apf_var v = apf_graph_input(graph_, name, shape);
    case_.call(apf_graph_set(graph_, v, case_.values(name).data()));
    return v;
  }
  Case &case_;
  apf_graph *graph_ = nullptr;
};

}  // namespace golden

#endif
