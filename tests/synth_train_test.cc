/* Training on notes through the C interface: data sets and their faults, resuming, evaluation. */
#include <allpole/allpole.h>

#include "support/support.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

extern "C" {
#include "train/notes.h"
}

namespace fs = std::filesystem;

namespace {

constexpr int kRate = 16000, kNote = 1600, kNotes = 10;

class SynthTrain : public testing::Test {
 protected:
  void SetUp() override
  {
    apf_context_options one;
    apf_context_options_init(&one);
    one.threads = 1;
    ASSERT_EQ(apf_context_create(&one, &ctx), APF_OK);
    char pattern[] = "/tmp/allpole-synth-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir = pattern;
    write_recording();
    apf_train_options_init(&options);
    options.effect = "synth";
    options.input = (input = (dir / "notes.wav").string()).c_str();
    options.notes = (list = (dir / "notes.csv").string()).c_str();
    options.out = (out = (dir / "run").string()).c_str();
    options.excerpt = 0.1;
    options.batch = 3;
    options.epochs = 2;
    options.set = settings;
    options.set_count = 1;
  }
  void TearDown() override
  {
    apf_context_destroy(ctx);
    fs::remove_all(dir);
  }
  static std::vector<float> note(double f0)
  {
    std::vector<float> x(kNote);
    for (size_t t = 0; t < x.size(); t++) {
      const double cycles = f0 * static_cast<double>(t) / kRate;
      x[t] = static_cast<float>((0.5 - (cycles - std::floor(cycles))) *
                                std::exp(-static_cast<double>(t) / 500));
    }
    return x;
  }
  void write_audio(const std::string &name, std::vector<float> x)
  {
    apf_audio audio = {1, kRate, static_cast<int64_t>(x.size()), x.data()};
    APF_ASSERT_OK(apf_audio_write(ctx, (dir / name).c_str(), APF_AUDIO_FLOAT32, &audio));
  }
  /** Ten notes side by side, and their list with `more` below. */
  void write_recording(const std::string &more = "")
  {
    std::vector<float> all;
    std::ofstream csv(dir / "notes.csv");
    csv << "onset_s,velocity,duration_s,f0_hz\n";
    for (int i = 0; i < kNotes; i++) {
      const std::vector<float> one = note(100 + 10 * i);
      all.insert(all.end(), one.begin(), one.end());
      csv << 0.1 * i << ",90,0.08," << 100 + 10 * i << "\n";
    }
    csv << more;
    write_audio("notes.wav", all);
  }
  /** Ten files whose names say pitch and length. */
  void write_folder()
  {
    fs::create_directory(dir / "folder");
    for (int i = 0; i < kNotes; i++)
      write_audio("folder/bass__" + std::to_string(40 + i) + "__1280__x.wav", note(100));
    options.input = (input = (dir / "folder").string()).c_str();
    options.notes = nullptr;
  }
  apf_status train() { return apf_train(ctx, &options, nullptr, nullptr, &result); }
  void expect_refusal(apf_status status, std::initializer_list<const char *> words)
  {
    expect_failure(ctx, train(), status, words);
    EXPECT_FALSE(fs::exists(out));
  }
  static std::string slurp(const fs::path &path)
  {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  apf_context *ctx = nullptr;
  apf_train_options options;
  apf_train_result result;
  const char *settings[4] = {"channels=2"};
  fs::path dir;
  std::string input, list, out;
};

int stop_at_once(const apf_train_progress *, void *)
{
  return 1;
}

}  // namespace

TEST_F(SynthTrain, LossFallsAndTheRunHoldsWhatTheReportNeeds)
{
  options.epochs = 15;
  options.learning_rate = 0.01;
  APF_ASSERT_OK(train());
  EXPECT_EQ(result.steps, 15 * 2); /* six notes to train on, three a batch */
  EXPECT_LT(result.after.mss, 0.8 * result.before.mss);
  EXPECT_TRUE(std::isnan(result.after.esr));
  for (const char *name : {"valid.wav", "valid_target.wav", "valid_notes.csv", "valid_curves.csv"})
    EXPECT_TRUE(fs::exists(dir / "run" / name)) << name;
}

TEST_F(SynthTrain, EveryFilterAndVariantTrains)
{
  options.epochs = 1;
  for (const char *filter : {"filter=lp", "filter=coeff"})
    for (const char *variant : {"variant=td", "variant=fs", "variant=lstm"}) {
      settings[1] = filter, settings[2] = variant, settings[3] = "window=256";
      options.set_count = 4;
      options.out = (out = (dir / (std::string(filter) + variant)).string()).c_str();
      APF_ASSERT_OK(train());
      EXPECT_TRUE(std::isfinite(result.after.mss)) << filter << " " << variant;
    }
}

TEST_F(SynthTrain, ModelsTrainedByFramesAreAlsoMeasuredByRecursion)
{
  settings[1] = "variant=fs", settings[2] = "window=64";
  options.set_count = 3;
  APF_ASSERT_OK(train());
  apf_metrics frames, recursion, test;
  APF_ASSERT_OK(apf_evaluate_run(ctx, out.c_str(), APF_RUN_VALID, 0, &frames));
  APF_ASSERT_OK(apf_evaluate_run(ctx, out.c_str(), APF_RUN_VALID, 1, &recursion));
  APF_ASSERT_OK(apf_evaluate_run(ctx, out.c_str(), APF_RUN_TEST, 0, &test));
  EXPECT_EQ(frames.mss, result.after.mss);
  EXPECT_NE(frames.mss, recursion.mss);
  EXPECT_NE(frames.mss, test.mss);
}

TEST_F(SynthTrain, StoppedAfterEveryStepItEndsWithTheSameBytes)
{
  APF_ASSERT_OK(train());
  options.out = (out = (dir / "stopped").string()).c_str();
  APF_ASSERT_OK(apf_train(ctx, &options, stop_at_once, nullptr, &result));
  for (int sitting = 0; sitting < 3; sitting++) {
    EXPECT_EQ(result.end, APF_TRAIN_STOPPED);
    APF_ASSERT_OK(apf_resume(ctx, out.c_str(), 0, stop_at_once, nullptr, &result));
  }
  EXPECT_EQ(result.end, APF_TRAIN_STEPS_DONE);
  for (const char *name : {"metrics.jsonl", "best.safetensors", "last.safetensors", "valid.wav"})
    EXPECT_EQ(slurp(dir / "run" / name), slurp(dir / "stopped" / name)) << name;
}

TEST_F(SynthTrain, NamesOfFilesSayPitchAndLength)
{
  write_folder();
  APF_ASSERT_OK(train());
  const std::string notes = slurp(dir / "run/valid_notes.csv");
  const size_t at = notes.find("bass__4");
  int key = 0;
  double f0 = 0, duration = 0;
  ASSERT_EQ(std::sscanf(notes.c_str() + at, "bass__%d__1280__x.wav,%lf,%lf", &key, &f0, &duration),
            3);
  EXPECT_NEAR(f0, 440 * std::exp2((key - 69) / 12.0), 1e-6 * f0);
  EXPECT_NEAR(duration, 0.08, 1e-9);
}

TEST_F(SynthTrain, NotesAreDividedBySeedWithoutOverlap)
{
  const apf_note_source source = {options.input, options.notes, 0.1, false};
  std::vector<std::string> orders[2];
  for (int seed = 0; seed < 2; seed++) {
    apf_note_set set;
    APF_ASSERT_OK(apf_notes_read(ctx, &source, &set));
    APF_ASSERT_OK(apf_notes_divide(ctx, source.input, static_cast<uint64_t>(seed), &set));
    EXPECT_EQ(std::vector<int64_t>(set.first, set.first + 4), (std::vector<int64_t>{0, 6, 8, 10}));
    for (int64_t i = 0; i < set.count; i++) {
      orders[seed].push_back(set.notes[i].name);
      const std::vector<float> want = note(set.notes[i].f0);
      EXPECT_EQ(set.audio[i * set.samples + 7], want[7]) << "audio moves with its note";
    }
    apf_notes_clear(&set);
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_EQ(std::set<std::string>(orders[0].begin(), orders[0].end()).size(), 10u);
}

TEST_F(SynthTrain, RefusesNotesPastTheEndOfTheAudio)
{
  write_recording("0.95,90,0.05,100\n");
  expect_refusal(APF_ERR_ARGUMENT, {"notes.wav", "line 12", "past the end", "1.000 s"});
  options.skip_bad = 1;
  APF_EXPECT_OK(train());
}

TEST_F(SynthTrain, RefusesPitchesOutsideItsRange)
{
  write_recording("0.1,90,0.05,9000\n");
  expect_refusal(APF_ERR_ARGUMENT, {"notes.csv", "line 12", "9000 Hz", "20 to 3000 Hz"});
}

TEST_F(SynthTrain, RefusesLinesWithoutANumber)
{
  write_recording("0.1,90,short,100\n");
  expect_refusal(APF_ERR_ARGUMENT, {"line 12", "lasts nan s"});
}

TEST_F(SynthTrain, RefusesListsWithoutTheirColumns)
{
  std::ofstream(list) << "time,pitch\n0,100\n";
  expect_refusal(APF_ERR_FORMAT, {"notes.csv", "onset_s", "f0_hz or midi_key"});
}

TEST_F(SynthTrain, RefusesARecordingWithoutAList)
{
  options.notes = nullptr;
  expect_refusal(APF_ERR_ARGUMENT, {"notes.wav", "list of its notes"});
}

TEST_F(SynthTrain, BrokenFilesAreNamedAndSkippedOnlyWhenAskedTo)
{
  write_folder();
  std::ofstream(dir / "folder/bad__40__100__x.wav") << "no audio";
  expect_refusal(APF_ERR_FORMAT, {"bad__40__100__x.wav"});
  options.skip_bad = 1;
  APF_EXPECT_OK(train());
  EXPECT_EQ(result.skipped, 1);
}

TEST_F(SynthTrain, RefusesFilesShorterThanTheExcerpt)
{
  write_folder();
  write_audio("folder/short__40__100__x.wav", std::vector<float>(1000, 0.1f));
  expect_refusal(APF_ERR_ARGUMENT, {"short__40__100__x.wav", "past the end", "0.062 s"});
  options.excerpt = 1e300;
  expect_refusal(APF_ERR_ARGUMENT, {"past the end"});
}

TEST_F(SynthTrain, RefusesBatchesLargerThanTheSet)
{
  options.batch = 7;
  expect_refusal(APF_ERR_ARGUMENT, {"batch is 7", "6 to train on"});
}

TEST_F(SynthTrain, RefusesNotesTooShortForAWindow)
{
  options.excerpt = 0.03;
  expect_refusal(APF_ERR_ARGUMENT, {"too short", "1024"});
}

TEST_F(SynthTrain, RefusesWindowsTooShortForTheirHop)
{
  settings[1] = "window=48";
  options.set_count = 2;
  expect_refusal(APF_ERR_ARGUMENT, {"window is 48", "64 to 65536"});
}

/* Notes of 1554 samples are no whole number of hops, windows of 99 neither; one is longer. */
TEST_F(SynthTrain, FramesNeedNotDivideANote)
{
  options.epochs = 1;
  options.excerpt = 0.0971;
  for (const char *window : {"window=99", "window=100", "window=4096"}) {
    settings[1] = "variant=fs", settings[2] = window;
    options.set_count = 3;
    options.out = (out = (dir / window).string()).c_str();
    APF_ASSERT_OK(train());
    EXPECT_TRUE(std::isfinite(result.after.mss)) << window;
    apf_audio rendered;
    APF_ASSERT_OK(apf_audio_read(ctx, (out + "/valid.wav").c_str(), 0, -1, &rendered));
    EXPECT_EQ(rendered.frames, 2 * 1554) << window;
    apf_audio_free(&rendered);
  }
}

TEST_F(SynthTrain, RefusesATarget)
{
  options.target = options.input;
  expect_refusal(APF_ERR_ARGUMENT, {"target", "none"});
}

TEST_F(SynthTrain, RefusesCheckpointsOfAnotherFilterOrWindow)
{
  settings[1] = "filter=lp", settings[2] = "window=128";
  options.set_count = 3;
  APF_ASSERT_OK(train());
  settings[1] = "filter=coeff";
  const std::string coeff = (dir / "coeff").string(), window = (dir / "window").string();
  options.out = coeff.c_str();
  APF_ASSERT_OK(train());
  settings[1] = "filter=lp", settings[2] = "window=256";
  options.out = window.c_str();
  APF_ASSERT_OK(train());

  fs::copy_file(coeff + "/last.safetensors", out + "/last.safetensors",
                fs::copy_options::overwrite_existing);
  expect_failure(ctx, apf_resume(ctx, out.c_str(), 0, nullptr, nullptr, nullptr), APF_ERR_MISMATCH,
                 {"filter coeff", "says lp"});
  fs::copy_file(window + "/last.safetensors", out + "/last.safetensors",
                fs::copy_options::overwrite_existing);
  expect_failure(ctx, apf_resume(ctx, out.c_str(), 0, nullptr, nullptr, nullptr), APF_ERR_MISMATCH,
                 {"window 256", "says 128"});
}

TEST_F(SynthTrain, RendersNoRecordings)
{
  apf_model *model = nullptr;
  APF_ASSERT_OK(apf_model_create(ctx, "synth", kRate, &model));
  std::vector<float> x(2000);
  expect_failure(ctx, apf_model_render(ctx, model, 1, 2000, 0, x.data(), x.data()),
                 APF_ERR_ARGUMENT, {"renders notes"});
  apf_model_destroy(model);
}

TEST_F(SynthTrain, RenderingNotesRefusesWhatItCannotUse)
{
  apf_model *model = nullptr, *compressor = nullptr;
  APF_ASSERT_OK(apf_model_create(ctx, "synth", kRate, &model));
  APF_ASSERT_OK(apf_model_create(ctx, "compressor", kRate, &compressor));
  apf_notes_options o;
  apf_notes_options_init(&o);
  EXPECT_EQ(o.excerpt, 0.125);
  const auto render = [&](const apf_model *m) { return apf_render_notes(ctx, m, &o, nullptr); };

  expect_failure(ctx, render(nullptr), APF_ERR_ARGUMENT, {"model is NULL"});
  expect_failure(ctx, render(compressor), APF_ERR_ARGUMENT, {"compressor takes no notes"});
  expect_failure(ctx, apf_render_notes(ctx, model, nullptr, nullptr), APF_ERR_ARGUMENT,
                 {"options is NULL"});
  expect_failure(ctx, render(model), APF_ERR_ARGUMENT, {"input is NULL"});
  o.input = options.input, o.notes = options.notes;
  expect_failure(ctx, render(model), APF_ERR_ARGUMENT, {"out is NULL"});
  o.out = out.c_str();
  o.excerpt = NAN;
  expect_failure(ctx, render(model), APF_ERR_ARGUMENT, {"excerpt is nan s"});
  o.excerpt = 0.1;
  o.struct_size = 1;
  expect_failure(ctx, render(model), APF_ERR_ARGUMENT, {"apf_notes_options_init"});
  EXPECT_FALSE(fs::exists(out));
  apf_model_destroy(model);
  apf_model_destroy(compressor);
}

/* What a compressor and a phaser become when filtering by recursion is asked for. */
TEST_F(SynthTrain, RecursionTakesThePlaceOfFrames)
{
  for (const auto &[effect, variant, twin] :
       {std::tuple("compressor", "fs", "simple"), std::tuple("compressor", "td", "td"),
        std::tuple("phaser", "fs", "td"), std::tuple("synth", "fs", "td")}) {
    apf_model *model = nullptr;
    APF_ASSERT_OK(apf_model_create(ctx, effect, kRate, &model));
    APF_ASSERT_OK(apf_model_set_text(ctx, model, "variant", variant));
    APF_ASSERT_OK(apf_model_use_recursion(ctx, model));
    std::string found;
    for (int i = 0; i < apf_model_option_count(model); i++)
      if (std::string(apf_model_option_info(model, i)->name) == "variant")
        found = apf_model_option(model, i);
    EXPECT_EQ(found, twin) << effect << " " << variant;
    apf_model_destroy(model);
  }
}
