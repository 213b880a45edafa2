/* The command as a user meets it: exit codes, messages, files; the compressor stands for effects.
 */
#include "support/cli.h"

#include <cerrno>
#include <cstring>
#include <random>

#include <sys/mount.h>

#include "support/support.h"

namespace {

class CliCompressor : public Cli {
 protected:
  /** Noise whose level moves, and the same through a compressor with these settings. */
  void write_pair(double seconds = 1.0, int rate = 16000)
  {
    std::mt19937 generator(7);
    std::normal_distribution<float> normal(0, 0.2f);
    std::vector<float> dry(static_cast<size_t>(seconds * rate));
    for (size_t t = 0; t < dry.size(); t++)
      dry[t] = normal(generator) * static_cast<float>(0.05 + std::pow(std::sin(9.0 * t / rate), 2));
    apf_model *model = nullptr;
    ASSERT_EQ(apf_model_create(ctx, "compressor", rate, &model), APF_OK) << apf_last_error(ctx);
    ASSERT_EQ(apf_model_set(ctx, model, "ratio", 5), APF_OK);
    ASSERT_EQ(apf_model_set(ctx, model, "threshold", -25), APF_OK);
    std::vector<float> wet(dry.size());
    ASSERT_EQ(apf_model_render(ctx, model, 1, dry.size(), 0, dry.data(), wet.data()), APF_OK);
    apf_model_destroy(model);
    write_audio("dry.wav", 1, rate, dry);
    write_audio("wet.wav", 1, rate, wet);
  }

