/* What the command does with --backend cuda, through the C interface: whole runs with validation
 * and checkpoints, resuming, evaluation and rendering, against the same on the CPU. */
#include <cuda_runtime.h>

#include "support/support.h"
#include "support/temporary.h"

#include <cmath>

namespace {

constexpr int kRate = 16000;
constexpr int64_t kFrames = 6400, kNotes = 10, kNote = 1600;

/* How near backends are: losses to rounding in double, unless the starting points have already come
 * out of hundreds of steps of a first look (phaser); errors and renderings as the precision that
 * validation and rendering run in (float for the synth). */
struct Job {
  const char *name;
  const char *effect, *variant, *optimizer;
  double loss_tolerance, error_tolerance, sound_tolerance;
};
void PrintTo(const Job &job, std::ostream *os)
{
  *os << job.name;
}
const Job kJobs[] = {{"compressor_lm", "compressor", "variant=td", "lm", 1e-9, 1e-8, 1e-5},
                     {"compressor_sgd", "compressor", "variant=td", "sgd", 1e-9, 1e-8, 1e-5},
                     {"phaser_td", "phaser", "variant=td", "adam", 1e-5, 1e-5, 1e-5},
                     {"phaser_fs", "phaser", "variant=fs", "adam", 1e-5, 1e-5, 1e-5},
                     {"synth_td", "synth", "variant=td", "sgd", 1e-9, 1e-5, 1e-4},
                     {"synth_fs", "synth", "variant=fs", "sgd", 1e-9, 1e-5, 1e-4}};

/** Progress of a run, and where to stop it. */
struct Watch {
  std::vector<double> losses;
  size_t stop_after = SIZE_MAX;
};
int watch(const apf_train_progress *progress, void *user)
{
  Watch *w = static_cast<Watch *>(user);
  w->losses.push_back(progress->loss);
  return w->losses.size() >= w->stop_after;
}

class CudaRun : public testing::TestWithParam<std::tuple<Backend, Job>> {
 protected:
  void SetUp() override
  {
    cuda = make_context(std::get<0>(GetParam()));
    cpu = make_context({APF_CPU, APF_SIMD_BASE, 1});
    job = std::get<1>(GetParam());
    ctx = cpu; /* whose messages the macros show */
    write_material();
  }
  void TearDown() override
  {
    apf_context_destroy(cuda);
    apf_context_destroy(cpu);
  }

  bool is_synth() const { return std::string(job.effect) == "synth"; }

  void write_audio(const char *name, std::vector<float> x)
  {
    apf_audio audio = {1, kRate, static_cast<int64_t>(x.size()), x.data()};
    APF_ASSERT_OK(apf_audio_write(ctx, folder.file(name).c_str(), APF_AUDIO_FLOAT32, &audio));
  }
  /** A dry and a wet recording; for the synth, decaying tones side by side and their list. */
  void write_material()
  {
    std::vector<float> dry = random_values<float>(kFrames, 5, 0.3), wet(kFrames);
    for (size_t t = 0; t < wet.size(); t++)
      wet[t] = 0.6f * dry[t] - (t < 40 ? 0 : 0.2f * dry[t - 40]);
    std::string list = "onset_s,velocity,duration_s,f0_hz\n";
    if (is_synth()) dry.clear();
    for (int64_t note = 0; is_synth() && note < kNotes; note++) {
      for (int64_t t = 0; t < kNote; t++)
        dry.push_back(0.5f * static_cast<float>(std::exp(-double(t) / 400) *
                                                std::sin(0.04 * double(note + 2) * double(t))));
      list +=
          std::to_string(0.1 * double(note)) + ",90,0.08," + std::to_string(110 + 20 * note) + "\n";
    }
    write_audio("dry.wav", dry);
    write_audio("wet.wav", wet);
    write_bytes(folder.file("notes.csv"), list);
  }

  apf_train_result train(apf_context *where, const std::string &name, int64_t steps, Watch *w)
  {
    const std::string in = folder.file("dry.wav"), target = folder.file("wet.wav"),
                      notes = folder.file("notes.csv"), out = folder.file(name);
    const char *settings[] = {job.variant, is_synth() ? "channels=2" : "look_ahead=0",
                              is_synth() ? "window=128" : "window=0.02"};
    apf_train_options options;
    apf_train_options_init(&options);
    options.effect = job.effect;
    options.input = in.c_str();
    options.target = is_synth() ? nullptr : target.c_str();
    options.notes = is_synth() ? notes.c_str() : nullptr;
    options.out = out.c_str();
    options.optimizer = job.optimizer;
    options.dtype = APF_F64;
    options.steps = steps;
    options.save_every = 1;
    options.seed = 3;
    options.set = settings;
    options.set_count = 1;
    if (is_synth()) {
      options.set_count = 3;
      options.excerpt = 0.1;
      options.batch = 2;
      options.learning_rate = 1e-4;
    } else if (std::string(job.effect) == "phaser") {
      settings[1] = settings[2];
      options.set_count = 2;
      options.restarts = 2;
    }
    if (!is_synth()) {
      options.segment[0] = 0, options.segment[1] = 0.2;
      options.valid[0] = 0.2, options.valid[1] = 0.4;
    }
    apf_train_result result = {};
    EXPECT_EQ(apf_train(where, &options, watch, w, &result), APF_OK) << apf_last_error(where);
    return result;
  }

