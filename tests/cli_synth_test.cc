/* The command and the synth. */
#include "support/cli.h"

#include <algorithm>
#include <random>

namespace {

constexpr int kRate = 16000, kNote = 1600, kNotes = 3, kApart = 4800;

class CliSynth : public Cli {
 protected:
  /** Half a note of decaying noise, then silence. */
  static std::vector<float> note(int seed)
  {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0, 0.2f);
    std::vector<float> x(kNote);
    for (int t = 0; t < kNote / 2; t++) x[t] = normal(generator) * std::exp(-t / 300.0f);
    return x;
  }
  /** notes.wav and notes.csv, with more lines in the list; the same notes as files of a folder. */
  void write_notes(const std::string &more = "")
  {
    std::vector<float> all(kNotes * kApart);
    std::ofstream list(dir / "notes.csv");
    list << "onset_s,duration_s,midi_key\n";
    fs::create_directories(dir / "folder");
    for (int i = 0; i < kNotes; i++) {
      const std::vector<float> one = note(i);
      std::copy(one.begin(), one.end(), all.begin() + i * kApart);
      list << 0.3 * i << ",0.08," << 40 + i << "\n";
      write_audio("folder/" + file_name(i), 1, kRate, one);
    }
    list << more;
    write_audio("notes.wav", 1, kRate, all);
  }
  static std::string file_name(int i)
  {
    return "bass__" + std::to_string(40 + i) + "__1280__x.wav";
  }
  /** A synth that has learned nothing yet: what it plays is decided by the seed. */
  void write_model(const std::string &name, std::vector<std::pair<const char *, const char *>> set,
                   int rate = kRate)
  {
    apf_model *model = nullptr;
    ASSERT_EQ(apf_model_create(ctx, "synth", rate, &model), APF_OK) << apf_last_error(ctx);
    set.emplace_back("channels", "2");
    for (const auto &[option, value] : set)
      ASSERT_EQ(apf_model_set_text(ctx, model, option, value), APF_OK) << apf_last_error(ctx);
    ASSERT_EQ(apf_model_save(ctx, model, (dir / name).c_str()), APF_OK) << apf_last_error(ctx);
    apf_model_destroy(model);
  }
  std::vector<float> read(const std::string &name)
  {
    apf_audio audio = {};
    EXPECT_EQ(apf_audio_read(ctx, (dir / name).c_str(), 0, -1, &audio), APF_OK)
        << apf_last_error(ctx);
    EXPECT_EQ(audio.channels, 1);
    EXPECT_EQ(audio.sample_rate, kRate);
    std::vector<float> samples(audio.samples, audio.samples + audio.frames);
    apf_audio_free(&audio);
    return samples;
  }
  static Arguments render(const std::string &model, Arguments more)
  {
    Arguments all = {"render", "--model", model, "--excerpt", "0.1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  const Arguments recording = {"-i", "notes.wav", "--notes", "notes.csv", "-o", "out.wav"};
};

float peak(const std::vector<float> &x, int from, int to)
{
  float most = 0;
  for (int t = from; t < to; t++) most = std::max(most, std::fabs(x[t]));
  return most;
}

}  // namespace

TEST_F(CliSynth, NotesOfARecordingAreRenderedAtTheirPlaces)
{
  write_notes();
  write_model("m.safetensors", {});

  Outcome got = run(render("m.safetensors", recording));

  ASSERT_EQ(got.code, 0) << got.err;
  const std::vector<float> out = read("out.wav");
  ASSERT_EQ(out.size(), static_cast<size_t>(kNotes * kApart));
  for (int i = 0; i < kNotes; i++) {
    EXPECT_GT(peak(out, i * kApart, i * kApart + kNote), 1e-3f) << "note " << i;
    EXPECT_EQ(peak(out, i * kApart + kNote, (i + 1) * kApart), 0) << "after note " << i;
  }
}

TEST_F(CliSynth, NotesOfAFolderAreRenderedToAFileEach)
{
  write_notes();
  write_model("m.safetensors", {});
  ASSERT_EQ(run(render("m.safetensors", recording)).code, 0);

  Outcome got = run(render("m.safetensors", {"-i", "folder", "-o", "again"}));

  ASSERT_EQ(got.code, 0) << got.err;
  const std::vector<float> together = read("out.wav");
  for (int i = 0; i < kNotes; i++) {
    const std::vector<float> one = read("again/" + file_name(i));
    ASSERT_EQ(one.size(), static_cast<size_t>(kNote));
    EXPECT_TRUE(std::equal(one.begin(), one.end(), together.begin() + i * kApart)) << "note " << i;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir / "again"), {}), kNotes) << "nothing else";
}