  std::vector<std::string> train(const std::string &out, std::vector<std::string> more = {})
  {
    std::vector<std::string> all = {"train",    "compressor", "--input", "dry.wav",
                                    "--target", "wet.wav",    "--out",   out};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

}  // namespace

TEST_F(CliCompressor, HelpTeachesAndSucceeds)
{
  for (const char *command : {"train", "render", "evaluate", "info"}) {
    Outcome got = run({command, "--help"});
    EXPECT_EQ(got.code, 0) << command;
    EXPECT_NE(got.out.find("usage: allpole " + std::string(command)), std::string::npos);
  }
  EXPECT_NE(run({"--help"}).out.find("A first session"), std::string::npos);
  EXPECT_NE(run({"--version"}).out.find(apf_version()), std::string::npos);
  EXPECT_NE(run({"info"}).out.find("compressor"), std::string::npos);
  EXPECT_NE(run({"info", "compressor"}).out.find("ratio"), std::string::npos);
}

TEST_F(CliCompressor, WrongCommandLinesExitWithTwo)
{
  expect(run({}), 2, {"usage"});
  expect(run({"tarin"}), 2, {"tarin"});
  expect(run({"train"}), 2, {"missing"});
  expect(run({"train", "compressor", "--input", "a.wav", "--target", "b.wav"}), 2, {"--out"});
  expect(run({"train", "--bogus"}), 2, {"bogus"});
  expect(run(train("run", {"--steps", "many"})), 2, {"--steps", "many", "whole number"});
  expect(run(train("run", {"--segment", "3:1"})), 2, {"--segment", "3:1"});
  expect(run(train("run", {"--dtype", "f16"})), 2, {"f16", "f32 or f64"});
  expect(run(train("run", {"--backend", "tpu"})), 2, {"tpu", "cpu or cuda"});
  expect(run({"render", "--model", "m"}), 2, {"--input"});
  expect(run({"render", "-i", "a", "-o", "b"}), 2, {"--model or --effect"});
  expect(run({"evaluate", "--target", "t"}), 2, {"--model"});
  write_pair();
  expect(run(train("run", {"--set", "ratoi=3"})), 2, {"ratoi", "did you mean \"ratio\""});
  expect(run(train("run", {"--set", "ratio=0.5"})), 2, {"ratio is 0.5", "expected 1"});
  expect(run(train("run", {"--variant", "tdd"})), 2, {"tdd", "td"});
  expect(run(train("run", {"--recipe", "secret"})), 2, {"secret", "default"});
  expect(run({"train", "chorus", "-i", "dry.wav", "-t", "wet.wav", "-o", "run"}), 2, {"chorus"});
  EXPECT_FALSE(fs::exists(dir / "run"));
}

TEST_F(CliCompressor, BadRecordingsExitWithOneAndLeaveNothing)
{
  write_pair();
  const std::vector<float> second(16000, 0.1f), stereo(32000, 0.1f), none;
  std::vector<float> broken = second;

  expect(run({"train", "compressor", "-i", "absent.wav", "-t", "wet.wav", "-o", "run"}), 1,
         {"absent.wav"});
  std::ofstream(dir / "text.wav") << "no audio at all";
  expect(run({"train", "compressor", "-i", "text.wav", "-t", "wet.wav", "-o", "run"}), 1,
         {"text.wav"});
  write_audio("rate.wav", 1, 44100, second);
  expect(run({"train", "compressor", "-i", "dry.wav", "-t", "rate.wav", "-o", "run"}), 1,
         {"16000 Hz", "44100 Hz"});
  write_audio("stereo.wav", 2, 16000, stereo);
  expect(run({"train", "compressor", "-i", "stereo.wav", "-t", "wet.wav", "-o", "run"}), 1,
         {"channels differ", "mono"});
  write_audio("short.wav", 1, 16000, std::vector<float>(15000, 0.1f));
  expect(run({"train", "compressor", "-i", "dry.wav", "-t", "short.wav", "-o", "run"}), 1,
         {"lengths differ", "16000", "15000"});
  EXPECT_FALSE(fs::exists(dir / "run"));
}

TEST_F(CliCompressor, NonFiniteAudioIsLocated)
{
  write_pair();
  std::string bytes = slurp(dir / "wet.wav");
  const uint32_t nan = 0x7fc00000;
  bytes.replace(bytes.size() - 4 * 8000, 4, reinterpret_cast<const char *>(&nan), 4);
  std::ofstream(dir / "nan.wav", std::ios::binary) << bytes;

  expect(run({"train", "compressor", "-i", "dry.wav", "-t", "nan.wav", "-o", "run"}), 1,
         {"nan.wav", "0.5"});
  EXPECT_FALSE(fs::exists(dir / "run"));
}

TEST_F(CliCompressor, UnwritableFolderIsToldAndLeavesNothing)
{
  write_pair();
  std::ofstream(dir / "file") << "in the way";

  expect(run(train("file/run")), 1, {"file/run"});
  EXPECT_EQ(slurp(dir / "file"), "in the way");
}

TEST_F(CliCompressor, FullDiskIsTold)
{
  write_pair();
  fs::create_directory(dir / "small");
  if (mount("tmpfs", (dir / "small").c_str(), "tmpfs", 0, "size=16k") != 0)
    GTEST_SKIP() << "mounting a small tmpfs needs root: " << std::strerror(errno);

  Outcome got = run(train("small/run"));

  umount((dir / "small").c_str());
  expect(got, 1, {"small/run", "No space left"});
}

TEST_F(CliCompressor, TrainingLearnsAndLeavesAWholeRun)
{
  write_pair(2);

  Outcome got = run(train("run"));

  ASSERT_EQ(got.code, 0) << got.err;
  for (const char *name : kRunFiles) EXPECT_TRUE(fs::exists(dir / "run" / name)) << name;
  EXPECT_TRUE(fs::exists(dir / "run/report/index.html"));
  EXPECT_TRUE(fs::exists(dir / "run/report/gain.svg"));
  EXPECT_NE(got.out.find("ratio"), std::string::npos);
  EXPECT_EQ(got.err.find('\r'), std::string::npos) << "piped progress must be plain lines";

  Outcome metrics = run({"evaluate", "--model", "run/best.safetensors", "--input", "dry.wav",
                         "--target", "wet.wav", "--json"});
  ASSERT_EQ(metrics.code, 0) << metrics.err;
  double esr = 1;
  ASSERT_EQ(std::sscanf(metrics.out.c_str(), "{\"esr\": %lf", &esr), 1) << metrics.out;
  EXPECT_LT(esr, 0.02); /* it began at 0.5 or so */
  ASSERT_EQ(run({"render", "-m", "run/best.safetensors", "-i", "dry.wav", "-o", "out.wav"}).code,
            0);
  Outcome same = run({"evaluate", "--rendered", "out.wav", "--target", "wet.wav", "--json"});
  EXPECT_EQ(same.out, metrics.out);
  const std::string table = run({"evaluate", "--rendered", "out.wav", "--target", "wet.wav"}).out;
  for (const char *name : {"ESR  ", "ESR pre-emphasised", "L1 pre-emphasised", "loudness", "LU"})
    EXPECT_NE(table.find(name), std::string::npos) << name << " is missing in: " << table;
}

/* The recordings that ship: SC4 on drums, bass and guitar. The limit is half of what the published
 * recipe reaches in 300 steps on this pair with its make-up gain trained. */
TEST_F(CliCompressor, RealRecordingIsLearned)
{
  const std::string audio = APF_EXAMPLES "/audio/";
  Outcome got =
      run({"train", "compressor", "-i", audio + "drums_dry.flac", "-t", audio + "drums_sc4.flac",
           "-o", "run", "--segment", "0:10", "--valid", "10:20"});
  ASSERT_EQ(got.code, 0) << got.err;

  const std::string result = slurp(dir / "run/result.json");
  double esr = 1;
  const size_t after = result.find("\"esr_preemphasized\"", result.find("\"after\""));
  ASSERT_NE(after, std::string::npos) << result;
  ASSERT_EQ(std::sscanf(result.c_str() + after, "\"esr_preemphasized\": %lf", &esr), 1);
  EXPECT_LE(esr, 0.0027);
}

TEST_F(CliCompressor, KnownCompressorIsRecovered)
{
  const std::string dry = APF_EXAMPLES "/audio/drums_dry.flac";
  ASSERT_EQ(run({"render", "--effect", "compressor", "--set", "threshold=-20", "--set", "ratio=3",
                 "--set", "attack=1", "--set", "release=100", "--set", "average=1.638", "-i", dry,
                 "-o", "known.wav"})
                .code,
            0);

  Outcome got = run({"train", "compressor", "-i", dry, "-t", "known.wav", "-o", "run", "--truth",
                     "ratio=3", "--truth", "attack=1"});

  ASSERT_EQ(got.code, 0) << got.err;
  apf_model *model = nullptr;
  ASSERT_EQ(apf_model_load(ctx, (dir / "run/best.safetensors").c_str(), &model), APF_OK);
  const auto learned = [&](const char *name) {
    double value = NAN;
    EXPECT_EQ(apf_model_get(ctx, model, name, &value), APF_OK);
    return value;
  };
  EXPECT_NEAR(learned("threshold"), -20, 0.3);
  EXPECT_NEAR(learned("ratio"), 3, 0.02 * 3);
  EXPECT_NEAR(learned("attack"), 1, 0.05 * 1);
  EXPECT_NEAR(learned("release"), 100, 0.05 * 100);
  apf_model_destroy(model);
  EXPECT_NE(slurp(dir / "run/report/index.html").find("<th>true</th>"), std::string::npos);
}

TEST_F(CliCompressor, SpsaFrequencySamplingAndExcerptsTrain)
{
  write_pair();
  const std::vector<std::vector<std::string>> variants = {
      {"--variant", "spsa", "--lr", "0.1"},
      {"--variant", "fs"},
      {"--variant", "simple"},
      {"--optimizer", "adam", "--excerpt", "0.25", "--batch", "3", "--dtype", "f64"},
      {"--recipe", "paper", "--lr", "0.1"}};
  for (size_t i = 0; i < variants.size(); i++) {
    auto settings = variants[i];
    settings.insert(settings.end(), {"--steps", "20"});
    const std::string name = "run" + std::to_string(i);

    Outcome got = run(train(name, settings));

    EXPECT_EQ(got.code, 0) << got.err;
    EXPECT_TRUE(fs::exists(dir / name / "result.json")) << name;
  }
  expect(run(train("run", {"--excerpt", "5"})), 2, {"excerpt is 5 s", "lm"});
  expect(run(train("run", {"--excerpt", "5", "--optimizer", "sgd"})), 2, {"excerpt is 5 s"});
  expect(run(train("run", {"--optimizer", "sgd", "--batch", "4"})), 2, {"batch is 4"});
  expect(run(train("run", {"--variant", "fs", "--optimizer", "lm"})), 2, {"fs", "lm"});
}

TEST_F(CliCompressor, AConfigurationRepeatsARun)
{
  write_pair();
  ASSERT_EQ(run(train("first", {"--optimizer", "adam", "--steps", "7", "--excerpt", "0.1",
                                "--batch", "2", "--seed", "11", "--set", "ratio=4"}))
                .code,
            0);

  ASSERT_EQ(run({"train", "--config", "first/config.json", "--out", "again"}).code, 0);

  EXPECT_EQ(slurp(dir / "again/metrics.jsonl"), slurp(dir / "first/metrics.jsonl"));
  EXPECT_EQ(slurp(dir / "again/best.safetensors"), slurp(dir / "first/best.safetensors"));
  std::ofstream(dir / "bad.json") << "{\"effect\": \"compressor\", \"stpes\": 4}";
  expect(run(train("bad", {"--config", "bad.json"})), 1, {"bad.json", "did you mean \"steps\""});
  std::ofstream(dir / "worse.json") << "{\"steps\": 4,}";
  expect(run(train("bad", {"--config", "worse.json"})), 1, {"worse.json, line 1"});
}

TEST_F(CliCompressor, StereoIsLinkedAndRenderedInStereo)
{
  std::vector<float> dry = random_values<float>(2 * 16000, 3, 0.5);
  for (int t = 0; t < 16000; t++)
    dry[t] *= 0.1f + static_cast<float>(std::pow(std::sin(t * 1e-3), 2));
  write_audio("dry.wav", 2, 16000, dry);
  ASSERT_EQ(run({"render", "-e", "compressor", "--set", "threshold=-30", "-i", "dry.wav", "-o",
                 "wet.wav"})
                .code,
            0);

  ASSERT_EQ(run(train("run", {"--steps", "20"})).code, 0);

  ASSERT_EQ(run({"render", "-m", "run/best.safetensors", "-i", "dry.wav", "-o", "out.wav"}).code,
            0);
  apf_audio out;
  ASSERT_EQ(apf_audio_read(ctx, (dir / "out.wav").c_str(), 0, -1, &out), APF_OK);
  EXPECT_EQ(out.channels, 2);
  EXPECT_EQ(out.frames, 16000);
  EXPECT_EQ(out.sample_rate, 16000);
  apf_audio_free(&out);
}

TEST_F(CliCompressor, BackendsThatAreNotThereAreToldApart)
{
  write_pair();

  Outcome got = run(train("run", {"--backend", "cuda"}));

  if (got.code != 0) expect(got, 1, {"CUDA"});
  EXPECT_NE(run({"info"}).out.find("cuda"), std::string::npos);
}

TEST_F(CliCompressor, ACheckpointOfAnotherEffectIsRefused)
{
  write_pair();
  ASSERT_EQ(run(train("run", {"--steps", "2"})).code, 0);
  std::string bytes = slurp(dir / "run/config.json");
  const size_t at = bytes.find("\"compressor\"");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 12, "\"phaser\"");
  std::ofstream(dir / "run/config.json") << bytes;

