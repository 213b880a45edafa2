/* The command and the phaser. */
#include "support/cli.h"

#include <random>

namespace {

class CliPhaser : public Cli {
 protected:
  /** Noise, and the same through a phaser of 2 Hz that a track of this length tells. */
  void write_phaser_pair(double seconds = 1.5, int rate = 16000)
  {
    std::mt19937 generator(3);
    std::normal_distribution<float> normal(0, 0.2f);
    std::vector<float> dry(static_cast<size_t>(seconds * rate));
    for (float &v : dry) v = normal(generator);
    apf_model *model = nullptr;
    ASSERT_EQ(apf_model_create(ctx, "phaser", rate, &model), APF_OK) << apf_last_error(ctx);
    ASSERT_EQ(apf_model_set_text(ctx, model, "window", "0.08"), APF_OK);
    const std::pair<const char *, double> settings[] = {
        {"rate", 2}, {"feedback", 0.3}, {"depth", 1.2}, {"bias", -0.7}};
    for (const auto &[name, value] : settings)
      ASSERT_EQ(apf_model_set(ctx, model, name, value), APF_OK) << apf_last_error(ctx);
    std::vector<float> wet(dry.size());
    ASSERT_EQ(apf_model_render(ctx, model, 1, dry.size(), 0, dry.data(), wet.data()), APF_OK);
    apf_model_destroy(model);
    write_audio("dry.wav", 1, rate, dry);
    write_audio("wet.wav", 1, rate, wet);
  }

  std::vector<std::string> train_phaser(const std::string &out, std::vector<std::string> more)
  {
    std::vector<std::string> all = {"train",   "phaser", "--input", "dry.wav", "--target",
                                    "wet.wav", "--out",  out,       "--set",   "window=0.08"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

}  // namespace

TEST_F(CliPhaser, PhaserIsLearnedFromStartsSideBySide)
{
  write_phaser_pair(3);

  Outcome got = run(train_phaser("run", {"--segment", "0.5:2", "--valid", "2:3", "--steps", "60",
                                         "--restarts", "4", "--threads", "1"}));

  ASSERT_EQ(got.code, 0) << got.err;
  for (const char *name : kRunFiles) EXPECT_TRUE(fs::exists(dir / "run" / name)) << name;
  for (const char *name : {"lfo", "all_pass", "target", "output"})
    EXPECT_TRUE(fs::exists(dir / "run/report" / (std::string(name) + ".svg"))) << name;
  EXPECT_NE(slurp(dir / "run/config.json").find("\"origin\": \"0.5\""), std::string::npos);
  EXPECT_NE(slurp(dir / "run/result.json").find("\"after_fs\""), std::string::npos);
  const std::string metrics = slurp(dir / "run/metrics.jsonl");
  EXPECT_NE(metrics.find("\"valid_esr_fs\""), std::string::npos);
  EXPECT_NE(metrics.find("\"3\": "), std::string::npos) << "the fourth start's loss";
  const std::string last = metrics.substr(metrics.rfind("{\"step\""));
  EXPECT_EQ(last.find(", \"", last.find("\"starts\"")), std::string::npos) << "one start is left";

  apf_model *model = nullptr;
  ASSERT_EQ(apf_model_load(ctx, (dir / "run/best.safetensors").c_str(), &model), APF_OK);
  double rate = NAN;
  EXPECT_EQ(apf_model_get(ctx, model, "rate", &rate), APF_OK);
  EXPECT_NEAR(rate, 2, 0.02);
  apf_model_destroy(model);
  /* The oscillator runs on from the origin: rendering all of it fits the target everywhere. */
  Outcome evaluation = run({"evaluate", "--model", "run/best.safetensors", "--input", "dry.wav",
                            "--target", "wet.wav", "--json"});
  double esr = 1;
  ASSERT_EQ(std::sscanf(evaluation.out.c_str(), "{\"esr\": %lf", &esr), 1) << evaluation.out;
  EXPECT_LT(esr, 0.05);
  EXPECT_EQ(run({"evaluate", "--run", "run"}).out.rfind("ESR  ", 0), 0u);
}

TEST_F(CliPhaser, PhaserThatIsKilledAmongItsStartsResumesBitForBit)
{
  write_phaser_pair();
  const std::vector<std::string> settings = {"--steps",       "52", "--restarts",   "4",
                                             "--valid-every", "7",  "--save-every", "5",
                                             "--threads",     "1"};
  expect_killed_run_resumes([&](const std::string &out) { return train_phaser(out, settings); }, 6);
}

TEST_F(CliPhaser, PhasersThatCannotBeTrainedAreRefused)
{
  write_phaser_pair();
  expect(run(train_phaser("run", {"--segment", "0:0.05", "--restarts", "1"})), 2,
         {"800 samples", "window of 1280"});
  expect(run(train_phaser("run", {"--set", "window=0.0001"})), 2, {"window is 0.0001"});
  expect(run(train_phaser("run", {"--set", "window=4hops"})), 2, {"window", "4hops"});
  expect(run(train_phaser("run", {"--excerpt", "0.5"})), 2, {"excerpt", "oscillator"});
  expect(run(train_phaser("run", {"--gradient", "spsa"})), 2, {"restarts", "spsa"});
  expect(run(train_phaser("run", {"--optimizer", "lm"})), 2, {"lm", "adam"});
  EXPECT_FALSE(fs::exists(dir / "run"));
}

TEST_F(CliPhaser, PhaserTrainsFrequencySampledAndAsPublished)
{
  write_phaser_pair();
  ASSERT_EQ(run(train_phaser("fs", {"--variant", "fs", "--steps", "3", "--restarts", "2"})).code,
            0);
  Outcome paper = run(train_phaser("paper", {"--recipe", "paper", "--steps", "3"}));

  ASSERT_EQ(paper.code, 0) << paper.err;
  const std::string config = slurp(dir / "paper/config.json");
  EXPECT_NE(config.find("\"restarts\": 1"), std::string::npos);
  EXPECT_NE(config.find("\"clip_norm\": 0.5"), std::string::npos);
  ASSERT_EQ(
      run(train_phaser("paper_fs", {"--recipe", "paper", "--variant", "fs", "--steps", "1"})).code,
      0);
  EXPECT_NE(slurp(dir / "paper_fs/config.json").find("\"clip_norm\": 0,"), std::string::npos);
}
