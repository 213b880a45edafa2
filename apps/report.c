#include "report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plot.h"
#include "report_notes.h"
#include "report_phaser.h"

enum { PATH_SIZE = 4400, MOST_POINTS = 2000 };

/** What the plots are drawn from: the validation part of the recordings and the run's history. */
typedef struct material {
  const char *run;
  const apf_model *model;
  apf_audio dry, wet, rendered;
  int steps;
  double *step, *loss, *esr;
  json_t *config, *result;
} material;

static const char *path_in(const material *m, const char *name, char *buffer)
{
  snprintf(buffer, PATH_SIZE, "%s/%s", m->run, name);
  return buffer;
}

static bool complain(const char *path, const char *why)
{
  fprintf(stderr, "allpole: report: %s: %s\n", path, why);
  return false;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool add_step(material *m, int capacity, const char *line)
{
  json_t *entry = json_loads(line, 0, NULL);
  if (!entry) return false;
  const json_t *esr = json_object_get(entry, "valid_esr");
  if (!esr) esr = json_object_get(entry, "valid_mss");
  if (m->steps < capacity) {
    m->step[m->steps] = json_number_value(json_object_get(entry, "step"));
    m->loss[m->steps] = json_number_value(json_object_get(entry, "loss"));
    m->esr[m->steps++] = esr ? json_number_value(esr) : NAN;
  }
  json_decref(entry);
  return true;
}

static bool read_history(material *m)
{
  char path[PATH_SIZE], *line = NULL;
  size_t size = 0;
  int lines = 0;
  FILE *file = fopen(path_in(m, "metrics.jsonl", path), "r");
  if (!file) return complain(path, "cannot be read");
  while (getline(&line, &size, file) > 0) lines++;
  m->step = calloc((size_t)lines + 1, sizeof *m->step);
  m->loss = calloc((size_t)lines + 1, sizeof *m->loss);
  m->esr = calloc((size_t)lines + 1, sizeof *m->esr);
  bool good = m->step && m->loss && m->esr;
  rewind(file);
  while (good && getline(&line, &size, file) > 0) good = add_step(m, lines, line);
  free(line);
  fclose(file);
  return good || complain(path, "holds something else than a step per line");
}

static bool takes_notes(const material *m)
{
  return apf_model_takes_notes(m->model);
}

/** Of notes the run keeps the target beside the rendering. */
static bool read_notes(apf_context *ctx, material *m)
{
  char path[PATH_SIZE];
  if (apf_audio_read(ctx, path_in(m, "valid_target.wav", path), 0, -1, &m->wet) == APF_OK &&
      apf_audio_read(ctx, path_in(m, "valid.wav", path), 0, -1, &m->rendered) == APF_OK)
    return true;
  return complain(m->run, apf_last_error(ctx));
}

static bool read_recordings(apf_context *ctx, material *m)
{
  char path[PATH_SIZE];
  if (takes_notes(m)) return read_notes(ctx, m);
  const char *input = json_string_value(json_object_get(m->config, "input"));
  const char *target = json_string_value(json_object_get(m->config, "target"));
  json_t *part = json_object_get(m->config, "valid");
  double start = json_number_value(json_array_get(part, 0));
  double end = json_number_value(json_array_get(part, 1));
  if (!input || !target || apf_audio_read(ctx, input, start, end, &m->dry) != APF_OK ||
      apf_audio_read(ctx, target, start, end, &m->wet) != APF_OK ||
      apf_audio_read(ctx, path_in(m, "valid.wav", path), 0, -1, &m->rendered) != APF_OK)
    return complain(m->run, apf_last_error(ctx));
  if (m->dry.frames == m->rendered.frames && m->wet.frames == m->rendered.frames) return true;
  return complain(path, "is not as long as the validation part");
}

static json_t *read_json(const material *m, const char *name)
{
  char path[PATH_SIZE];
  return json_load_file(path_in(m, name, path), 0, NULL);
}

/* --- plots ------------------------------------------------------------------------------------ */

static bool plot_history(const material *m)
{
  char path[PATH_SIZE];
  double *x = malloc(sizeof *x * (size_t)(m->steps + 1)),
         *y = malloc(sizeof *y * (size_t)(m->steps + 1));
  int count = 0;
  for (int i = 0; x && y && i < m->steps; i++) {
    if (!isfinite(m->esr[i])) continue;
    x[count] = m->step[i];
    y[count++] = m->esr[i];
  }
  const plot_line lines[] = {{"training loss", m->steps, m->step, m->loss},
                             {takes_notes(m) ? "validation MSS" : "validation ESR", count, x, y}};
  const plot_figure figure = {
      .title = "Learning", .x_label = "step", .y_label = "loss, error", .log_y = true};
  bool good = x && y && plot_write(path_in(m, "report/loss.svg", path), &figure, 2, lines);
  free(x);
  free(y);
  return good;
}

/** Level of the first channel in windows, in dB: time of each window's middle, and level. */
static int levels(const apf_audio *audio, int64_t window, double *time, double *level)
{
  int count = (int)(audio->frames / window);
  for (int i = 0; i < count; i++) {
    double power = 0;
    const float *x = audio->samples + i * window;
    for (int64_t t = 0; t < window; t++) power += (double)x[t] * (double)x[t];
    level[i] = 10 * log10(power / (double)window + 1e-20);
    time[i] = ((double)i + 0.5) * (double)window / audio->sample_rate;
  }
  return count;
}

/** Gain over time (level out minus level in), ours and the target's; windows near silence left out.
 */
static bool plot_gain(const material *m)
{
  const double quiet = -60;
  char path[PATH_SIZE];
  int64_t window = m->dry.sample_rate / 100;
  while (m->dry.frames / window > MOST_POINTS) window *= 2;
  size_t most = (size_t)(m->dry.frames / window) + 1;
  double *block = malloc(sizeof *block * most * 4);
  if (!block) return false;
  double *time = block, *dry = block + most, *wet = dry + most, *ours = wet + most;
  int count = levels(&m->dry, window, time, dry);
  levels(&m->wet, window, time, wet);
  levels(&m->rendered, window, time, ours);
  for (int i = 0; i < count; i++) {
    wet[i] = dry[i] > quiet ? wet[i] - dry[i] : NAN;
    ours[i] = dry[i] > quiet ? ours[i] - dry[i] : NAN;
  }
  const plot_line lines[] = {{"learned", count, time, ours}, {"target", count, time, wet}};
  const plot_figure figure = {
      .title = "Gain over time", .x_label = "seconds of the validation part", .y_label = "dB"};
  bool good = plot_write(path_in(m, "report/gain.svg", path), &figure, 2, lines);
  free(block);
  return good;
}

/** The envelope of a waveform: minimum and maximum in turn, so that no peak is lost. */
static int envelope(const apf_audio *audio, double *time, double *value)
{
  int64_t window = audio->frames / (MOST_POINTS / 2) + 1;
  int count = 0;
  for (int64_t start = 0; start < audio->frames; start += window) {
    int64_t end = start + window < audio->frames ? start + window : audio->frames;
    double low = INFINITY, high = -INFINITY;
    for (int64_t t = start; t < end; t++) {
      low = fmin(low, (double)audio->samples[t]);
      high = fmax(high, (double)audio->samples[t]);
    }
    for (int k = 0; k < 2; k++) {
      time[count] = (double)start / audio->sample_rate;
      value[count++] = k ? high : low;
    }
  }
  return count;
}

static bool plot_waveforms(const material *m)
{
  char path[PATH_SIZE];
  static double time[MOST_POINTS + 4], target[MOST_POINTS + 4], ours[MOST_POINTS + 4],
      error[MOST_POINTS + 4];
  apf_audio difference = m->rendered;
  difference.samples = malloc(sizeof(float) * (size_t)m->rendered.frames);
  if (!difference.samples) return false;
  for (int64_t t = 0; t < m->rendered.frames; t++)
    difference.samples[t] = m->rendered.samples[t] - m->wet.samples[t];
  int count = envelope(&m->wet, time, target);
  envelope(&m->rendered, time, ours);
  envelope(&difference, time, error);
  free(difference.samples);
  const plot_line lines[] = {{"target", count, time, target},
                             {"learned", count, time, ours},
                             {"difference", count, time, error}};
  const plot_figure figure = {
      .title = "Waveform", .x_label = "seconds of the validation part", .y_label = ""};
  return plot_write(path_in(m, "report/waveform.svg", path), &figure, 3, lines);
}

/** The static curve: output level over input level, make-up included. */
static bool plot_curve(const material *m)
{
  enum { POINTS = 241 };
  char path[PATH_SIZE];
  double in[POINTS], out[POINTS], threshold = 0, ratio = 1, make_up = 0;
  if (apf_model_get(NULL, m->model, "threshold", &threshold) != APF_OK ||
      apf_model_get(NULL, m->model, "ratio", &ratio) != APF_OK ||
      apf_model_get(NULL, m->model, "make_up", &make_up) != APF_OK)
    return complain(m->run, apf_last_error(NULL));
  for (int i = 0; i < POINTS; i++) {
    in[i] = -60 + 0.25 * i;
    out[i] = in[i] + fmin(0, (1 - 1 / ratio) * (threshold - in[i])) + make_up;
  }
  const plot_line lines[] = {{"learned", POINTS, in, out}, {"no effect", POINTS, in, in}};
  const plot_figure figure = {
      .title = "Gain curve", .x_label = "input level, dB", .y_label = "output level, dB"};
  return plot_write(path_in(m, "report/curve.svg", path), &figure, 2, lines);
}

/* --- the page --------------------------------------------------------------------------------- */

/** Text into HTML. */
static void put_text(FILE *to, const char *text)
{
  for (; text && *text; text++) {
    switch (*text) {
      case '<': fputs("&lt;", to); break;
      case '>': fputs("&gt;", to); break;
      case '&': fputs("&amp;", to); break;
      case '"': fputs("&quot;", to); break;
      default: fputc(*text, to);
    }
  }
}

/** The learned settings, beside the true ones where these are known. */
static void put_parameters(FILE *to, const apf_model *model, const json_t *truth)
{
  fputs("<h2>Learned settings</h2>\n<table><tr><th>parameter</th><th>learned</th>", to);
  fputs(truth ? "<th>true</th><th>difference</th><th></th></tr>\n" : "<th></th></tr>\n", to);
  for (int i = 0; i < apf_model_parameter_count(model); i++) {
    const apf_parameter_info *info = apf_model_parameter_info(model, i);
    double learned = apf_model_parameter(model, i);
    fprintf(to, "<tr><td>%s</td><td class=\"n\">%.5g %s</td>", info->name, learned, info->unit);
    const char *text = json_string_value(json_object_get(truth, info->name));
    if (text)
      fprintf(to, "<td class=\"n\">%s %s</td><td class=\"n\">%+.3g %s (%+.2f %%)</td>", text,
              info->unit, learned - atof(text), info->unit,
              100 * (learned - atof(text)) / fabs(atof(text)));
    else if (truth)
      fputs("<td></td><td></td>", to);
    fputs("<td>", to);
    put_text(to, info->description);
    fputs("</td></tr>\n", to);
  }
  fputs("</table>\n", to);
}

static void put_metrics(FILE *to, const json_t *result)
{
  static const char *const names[][2] = {{"esr", "ESR"},
                                         {"esr_preemphasized", "ESR, pre-emphasised"},
                                         {"l1_preemphasized", "L1, pre-emphasised"},
                                         {"loudness_difference", "loudness difference, LU"},
                                         {"mss", "MSS"},
                                         {"mel_stft", "mel-STFT"},
                                         {"mfcc_l1", "MFCC-L1"}};
  const json_t *before = json_object_get(result, "before"),
               *after = json_object_get(result, "after");
  if (!before || !after) return;
  fputs(
      "<h2>On the validation part</h2>\n"
      "<table><tr><th></th><th>before</th><th>after</th></tr>\n",
      to);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!json_object_get(after, names[i][0])) continue;
    fprintf(to, "<tr><td>%s</td><td class=\"n\">%.5g</td><td class=\"n\">%.5g</td></tr>\n",
            names[i][1], json_number_value(json_object_get(before, names[i][0])),
            json_number_value(json_object_get(after, names[i][0])));
  }
  const json_t *sampled = json_object_get(json_object_get(result, "after_fs"), "esr");
  if (sampled)
    fprintf(to, "<tr><td>ESR, frequency-sampled</td><td></td><td class=\"n\">%.5g</td></tr>\n",
            json_number_value(sampled));
  fputs("</table>\n<p>Ended: ", to);
  put_text(to, json_string_value(json_object_get(result, "reason")));
  fprintf(to, " (%lld steps)</p>\n",
          (long long)json_integer_value(json_object_get(result, "steps")));
}

