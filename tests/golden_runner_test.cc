/** The runner of the reference vectors must fail where it should. */
#include "support/support.h"
#include "support/temporary.h"

extern "C" {
#include "io/safetensors.h"
}

#include <cstdio>
#include <sys/wait.h>

class GoldenRunner : public testing::Test {
 protected:
  struct Result {
    int code;
    std::string output;
  };
  Result run(const std::string &arguments)
  {
    FILE *pipe = popen((std::string(APF_GOLDEN_PROGRAM) + " " + arguments + " 2>&1").c_str(), "r");
    Result result = {-1, ""};
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, pipe)) > 0;) result.output.append(part, n);
    const int status = pclose(pipe);
    if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
    return result;
  }
  /** Copies a case under another name after `change` had its way with the list of tensors. */
  void copy(
      const std::string &from, const std::string &to,
      const std::function<void(std::vector<apf_tensor> &)> &change = [](auto &) {})
  {
    apf_safetensors *file = nullptr;
    const std::string path = std::string(APF_TEST_DATA) + "/" + from + ".safetensors";
    ASSERT_EQ(apf_safetensors_read(nullptr, path.c_str(), &file), APF_OK)
        << apf_last_error(nullptr);
    std::vector<apf_tensor> tensors(file->tensors, file->tensors + file->tensor_count);
    change(tensors);
    ASSERT_EQ(apf_safetensors_write(nullptr, folder.file(to + ".safetensors").c_str(),
                                    static_cast<int>(tensors.size()), tensors.data(),
                                    file->metadata_count, file->metadata),
              APF_OK)
        << apf_last_error(nullptr);
    apf_safetensors_free(file);
  }
  static double *values_of(std::vector<apf_tensor> &tensors, const std::string &name)
  {
    for (apf_tensor &tensor : tensors)
      if (tensor.name == name) return static_cast<double *>(const_cast<void *>(tensor.data));
    return nullptr;
  }
  static void expect(const Result &result, int code, std::initializer_list<const char *> parts)
  {
    EXPECT_EQ(result.code, code) << result.output;
    for (const char *part : parts)
      EXPECT_NE(result.output.find(part), std::string::npos) << part << " in " << result.output;
  }
  TemporaryFolder folder;
};

TEST_F(GoldenRunner, PassesGoodCasesAndCountsWhatItDoesNotKnow)
{
  copy("fir__k3_zi", "fir__good");
  copy("fir__k3_zi", "strange_filter__a");
  copy("fir__k3_zi", "strange_filter__b");

  expect(run(folder.path()), 0,
         {"ok    fir__good", "skip  strange_filter: not implemented (2 cases)",
          "1 passed, 0 failed, 2 skipped\n"});
}

TEST_F(GoldenRunner, FailsAWrongResultAndNamesIt)
{
  copy("fir__k3_zi", "fir__bad", [](auto &tensors) { values_of(tensors, "grad_b")[7] += 1e-9; });

  expect(run(folder.path()), 1,
         {"FAIL  fir__bad", "float64: ", "of 1e-12 in grad_b", "0 passed, 1 failed, 0 skipped\n"});
}

TEST_F(GoldenRunner, FailsNaNAndResultsThatShouldBeZero)
{
  copy("fir__k3_zi", "fir__nan", [](auto &tensors) { values_of(tensors, "x")[0] = NAN; });
  copy("fir__k3_zi", "fir__zero", [](auto &tensors) {
    double *y = values_of(tensors, "y");
    std::fill(y, y + 400, 0.0);
  });

  expect(run(folder.path()), 1, {"FAIL  fir__nan", "inf of", "of 1e-12 in y", "2 failed"});
}

TEST_F(GoldenRunner, FailsTensorsThatAreMissingMoreOrOfAnotherShape)
{
  copy("fir__k3_zi", "fir__missing", [](auto &tensors) {
    tensors.erase(tensors.begin());
    ASSERT_STRNE(tensors[0].name, "b");
  });
  copy("fir__k3_zi", "fir__more", [](auto &tensors) {
    tensors.push_back(tensors.back());
    tensors.back().name = "grad_of_something";
  });
  copy("fir__k3_zi", "fir__shape", [](auto &tensors) {
    for (apf_tensor &tensor : tensors)
      if (std::strcmp(tensor.name, "y") == 0) tensor.shape[1] = 100;
  });

  expect(run(folder.path()), 1,
         {"the file has no tensor 'b'", "grad_of_something was not compared",
          "y has 400 elements, the file's has 200", "0 passed, 3 failed"});
}

TEST_F(GoldenRunner, FailsFilesThatAreNotSafetensors)
{
  write_bytes(folder.file("fir__text.safetensors"), "not a safetensors file at all");

  expect(run(folder.path()), 1, {"FAIL  fir__text", "not a safetensors file", "1 failed"});
}

TEST_F(GoldenRunner, RefusesFoldersWithoutCasesAndBadUsage)
{
  expect(run(folder.path()), 1, {"has no *.safetensors"});
  expect(run(folder.file("none")), 1, {"No such file"});
  expect(run(""), 2, {"usage: allpole_golden"});
  expect(run("--nonsense"), 2, {"usage: allpole_golden"});
}
