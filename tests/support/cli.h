/* The command, run in a folder of its own. APF_COMMAND is its path. */
#ifndef APF_TESTS_SUPPORT_CLI_H
#define APF_TESTS_SUPPORT_CLI_H

#include <allpole/allpole.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

struct Outcome {
  int code = -1; /* exit code, or 128 + signal */
  std::string out, err;
};

inline std::string slurp(const fs::path &path)
{
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

const char *const kRunFiles[] = {"config.json",      "metrics.jsonl", "best.safetensors",
                                 "last.safetensors", "valid.wav",     "result.json"};

class Cli : public testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  void SetUp() override
  {
    char pattern[] = "/tmp/allpole-cli-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir = pattern;
    ASSERT_EQ(apf_context_create(nullptr, &ctx), APF_OK);
  }
  void TearDown() override
  {
    apf_context_destroy(ctx);
    fs::remove_all(dir);
  }

  /** Starts the command in `dir` with its output in files. */
  pid_t start(const Arguments &arguments)
  {
    pid_t pid = fork();
    if (pid != 0) return pid;
    if (chdir(dir.c_str()) != 0 || !freopen("stdout.txt", "w", stdout) ||
        !freopen("stderr.txt", "w", stderr))
      _exit(127);
    std::vector<char *> argv = {const_cast<char *>(APF_COMMAND)};
    for (const std::string &a : arguments) argv.push_back(const_cast<char *>(a.c_str()));
    argv.push_back(nullptr);
    execv(APF_COMMAND, argv.data());
    _exit(127);
  }
  Outcome finish(pid_t pid)
  {
    int status = 0;
    waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            slurp(dir / "stdout.txt"), slurp(dir / "stderr.txt")};
  }
  Outcome run(const Arguments &arguments) { return finish(start(arguments)); }

  /** Until the file has grown, or the process has ended. */
  void wait_for_growth(const std::string &name, pid_t pid)
  {
    const size_t before = slurp(dir / name).size();
    siginfo_t ended = {};
    while (slurp(dir / name).size() <= before && ended.si_pid == 0) {
      waitid(P_PID, pid, &ended, WEXITED | WNOHANG | WNOWAIT);
      sched_yield();
    }
  }

  void expect(const Outcome &got, int code, std::initializer_list<const char *> words)
  {
    EXPECT_EQ(got.code, code) << got.err;
    for (const char *word : words)
      EXPECT_NE(got.err.find(word), std::string::npos) << "no '" << word << "' in: " << got.err;
  }

  void write_audio(const std::string &name, int channels, int rate, std::vector<float> samples)
  {
    apf_audio audio = {channels, rate, static_cast<int64_t>(samples.size()) / channels,
                       samples.data()};
    ASSERT_EQ(apf_audio_write(ctx, (dir / name).c_str(), APF_AUDIO_FLOAT32, &audio), APF_OK)
        << apf_last_error(ctx);
  }

  /** The files of a run that is killed and resumed `times` times are those of one that was not.
   *  @param train the arguments that train into a folder, single-threaded. */
  void expect_killed_run_resumes(const std::function<Arguments(const std::string &)> &train,
                                 int times)
  {
    Outcome whole = run(train("whole"));
    ASSERT_EQ(whole.code, 0) << whole.err;
    pid_t pid = start(train("killed"));
    for (int sitting = 0; sitting < times; sitting++) {
      wait_for_growth("killed/metrics.jsonl", pid);
      kill(pid, SIGKILL);
      finish(pid);
      const bool begun = fs::exists(dir / "killed/config.json");
      pid = start(begun ? Arguments{"train", "--resume", "killed", "--threads", "1"}
                        : train("killed"));
    }
    Outcome last = finish(pid);

    ASSERT_EQ(last.code, 0) << last.err;
    for (const char *name : kRunFiles)
      EXPECT_EQ(slurp(dir / "whole" / name), slurp(dir / "killed" / name)) << name;
  }

  fs::path dir;
  apf_context *ctx = nullptr;
};

#endif