static void put_page(FILE *to, const material *m, const char *const *figures)
{
  const char *effect = apf_model_effect(m->model);
  fprintf(
      to,
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<title>allpole: %s</title>\n<style>\n"
      "body{font:16px/1.5 sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}\n"
      "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;"
      "text-align:left}.n{text-align:right;font-variant-numeric:tabular-nums}\n"
      "img{width:100%%}pre{background:#f5f5f5;padding:1rem;overflow:auto}\n</style></head><body>\n"
      "<h1>A %s, learned</h1>\n",
      effect, effect);
  put_metrics(to, m->result);
  if (takes_notes(m))
    put_notes(to, m->run, m->model);
  else
    put_parameters(to, m->model, json_object_get(m->config, "truth"));
  if (takes_notes(m))
    fputs("<p>Notes as they should be: <audio controls src=\"../valid_target.wav\"></audio></p>\n",
          to);
  fputs("<p>Validation part as learned: <audio controls src=\"../valid.wav\"></audio></p>\n", to);
  for (; *figures; figures++) fprintf(to, "<img src=\"%s.svg\" alt=\"%s\">\n", *figures, *figures);
  char *config = json_dumps(m->config, JSON_INDENT(2) | JSON_SORT_KEYS);
  fputs("<h2>Configuration</h2>\n<pre>", to);
  put_text(to, config);
  fputs("</pre>\n</body></html>\n", to);
  free(config);
}

