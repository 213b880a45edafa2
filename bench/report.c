/** What allpole_bench prints (a Markdown table) and writes (JSON). */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/** Model of the processor as Linux tells it. */
static void cpu_model(char *model, size_t size)
{
  snprintf(model, size, "unknown processor");
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (!file) return;
  char line[256];
  while (fgets(line, sizeof line, file))
    if (strncmp(line, "model name", 10) == 0) {
      const char *name = strchr(line, ':');
      if (name) snprintf(model, size, "%.*s", (int)strcspn(name + 2, "\n\""), name + 2);
      break;
    }
  fclose(file);
}

static void today(char *text, size_t size)
{
  const time_t seconds = time(NULL);
  struct tm parts;
  if (!gmtime_r(&seconds, &parts) || !strftime(text, size, "%Y-%m-%d", &parts)) text[0] = '\0';
}

void bench_print_heading(const bench_options *options, const char *where)
{
  char model[200], date[20];
  cpu_model(model, sizeof model);
  today(date, sizeof date);
  printf("%s, %ld cores; %s; allpole %s%s%s; %s; medians of %d runs\n\n", model,
         sysconf(_SC_NPROCESSORS_ONLN), where, apf_version(), options->commit ? " at " : "",
         options->commit ? options->commit : "", date, options->repeats);
  if (options->step.count > 0) {
    printf(
        "| step | dtype | B | T | window | simd | threads | ms/step | ns/sample |\n"
        "|---|---|--:|--:|--:|---|--:|--:|--:|\n");
    return;
  }
  printf(
      "| op | pass | dtype | B | T | F | M | simd | threads | ns/sample | Msamples/s | GB/s |"
      " of copy |\n|---|---|---|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|\n");
}

void bench_print_result(const bench_result *r)
{
  const double ns = 1e9 / r->samples, spread = (r->quartile[1] - r->quartile[0]) / 2;
  printf(
      "| %s | %s | %s | %lld | %lld | %lld | %lld | %s | %d | %.3g ± %.2g | %.0f | %.1f |"
      " %.0f %% |\n",
      bench_operator_name(r->shape.op), bench_pass_name(r->shape.pass),
      bench_dtype_name(r->shape.dtype), (long long)r->shape.B, (long long)r->shape.T,
      (long long)r->shape.F, (long long)r->shape.M, r->simd, r->threads, r->seconds * ns,
      spread * ns, 1e-6 * r->samples / r->seconds, 1e-9 * r->bytes / r->seconds, 100 * r->share);
  fflush(stdout);
}

void bench_print_step(const bench_step_result *r)
{
  const double spread = (r->quartile[1] - r->quartile[0]) / 2;
  char window[32] = "";
  if (r->shape.window > 0) snprintf(window, sizeof window, "%lld", (long long)r->shape.window);
  printf("| %s | %s | %lld | %lld | %s | %s | %d | %.4g ± %.2g | %.3g |\n",
         bench_step_name(r->shape.step), bench_dtype_name(r->shape.dtype), (long long)r->shape.B,
         (long long)r->shape.T, window, r->simd, r->threads, 1e3 * r->seconds, 1e3 * spread,
         1e9 * r->seconds / (double)(r->shape.B * r->shape.T));
  fflush(stdout);
}

static void write_step(FILE *file, const bench_step_result *r)
{
  fprintf(
      file,
      "    {\"step\": \"%s\", \"dtype\": \"%s\", \"backend\": \"%s\", \"B\": %lld, \"T\": %lld,"
      " \"window\": %lld,\n"
      "     \"simd\": \"%s\", \"threads\": %d, \"forward_error\": %.3g, \"gradient_error\": %.3g,"
      " \"float_error\": %.3g,\n"
      "     \"loss\": %.9g, \"memory_bytes\": %.0f, \"seconds\": %.6g, \"quartiles\": [%.6g, "
      "%.6g]}",
      bench_step_name(r->shape.step), bench_dtype_name(r->shape.dtype),
      r->backend == APF_CUDA ? "cuda" : "cpu", (long long)r->shape.B, (long long)r->shape.T,
      (long long)r->shape.window, r->simd, r->threads, r->forward_error, r->gradient_error,
      r->float_error, r->loss, r->memory, r->seconds, r->quartile[0], r->quartile[1]);
}

static void write_result(FILE *file, const bench_result *r)
{
  fprintf(file,
          "    {\"op\": \"%s\", \"pass\": \"%s\", \"dtype\": \"%s\", \"backend\": \"%s\", "
          "\"where\": \"%s\", \"B\": %lld,"
          " \"T\": %lld, \"F\": %lld, \"M\": %lld,\n"
          "     \"simd\": \"%s\", \"split\": \"%s\", \"threads\": %d, \"error\": %.3g, "
          "\"samples\": %.0f, \"bytes\": "
          "%.0f, \"scratch_bytes\": %.0f,\n"
          "     \"seconds\": %.6g, \"quartiles\": [%.6g, %.6g], \"copy_seconds\": %.6g,\n"
          "     \"ns_per_sample\": %.5g, \"samples_per_second\": %.5g, \"bytes_per_second\": %.5g,"
          " \"share_of_copy\": %.4g}",
          bench_operator_name(r->shape.op), bench_pass_name(r->shape.pass),
          bench_dtype_name(r->shape.dtype), r->backend == APF_CUDA ? "cuda" : "cpu", r->where,
          (long long)r->shape.B, (long long)r->shape.T, (long long)r->shape.F,
          (long long)r->shape.M, r->simd, r->split, r->threads, r->error, r->samples, r->bytes,
          r->scratch, r->seconds, r->quartile[0], r->quartile[1], r->copy,
          1e9 * r->seconds / r->samples, r->samples / r->seconds, r->bytes / r->seconds, r->share);
}

bool bench_write_json(const bench_options *options, const bench_results *results)
{
  FILE *file = fopen(options->json, "w");
  if (file) {
    char model[200], date[20];
    cpu_model(model, sizeof model);
    today(date, sizeof date);
    fprintf(file,
            "{\n  \"machine\": \"%s\", \"cores\": %ld, \"date\": \"%s\",\n"
            "  \"version\": \"%s\", \"commit\": \"%s\", \"build\": \"%s\", \"repeats\": %d,\n"
            "  \"results\": [\n",
            model, sysconf(_SC_NPROCESSORS_ONLN), date, apf_version(),
            options->commit ? options->commit : "", apf_build_info(), options->repeats);
    const int count = results->count + results->step_count;
    for (int i = 0; i < count; i++) {
      if (i < results->count)
        write_result(file, &results->operators[i]);
      else
        write_step(file, &results->steps[i - results->count]);
      fprintf(file, "%s\n", i + 1 < count ? "," : "");
    }
    fprintf(file, "  ]\n}\n");
  }
  if (file && !ferror(file) && fclose(file) == 0) return true;
  perror(options->json);
  return false;
}
