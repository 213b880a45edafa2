/* Training through the C interface: results, callbacks, resuming. Files and kills: cli_test.cc. */
#include <allpole/allpole.h>

#include "support/support.h"

#include <cstdlib>
#include <filesystem>

namespace fs = std::filesystem;

class Train : public testing::Test {
 protected:
  void SetUp() override
  {
    ASSERT_EQ(apf_context_create(nullptr, &ctx), APF_OK);
    char pattern[] = "/tmp/allpole-train-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir = pattern;
    write("dry.wav", 1);
    write("wet.wav", 0.5f);
    apf_train_options_init(&options);
    options.effect = "compressor";
    input = (dir / "dry.wav").string();
    target = (dir / "wet.wav").string();
    out = (dir / "run").string();
    options.input = input.c_str();
    options.target = target.c_str();
    options.out = out.c_str();
  }
  void TearDown() override
  {
    apf_context_destroy(ctx);
    fs::remove_all(dir);
  }
  void write(const char *name, float gain)
  {
    std::vector<float> x = random_values<float>(8000, 5, 0.3);
    for (float &v : x) v *= gain;
    apf_audio audio = {1, 16000, 8000, x.data()};
    APF_ASSERT_OK(apf_audio_write(ctx, (dir / name).c_str(), APF_AUDIO_FLOAT32, &audio));
  }
  apf_context *ctx = nullptr;
  apf_train_options options;
  apf_train_result result;
  fs::path dir;
  std::string input, target, out;
};

namespace {
struct Watch {
  int64_t calls = 0, stop_at = INT64_MAX;
  double first_loss = NAN, last_loss = NAN;
};
int watch(const apf_train_progress *progress, void *user)
{
  Watch *w = static_cast<Watch *>(user);
  EXPECT_EQ(progress->step, w->calls + 1);
  EXPECT_NE(progress->model, nullptr);
  if (w->calls++ == 0) w->first_loss = progress->loss;
  w->last_loss = progress->loss;
  return w->calls >= w->stop_at;
}
}  // namespace

TEST_F(Train, AGainIsLearnedByMakeUp)
{
  options.optimizer = "adam";
  options.learning_rate = 0.1;
  options.steps = 120;
  Watch w;

  APF_ASSERT_OK(apf_train(ctx, &options, watch, &w, &result));

  EXPECT_EQ(result.end, APF_TRAIN_STEPS_DONE);
  EXPECT_EQ(result.steps, 120);
  EXPECT_EQ(w.calls, 120);
  EXPECT_LT(w.last_loss, 0.3 * w.first_loss);
  EXPECT_LT(result.after.esr, 0.1 * result.before.esr);
}

TEST_F(Train, CallbackStopsAndResumeEndsWhereItWouldHave)
{
  options.optimizer = "sgd";
  options.learning_rate = 1;
  options.steps = 30;
  apf_train_result whole;
  APF_ASSERT_OK(apf_train(ctx, &options, nullptr, nullptr, &whole));
  const std::string stopped = (dir / "stopped").string();
  options.out = stopped.c_str();
  Watch w;
  w.stop_at = 13;

  APF_ASSERT_OK(apf_train(ctx, &options, watch, &w, &result));
  EXPECT_EQ(result.end, APF_TRAIN_STOPPED);
  EXPECT_EQ(result.steps, 13);
  APF_ASSERT_OK(apf_resume(ctx, stopped.c_str(), 0, nullptr, nullptr, &result));

  EXPECT_EQ(result.end, APF_TRAIN_STEPS_DONE);
  EXPECT_EQ(result.steps, 30);
  EXPECT_EQ(result.after.esr, whole.after.esr);
  EXPECT_EQ(result.before.esr, whole.before.esr);
}

TEST_F(Train, AnEndedRunIsReportedAgainAndMoreStepsGoOn)
{
  options.optimizer = "adam";
  options.steps = 5;
  APF_ASSERT_OK(apf_train(ctx, &options, nullptr, nullptr, &result));
  const double esr = result.after.esr;

  APF_ASSERT_OK(apf_resume(ctx, out.c_str(), 0, nullptr, nullptr, &result));
  EXPECT_EQ(result.steps, 5);
  EXPECT_EQ(result.after.esr, esr);

  APF_ASSERT_OK(apf_resume(ctx, out.c_str(), 9, nullptr, nullptr, &result));
  EXPECT_EQ(result.steps, 9);
}

TEST_F(Train, BadOptionsAreNamed)
{
  expect_failure(ctx, apf_train(ctx, nullptr, nullptr, nullptr, &result), APF_ERR_ARGUMENT,
                 {"options is NULL"});
  options.recipe = "secret";
  expect_failure(ctx, apf_train(ctx, &options, nullptr, nullptr, &result), APF_ERR_ARGUMENT,
                 {"secret", "default"});
  options.recipe = nullptr;
  options.optimizer = "lbfgs";
  expect_failure(ctx, apf_train(ctx, &options, nullptr, nullptr, &result), APF_ERR_ARGUMENT,
                 {"lbfgs", "lm, sgd, adam or adamw"});
  options.optimizer = nullptr;
  options.steps = -4;
  expect_failure(ctx, apf_train(ctx, &options, nullptr, nullptr, &result), APF_ERR_ARGUMENT,
                 {"steps is -4"});
  options.steps = 0;
  options.segment[0] = 0.4;
  options.segment[1] = 9;
  expect_failure(ctx, apf_train(ctx, &options, nullptr, nullptr, &result), APF_ERR_ARGUMENT,
                 {"segment is 0.4 to 9 s", "0.500 s"});
  EXPECT_FALSE(fs::exists(out));
  expect_failure(ctx, apf_resume(ctx, out.c_str(), 0, nullptr, nullptr, &result), APF_ERR_FILE,
                 {"config.json"});
}

TEST_F(Train, EvaluationMatchesItsDefinitions)
{
  const std::vector<float> target = {1, -1, 1, -1}, y = {0.5f, -0.5f, 0.5f, -0.5f};
  apf_metrics metrics;

  APF_ASSERT_OK(apf_evaluate(ctx, 16000, 1, 4, y.data(), target.data(), &metrics));

  EXPECT_NEAR(metrics.esr, 0.25, 1e-8);
  EXPECT_NEAR(metrics.esr_preemphasized, 0.25, 1e-8);
  EXPECT_EQ(metrics.loudness_difference, 0) << "both are too short to measure";
  const std::vector<float> broken = {1, NAN, 1, 1};
  expect_failure(ctx, apf_evaluate(ctx, 16000, 1, 4, broken.data(), target.data(), &metrics),
                 APF_ERR_NOT_FINITE, {"y is nan", "frame 1"});
  expect_failure(ctx, apf_evaluate(ctx, 16000, 0, 4, y.data(), target.data(), &metrics),
                 APF_ERR_ARGUMENT, {"channels 0"});
}

TEST_F(Train, LoudnessIsInLoudnessUnits)
{
  std::vector<float> quiet = random_values<float>(48000, 1, 0.05), loud = quiet;
  for (float &v : loud) v *= 2;
  apf_metrics metrics;

  APF_ASSERT_OK(apf_evaluate(ctx, 48000, 1, 48000, loud.data(), quiet.data(), &metrics));

  EXPECT_NEAR(metrics.loudness_difference, 6.02, 0.01);
}