  expect(run({"train", "--resume", "run"}), 1, {"compressor", "phaser"});
}

TEST_F(CliCompressor, SecondRunInOneFolderIsRefused)
{
  write_pair();
  ASSERT_EQ(run(train("run", {"--steps", "1"})).code, 0);
  const std::string before = slurp(dir / "run/last.safetensors");

  expect(run(train("run")), 1, {"holds a run", "resume"});
  EXPECT_EQ(slurp(dir / "run/last.safetensors"), before);
}

TEST_F(CliCompressor, KilledRunResumesBitForBit)
{
  write_pair();
  const std::vector<std::string> settings = {"--optimizer",  "sgd", "--steps",       "300",
                                             "--lr",         "1",   "--valid-every", "7",
                                             "--save-every", "5",   "--threads",     "1"};
  expect_killed_run_resumes([&](const std::string &out) { return train(out, settings); }, 6);
}

TEST_F(CliCompressor, InterruptEndsCleanlyAndResumeGoesOn)
{
  write_pair(2);
  const std::vector<std::string> settings = {"--optimizer", "adam", "--steps", "100000"};
  pid_t pid = start(train("run", settings));
  wait_for_growth("run/metrics.jsonl", pid);
  kill(pid, SIGINT);

  Outcome got = finish(pid);

  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_NE(got.out.find("--resume run"), std::string::npos) << got.out;
  EXPECT_TRUE(fs::exists(dir / "run/last.safetensors"));
  EXPECT_FALSE(fs::exists(dir / "run/result.json"));
}

TEST_F(CliCompressor, DivergenceStopsAndKeepsGoodCheckpoints)
{
  write_pair();

  /* Far too quiet: the first step throws the make-up gain beyond what a float holds. */
  Outcome got = run(
      train("run", {"--optimizer", "sgd", "--lr", "1e9", "--set", "make_up=-40", "--steps", "50"}));

  EXPECT_EQ(got.code, 1) << got.err;
  EXPECT_NE(got.out.find("not finite"), std::string::npos) << got.out << got.err;
  EXPECT_NE(got.out.find("step"), std::string::npos);
  for (const char *name : {"best.safetensors", "last.safetensors"}) {
    apf_model *model = nullptr;
    EXPECT_EQ(apf_model_load(ctx, (dir / "run" / name).c_str(), &model), APF_OK)
        << apf_last_error(ctx);
    apf_model_destroy(model);
  }
}

TEST_F(CliCompressor, HostileModelsAreRefused)
{
  write_pair();
  ASSERT_EQ(run(train("run", {"--steps", "1"})).code, 0);
  const std::string whole = slurp(dir / "run/best.safetensors");
  const auto render = [&](const std::string &bytes) {
    std::ofstream(dir / "m.safetensors", std::ios::binary) << bytes;
    return run({"render", "-m", "m.safetensors", "-i", "dry.wav", "-o", "out.wav"});
  };

  expect(render(whole.substr(0, whole.size() / 2)), 1, {"m.safetensors"});
  expect(render("garbage"), 1, {"m.safetensors"});
  std::string header(1, '\2');
  expect(render(header + std::string(7, '\0') + "{}"), 1, {"no allpole model"});
  std::string other = whole;
  other.replace(other.find("\"compressor\""), 12, "\"compressed\"");
  expect(render(other), 1, {"compressed"});
  EXPECT_FALSE(fs::exists(dir / "out.wav"));
}