  double error_of(const apf_metrics &m) const { return is_synth() ? m.mss : m.esr; }

  apf_context *cuda = nullptr, *cpu = nullptr, *ctx = nullptr;
  Job job = {};
  TemporaryFolder folder;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CudaRun);
INSTANTIATE_TEST_SUITE_P(
    , CudaRun, testing::Combine(testing::ValuesIn(cuda_backend()), testing::ValuesIn(kJobs)),
    [](const auto &info) { return std::string("cuda_") + std::get<1>(info.param).name; });

}  // namespace

TEST_P(CudaRun, TrainsValidatesAndEvaluatesAsTheCpu)
{
  Watch on_cuda, on_cpu;
  const apf_train_result got = train(cuda, "cuda", 5, &on_cuda),
                         want = train(cpu, "cpu", 5, &on_cpu);

  EXPECT_EQ(got.steps, want.steps);
  ASSERT_EQ(on_cuda.losses.size(), on_cpu.losses.size());
  EXPECT_LE(relative_error(on_cuda.losses, on_cpu.losses), job.loss_tolerance);
  EXPECT_NEAR(error_of(got.before), error_of(want.before),
              job.error_tolerance * error_of(want.before));
  EXPECT_NEAR(error_of(got.after), error_of(want.after),
              job.error_tolerance * error_of(want.after));

  apf_metrics again = {};
  ASSERT_EQ(apf_evaluate_run(cuda, folder.file("cpu").c_str(), APF_RUN_VALID, 0, &again), APF_OK)
      << apf_last_error(cuda);
  EXPECT_NEAR(error_of(again), error_of(want.after), 1e-5 * error_of(want.after));
}

TEST_P(CudaRun, AStoppedRunResumesBitForBit)
{
  Watch whole, first, rest;
  first.stop_after = 3; /* the step that is recorded */
  train(cuda, "whole", 6, &whole);
  train(cuda, "stopped", 6, &first);

  apf_train_result result = {};
  ASSERT_EQ(apf_resume(cuda, folder.file("stopped").c_str(), 0, watch, &rest, &result), APF_OK)
      << apf_last_error(cuda);

  first.losses.insert(first.losses.end(), rest.losses.begin(), rest.losses.end());
  EXPECT_EQ(first.losses, whole.losses);
  EXPECT_EQ(read_bytes(folder.file("stopped/best.safetensors")),
            read_bytes(folder.file("whole/best.safetensors")));
}

TEST_P(CudaRun, RendersAsTheCpu)
{
  Watch w;
  train(cuda, "run", 2, &w);
  apf_model *model = nullptr;
  APF_ASSERT_OK(apf_model_load(ctx, folder.file("run/best.safetensors").c_str(), &model));
  std::vector<float> out[2];
  apf_context *const contexts[] = {cuda, cpu};

  for (int k = 0; k < 2; k++) {
    const std::string rendered = folder.file(k ? "cpu.wav" : "cuda.wav");
    const std::string in = folder.file("dry.wav"), notes = folder.file("notes.csv");
    apf_audio audio = {};
    if (is_synth()) {
      apf_notes_options options;
      apf_notes_options_init(&options);
      options.input = in.c_str();
      options.notes = notes.c_str();
      options.out = rendered.c_str();
      options.excerpt = 0.1;
      options.format = APF_AUDIO_FLOAT32;
      ASSERT_EQ(apf_render_notes(contexts[k], model, &options, nullptr), APF_OK)
          << apf_last_error(contexts[k]);
      APF_ASSERT_OK(apf_audio_read(ctx, rendered.c_str(), 0, -1, &audio));
    } else {
      APF_ASSERT_OK(apf_audio_read(ctx, in.c_str(), 0, -1, &audio));
      ASSERT_EQ(
          apf_model_render(contexts[k], model, 1, audio.frames, 0, audio.samples, audio.samples),
          APF_OK)
          << apf_last_error(contexts[k]);
    }
    out[k].assign(audio.samples, audio.samples + audio.frames);
    apf_audio_free(&audio);
  }

  EXPECT_EQ(out[0].size(), static_cast<size_t>(is_synth() ? kNotes * kNote : kFrames));
  EXPECT_LE(relative_error(out[0], out[1]), job.sound_tolerance);
  apf_model_destroy(model);
}

TEST_P(CudaRun, OnAStreamThatCannotBeCapturedStepsRunAllTheSame)
{
  if (std::string(job.optimizer) == "lm") return; /* takes no recorded steps */
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = APF_CUDA;
  options.stream = cudaStreamLegacy;
  apf_context *legacy = nullptr;
  ASSERT_EQ(apf_context_create(&options, &legacy), APF_OK) << apf_last_error(nullptr);
  Watch recorded, run_by_operator;

  train(cuda, "recorded", 4, &recorded);
  train(legacy, "operators", 4, &run_by_operator);

  EXPECT_EQ(run_by_operator.losses, recorded.losses);
  EXPECT_EQ(read_bytes(folder.file("recorded/metrics.jsonl")),
            read_bytes(folder.file("operators/metrics.jsonl")));
  EXPECT_EQ(read_bytes(folder.file("recorded/result.json")).find("not_recorded"),
            std::string::npos);
  EXPECT_NE(read_bytes(folder.file("operators/result.json")).find("not_recorded"),
            std::string::npos);
  apf_context_destroy(legacy);
}