TEST_F(CliSynth, NotesThatOverlapAreAdded)
{
  write_notes("0.05,0.08,45\n");
  write_model("m.safetensors", {});

  ASSERT_EQ(run(render("m.safetensors", recording)).code, 0);
  const std::vector<float> all = read("out.wav");
  write_notes();
  ASSERT_EQ(run(render("m.safetensors", recording)).code, 0);
  const std::vector<float> without = read("out.wav");

  EXPECT_EQ(all[100], without[100]);
  EXPECT_NE(all[1000], without[1000]) << "both sound";
  EXPECT_EQ(peak(without, kNote, 2000), 0);
  EXPECT_GT(peak(all, kNote, 2000), 0) << "the second goes on";
}

TEST_F(CliSynth, FrequencySampledModelsRenderByFramesOrByRecursion)
{
  write_notes();
  write_model("td.safetensors", {});
  write_model("fs.safetensors", {{"variant", "fs"}, {"window", "128"}});
  write_model("lstm.safetensors", {{"variant", "lstm"}});
  Arguments by_recursion = recording;
  by_recursion.push_back("--eval-td");

  ASSERT_EQ(run(render("td.safetensors", recording)).code, 0);
  const std::vector<float> td = read("out.wav");
  ASSERT_EQ(run(render("fs.safetensors", recording)).code, 0);
  EXPECT_NE(read("out.wav"), td);
  ASSERT_EQ(run(render("fs.safetensors", by_recursion)).code, 0);
  EXPECT_EQ(read("out.wav"), td) << "the same tensors, the same filter";
  expect(run(render("lstm.safetensors", by_recursion)), 2, {"lstm", "no filter"});
}

TEST_F(CliSynth, WhatCannotBeRenderedIsToldAndLeavesNothing)
{
  write_notes();
  write_model("m.safetensors", {});
  write_model("cd.safetensors", {}, 44100);
  const Arguments out = {"-o", "out.wav"};
  const auto with = [&](Arguments more) {
    more.insert(more.end(), out.begin(), out.end());
    return run(render("m.safetensors", more));
  };

  expect(with({"-i", "notes.wav"}), 2, {"notes.wav", "list of its notes"});
  expect(with({"-i", "notes.wav", "-n", "none.csv"}), 1, {"none.csv"});
  expect(with({"-i", "none.wav", "-n", "notes.csv"}), 1, {"none.wav"});
  expect(with({"-i", "notes.wav", "-n", "notes.csv", "--set", "channels=4"}), 2, {"no --set"});
  expect(with({"-i", "notes.wav", "-n", "notes.csv", "--excerpt", "0.01"}), 2, {"too short"});
  expect(run(render("cd.safetensors", recording)), 1, {"notes.wav has 16000 Hz", "44100 Hz"});
  expect(run({"render", "-e", "synth", "-i", "notes.wav", "-n", "notes.csv", "-o", "out.wav"}), 2,
         {"give --model"});
  for (const Arguments &option : {Arguments{"-n", "notes.csv"}, Arguments{"--skip-bad"}}) {
    Arguments all = {"render", "-e", "compressor", "-i", "notes.wav", "-o", "out.wav"};
    all.insert(all.end(), option.begin(), option.end());
    expect(run(all), 2, {"compressor takes no notes"});
  }
  std::ofstream(dir / "empty.csv") << "onset_s,duration_s,f0_hz\n";
  expect(with({"-i", "notes.wav", "-n", "empty.csv"}), 2, {"empty.csv holds no good notes"});
  EXPECT_FALSE(fs::exists(dir / "out.wav"));
}

