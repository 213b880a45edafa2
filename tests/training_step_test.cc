#include "support/graph.h"

extern "C" {
#include "graph/node.h"
#include "graph/training_step.h"
}

namespace {

/** loss = mean((tanh(x w) - target)^2), trained by Adam. */
class Training {
 public:
  explicit Training(apf_context *ctx, bool with_refusal = false) : ctx_(ctx), graph_(ctx)
  {
    const apf_var x = apf_graph_input(graph_, "x", APF_SHAPE(40, 3));
    const apf_var w = apf_graph_parameter(graph_, "w", APF_SHAPE(1, 3));
    apf_var y = apf_tanh(graph_, apf_sum(graph_, apf_mul(graph_, x, w), APF_AXIS(1), false));
    if (with_refusal) y = refusing_node(y);
    const apf_var loss = apf_mean(graph_, apf_square(graph_, y), APF_ALL_AXES, false);
    apf_graph_output(graph_, loss, "loss");
    graph_.build(loss);
    graph_.set(w, {0.5, -0.3, 0.8});
    apf_optimizer_options options = apf_optimizer_defaults(APF_ADAM, 0.1);
    options.learning_rate_end = 0.01;
    options.steps = 10;
    options.clip_norm = 0.05;
    EXPECT_EQ(apf_optimizer_create(graph_, &options, &optimizer_), APF_OK) << apf_last_error(ctx);
    EXPECT_EQ(apf_training_step_create(graph_, optimizer_, &step_), APF_OK);
  }
  Training(const Training &) = delete;
  Training &operator=(const Training &) = delete;
  ~Training()
  {
    apf_training_step_destroy(step_);
    apf_optimizer_destroy(optimizer_);
  }

  void set_input(uint64_t seed) { set_input(random_values<double>(120, seed)); }
  void set_input(const std::vector<double> &x) { graph_.set(apf_graph_find(graph_, "x"), x); }
  apf_status step() { return apf_training_step_run(step_); }
  apf_status step_by_hand()
  {
    graph_.step();
    return apf_optimizer_step(optimizer_);
  }
  std::vector<double> state() /* loss, then parameters */
  {
    std::vector<double> values = graph_.get(apf_graph_find(graph_, "loss"));
    const std::vector<double> w = graph_.get(apf_graph_find(graph_, "w"));
    values.insert(values.end(), w.begin(), w.end());
    return values;
  }
  bool is_recorded() const { return apf_training_step_is_recorded(step_); }
  std::string note() const { return apf_training_step_note(step_); }

 private:
  /** The identity, by way of the host, which no recording can hold. */
  apf_var refusing_node(apf_var y)
  {
    static const auto forward = [](const apf_step *s) {
      double host[40];
      APF_TRY(s->ctx->table->download(s->ctx, host, s->in[0], sizeof host));
      return s->ctx->table->upload(s->ctx, s->out[0], host, sizeof host);
    };
    static const auto backward = [](const apf_step *s) {
      return s->ctx->table->copy(s->ctx, s->d_in[0], s->d_out[0], 40 * sizeof(double));
    };
    static const apf_node_kind kind = [] {
      apf_node_kind k = {};
      k.name = "by_way_of_the_host";
      k.forward = forward;
      k.backward = backward;
      return k;
    }();
    return apf_graph_add(graph_, &kind, &y, 1, APF_SHAPE(40), nullptr, 0);
  }

  apf_context *ctx_;
  Graph graph_;
  apf_optimizer *optimizer_ = nullptr;
  apf_training_step *step_ = nullptr;
};

bool can_record(const apf_context *ctx)
{
  return ctx->table->record_begin != nullptr;
}

class TrainingStep : public OnEveryBackend {};
APF_ON_EVERY_BACKEND(TrainingStep);

}  // namespace

TEST_P(TrainingStep, EqualsForwardBackwardAndUpdate)
{
  Training recorded(ctx), by_hand(ctx);

  for (uint64_t k = 0; k < 8; k++) {
    recorded.set_input(k);
    by_hand.set_input(k);
    APF_ASSERT_OK(recorded.step());
    APF_ASSERT_OK(by_hand.step_by_hand());
    EXPECT_EQ(recorded.state(), by_hand.state()) << "step " << k;
    EXPECT_EQ(recorded.is_recorded(), can_record(ctx) && k >= 2) << "step " << k;
  }
  EXPECT_EQ(recorded.note(), "");
}

TEST_P(TrainingStep, GoesOnAfterScratchMemoryMoved)
{
  Training recorded(ctx), by_hand(ctx);

  for (uint64_t k = 0; k < 8; k++) {
    if (k == 5) {
      void *workspace = nullptr;
      APF_ASSERT_OK(apf_workspace(ctx, ctx->workspace_bytes + (1 << 20), &workspace));
      APF_ASSERT_OK(ctx->table->zero(ctx, workspace, ctx->workspace_bytes));
    }
    recorded.set_input(k);
    by_hand.set_input(k);
    APF_ASSERT_OK(recorded.step());
    APF_ASSERT_OK(by_hand.step_by_hand());
    EXPECT_EQ(recorded.state(), by_hand.state()) << "step " << k;
  }
  EXPECT_EQ(recorded.is_recorded(), can_record(ctx));
}

TEST_P(TrainingStep, WhatCannotBeRecordedRunsAndSaysSo)
{
  Training refusing(ctx, true), by_hand(ctx);

  for (uint64_t k = 0; k < 5; k++) {
    refusing.set_input(k);
    by_hand.set_input(k);
    APF_ASSERT_OK(refusing.step());
    APF_ASSERT_OK(by_hand.step_by_hand());
    EXPECT_EQ(refusing.state(), by_hand.state()) << "step " << k;
    EXPECT_FALSE(refusing.is_recorded());
  }
  EXPECT_EQ(refusing.note() != "", can_record(ctx)) << refusing.note();
}

TEST_P(TrainingStep, KeepsParametersWhereTheGradientIsNotFinite)
{
  Training training(ctx);
  for (uint64_t k = 0; k < 4; k++) {
    training.set_input(k);
    APF_ASSERT_OK(training.step());
  }
  const std::vector<double> before = training.state();
  std::vector<double> x(120, 1.0);
  x[7] = NAN;

  training.set_input(x);
  EXPECT_EQ(training.step(), APF_ERR_NOT_FINITE);

  const std::vector<double> after = training.state();
  EXPECT_TRUE(std::isnan(after[0]));
  EXPECT_EQ(std::vector<double>(after.begin() + 1, after.end()),
            std::vector<double>(before.begin() + 1, before.end()));
}
