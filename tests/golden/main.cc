/** The program: finds the files, runs each in double and in float, prints one line for each. */
#include "golden/golden.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>

namespace golden {
namespace {

struct Functions {
  Type::Function in_double, in_float;
};

std::map<std::string, Functions> &registry()
{
  static std::map<std::string, Functions> types;
  return types;
}

struct Totals {
  int passed = 0, failed = 0, skipped = 0;
  std::map<std::string, int> skips; /**< by type and reason */
};

/** What came of one file in one precision. */
struct Outcome {
  bool ok = true;
  std::string text;
};

std::string print_error(const Case::Error &error)
{
  char text[64];
  std::snprintf(text, sizeof text, "%.1e of %.0e in ", error.error, error.bound);
  return text + error.tensor;
}

Outcome judge(const Case &c)
{
  const std::string precision = c.dtype() == APF_F64 ? "float64" : "float32";
  const auto by_excess = [](const Case::Error &a, const Case::Error &b) {
    return a.error / a.bound < b.error / b.bound;
  };
  if (c.errors().empty()) return {false, precision + ": nothing was compared"};
  Outcome outcome;
  for (const Case::Error &error : c.errors()) {
    if (error.error <= error.bound) continue;
    outcome.text += (outcome.ok ? precision + ": " : ", ") + print_error(error);
    outcome.ok = false;
  }
  for (const std::string &name : c.untouched()) {
    outcome.text += (outcome.ok ? precision + ": " : ", ") + name + " was not compared";
    outcome.ok = false;
  }
  if (outcome.ok)
    outcome.text = precision + ": " +
                   print_error(*std::max_element(c.errors().begin(), c.errors().end(), by_excess));
  return outcome;
}

Outcome run_one(Type::Function function, Case c)
{
  try {
    function(c);
  } catch (const Failure &failure) {
    return {false, failure.what()};
  }
  return judge(c);
}

void run_file(apf_context *ctx, const std::filesystem::path &path, Totals &totals)
{
  const std::string stem = path.stem().string();
  const size_t split = stem.find("__");
  const std::string type = stem.substr(0, split);
  const std::string variant = split == std::string::npos ? "" : stem.substr(split + 2);
  const auto found = registry().find(type);
  if (found == registry().end()) {
    totals.skipped++;
    totals.skips[type + ": not implemented"]++;
    return;
  }
  apf_safetensors *raw = nullptr;
  const apf_status status = apf_safetensors_read(ctx, path.c_str(), &raw);
  const std::unique_ptr<apf_safetensors, void (*)(apf_safetensors *)> file(raw,
                                                                           apf_safetensors_free);
  Outcome in_double, in_float;
  try {
    if (status != APF_OK) {
      in_double = {false, apf_last_error(ctx)};
    } else {
      in_double = run_one(found->second.in_double, Case(ctx, raw, variant, APF_F64));
      in_float = run_one(found->second.in_float, Case(ctx, raw, variant, APF_F32));
    }
  } catch (const Skip &skip) {
    totals.skipped++;
    totals.skips[type + ": " + skip.what()]++;
    return;
  }
  const bool ok = in_double.ok && in_float.ok;
  (ok ? totals.passed : totals.failed)++;
  std::printf("%-4s  %-44s  %s%s%s\n", ok ? "ok" : "FAIL", stem.c_str(), in_double.text.c_str(),
              in_float.text.empty() ? "" : "; ", in_float.text.c_str());
}

int run_folder(apf_context *ctx, const char *folder, Totals &totals)
{
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  if (error || files.empty()) {
    std::fprintf(stderr, "allpole_golden: %s: %s\n", folder,
                 error ? error.message().c_str() : "has no *.safetensors");
    return 1;
  }
  std::sort(files.begin(), files.end());
  for (const auto &file : files) run_file(ctx, file, totals);
  return 0;
}

int run(apf_backend backend, int folders, char **names)
{
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = backend;
  apf_context *ctx = nullptr;
  if (apf_context_create(&options, &ctx) != APF_OK) {
    std::fprintf(stderr, "allpole_golden: %s\n", apf_last_error(nullptr));
    return 1;
  }
  Totals totals;
  int status = 0;
  for (int i = 0; i < folders; i++) status |= run_folder(ctx, names[i], totals);
  for (const auto &[what, count] : totals.skips)
    std::printf("skip  %s (%d %s)\n", what.c_str(), count, count == 1 ? "case" : "cases");
  std::printf("%d passed, %d failed, %d skipped\n", totals.passed, totals.failed, totals.skipped);
  apf_context_destroy(ctx);
  return status || totals.failed ? 1 : 0;
}

}  // namespace

Type::Type(const char *name, Function in_double, Function in_float)
{
  registry()[name] = {in_double, in_float};
}

}  // namespace golden

int main(int argc, char **argv)
{
  apf_backend backend = APF_CPU;
  int first = 1;
  if (argc > 1 && std::strcmp(argv[1], "--cuda") == 0) {
    backend = APF_CUDA;
    first = 2;
  }
  if (first >= argc || argv[first][0] == '-') {
    std::fprintf(stderr,
                 "usage: allpole_golden [--cuda] DIR...\n"
                 "Runs the reference vectors TYPE__VARIANT.safetensors of each folder.\n");
    return 2;
  }
  return golden::run(backend, argc - first, argv + first);
}