/** Under another name first: the page is whole or the old one. */
static bool write_page(const material *m, const char *const *figures)
{
  char path[PATH_SIZE], temporary[PATH_SIZE];
  path_in(m, "report/index.html", path);
  path_in(m, "report/index.html.part", temporary);
  FILE *file = fopen(temporary, "w");
  if (!file) return complain(temporary, "cannot be written");
  put_page(file, m, figures);
  bool good = !ferror(file);
  good = fclose(file) == 0 && good && rename(temporary, path) == 0;
  if (!good) unlink(temporary);
  return good || complain(path, "cannot be written");
}

static void free_material(material *m)
{
  apf_audio_free(&m->dry);
  apf_audio_free(&m->wet);
  apf_audio_free(&m->rendered);
  free(m->step);
  free(m->loss);
  free(m->esr);
  json_decref(m->config);
  json_decref(m->result);
}

bool report_write(apf_context *ctx, const char *run, const apf_model *model)
{
  char path[PATH_SIZE];
  const char *figures[8] = {NULL};
  int count = 0;
  material m = {.run = run, .model = model};
  m.config = read_json(&m, "config.json");
  m.result = read_json(&m, "result.json"); /* missing where the run goes on later */
  bool good = m.config != NULL && read_history(&m) && read_recordings(ctx, &m);
  mkdir(path_in(&m, "report", path), 0777);
  if (good && plot_history(&m)) figures[count++] = "loss";
  if (good && strcmp(apf_model_effect(model), "compressor") == 0) {
    if (plot_curve(&m)) figures[count++] = "curve";
    if (plot_gain(&m)) figures[count++] = "gain";
  }
  if (good && strcmp(apf_model_effect(model), "phaser") == 0) {
    const double start = json_number_value(json_array_get(json_object_get(m.config, "valid"), 0));
    if (plot_phaser(run, model, start, &m.wet, &m.rendered)) {
      figures[count++] = "lfo";
      figures[count++] = "all_pass";
      figures[count++] = "target";
      figures[count++] = "output";
    }
  }
  if (good && takes_notes(&m) && plot_notes(run, &m.wet, &m.rendered)) {
    figures[count++] = "curves";
    figures[count++] = "target";
    figures[count++] = "output";
  }
  /* A note's phase is free: its waveform says nothing beside the target's. */
  if (good && !takes_notes(&m) && plot_waveforms(&m)) figures[count++] = "waveform";
  good = good && count > 0 && write_page(&m, figures);
  free_material(&m);
  return good;
}