TEST_F(CliSynth, NotesPastTheEndAreToldOrLeftOut)
{
  write_notes("0.85,0.05,45\n0.1,0.05,45\n");
  write_model("m.safetensors", {});

  expect(run(render("m.safetensors", recording)), 2, {"notes.wav", "line 5", "0.900 s"});
  EXPECT_FALSE(fs::exists(dir / "out.wav"));
  Arguments skip = recording;
  skip.push_back("--skip-bad");
  Outcome got = run(render("m.safetensors", skip));
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_NE(got.out.find("bad notes left out: 1"), std::string::npos) << got.out;
}

TEST_F(CliSynth, FoldersAreRenderedWithoutLosingAnything)
{
  write_notes();
  write_model("m.safetensors", {});
  const std::string before = slurp(dir / "folder" / file_name(0));
  std::ofstream(dir / "twice.csv") << "file,duration_s,f0_hz\n"
                                   << file_name(0) << ",0.08,100\n"
                                   << file_name(0) << ",0.08,200\n";

  expect(run(render("m.safetensors", {"-i", "folder", "-o", "folder/"})), 2,
         {"holds the notes themselves"});
  expect(run(render("m.safetensors", {"-i", "folder", "-n", "twice.csv", "-o", "again"})), 2,
         {"two notes", file_name(0).c_str()});
  EXPECT_EQ(slurp(dir / "folder" / file_name(0)), before);
  std::ofstream(dir / "folder/bad__40__100__x.wav") << "no audio";
  expect(run(render("m.safetensors", {"-i", "folder", "-o", "again"})), 1, {"bad__40__100__x.wav"});
  EXPECT_FALSE(fs::exists(dir / "again"));
  Outcome got = run(render("m.safetensors", {"-i", "folder", "-o", "again", "--skip-bad"}));
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_NE(got.out.find("bad notes left out: 1"), std::string::npos) << got.out;
  EXPECT_FALSE(fs::exists(dir / "again/bad__40__100__x.wav"));
}

TEST_F(CliSynth, InfoTellsWhatIsFoundOutAboutNotes)
{
  const std::string text = run({"info", "synth"}).out;
  for (const char *words : {"about each note", "0.7071 to 8: of the low-pass", "variant"})
    EXPECT_NE(text.find(words), std::string::npos) << words << " is missing in: " << text;
}

TEST_F(CliSynth, KilledRunResumesBitForBitAndIsEvaluatedAndRendered)
{
  const std::string audio = APF_EXAMPLES "/audio/acid_a";
  const Arguments notes = {"--input", audio + ".flac", "--notes", audio + "_notes.csv"};
  const auto train = [&](const std::string &out) {
    Arguments all = {"train",   "synth", "--out",    out, "--set",     "channels=2",
                     "--batch", "14",    "--epochs", "4", "--threads", "1"};
    all.insert(all.end(), notes.begin(), notes.end());
    return all;
  };
  expect_killed_run_resumes(train, 3);

  for (const char *name : {"index.html", "loss.svg", "curves.svg", "target.svg", "output.svg"})
    EXPECT_TRUE(fs::exists(dir / "whole/report" / name)) << name;
  const std::string page = slurp(dir / "whole/report/index.html");
  for (const char *words : {"mel-STFT", "0.707 to 8", "osc_shape"})
    EXPECT_NE(page.find(words), std::string::npos) << words;
  const std::string table = run({"evaluate", "--run", "killed", "--part", "test"}).out;
  for (const char *name : {"MSS", "mel-STFT", "MFCC-L1"})
    EXPECT_NE(table.find(name), std::string::npos) << name << " is missing in: " << table;
  const Outcome json = run({"evaluate", "--run", "killed", "--part", "test", "--json"});
  EXPECT_EQ(json.out.rfind("{\"mss\": ", 0), 0u) << json.err;
  Arguments render = {"render", "--model", "whole/best.safetensors", "--out", "again.wav"};
  render.insert(render.end(), notes.begin(), notes.end());
  EXPECT_EQ(run(render).code, 0);
}
